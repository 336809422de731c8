/* What nobody asks for and somebody must see: doubts that grow old, a ledger that refuses money,
 * gates that nobody watches, and the gauges behind /metrics. */
#include "serve/internal.h"

#include <stdio.h>
#include <string.h>

#define LOOK_MS    5000
#define REMIND_MS  MS_PER_DAY
#define EXPIRE_MS  3600000
#define OLD_DOUBTS 16 /* named in the log each time */

static struct txn_row *open_rows(unsigned cap)
{
    return arena_alloc(flow_arena(), cap * sizeof(struct txn_row));
}

int64_t watch_co_oldest_doubt(struct serve *s)
{
    struct txn_filter f = {.open_only = true};
    struct txn_row *row = open_rows(1);
    unsigned n = 0;
    if (!row || ledger_co_txns(s->ledger, &f, row, 1, &n) != 0 || n == 0)
        return 0;
    int64_t age = serve_now_ms(s) - row->created_ms;
    return age > 0 ? age : 0;
}

static void count_reader(struct reader *r, void *arg)
{
    int64_t *counts = arg;
    if ((unsigned)r->state < 4)
        counts[r->state]++;
}

static void set(struct serve *s, const char *name, const char *labels, const char *help, int64_t v)
{
    metric_set(metric_gauge(s->metrics, name, labels, help), v);
}

void watch_co_gauges(struct serve *s)
{
    struct ledger_stats st;
    int64_t readers[4] = {0};
    char label[32];
    ledger_stats(s->ledger, &st);
    set(s, "onecard_doubts_open", NULL, "Transactions intended or in doubt.", st.open_txns);
    set(s, "onecard_doubt_oldest_seconds", NULL, "Age of the oldest of them.",
        st.open_txns == 0 ? 0 : watch_co_oldest_doubt(s) / 1000);
    set(s, "onecard_ledger_journal_seq", NULL, "Rows in the journal.", st.journal_seq);
    set(s, "onecard_ledger_wal_bytes", NULL, "Size of the write-ahead log.", st.wal_bytes);
    set(s, "onecard_ledger_checkpoint_age_ms", NULL, "Since something waits to be copied into the ledger.",
        st.checkpoint_age_ms);
    set(s, "onecard_ledger_queue", NULL, "Operations that wait for the writer.", st.queue);
    set(s, "onecard_ledger_healthy", NULL, "1 while the ledger takes money.",
        ledger_healthy(s->ledger, NULL));
    set(s, "onecard_cards", NULL, "Cards in the ledger.", st.cards);
    set(s, "onecard_requests_active", NULL, "Card requests that wait or run.",
        (int64_t)s->requests.active_count);
    readers_each(s->readers, count_reader, readers);
    for (unsigned i = 0; i < ARRAY_LEN(readers); i++) {
        (void)snprintf(label, sizeof label, "state=\"%s\"",
                       reader_state_name((enum reader_state)i));
        set(s, "onecard_readers", label, "Card readers by state.", readers[i]);
    }
}

static CO_FN void remind_of_doubts(struct serve *s)
{
    struct txn_filter f = {.open_only = true};
    struct txn_row *rows = open_rows(OLD_DOUBTS);
    unsigned n = 0;
    if (!rows || ledger_co_txns(s->ledger, &f, rows, OLD_DOUBTS, &n) != 0)
        return;
    for (unsigned i = 0; i < n; i++) {
        int64_t age = serve_now_ms(s) - rows[i].created_ms;
        char id[IDENT_TEXT], fen[FEN_TEXT];
        if (age < s->config->watch.doubt_age_ms)
            break;
        log_warn("watch",
                 "doubt txn=%s card=c%lld amount=%s is open for %lld hours: the card's "
                 "next presentation settles it",
                 ident_text(rows[i].id, id), (long long)rows[i].in.card,
                 fen_plain(rows[i].in.amount, fen), (long long)(age / 3600000));
    }
}

static int remind_flow(void *arg) CO_FN;
static int remind_flow(void *arg)
{
    remind_of_doubts(arg);
    return 0;
}

/* ---- alarms ---- */

