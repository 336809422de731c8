#include "bank.h"
#include "books.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct upstream_route bank_routes[1] = {{.participant = "bank",
                                               .url = "https://bank.simulated",
                                               .timeout_ms = 3000,
                                               .lanes = 4,
                                               .failures = 8,
                                               .open_ms = 500,
                                               .open_max_ms = 4000,
                                               .attempts = 1000000,
                                               .retry_ms = 200,
                                               .retry_max_ms = 5000}};

/* ---- the bank's book ---- */

static void member(const char *json, const char *name, char *ret, size_t cap)
{
    char key[48];
    (void)snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(json, key);
    (void)snprintf(ret, cap, "%.*s", at ? (int)strcspn(at + strlen(key), "\"") : 0,
                   at ? at + strlen(key) : "");
}

/* The key of a message is "hold-ID", "confirm-ID": what it is about stands in the body. */
static struct bank_hold *hold_of(struct city *c, const struct upstream_exchange *e)
{
    struct bank *b = c->bank;
    char id[IDENT_TEXT];
    int64_t txn = 0;
    member(e->json, "id", id, sizeof id);
    MUST(c, ident_parse(id, &txn) == 0, "R12: the bank was asked about no transaction: %s",
         e->json);
    for (size_t i = 0; i < b->count; i++)
        if (b->holds[i].txn == txn)
            return &b->holds[i];
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->holds = reallocarray(b->holds, b->cap, sizeof *b->holds);
        CHECK(b->holds);
    }
    b->holds[b->count] = (struct bank_hold){.txn = txn};
    return &b->holds[b->count++];
}

static void put(const struct upstream_exchange *e, struct upstream_answer *ret, int status,
                const char *text)
{
    ret->status = status;
    ret->body = arena_strdup(e->arena, text);
    ret->len = strlen(text);
}

static void on_hold(struct city *c, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    char text[256], id[IDENT_TEXT];
    struct bank_hold *h = hold_of(c, e);
    const char *at = strstr(e->json, "\"amount_fen\":");
    fen_t amount = at ? atoll(at + 13) : 0;
    MUST(c, h->asked++ == 0, "R12: the bank was asked for the hold of %s twice",
         ident_text(h->txn, id));
    h->amount = amount;
    if (h->reversed || (!c->calm && sim_chance(&c->fault, 1, 12))) {
        put(e, ret, 200, "{\"refused\":{\"reason\":\"no_funds\"}}");
        return;
    }
    h->held = true;
    h->held_ns = c->machine.now_ns;
    fen_t said = !c->calm && sim_chance(&c->fault, 1, 20) ? amount + 1 : amount;
    (void)snprintf(text, sizeof text,
                   "{\"held\":{\"reference\":\"B-%s\",\"document\":{\"amount_fen\":%lld}}}",
                   ident_text(h->txn, id), (long long)said);
    put(e, ret, 200, text);
}

static void on_end(struct city *c, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    struct bank_hold *h = hold_of(c, e);
    bool confirm = strstr(e->path, "confirm") != NULL;
    char id[IDENT_TEXT];
    MUST(c, !confirm || (h->held && !h->reversed),
         "R12: %s is confirmed and the bank does not hold it", ident_text(h->txn, id));
    MUST(c, confirm || !h->confirmed, "R12: %s is reversed and was confirmed",
         ident_text(h->txn, id));
    h->confirmed |= confirm;
    h->reversed |= !confirm;
    h->held = h->held && confirm;
    put(e, ret, 200, "{}");
}

static void act(struct city *c, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    sim_trace_put(&c->trace, c->machine.now_ns, "bank %s %s", e->path, e->key);
    if (strstr(e->path, "hold") != NULL)
        on_hold(c, e, ret);
    else if (strstr(e->path, "confirm") != NULL || strstr(e->path, "reverse") != NULL)
        on_end(c, e, ret);
    else
        put(e, ret, 200, "{}");
}

/* ---- the line to it ---- */

static CO_FN int pass(struct city *c, int64_t ns, int64_t deadline_ns)
{
    int64_t until = c->machine.now_ns + ns;
    bool late = until > deadline_ns;
    int rc = flow_co_wait(&c->bank->never, late ? deadline_ns : until);
    return rc == OC_ECANCELED ? rc : late ? OC_ETIMEDOUT : 0;
}

enum mood { GOOD, DEAF, ACTS_DEAF, AWAY, BROKEN_OFF, CONFUSED, SLOW };

int bank_co_exchange(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret)
{
    struct city *c = arg;
    enum mood mood =
        c->calm || sim_chance(&c->fault, 4, 5) ? GOOD : (enum mood)(1 + sim_pick(&c->fault, 6));
    int64_t way =
        sim_range(&c->machine.rand, NS_PER_MS, mood == SLOW ? 3 * NS_PER_S : 40 * NS_PER_MS);
    if (mood == AWAY)
        return OC_EIO;
    int rc = pass(c, way, e->deadline_ns);
    if (c->dead) /* what was on its way may still come to the bank */
        return OC_ECLOSED;
    if (rc != 0)
        return rc;
    if (mood == DEAF)
        return pass(c, FLOW_FOREVER - c->machine.now_ns, e->deadline_ns);
    act(c, e, ret);
    if (mood == ACTS_DEAF)
        return pass(c, FLOW_FOREVER - c->machine.now_ns, e->deadline_ns);
    if (mood == CONFUSED)
        put(e, ret, 503, "{}");
    rc = pass(c, way, e->deadline_ns);
    return mood == BROKEN_OFF ? OC_ECLOSED : rc;
}

void bank_init(struct city *c)
{
    c->bank = calloc(1, sizeof *c->bank);
    CHECK(c->bank);
    flow_cond_init(&c->bank->never);
}

void bank_fini(struct city *c)
{
    free(c->bank->holds);
    free(c->bank);
    c->bank = NULL;
}

/* ---- both books ---- */

static CO_FN int delivered(struct city *c)
{
    struct ledger_stats st;
    for (int i = 0; i < 600; i++) {
        ledger_stats(c->serve->ledger, &st);
        if (st.outbox == 0)
            return 0;
        int rc = flow_co_sleep_ms(1000);
        if (rc != 0)
            return rc;
    }
    city_broke(c, "R12: %lld messages to the bank are never delivered", (long long)st.outbox);
}

int bank_co_check(struct city *c)
{
    char id[IDENT_TEXT];
    struct hold_row row;
    int rc = delivered(c);
    for (size_t i = 0; rc == 0 && i < c->bank->count; i++) {
        const struct bank_hold *h = &c->bank->holds[i];
        const struct entry *e = books_entry(c, h->txn);
        (void)ident_text(h->txn, id);
        MUST(c, e, "R12: the bank was asked about %s, which is not there", id);
        bool posted = e->state == OC_TXN_POSTED;
        MUST(c, h->confirmed == posted, "R12: %s is %s and the bank %s it", id,
             oc_txn_state_name((enum oc_txn_state)e->state),
             h->confirmed ? "confirmed" : "did not confirm");
        MUST(c, h->held == posted, "R12: %s: the bank still holds money for it", id);
        MUST(c, !posted || h->amount == e->amount, "R12: %s: the bank holds another amount", id);
        rc = ledger_co_hold(c->serve->ledger, h->txn, &row);
        MUST(c,
             rc != 0 || row.state == (posted        ? HOLD_CONFIRMED
                                      : h->reversed ? HOLD_REVERSED
                                                    : HOLD_REFUSED),
             "R12: the hold of %s is %s", id, hold_state_name((enum hold_state)row.state));
    }
    return rc;
}
