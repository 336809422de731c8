/* What the tests of upstream share. Never assert inside a flow. */
#ifndef UPSTREAM_TEST_H
#define UPSTREAM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/internal.h"

#include <stdio.h>
#include <string.h>

/* Virtual time: jumps to the next deadline whenever nothing else is to be done. */
struct test_clock {
    struct clock clock;
    int64_t now_ns;
};
static inline int64_t test_now(const struct clock *c)
{
    return ((const struct test_clock *)(const void *)c)->now_ns;
}
static inline int64_t test_wall(const struct clock *c)
{
    return INT64_C(1795325467000) + test_now(c) / NS_PER_MS;
}
static inline bool test_idle(void *arg, int64_t next_ns)
{
    struct test_clock *c = arg;
    if (next_ns == FLOW_FOREVER)
        return false;
    c->now_ns = next_ns > c->now_ns ? next_ns : c->now_ns;
    return true;
}

static const uint8_t test_seed[ED25519_LEN] = {7};

#endif
