/* The night: at the city's cut-over the clearing day closes (the first request after it sees to that
 * where nobody else was quicker), at the settlement time every closed
 * day that is not settled yet is published. Both look at what is due, not at what the clock struck,
 * so a night that was slept through is made up for in the morning.
 *
 * What closes by itself cannot be opened again, so the wall clock alone is not believed: one that
 * moves against the monotonic clock closes nothing, and a start that finds many days open leaves
 * them to a person. Closing and settling wait for their own retries: neither holds up the other,
 * and a day that cannot be settled does not hold up the next.
 *
 * A clearing date D runs from the cut-over at its beginning to the next one. A cut-over after noon
 * belongs to the evening before: with 23:00, D runs from 23:00 of D-1 to 23:00 of D. */
#include "serve/citizen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOON         720
#define LOOK_MS      20000  /* how often it looks; sooner when something is due */
#define RETRY_MS     600000 /* after a settlement that failed */
#define RECLOSE_MS   60000  /* after a close that failed */
#define CLOSE_WAIT_MS 2000  /* for another who closes */
#define JUMP_MS      600000 /* the wall clock may be set by so much */
#define DUE_MAX      32
#define DAYS_AT_ONCE 40 /* more than these are closed by a person only */

static int64_t offset_ms(const struct serve *s)
{
    return serve_now_ms(s) - clock_mono_ns(s->env.clock) / NS_PER_MS;
}

void night_init(struct serve *s)
{
    s->night.offset_ms = offset_ms(s);
    flow_mutex_init(&s->night.closing);
}

bool night_clock_good(struct serve *s)
{
    int64_t by = offset_ms(s) - s->night.offset_ms;
    bool jumped = by > JUMP_MS || by < -JUMP_MS;
    if (jumped && !s->night.jumped)
        log_error("night",
                  "the system clock jumped by %lld s: days are not closed until it is right or the "
                  "daemon is restarted",
                  (long long)(by / 1000));
    else if (!jumped && s->night.jumped)
        log_info("night", "the system clock is right again");
    s->night.jumped = jumped;
    return !jumped;
}

/* Where a date begins, in minutes after its midnight. */
static int shift_min(const struct serve *s)
{
    int cutover = s->config->settlement.cutover;
    return cutover < NOON ? cutover : cutover - 1440;
}

static date_t date_now(const struct serve *s)
{
    return city_date(serve_now_ms(s) - (int64_t)shift_min(s) * 60000, s->env.city_offset_min);
}

static int64_t begin_ms(const struct serve *s, date_t d)
{
    return city_ms(d, 0, s->env.city_offset_min) + (int64_t)shift_min(s) * 60000;
}

date_t night_latest_begun(const struct serve *s)
{
    date_t today = city_date(serve_now_ms(s), s->env.city_offset_min), cut = date_now(s);
    return cut > today ? cut : today;
}

static date_t open_day(const struct serve *s)
{
    struct ledger_stats stats;
    ledger_stats(s->ledger, &stats);
    return stats.open_day;
}

int night_co_close_day(struct serve *s, date_t date, const char *who, struct ledger_op *op)
{
    char day[11];
    memset(op, 0, sizeof *op);
    op->type = LOP_DAY_CLOSE;
    (void)snprintf(op->who, sizeof op->who, "%s", who);
    op->day_close.date = date;
    int rc = ledger_co_submit(s->ledger, op);
    if (rc == 0)
        log_info("night", "clearing day %s closed by %s", date_text(date, day), who);
    else
        log_error("night", "clearing day %s not closed: %s", date_text(date, day),
                  rc == OC_EREFUSED ? op->detail : oc_strerror(rc));
    return rc;
}

static CO_FN int close_due(struct serve *s, struct ledger_op *op)
{
    date_t now = date_now(s);
    char a[11], b[11];
    if (open_day(s) < now && date_add(open_day(s), DAYS_AT_ONCE) < now) {
        log_error("night",
                  "the clock says %s and the open day is %s: set the clock right, or close "
                  "days with onecardctl day close",
                  date_text(now, a), date_text(open_day(s), b));
        return OC_ESTATE;
    }
    int rc = 0;
    while (rc == 0 && open_day(s) < now)
        rc = night_co_close_day(s, open_day(s), "onecardd", op);
    return rc;
}

static int64_t later(const struct serve *s, int rc, int64_t retry_ms)
{
    return rc == 0 ? 0 : loop_now_ns(s->loop) + retry_ms * NS_PER_MS;
}

/* Closes what is due. */
static CO_FN int close_in_turn(struct serve *s, struct ledger_op *op)
{
    struct night *n = &s->night;
    int rc = flow_co_lock(&n->closing, flow_deadline_ms(CLOSE_WAIT_MS));
    if (rc != 0)
        return rc;
    rc = close_due(s, op);
    n->for_a_person = rc == OC_ESTATE || rc == OC_EREFUSED;
    n->close_not_before_ns = later(s, rc, RECLOSE_MS);
    flow_unlock(&n->closing);
    return n->for_a_person ? 0 : rc;
}

/* Whose clock is not believed, and who waits for a person, goes on as it is. */
int night_co_new_day(void *arg)
{
    struct serve *s = arg;
    if (s->night.for_a_person || !night_clock_good(s))
        return 0;
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    return op ? close_in_turn(s, op) : OC_ENOMEM;
}

