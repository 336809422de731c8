/* What the tests of cards share: virtual time, a registry, profiles, keys, a card in software.
 * Never assert inside a flow: a body says STEP(condition), and the test looks after the loop at the
 * line that failed. */
#ifndef CARD_TEST_H
#define CARD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "card/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_clock {
    struct clock clock;
    int64_t now_ns;
};

struct rig {
    struct test_clock clock;
    struct loop *loop;
    struct readers *rs;
    struct profile_set *set;
    struct custody *custody;
    struct reader *reader;
    struct card_session s;
    int (*body)(struct rig *r);
    const void *arg;
    int line; /* where a STEP failed, 0: nowhere */
    int rc;   /* last result that a body noted */
};

#define STEP(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            r->line = __LINE__;                                                                    \
            return 0;                                                                              \
        }                                                                                          \
    } while (0)
/* As STEP, and remembers what it was instead. */
#define EXPECT(call, want)                                                                         \
    do {                                                                                           \
        r->rc = (call);                                                                            \
        STEP(r->rc == (want));                                                                     \
    } while (0)

static inline int64_t test_now(const struct clock *c)
{
    return ((const struct test_clock *)(const void *)c)->now_ns;
}

static inline bool test_idle(void *arg, int64_t next_ns)
{
    struct test_clock *c = arg;
    if (next_ns == FLOW_FOREVER)
        return false;
    if (next_ns > c->now_ns)
        c->now_ns = next_ns;
    return true;
}

static inline struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->clock = (struct test_clock){.clock = {test_now, test_now}, .now_ns = NS_PER_S};
    struct loop_opts o = {.clock = &r->clock.clock, .idle = test_idle, .idle_arg = &r->clock};
    assert_int_equal(loop_new(&r->loop, &o), 0);
    assert_int_equal(readers_new(&r->rs), 0);
    return r;
}

static inline void rig_free(struct rig *r)
{
    readers_free(&r->rs);
    loop_free(&r->loop);
    profile_set_free(&r->set);
    custody_free(&r->custody);
    free(r);
}

static inline void rig_profiles(struct rig *r)
{
    struct conf_errors errors;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    assert_int_equal(profile_set_load(ONECARD_SOURCE_DIR "/conf/profiles", &errors, &r->set), 0);
    conf_errors_fini(&errors);
}

static inline CO_FN int rig_main(void *arg)
{
    struct rig *r = arg;
    r->rc = card_co_open(&r->s, r->reader, 0, flow_deadline_ms(10000));
    STEP(r->rc == 0);
    int rc = r->body(r);
    card_co_close(&r->s);
    return rc;
}

static inline CO_FN int rig_bare(void *arg)
{
    struct rig *r = arg;
    return r->body(r);
}

static inline void rig_check(struct rig *r, int rc)
{
    if (r->line)
        fail_msg("line %d: the result was %d (%s), status word %04X", r->line, r->rc,
                 oc_strerror(r->rc), r->s.sw);
    assert_int_equal(rc, 0);
}

/* Runs a body in a session. */
static inline void rig_run(struct rig *r, int (*body)(struct rig *r))
{
    r->body = body;
    rig_check(r, loop_run_flow(r->loop, "test", rig_main, r));
}

/* Runs a body without one. */
static inline void rig_run_bare(struct rig *r, int (*body)(struct rig *r))
{
    r->body = body;
    rig_check(r, loop_run_flow(r->loop, "test", rig_bare, r));
}

#endif
