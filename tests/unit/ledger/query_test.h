/* What the tests of reads share: a busy day in a ledger, and room for what flows saw of it. Flows
 * note results and never assert; the test looks after the loop. */
#ifndef TESTS_LEDGER_QUERY_TEST_H
#define TESTS_LEDGER_QUERY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_fixture.h"
#include <stdlib.h>
#include <string.h>

#define ROWS 400

struct seen {
    struct ledger_fixture f;
    struct arena arena;
    int rc[12];
    unsigned n[8];
    struct card_row card[4];
    struct txn_row *txn; /* ROWS */
    struct card_row *cards;
    union {
        struct terminal_row terminal[4];
        struct participant_row participant[4];
        struct account_row account[16];
        struct record_row record;
        struct citizen_row citizen;
        struct day_row day[4];
        struct deny_row deny[8];
        struct event_row event[8];
        struct key_row key[4];
    } u;
    int64_t id;
    struct txn_filter filter;
    const char *text;
};

static inline int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    *state = s;
    arena_init(&s->arena, 0);
    s->txn = calloc(ROWS, sizeof *s->txn);
    s->cards = calloc(ROWS, sizeof *s->cards);
    int rc = fixture_open(&s->f);
    return rc ? rc : fixture_busy_day(&s->f);
}

static inline int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct seen *s = *state;
    fixture_close(&s->f);
    arena_fini(&s->arena);
    free(s->txn);
    free(s->cards);
    free(s);
    return 0;
}

static const uint8_t issuer[8] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
static const uint8_t serial0[10] = {0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0};
static const uint8_t serial9[10] = {0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99};

static inline CO_FN int list_txns(void *arg)
{
    struct seen *s = arg;
    s->rc[0] = ledger_co_txns(s->f.l, &s->filter, s->txn, s->n[1] ? s->n[1] : ROWS, &s->n[0]);
    return s->rc[0];
}

static inline unsigned txns(struct seen *s, struct txn_filter filter, unsigned cap)
{
    s->filter = filter;
    s->n[1] = cap;
    assert_int_equal(fixture_flow(&s->f, list_txns, s), 0);
    return s->n[0];
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
