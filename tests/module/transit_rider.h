/* A card that rides through gates of the fake host: the chip's journey record and the ledger follow
 * what was decided, as the switch would make them. */
#ifndef TRANSIT_RIDER_H
#define TRANSIT_RIDER_H

#include "fake_host.h"
#include "modules/transit/fare_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fake f;
static struct fake_store *store;
static void *ctx;
static struct fake_pair chip[FAKE_PAIRS]; /* the journey record as it is on the card */
static char chip_name[FAKE_PAIRS][16], chip_text[FAKE_PAIRS][40];
static char history[8192];
static const char *claim = ""; /* of card and ledger */
static bool has_capp = true;
static const struct onecard_conf rider_conf = {
    .module = &onecard_module,
    .values = {{"fares", FARES}, {"same_card_seconds", "5"}, {"card_sums", "true"}},
};

static int rider_setup(void **state)
{
    (void)state;
    fake_reset();
    fake_init(&f);
    store = f.store;
    memset(chip, 0, sizeof(chip));
    strcpy(history, "[]");
    claim = "";
    has_capp = true;
    return fake_load(&onecard_module, &rider_conf, &ctx);
}

static int rider_teardown(void **state)
{
    (void)state;
    onecard_module.unload(ctx);
    ctx = NULL;
    return 0;
}

/* A request of the card at a terminal: id, operator, table, station, line; at "2026-11-21 08:30".
 */
static void at_gate(const char *terminal, const char *op, const char *table, const char *station,
                    const char *when)
{
    fare_time t = 0;
    size_t n = 0;
    assert_true(fare_time_read(when, &t));
    fake_init(&f);
    f.store = store;
    f.req.terminal = (struct onecard_terminal){terminal, "metro", op};
    f.req.now_ms = (t - 8 * 3600) * 1000;
    f.req.business_date = fare_date(t);
    int32_t s = fare_second(t);
    f.req.city_time = s / 3600 * 10000 + s / 60 % 60 * 100 + s % 60;
    f.card.has_capp = has_capp;
    f.card.card_category = f.card.ledger_category = claim;
    f.history = history;
    memcpy(f.journey, chip, sizeof(chip));
    if (*table) {
        f.terminal_params[n++] = (struct fake_pair){"table", table};
    }
    if (*station) {
        f.terminal_params[n++] = (struct fake_pair){"station", station};
    }
}

static __attribute__((unused)) void gate_param(const char *name, const char *value)
{
    size_t n = 0;
    while (f.terminal_params[n].name) {
        n++;
    }
    f.terminal_params[n] = (struct fake_pair){name, value};
}

static __attribute__((unused)) void param(const char *name, const char *value)
{
    size_t n = 0;
    while (f.params[n].name) {
        n++;
    }
    f.params[n] = (struct fake_pair){name, value};
}

static void write_chip(void)
{
    if (!f.plan.capp_count) {
        return;
    }
    memset(chip, 0, sizeof(chip));
    for (size_t i = 0; i < f.plan.capp_count; i++) {
        strcpy(chip_name[i], f.plan.capp[i].name);
        strcpy(chip_text[i], f.plan.capp[i].text);
        chip[i] = (struct fake_pair){chip_name[i], chip_text[i]};
    }
}

/* Decides and, where it stands, commits: ledger, chip, history. */
static int ask(const char *service)
{
    static char old[sizeof(history)];
    int rc = fake_decide(&onecard_module, ctx, service, &f);
    if (rc || f.plan.kind == OC_PLAN_NONE) {
        return rc;
    }
    assert_false(f.plan.overrun);
    for (size_t i = 0; i < f.plan.leg_count; i++) {
        assert_true(*f.plan.legs[i].owner || f.plan.legs[i].account == OC_ACCT_PENDING_LOAD);
    }
    assert_int_equal(fake_sum(&f.plan), 0);
    assert_int_equal(fake_commit(&f), 0);
    write_chip();
    strcpy(old, history + 1);
    int n = snprintf(history, sizeof(history),
                     "[{\"txn\":\"%s\",\"service\":\"%s\",\"state\":\"posted\"}%s", f.committed,
                     service, *old == ']' ? "" : ",");
    strncat(history, old, sizeof(history) - (size_t)n - 1);
    return 0;
}

static void paid(int rc, fen_t citizen, fen_t gross)
{
    if (rc) {
        fail_msg("refused %d: %s", (int)f.plan.refused, f.plan.detail);
    }
    for (size_t i = 0; i < f.plan.event_count; i++) {
        print_message("event %s: %s\n", f.plan.events[i].kind, f.plan.events[i].text);
    }
    assert_int_equal(f.plan.amount, citizen);
    assert_int_equal(f.plan.gross, gross);
}

static void refused(int rc, enum oc_reason reason)
{
    assert_int_equal(rc, OC_EREFUSED);
    assert_int_equal(f.plan.refused, reason);
}

static int metro(const char *service, const char *station, const char *when)
{
    char terminal[32];
    snprintf(terminal, sizeof(terminal), "m-%s", station);
    at_gate(terminal, "metro", "metro", station, when);
    return ask(service);
}

static int bus(const char *line, const char *when)
{
    static char terminal[32];
    snprintf(terminal, sizeof(terminal), "bus-%s", line);
    at_gate(terminal, "buses", "bus", "", when);
    gate_param("line", line);
    return ask("transit.ride");
}

#endif