static const char *const alarm_names[ALARM_COUNT] = {
    [ALARM_WAL_SIZE] = "wal_size",   [ALARM_CHECKPOINT] = "checkpoint_age",
    [ALARM_OLD_DOUBT] = "old_doubt", [ALARM_LOOP_STALL] = "loop_stall",
    [ALARM_STORE] = "store",         [ALARM_OUTBOX_OLD] = "outbox_old",
    [ALARM_OUTBOX_DEAD] = "outbox_dead", [ALARM_COPY_BEHIND] = "copy_behind",
};

const char *watch_alarm_name(unsigned kind)
{
    return kind < ALARM_COUNT ? alarm_names[kind] : "unknown";
}

static void judge(struct serve *s, enum alarm_kind kind, bool on, const char *fmt, ...)
    PRINTF_FN(4, 5);
static void judge(struct serve *s, enum alarm_kind kind, bool on, const char *fmt, ...)
{
    struct alarm *a = &s->alarms[kind];
    bool was = a->since_ms != 0;
    char label[48];
    va_list ap;
    va_start(ap, fmt);
    if (on)
        (void)vsnprintf(a->text, sizeof a->text, fmt, ap);
    va_end(ap);
    if (on && !was) {
        a->since_ms = serve_now_ms(s);
        log_error("watch", "ALARM %s: %s", alarm_names[kind], a->text);
    } else if (!on && was) {
        a->since_ms = 0;
        log_info("watch", "alarm %s is over", alarm_names[kind]);
    }
    (void)snprintf(label, sizeof label, "kind=\"%s\"", alarm_names[kind]);
    set(s, "onecard_alarm", label, "1 while somebody should look.", on);
}

/* In a flow of its own: rows are large, and the arena of a flow that never ends would grow. */
static int age_flow(void *arg) CO_FN;
static int age_flow(void *arg)
{
    struct serve *s = arg;
    unsigned ended = 0;
    s->oldest_doubt_ms = watch_co_oldest_doubt(s);
    if (txn_co_sweep(&s->env, &ended) != 0)
        log_debug("watch", "open transactions were not looked at");
    return 0;
}

static CO_FN void note_oldest(struct serve *s, uint8_t state, struct outbox_look *ret)
{
    struct message_row *m = arena_alloc(flow_arena(), sizeof *m);
    unsigned n = 0;
    ret->age_ms = 0;
    ret->any = false;
    if (!m || ledger_co_messages(s->ledger, 0, state, NULL, flow_arena(), m, 1, &n) != 0 || n == 0)
        return;
    ret->any = true;
    ret->age_ms = serve_now_ms(s) - m->due_ms;
    ret->route = upstream_has(s->upstream, m->to);
    (void)snprintf(ret->to, sizeof ret->to, "%s", m->to);
}

/* Once an hour, or four times in the age where that is short. */
static CO_FN void expire(struct serve *s)
{
    int64_t age = s->config->watch.fetch_age_ms, now = loop_now_ns(s->loop);
    int64_t pause = age / 4 < EXPIRE_MS ? age / 4 : EXPIRE_MS;
    unsigned dead = 0;
    if (s->expired_ns != 0 && now - s->expired_ns < pause * NS_PER_MS)
        return;
    s->expired_ns = now;
    int rc = txn_co_outbox_expire(&s->env, age, &dead);
    if (rc != 0 && rc != OC_ECANCELED)
        log_warn("watch", "unfetched messages were not looked at: %s", oc_strerror(rc));
}

static int outbox_flow(void *arg) CO_FN;
static int outbox_flow(void *arg)
{
    struct serve *s = arg;
    expire(s);
    note_oldest(s, MESSAGE_DUE, &s->outbox_due);
    note_oldest(s, MESSAGE_DEAD, &s->outbox_dead);
    return 0;
}

