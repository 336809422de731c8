/* A clerk's shift 班结 (R20): what should lie in the till against what does.
 *
 *   shift_open ──► record "shift" of the terminal: number, from which request number, float in the
 * till …              transactions of the terminal shift_close ─► record "closed/<number>": sums,
 * cash taken and given, what was counted, the difference; "shift" is closed, and the next one
 * begins where this one ended
 *
 * A closed shift never changes. What was open when it closed (灰记录) is told apart; how it ended
 * shows in shift_show, which adds the same request numbers up again. */
#include "payment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shift {
    char owner[40]; /* "terminal:…" */
    uint32_t version;
    struct onecard_doc *doc; /* NULL: none was ever opened */
    bool open;
    int64_t number, first;
    fen_t till;
};

static int64_t int_of(const struct onecard_host *h, const struct onecard_doc *d, const char *name)
{
    int64_t v = 0;
    return h->doc_as_int(h->doc_get(d, name), &v) ? 0 : v;
}

static int read_shift(const struct onecard_request *req, struct shift *s)
{
    const struct onecard_host *h = req->host;
    memset(s, 0, sizeof(*s));
    snprintf(s->owner, sizeof(s->owner), "terminal:%.30s", req->terminal.id);
    int rc = h->co_doc(req, s->owner, "shift", &s->version, &s->doc);
    if (rc) {
        s->doc = NULL;
        return rc == OC_ENOENT ? 0 : rc;
    }
    s->open = h->doc_as_bool(h->doc_get(s->doc, "open"), false);
    s->number = int_of(h, s->doc, "number");
    s->first = int_of(h, s->doc, "first");
    s->till = int_of(h, s->doc, "float_fen");
    return 0;
}

static const char *closed_key(int64_t number, char key[40])
{
    snprintf(key, 40, "closed/%010lld", (long long)number);
    return key;
}

/* An amount among the parameters, in yuan; `absent` where it was not given. */
static int amount_param(const struct onecard_request *req, struct onecard_plan *plan,
                        const char *name, fen_t absent, fen_t *ret)
{
    const struct onecard_host *h = req->host;
    const char *text = h->param_text(req, name);
    *ret = absent;
    if (text && (h->parse_fen(text, ret) || *ret < 0 || *ret > ONECARD_AMOUNT_MAX)) {
        return h->refuse(plan, OC_R_PARAMETER, "%s is an amount in yuan, such as 200.00", name);
    }
    return 0;
}

int payment_shift_open(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct onecard_doc *totals = NULL, *doc;
    struct shift s;
    fen_t till = 0;
    int rc = amount_param(req, plan, "float", 0, &till);
    rc = rc ? rc : read_shift(req, &s);
    if (rc) {
        return rc;
    }
    if (s.open) {
        return h->refuse(plan, OC_R_WRONG_STATE, "shift %lld of %.31s is open: close it first",
                         (long long)s.number, req->terminal.id);
    }
    int64_t first = int_of(h, s.doc, "next");
    if (!first) { /* the terminal's first shift begins with what comes next, not with its history */
        rc = h->co_totals(req, req->terminal.id, INT64_MAX, &totals);
        if (rc) {
            return rc;
        }
        first = int_of(h, totals, "next");
    }
    doc = h->doc_object(req);
    h->doc_set_bool(doc, "open", true);
    h->doc_set_int(doc, "number", s.number + 1);
    h->doc_set_int(doc, "first", first);
    h->doc_set_int(doc, "float_fen", till);
    h->doc_set_text(doc, "opened_by", req->who);
    h->doc_set_int(doc, "opened_ms", req->now_ms);
    h->plan_note(plan);
    h->plan_doc(plan, s.owner, "shift", s.version, doc);
    h->plan_reply_int(plan, "shift", s.number + 1);
    h->plan_reply_fen(plan, "float_fen", till);
    return 0;
}

/* What the terminal did from `first` on, with what should be in the till. */
static int add_up(const struct onecard_request *req, struct onecard_plan *plan, int64_t first,
                  fen_t till, struct onecard_doc **ret)
{
    const struct onecard_host *h = req->host;
    int rc = h->co_totals(req, req->terminal.id, first, ret);
    if (rc == OC_ELIMIT) {
        return h->refuse(plan, OC_R_LIMIT, "over 100,000 requests since the shift began");
    }
    if (rc) {
        return rc;
    }
    fen_t expected = till + int_of(h, *ret, "cash_taken_fen") - int_of(h, *ret, "cash_given_fen");
    const struct onecard_doc *services = h->doc_get(*ret, "services");
    int64_t open = 0;
    for (size_t i = 0; i < h->doc_count(services); i++) {
        open += int_of(h, h->doc_at(services, i, NULL), "open");
    }
    h->doc_set_int(*ret, "first", first);
    h->doc_set_int(*ret, "float_fen", till);
    h->doc_set_int(*ret, "expected_fen", expected);
    h->doc_set_int(*ret, "open", open);
    return 0;
}

