/* What nobody asks for and somebody must see: doubts that grow old, a ledger that refuses money,
 * gates that nobody watches, and the gauges behind /metrics. */
#include "serve/internal.h"

#include <stdio.h>
#include <string.h>

#define LOOK_MS    5000
#define REMIND_MS  MS_PER_DAY
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
    set(s, "onecard_ledger_checkpoint_age_ms", NULL, "Since the last checkpoint.",
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

static void look_at_ledger(struct serve *s, bool *healthy)
{
    const char *why = "";
    bool now = ledger_healthy(s->ledger, &why);
    if (now == *healthy)
        return;
    *healthy = now;
    if (now)
        log_info("watch", "the ledger takes money again");
    else
        log_error("watch", "the ledger takes no money: %s", why);
}

static int watch_flow(void *arg) CO_FN;
static int watch_flow(void *arg)
{
    struct serve *s = arg;
    bool healthy = true;
    int64_t reminded = 0;
    flow_set_background(true);
    for (;;) {
        look_at_ledger(s, &healthy);
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
