/* Fibers: a stack and the place where it was left. Private to this folder.
 *
 * A fiber runs one flow after the other: its main function is an endless loop that leaves after
 * each, so the ucontext calls (which save the signal mask by a system call) are paid once a stack
 * and not once a flow. Switching is _setjmp and _longjmp; under the sanitizers it is swapcontext
 * with their annotations, because their longjmp forgets what it knows about the frames that live
 * across a suspension. */
#ifndef FLOW_SWITCH_H
#define FLOW_SWITCH_H

#include "base/base.h"
#include "flow/stack.h"

#include <setjmp.h>
#include <stddef.h>
#include <ucontext.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#else
#define FIBER_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#else
#define FIBER_TSAN 0
#endif

struct fiber {
    struct list link; /* in the pool's free list */
    struct stack stack;
    void (*run)(void *arg); /* what the next entry begins */
    void *arg;
#if FIBER_ASAN || FIBER_TSAN
    ucontext_t self, home;
    void *self_fake, *home_fake;
    const void *home_bottom;
    size_t home_size;
    void *self_tsan, *home_tsan;
#else
    jmp_buf self, home;
#endif
};

struct fiber_boot;
struct fiber_pool {
    struct list idle;
    unsigned idle_count;
    size_t stack_size;
    bool measured;
    size_t peak; /* of measured stacks */
    struct fiber_boot *boot;
};

/** OC_ENOMEM. */
int fiber_pool_init(struct fiber_pool *p, size_t stack_size, bool measured) MUST_USE;
/** Unmaps the idle fibers. */
void fiber_pool_fini(struct fiber_pool *p);
/** A fiber that will call run(arg) on its first entry. NULL: no memory or no mapping. */
struct fiber *fiber_take(struct fiber_pool *p, void (*run)(void *arg), void *arg);
/** Gives back a fiber whose run() has returned. */
void fiber_give(struct fiber_pool *p, struct fiber *f);
/** Ends a fiber wherever it stands, without running it. */
void fiber_drop(struct fiber *f);
/** From the loop: goes on inside the fiber, returns when it leaves. */
void fiber_enter(struct fiber *f);
/** Inside the fiber: gives back the pages below `sp`, an address in the caller's frame. */
void fiber_trim(struct fiber_pool *p, struct fiber *f, const void *sp);
/** Inside the fiber: back to the loop; returns at the next entry. */
void fiber_leave(struct fiber *f);

#endif