int payment_shift_close(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    struct onecard_doc *sum = NULL, *now;
    struct shift s;
    fen_t counted = 0;
    char key[40], text[160];
    int rc = amount_param(req, plan, "counted", 0, &counted);
    rc = rc ? rc : read_shift(req, &s);
    if (rc) {
        return rc;
    }
    if (!s.open) {
        return h->refuse(plan, OC_R_WRONG_STATE, "no shift is open at %.31s", req->terminal.id);
    }
    rc = add_up(req, plan, s.first, s.till, &sum);
    if (rc) {
        return rc;
    }
    fen_t expected = int_of(h, sum, "expected_fen"), off = counted - expected;
    h->doc_set_int(sum, "number", s.number);
    h->doc_set_int(sum, "counted_fen", counted);
    h->doc_set_int(sum, "difference_fen", off);
    h->doc_set_text(sum, "opened_by", h->doc_as_text(h->doc_get(s.doc, "opened_by")));
    h->doc_set_int(sum, "opened_ms", int_of(h, s.doc, "opened_ms"));
    h->doc_set_text(sum, "closed_by", req->who);
    h->doc_set_int(sum, "closed_ms", req->now_ms);
    h->doc_set_int(sum, "business_date", req->business_date);
    now = h->doc_object(req);
    h->doc_set_bool(now, "open", false);
    h->doc_set_int(now, "number", s.number);
    h->doc_set_int(now, "next", int_of(h, sum, "next"));
    h->plan_note(plan);
    h->plan_doc(plan, s.owner, "shift", s.version, now);
    h->plan_doc(plan, s.owner, closed_key(s.number, key), 0, sum);
    h->plan_reply_int(plan, "shift", s.number);
    h->plan_reply_fen(plan, "expected_fen", expected);
    h->plan_reply_fen(plan, "counted_fen", counted);
    h->plan_reply_fen(plan, "difference_fen", off);
    h->plan_reply_int(plan, "open", int_of(h, sum, "open"));
    if (off) {
        snprintf(text, sizeof(text), "shift %lld of %.31s: %s %lld fen in the till",
                 (long long)s.number, req->terminal.id, off > 0 ? "over by" : "short by",
                 (long long)(off > 0 ? off : -off));
        h->plan_event(plan, "shift_difference", text);
    }
    return 0;
}

static int show_closed(const struct onecard_request *req, struct onecard_plan *plan,
                       const struct shift *s, int64_t number)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = NULL;
    uint32_t version;
    char key[40];
    int rc = h->co_doc(req, s->owner, closed_key(number, key), &version, &doc);
    if (rc) {
        return rc == OC_ENOENT
                   ? h->refuse(plan, OC_R_NOT_FOUND, "shift %lld of %.31s is not closed",
                               (long long)number, req->terminal.id)
                   : rc;
    }
    h->plan_reply_doc(plan, "shift", doc);
    return 0;
}

int payment_shift_show(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const char *wanted = h->param_text(req, "number");
    struct onecard_doc *sum = NULL;
    struct shift s;
    int rc = read_shift(req, &s);
    if (rc) {
        return rc;
    }
    if (wanted) {
        char *end;
        long long number = strtoll(wanted, &end, 10);
        if (end == wanted || *end || number < 1) {
            return h->refuse(plan, OC_R_PARAMETER, "number is 1 or more");
        }
        return show_closed(req, plan, &s, number);
    }
    if (!s.open) {
        return h->refuse(plan, OC_R_WRONG_STATE, "no shift is open at %.31s", req->terminal.id);
    }
    rc = add_up(req, plan, s.first, s.till, &sum);
    if (rc) {
        return rc;
    }
    h->doc_set_int(sum, "number", s.number);
    h->doc_set_text(sum, "opened_by", h->doc_as_text(h->doc_get(s.doc, "opened_by")));
    h->doc_set_int(sum, "opened_ms", int_of(h, s.doc, "opened_ms"));
    h->plan_reply_doc(plan, "shift", sum);
    return 0;
}
