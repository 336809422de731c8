/* Roles: which functions suspend a flow and which block a thread. With clang's thread-safety analysis the
 * compiler refuses a blocking call from a flow and a suspending call from outside one; gcc sees nothing.
 *
 * A flow body is marked CO_FN; loop code calls it through flow_start() only. Worker code is marked WORKER_FN.
 * A call through a pointer is not seen: wrap each table call in one annotated function. */
#ifndef BASE_ROLE_H
#define BASE_ROLE_H

#if defined(__clang__)
#define ROLE_ATTR(x) __attribute__((x))
#else
#define ROLE_ATTR(x)
#endif

/** A capability that nobody ever acquires at run time: it exists for the analysis alone. */
struct ROLE_ATTR(capability("role")) role {
    char unused;
};
extern struct role role_flow;   /* code that runs inside a flow */
extern struct role role_worker; /* code that runs on a thread that may block */

#define CO_FN      ROLE_ATTR(requires_capability(role_flow))
#define WORKER_FN  ROLE_ATTR(requires_capability(role_worker))
/** Entry points: the trampoline of a flow, the main function of a thread or program. */
#define ROLE_ENTER_FLOW()   role_enter_flow_()
#define ROLE_ENTER_WORKER() role_enter_worker_()
static inline void role_enter_flow_(void) ROLE_ATTR(assert_capability(role_flow));
static inline void role_enter_flow_(void)
{
}
static inline void role_enter_worker_(void) ROLE_ATTR(assert_capability(role_worker));
static inline void role_enter_worker_(void)
{
}
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_FN(f, a) __attribute__((format(printf, f, a)))

#endif
