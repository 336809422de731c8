/* What a card remembers beside what the ledger does. A line of the chip is found in the ledger by
 * what kind it is, its amount and its counter. Whether a log carries the counter before or after
 * its increment is a property of the card's layout (R16): the reading that finds more lines holds.
 */
#include "payment.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX   10
#define ROWS        30 /* of the ledger that moved a chip; loads have a log and a counter of their own */
#define ONLY_MAX    5
#define HISTORY     50
#define KIND_DEBIT  1
#define KIND_CREDIT 2

static const char *type_name(unsigned type)
{
    switch (type) {
    case 0x01:
    case 0x02:
        return "load";
    case 0x03:
        return "unload";
    case 0x04:
        return "withdrawal";
    case 0x05:
    case 0x06:
        return "purchase";
    case 0x07:
        return "overdraft";
    case 0x09:
        return "journey";
    default:
        return "other";
    }
}

static int kind_of(unsigned type)
{
    return type == 0x01 || type == 0x02 ? KIND_CREDIT : KIND_DEBIT;
}

/* A row of the ledger that moved a chip. */
struct moved {
    const struct onecard_doc *row;
    int64_t kind, counter, amount;
    const char *state;
    bool found; /* on the chip */
};

static int64_t int_of(const struct onecard_host *h, const struct onecard_doc *d, const char *name)
{
    int64_t v = 0;
    return h->doc_as_int(h->doc_get(d, name), &v) ? 0 : v;
}

static size_t moves(const struct onecard_host *h, const struct onecard_doc *rows,
                    struct moved out[ROWS])
{
    size_t n = 0;
    for (size_t i = 0; i < h->doc_count(rows) && n < ROWS; i++) {
        const struct onecard_doc *row = h->doc_at(rows, i, NULL);
        const char *state = h->doc_as_text(h->doc_get(row, "state"));
        int64_t kind = int_of(h, row, "kind");
        bool may_have = state && (strcmp(state, "posted") == 0 || strcmp(state, "in_doubt") == 0);
        if (may_have && (kind == KIND_DEBIT || kind == KIND_CREDIT)) {
            out[n++] = (struct moved){
                row, kind, int_of(h, row, "counter"), int_of(h, row, "amount_fen"), state, false};
        }
    }
    return n;
}

static struct moved *find(struct moved *m, size_t n, const struct onecard_log_entry *e, int shift)
{
    for (size_t i = 0; i < n; i++) {
        if (m[i].kind == kind_of(e->type) && m[i].amount == e->amount_fen &&
            m[i].counter + shift == e->counter) {
            return &m[i];
        }
    }
    return NULL;
}

/* How far the chip's counters stand above the ledger's: 0 or 1. */
static int counter_shift(const struct onecard_request *req, struct moved *m, size_t n)
{
    int hits[2] = {0, 0};
    for (size_t i = 0; i < req->log_count; i++) {
        for (int shift = 0; shift < 2; shift++) {
            hits[shift] += find(m, n, &req->log[i], shift) != NULL;
        }
    }
    return hits[1] > hits[0];
}

static void number(char *to, int64_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--, v /= 10) {
        to[i] = (char)('0' + v % 10);
    }
}

static struct onecard_doc *line(const struct onecard_request *req,
                                const struct onecard_log_entry *e, const struct moved *m)
{
    const struct onecard_host *h = req->host;
    char date[] = "0000-00-00", time[] = "00:00:00";
    struct onecard_doc *d = h->doc_object(req);
    number(date, e->date / 10000, 4);
    number(date + 5, e->date / 100, 2);
    number(date + 8, e->date, 2);
    number(time, e->time / 10000, 2);
    number(time + 3, e->time / 100, 2);
    number(time + 6, e->time, 2);
    h->doc_set_text(d, "kind", type_name(e->type));
    h->doc_set_int(d, "counter", e->counter);
    h->doc_set_int(d, "amount_fen", e->amount_fen);
    h->doc_set_text(d, "sam", e->sam ? e->sam : "");
    h->doc_set_text(d, "date", date);
    h->doc_set_text(d, "time", time);
    if (m) {
        h->doc_set_text(d, "txn", h->doc_as_text(h->doc_get(m->row, "txn")));
        h->doc_set_text(d, "service", h->doc_as_text(h->doc_get(m->row, "service")));
        h->doc_set_text(d, "state", m->state);
    }
    return d;
}

/* Newer than the oldest line that both have, and not on the chip: a doubt, or a line that a small
 * log has lost already. */
static struct onecard_doc *only_here(const struct onecard_request *req, const struct moved *m,
                                     size_t n)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *list = h->doc_array(req);
    size_t oldest[3] = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        if (m[i].found) {
            oldest[m[i].kind] = i;
        }
    }
    for (size_t i = 0; i < n && h->doc_count(list) < ONLY_MAX; i++) {
        if (!m[i].found && (i < oldest[m[i].kind] || strcmp(m[i].state, "in_doubt") == 0)) {
            struct onecard_doc *d = h->doc_object(req);
            h->doc_set_text(d, "txn", h->doc_as_text(h->doc_get(m[i].row, "txn")));
            h->doc_set_text(d, "service", h->doc_as_text(h->doc_get(m[i].row, "service")));
            h->doc_set_text(d, "state", m[i].state);
            h->doc_set_int(d, "counter", m[i].counter);
            h->doc_set_int(d, "amount_fen", m[i].amount);
            h->doc_set(list, NULL, d);
        }
    }
    return list;
}

/* How many lines were asked for, or 0 where that is no number from 1 to 10. */
static size_t lines_wanted(const char *text)
{
    if (!text) {
        return LINES_MAX;
    }
    char *end;
    long n = strtol(text, &end, 10);
    return end != text && !*end && n >= 1 && n <= LINES_MAX ? (size_t)n : 0;
}

int payment_history(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct onecard_doc *rows = NULL, *list;
    struct moved m[ROWS];
    size_t wanted = lines_wanted(h->param_text(req, "count"));
    if (wanted == 0) {
        return h->refuse(plan, OC_R_PARAMETER, "count is 1 to %d", LINES_MAX);
    }
    int rc = h->co_history(req, HISTORY, &rows);
    if (rc) {
        return rc;
    }
    size_t n = moves(h, rows, m);
    int shift = counter_shift(req, m, n);
    list = h->doc_array(req);
    for (size_t i = 0; i < req->log_count; i++) {
        struct moved *same = find(m, n, &req->log[i], shift);
        if (same) {
            same->found = true;
        }
        if (i < wanted) {
            h->doc_set(list, NULL, line(req, &req->log[i], same));
        }
    }
    h->plan_reply_doc(plan, "log", list);
    h->plan_reply_doc(plan, "ledger_only", only_here(req, m, n));
    return 0;
}