/* A day is settled at the first settlement time after it was over (or was closed before that). */
static CO_FN bool is_time(struct serve *s, date_t day, struct day_row *row)
{
    int at = s->config->settlement.at, offset = s->env.city_offset_min;
    if (ledger_co_day(s->ledger, day, row) != 0)
        return false;
    int64_t over = begin_ms(s, date_add(day, 1));
    if (row->closed_ms != 0 && row->closed_ms < over)
        over = row->closed_ms;
    date_t d = city_date(over, offset);
    int64_t due = city_ms(d, at, offset);
    if (due < over)
        due = city_ms(date_add(d, 1), at, offset);
    return serve_now_ms(s) >= due;
}

static void log_settled(const struct settle_report *r)
{
    char day[11], gross[FEN_TEXT];
    log_info("night", "day %s published: %lld postings, %s yuan, %u participants, %u files in %s",
             date_text(r->date, day), (long long)r->postings, fen_text(r->gross, gross),
             r->participants, r->files, r->path);
}

static CO_FN int settle_due(struct serve *s, struct day_row *row)
{
    date_t days[DUE_MAX];
    unsigned n = 0;
    char day[11];
    int rc = settle_co_due(&s->settle, days, DUE_MAX, &n);
    struct settle_report *r = rc == 0 ? arena_alloc(flow_arena(), sizeof *r) : NULL;
    for (unsigned i = 0; rc != OC_ECANCELED && r && i < n; i++) {
        if (!is_time(s, days[i], row))
            continue;
        memset(r, 0, sizeof *r);
        int one = settle_co_run(&s->settle, days[i], false, r);
        if (one == 0)
            log_settled(r);
        else if (one != OC_ECANCELED)
            log_error("night", "day %s not settled: %s: %s (tried again in %d minutes)",
                      date_text(days[i], day), oc_strerror(one), r->first_fault, RETRY_MS / 60000);
        if (one != 0)
            rc = one;
    }
    return rc;
}

/* Once a day what citizens wished to be forgotten and the law does not want any more. */
static CO_FN void forget_due(struct serve *s)
{
    unsigned n = 0;
    date_t today = city_date(serve_now_ms(s), s->env.city_offset_min);
    if (s->night.forgot == today)
        return;
    int rc = citizens_co_erase_due(s, "onecardd", &n);
    if (rc == 0)
        s->night.forgot = today;
    else if (rc != OC_ECANCELED)
        log_error("night", "documents that are due are not erased: %s", oc_strerror(rc));
}

/* Once a day the appointments of the days before that nobody came to. */
static CO_FN void sweep_due(struct serve *s)
{
    struct night *n = &s->night;
    date_t today = city_date(serve_now_ms(s), s->env.city_offset_min);
    if (n->swept == today)
        return;
    int rc = night_co_sweep(s, n->swept, date_add(today, -1));
    if (rc == 0 || rc == OC_EREFUSED)
        n->swept = today;
    else if (rc != OC_ECANCELED && rc != OC_EBUSY)
        log_error("night", "missed appointments are not counted: %s", oc_strerror(rc));
}

/* Once a day the records of offline terminals that are held: what they lacked may be there. */
static CO_FN void records_due(struct serve *s)
{
    unsigned counts[OFFLINE_IMPOSSIBLE + 1] = {0};
    date_t today = city_date(serve_now_ms(s), s->env.city_offset_min);
    if (s->night.records == today)
        return;
    int rc = txn_co_offline_again(&s->env, 0, "onecardd", counts);
    if (rc == 0)
        s->night.records = today;
    else if (rc != OC_ECANCELED)
        log_error("night", "held records of offline terminals are not asked anew: %s",
                  oc_strerror(rc));
    if (counts[OFFLINE_POSTED] + counts[OFFLINE_AFTER_DENIAL] != 0)
        log_info("night", "%u held records of offline terminals posted",
                 counts[OFFLINE_POSTED] + counts[OFFLINE_AFTER_DENIAL]);
}

/* One look, in a flow of its own so that what it allocates ends with it. */
static int look_flow(void *arg) CO_FN;
static int look_flow(void *arg)
{
    struct serve *s = arg;
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    struct day_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (!op || !row)
        return OC_ENOMEM;
    struct night *n = &s->night;
    bool good = night_clock_good(s);
    if (good && loop_now_ns(s->loop) >= n->close_not_before_ns)
        (void)!close_in_turn(s, op); /* logged; tried again */
    if (loop_now_ns(s->loop) >= n->settle_not_before_ns)
        n->settle_not_before_ns = later(s, settle_due(s, row), RETRY_MS);
    if (good) {
        forget_due(s);
        sweep_due(s);
        records_due(s);
    }
    return 0;
}

/* The next minute at which something may be due. */
static int64_t next_ms(const struct serve *s)
{
    int64_t now = serve_now_ms(s), next = now + LOOK_MS;
    const int at[] = {s->config->settlement.cutover, s->config->settlement.at};
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        int64_t t = city_ms(city_date(now, s->env.city_offset_min), at[i], s->env.city_offset_min);
        if (t > now && t < next)
            next = t;
    }
    return next - now;
}

static int night_flow(void *arg) CO_FN;
static int night_flow(void *arg)
{
    struct serve *s = arg;
    struct flow *look;
    flow_set_background(true);
    for (;;) {
        int rc = flow_start(s->loop, "night look", look_flow, s, &look);
        if (rc == 0) {
            rc = flow_co_join(look, NULL, FLOW_FOREVER);
            flow_put(look);
        }
        if (rc != OC_ECANCELED)
            rc = flow_co_sleep_ms(next_ms(s));
        if (rc == OC_ECANCELED)
            return rc;
    }
}

int night_start(struct serve *s)
{
    return flow_start(s->loop, "night", night_flow, s, NULL);
}
