/* Asking in the city of bad_city.h, and looking at what came of it. */
#include "bad_city.h"

/* ---- asking ---- */

struct txn_request with(const char *service, const char *term, fen_t amount, ...)
{
    struct txn_request q = city_request(service, term, amount);
    const char *name;
    va_list ap;
    va_start(ap, amount);
    while ((name = va_arg(ap, const char *)) != NULL)
        city_param(&q, name, va_arg(ap, const char *));
    va_end(ap);
    return q;
}

const struct txn_result *chip(struct txn_request q)
{
    return city_run(&c, &q);
}

const struct txn_result *bare(struct txn_request q)
{
    return city_run_reader(&c, NULL, &q);
}

void push(const char *who, const char *service, const char *term, const char *fmt, ...)
{
    static char json[8192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(json, sizeof json, fmt, ap);
    va_end(ap);
    struct txn_request q = city_request(service, term, 0);
    if (*who)
        city_param(&q, "citizen", who);
    q.document = json;
    q.document_len = strlen(json);
    good(bare(q));
}

const struct txn_result *good(const struct txn_result *r)
{
    if (r->outcome != OC_POSTED)
        fail_msg("%s: %s %s (%s)", r->service, oc_outcome_name(r->outcome),
                 oc_reason_code(r->reason), r->detail);
    return r;
}

void no(enum oc_reason reason, const struct txn_result *r)
{
    if (r->outcome != OC_REFUSED || r->reason != reason)
        fail_msg("%s: %s %s (%s), expected %s", r->service, oc_outcome_name(r->outcome),
                 oc_reason_code(r->reason), r->detail, oc_reason_code(reason));
}

static struct city_side *sides[2];
static int both(void *arg) CO_FN;
static int both(void *arg)
{
    (void)arg;
    int rc = city_side_start(sides[0]);
    rc = rc == 0 ? city_side_start(sides[1]) : rc;
    for (int i = 0; i < 2 && sides[i]->flow != NULL; i++) {
        int ended = city_co_side_end(sides[i]);
        rc = rc == 0 ? ended : rc;
    }
    return rc;
}

void at_once(struct city_side *a, struct city_side *b)
{
    sides[0] = a;
    sides[1] = b;
    assert_int_equal(loop_run_flow(c.loop, "both", both, NULL), 0);
    assert_int_equal(a->rc, 0);
    assert_int_equal(b->rc, 0);
}

void lay(int card)
{
    (void)reader_sim_remove(c.sim);
    reader_sim_insert(c.sim, c.card[card]);
}

fen_t told(const struct txn_result *r, const char *name)
{
    char key[48];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(r->reply, key);
    return at ? atoll(at + strlen(key)) : -1;
}

/* ---- what there is ---- */

date_t today(void)
{
    return city_date(clock_wall_ms(c.env.clock), c.env.city_offset_min);
}

void stop_at(date_t day, int hour, int minute)
{
    c.clock.stopped_ms = city_ms(day, hour * 60 + minute, c.env.city_offset_min);
}

void insure(fen_t personal)
{
    push("c1", "social.insured_put", "bureau",
         "{\"kind\":\"medical\",\"state\":\"paying\",\"insurance\":\"employee\","
         "\"from\":20200101,\"serial\":1}");
    if (personal > 0)
        good(bare(with("social.personal_credit", "bureau", personal, "batch", "m1", "line", "1",
                       "fund", "fund-employee", "citizen", "c1", NULL)));
}

void invoice(const char *hospital, const char *id, date_t date, ...)
{
    char lines[2048] = "";
    fen_t sum = 0;
    size_t n = 0;
    va_list ap;
    va_start(ap, date);
    for (int i = 1, fen = va_arg(ap, int); fen > 0; i++, fen = va_arg(ap, int)) {
        n += (size_t)snprintf(lines + n, sizeof lines - n,
                              "%s{\"code\":\"Z%d\",\"display\":\"x\",\"class\":\"A\","
                              "\"amount_fen\":%d}",
                              i > 1 ? "," : "", i, fen);
        sum += fen;
    }
    va_end(ap);
    push("c1", "medical.bill_put", hospital,
         "{\"id\":\"%s\",\"date\":%d,\"type\":\"outpatient\",\"referral\":\"local\","
         "\"lineItem\":[%s],\"totalGross_fen\":%lld}",
         id, (int)date, lines, (long long)sum);
}

bool invoice_is(const char *hospital, const char *id, const char *status)
{
    char key[64], word[32];
    const struct txn_result *r =
        good(bare(with("medical.bills", hospital, 0, "citizen", "c1", "all", "yes", NULL)));
    snprintf(key, sizeof key, "\"%s\"", id);
    snprintf(word, sizeof word, "\"%s\"", status);
    const char *at = strstr(r->reply, key);
    if (at == NULL)
        return false;
    while (at > r->reply && *at != '{')
        at--;
    const char *end = strchr(at, '}'), *found_at = strstr(at, word);
    return end != NULL && found_at != NULL && found_at < end;
}

fen_t fund_would_pay(date_t date, fen_t amount)
{
    static char json[256];
    struct txn_request q = with("social.presettle", H2, 0, NULL);
    snprintf(json, sizeof json,
             "{\"id\":\"what-if\",\"kind\":\"outpatient\",\"date\":%d,\"lines\":[{\"code\":\"Z\","
             "\"name\":\"x\",\"class\":\"A\",\"amount_fen\":%lld}]}",
             (int)date, (long long)amount);
    q.document = json;
    q.document_len = strlen(json);
    return told(good(chip(q)), "fund_fen");
}

fen_t holds(enum acct_kind kind, const char *owner)
{
    const struct account_row *a = city_account(&c, kind, owner);
    return a->credits_posted - a->debits_posted;
}

fen_t reserved(enum acct_kind kind, const char *owner)
{
    const struct account_row *a = city_account(&c, kind, owner);
    return a->credits_pending + a->debits_pending;
}

struct counting {
    const char *kind;
    unsigned n;
};
static int count_events(void *arg) CO_FN;
static int count_events(void *arg)
{
    struct counting *k = arg;
    enum { PAGE = 32 };
    struct event_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    unsigned n = PAGE;
    for (int64_t after = 0; n == PAGE; after = n > 0 ? rows[n - 1].seq : after) {
        int rc = rows ? ledger_co_events(c.ledger, after, rows, PAGE, &n) : OC_ENOMEM;
        if (rc != 0)
            return rc;
        for (unsigned i = 0; i < n; i++)
            k->n += strcmp(rows[i].item.kind, k->kind) == 0;
    }
    return 0;
}

unsigned events(const char *kind)
{
    struct counting k = {kind, 0};
    assert_int_equal(loop_run_flow(c.loop, "events", count_events, &k), 0);
    return k.n;
}
