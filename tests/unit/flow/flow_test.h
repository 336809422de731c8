/* What the tests of flows share: cmocka, a loop, a clock that a test moves. Never assert inside a
 * flow: cmocka's longjmp would leave it half entered. Flows note what happened; the test looks
 * after the loop. */
#ifndef FLOW_TEST_H
#define FLOW_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "flow/flow.h"

#include <stdio.h>
#include <string.h>

/* Virtual time: jumps to the next deadline whenever nothing else is to be done. */
struct test_clock {
    struct clock clock;
    int64_t now_ns;
    unsigned jumps;
};

static inline int64_t test_mono(const struct clock *c)
{
    return ((const struct test_clock *)(const void *)c)->now_ns;
}

static inline bool test_idle(void *arg, int64_t next_ns)
{
    struct test_clock *c = arg;
    if (next_ns == FLOW_FOREVER)
        return false;
    c->now_ns = next_ns > c->now_ns ? next_ns : c->now_ns;
    c->jumps++;
    return true;
}

static inline void test_clock_init(struct test_clock *c, struct loop_opts *o)
{
    *c = (struct test_clock){.clock = {test_mono, test_mono}, .now_ns = NS_PER_S};
    o->clock = &c->clock;
    o->idle = test_idle;
    o->idle_arg = c;
}

static inline struct loop *test_loop(const struct loop_opts *o)
{
    struct loop *l = NULL;
    assert_int_equal(loop_new(&l, o), 0);
    return l;
}

/* A word as a flow's argument; flows here never write to it. */
static inline void *word(const char *s)
{
    return (void *)(uintptr_t)s;
}

/* A trace of short words, to compare orders. */
struct trace_text {
    char text[256];
};

static inline void trace_add(struct trace_text *t, const char *what)
{
    size_t at = strlen(t->text);
    (void)snprintf(t->text + at, sizeof t->text - at, "%s ", what);
}

#endif