static CO_FN void look_at_outbox(struct serve *s, const struct ledger_stats *st)
{
    struct flow *f;
    if (st->outbox == 0) {
        memset(&s->outbox_due, 0, sizeof s->outbox_due);
        memset(&s->outbox_dead, 0, sizeof s->outbox_dead);
    } else if (flow_start(s->loop, "outbox age", outbox_flow, s, &f) == 0) {
        int rc = flow_co_join(f, NULL, flow_deadline_ms(LOOK_MS));
        flow_put(f);
        if (rc != 0)
            log_debug("watch", "the outbox was not looked at: %s", oc_strerror(rc));
    }
    judge(s, ALARM_OUTBOX_OLD, s->outbox_due.age_ms > s->config->watch.message_age_ms,
          s->outbox_due.route
              ? "a message to %s waits for %lld minutes: see onecardctl upstream list"
              : "a message to %s, which has no route, was not fetched for %lld minutes: see "
                "onecardctl outbox list",
          s->outbox_due.to, (long long)(s->outbox_due.age_ms / 60000));
    judge(s, ALARM_OUTBOX_DEAD, s->outbox_dead.any,
          "a message to %s is dead: see onecardctl outbox list --state dead", s->outbox_dead.to);
    set(s, "onecard_outbox_messages", NULL, "Messages that are due or dead.", st->outbox);
    set(s, "onecard_outbox_oldest_seconds", NULL, "Age of the oldest message that is due.",
        s->outbox_due.age_ms / 1000);
}

static CO_FN void look(struct serve *s)
{
    const struct serve_watch *w = &s->config->watch;
    struct ledger_stats st;
    const char *why = "";
    bool healthy = ledger_healthy(s->ledger, &why);
    ledger_stats(s->ledger, &st);
    judge(s, ALARM_STORE, !healthy, "the ledger takes no money: %s", why);
    judge(s, ALARM_WAL_SIZE, st.wal_bytes > (int64_t)w->wal_mib * 1024 * 1024,
          "the write-ahead log has %lld MiB: checkpoints do not keep up",
          (long long)(st.wal_bytes / (1024 * 1024)));
    judge(s, ALARM_CHECKPOINT, st.wal_bytes > 0 && st.checkpoint_age_ms > w->checkpoint_age_ms,
          "the last checkpoint was %lld s ago", (long long)(st.checkpoint_age_ms / 1000));
    uint64_t stalls = loop_stalls(s->loop);
    judge(s, ALARM_LOOP_STALL, stalls > s->stalls_seen,
          "something held the loop for more than 50 ms, %llu times in the last seconds",
          (unsigned long long)(stalls - s->stalls_seen));
    s->stalls_seen = stalls;
    struct flow *f;
    s->oldest_doubt_ms = st.open_txns > 0 ? s->oldest_doubt_ms : 0;
    if (st.open_txns > 0 && flow_start(s->loop, "doubt age", age_flow, s, &f) == 0) {
        int rc = flow_co_join(f, NULL, flow_deadline_ms(LOOK_MS));
        flow_put(f);
        if (rc != 0)
            log_debug("watch", "the age of doubts is not known: %s", oc_strerror(rc));
    }
    look_at_outbox(s, &st);
    int64_t behind = copies_behind_ms(s);
    judge(s, ALARM_COPY_BEHIND, behind > s->fixed->copy.behind_ms,
          "no second copy is nearer than %lld s: see onecardctl copy status",
          (long long)(behind / 1000));
    int64_t age = s->oldest_doubt_ms;
    judge(s, ALARM_OLD_DOUBT, age > s->config->watch.doubt_age_ms,
          "the oldest doubt is %lld hours old", (long long)(age / 3600000));
}

static int watch_flow(void *arg) CO_FN;
static int watch_flow(void *arg)
{
    struct serve *s = arg;
    int64_t reminded = 0;
    flow_set_background(true);
    for (;;) {
        look(s);
        stations_watch_again(s);
        int64_t now = loop_now_ns(s->loop);
        if (reminded == 0 || now - reminded > REMIND_MS * NS_PER_MS) {
            reminded = now;
            if (flow_start(s->loop, "doubts", remind_flow, s, NULL) != 0)
                log_warn("watch", "doubts were not looked at");
        }
        int rc = flow_co_sleep_ms(LOOK_MS);
        if (rc != 0)
            return rc;
    }
}

int watch_start(struct serve *s)
{
    return flow_start(s->loop, "watch", watch_flow, s, NULL);
}
