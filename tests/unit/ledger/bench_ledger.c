/* How much of a core a purchase costs the ledger's writer: flows that buy with random cards of a
 * large ledger, an intent and an outcome each, every one durable. Run by hand:
 *
 *   bench-ledger DIR CARDS FLOWS SECONDS [looks]
 *
 * makes DIR/ledger.db with so many cards where it is not there yet. With "looks" each purchase asks
 * first what a dialogue asks. */
#include "ledger/ledger.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE     2048
#define TERMINALS 1000

static const char plan_text[] = "{\"kind\":\"debit\",\"amount\":300,\"gross\":300,\"legs\":[{"
                                "\"account\":\"purse\",\"amount\":-300},"
                                "{\"account\":\"merchant\",\"owner\":\"P1\",\"amount\":300}],"
                                "\"text\":\"purchase 3.00\",\"module\":\"payment\","
                                "\"version\":\"1\",\"params\":{\"amount\":\"3.00\",\"item\":"
                                "\"newspaper and a bottle of water\"}}";

static struct {
    struct loop *loop;
    struct ledger *l;
    int64_t first_card, cards, until_ns, bought, failed, latency_ns;
    unsigned flows;
    int64_t *ids;
    fen_t *spent;
    bool *busy;
    bool looks;
} b;

#define SET(field, text) ((void)snprintf((field), sizeof(field), "%s", (text)))

static uint64_t next_random(void)
{
    static uint64_t x = 88172645463325252ULL;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static struct ledger_op *blank(struct ledger_op *op, enum ledger_op_type type)
{
    memset(op, 0, sizeof *op);
    op->type = (uint8_t)type;
    SET(op->who, "bench");
    return op;
}

static void must(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "%s: %s\n", what, oc_strerror(rc));
    exit(1);
}

/* ---- a site ---- */

static WORKER_FN void found_standing(struct ledger_op *op)
{
    struct op_participant *p = &blank(op, LOP_PARTICIPANT)->participant;
    SET(p->id, "P1");
    SET(p->name, "Bus company");
    must(ledger_submit(b.l, op), "participant");
    for (unsigned i = 0; i < TERMINALS; i++) {
        struct op_terminal *t = &blank(op, LOP_TERMINAL)->terminal;
        (void)snprintf(t->id, sizeof t->id, "T%u", i);
        SET(t->kind, "desk");
        SET(t->participant, "P1");
        SET(t->services, "*");
        SET(t->params, "{}");
        t->sam[0] = 1;
        t->sam[4] = (uint8_t)(i >> 8);
        t->sam[5] = (uint8_t)i;
        must(ledger_submit(b.l, op), "terminal");
    }
}

static void card(struct ledger_op *op, int64_t i)
{
    struct op_card_add *a = &blank(op, LOP_CARD_ADD)->card_add;
    uint64_t n = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
    memset(a->issuer, 0x11, sizeof a->issuer);
    memcpy(a->serial, &n, sizeof n);
    (void)snprintf(a->number, sizeof a->number, "88%010lld", (long long)i);
    SET(a->profile, "pboc-ep");
    a->kind = CARD_ANONYMOUS;
    a->state = CARD_ACTIVE;
    a->fresh = 1;
    a->opening = 100000000;
    a->seen = (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE, 100000000, 1, 1};
}

static WORKER_FN void found_cards(struct ledger_op *ops, int64_t count)
{
    static int rcs[PIECE];
    int64_t t0 = clock_mono_ns(&clock_system);
    for (int64_t i = 0; i < count; i += PIECE) {
        unsigned n = (unsigned)(count - i < PIECE ? count - i : PIECE);
        for (unsigned k = 0; k < n; k++)
            card(&ops[k], i + k);
        ledger_submit_many(b.l, ops, n, rcs);
        for (unsigned k = 0; k < n; k++)
            must(rcs[k], "card");
    }
    double took = (double)(clock_mono_ns(&clock_system) - t0) / 1e9;
    printf("%lld cards founded in %.1f s (%.0f/s)\n", (long long)count, took, (double)count / took);
}

static WORKER_FN void found(const struct ledger_opts *o, int64_t cards)
{
    const struct op_site site = {
        .name = "bench", .shard = 1, .city_offset_min = 480, .first_day = 20250306};
    struct ledger_op *ops = calloc(PIECE, sizeof *ops);
    if (!ops)
        must(OC_ENOMEM, "memory");
    must(ledger_create(o, &site), "create");
    must(ledger_open(o, &b.l), "open");
    found_standing(ops);
    found_cards(ops, cards);
    ledger_close(&b.l);
    free(ops);
}

static int page(void *arg) CO_FN;
static int page(void *arg)
{
    (void)arg;
    struct card_row *rows = calloc(PIECE, sizeof *rows);
    int64_t after = 0;
    unsigned n = PIECE;
    int rc = 0;
    while (!rc && n == PIECE && b.cards < 20000000) {
        rc = ledger_co_cards(b.l, after, 0, rows, PIECE, &n);
        for (unsigned i = 0; !rc && i < n; i++) {
            if (b.cards % (1 << 20) == 0) {
                b.ids = reallocarray(b.ids, (size_t)b.cards + (1 << 20), sizeof *b.ids);
                b.spent = reallocarray(b.spent, (size_t)b.cards + (1 << 20), sizeof *b.spent);
            }
            b.spent[b.cards] = 100000000 - rows[i].purse;
            b.ids[b.cards++] = after = rows[i].id;
        }
    }
    free(rows);
    return rc;
}

/* ---- buying ---- */

static void leg(struct op_intent *in, enum acct_kind kind, const char *owner, fen_t amount)
{
    struct leg *l = &in->legs[in->leg_count++];
    l->kind = (uint8_t)kind;
    SET(l->owner, owner);
    l->amount = amount;
}

static void intent(struct ledger_op *op, unsigned flow, int64_t which)
{
    struct op_intent *in = &blank(op, LOP_INTENT)->intent;
    in->plan_kind = OC_PLAN_DEBIT;
    in->card = b.ids[which];
    in->card_type = 6;
    (void)snprintf(in->terminal, sizeof in->terminal, "T%u", flow % TERMINALS);
    SET(in->participant, "P1");
    SET(in->service, "payment.purchase");
    in->sam[0] = 1;
    in->sam[4] = (uint8_t)((flow % TERMINALS) >> 8);
    in->sam[5] = (uint8_t)(flow % TERMINALS);
    in->business_date = 20261122;
    in->amount = in->gross = 300;
    in->counter = (uint16_t)(1 + b.spent[which] / 300);
    in->seen = (struct card_seen){SEEN_BALANCE | SEEN_OFFLINE | SEEN_PROVEN,
                                  100000000 - b.spent[which], 0, in->counter};
    SET(in->plan, plan_text);
    in->presented = PRESENTED_CHIP;
    in->timeline.received_us = 1;
    leg(in, ACCT_PURSE, "", -300);
    leg(in, ACCT_MERCHANT, "P1", 300);
}

static void outcome(struct ledger_op *op, int64_t txn)
{
    struct op_outcome *o = &blank(op, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = OC_TXN_POSTED;
    o->evidence = EV_ANSWER;
    o->sw = 0x9000;
    o->tac_verdict = TAC_OK;
    o->timeline.received_us = 1;
    SET(o->reply, "{\"balance\":\"997.00\",\"text\":[\"purchase 3.00\",\"balance 997.00\"]}");
}

/* What a dialogue asks before its intent. */
static CO_FN int look(unsigned flow)
{
    struct scratch {
        struct terminal_row terminal;
        struct card_row card;
        struct deny_row deny;
        struct txn_row txn;
    } *s = malloc(sizeof *s);
    static const uint8_t issuer[OC_ISSUER_LEN] = {[0 ... OC_ISSUER_LEN - 1] = 0x11};
    char terminal[16];
    bool found;
    uint64_t n = (next_random() % (uint64_t)b.cards) * UINT64_C(0x9e3779b97f4a7c15);
    uint8_t serial[OC_SERIAL_LEN] = {0};
    memcpy(serial, &n, sizeof n);
    (void)snprintf(terminal, sizeof terminal, "T%u", flow % TERMINALS);
    int rc = s ? ledger_co_admission(b.l, terminal, INT64_C(1) << 40, &s->terminal, &s->txn, &found)
               : OC_ENOMEM;
    if (!rc)
        rc = ledger_co_card_standing(b.l, issuer, serial, &s->card, &s->deny, &found);
    free(s);
    return rc;
}

static CO_FN int buy(struct ledger_op *op, unsigned flow, int64_t which)
{
    int rc = b.looks ? look(flow) : 0;
    if (rc)
        return rc;
    intent(op, flow, which);
    rc = ledger_co_submit(b.l, op);
    if (rc) {
        if (!b.failed)
            fprintf(stderr, "intent: %s: %s\n", oc_strerror(rc), op->detail);
        return rc;
    }
    outcome(op, op->intent.txn);
    rc = ledger_co_submit(b.l, op);
    if (!rc)
        b.spent[which] += 300;
    return rc;
}

static CO_FN int lane(void *arg)
{
    unsigned flow = (unsigned)(uintptr_t)arg;
    struct ledger_op *op = malloc(sizeof *op);
    int rc = 0;
    while (op && !rc && loop_now_ns(b.loop) < b.until_ns) {
        int64_t which;
        do
            which = (int64_t)(next_random() % (uint64_t)b.cards);
        while (b.busy[which]);
        b.busy[which] = true;
        int64_t t0 = clock_mono_ns(&clock_system);
        rc = buy(op, flow, which);
        b.latency_ns += clock_mono_ns(&clock_system) - t0;
        b.busy[which] = false;
        b.bought += !rc;
        b.failed += rc != 0;
    }
    free(op);
    return rc;
}

static CO_FN int all(void *arg)
{
    (void)arg;
    struct flow **flows = calloc(b.flows, sizeof(struct flow *));
    for (unsigned i = 0; i < b.flows; i++)
        must(flow_start(b.loop, "buyer", lane, (void *)(uintptr_t)i, &flows[i]), "flow");
    for (unsigned i = 0; i < b.flows; i++) {
        int rc = flow_co_join(flows[i], NULL, FLOW_FOREVER);
        (void)rc;
        flow_put(flows[i]);
    }
    free(flows);
    return 0;
}

/* ---- what it cost ---- */

static double thread_ms(const char *want)
{
    double ms = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));) {
        char name[300], text[128] = "";
        (void)snprintf(name, sizeof name, "/proc/self/task/%.20s/comm", e->d_name);
        FILE *f = fopen(name, "r");
        bool got = f && fgets(text, sizeof text, f);
        if (f)
            (void)fclose(f);
        text[strcspn(text, "\n")] = '\0';
        if (!got || strncmp(text, want, strlen(want)) != 0)
            continue;
        (void)snprintf(name, sizeof name, "/proc/self/task/%.20s/schedstat", e->d_name);
        f = fopen(name, "r");
        unsigned long long ns = 0;
        if (f && fscanf(f, "%llu", &ns) == 1)
            ms += (double)ns / 1e6;
        if (f)
            (void)fclose(f);
    }
    if (d)
        (void)closedir(d);
    return ms;
}

static double process_ms(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return 1e3 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-3 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void run(int seconds)
{
    struct ledger_stats before, after;
    ledger_stats(b.l, &before);
    double writer = thread_ms("ledger-write"), ckpt = thread_ms("ledger-ckpt"),
           readers = thread_ms("ledger-read"), all_ms = process_ms();
    int64_t t0 = clock_mono_ns(&clock_system);
    b.until_ns = t0 + seconds * NS_PER_S;
    must(loop_run_flow(b.loop, "all", all, NULL), "run");
    double took = (double)(clock_mono_ns(&clock_system) - t0) / 1e9;
    writer = thread_ms("ledger-write") - writer;
    ckpt = thread_ms("ledger-ckpt") - ckpt;
    readers = thread_ms("ledger-read") - readers;
    all_ms = process_ms() - all_ms;
    ledger_stats(b.l, &after);
    double n = (double)b.bought;
    printf("%lld cards, %u flows, %.1f s: %.0f purchases/s, %lld failed; mean %.2f ms; %.0f "
           "operations a commit; log %.1f MiB\n"
           "core time a purchase: writer %.1f us, checkpointer %.1f us, readers %.1f us, whole "
           "process %.1f us\n",
           (long long)b.cards, b.flows, took, n / took, (long long)b.failed,
           1e-6 * (double)b.latency_ns / n,
           (double)(after.ops - before.ops) / (double)(after.batches - before.batches),
           (double)after.wal_bytes / 1048576.0, 1e3 * writer / n, 1e3 * ckpt / n, 1e3 * readers / n,
           1e3 * all_ms / n);
}

static long memory_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        (void)fclose(f);
    return kib;
}

int main(int argc, char **argv)
{
    static const uint8_t key[32] = {1};
    char path[512];
    if (argc < 5) {
        fprintf(stderr, "usage: bench-ledger DIR CARDS FLOWS SECONDS [looks]\n");
        return 2;
    }
    ROLE_ENTER_WORKER();
    (void)snprintf(path, sizeof path, "%s/ledger.db", argv[1]);
    (void)mkdir(argv[1], 0700);
    b.looks = argc > 5;
    b.flows = (unsigned)atoi(argv[3]);
    must(loop_new(&b.loop, NULL), "loop");
    const struct ledger_opts o = {.path = path, .loop = b.loop, .chain_key = key};
    if (access(path, F_OK) != 0)
        found(&o, atoll(argv[2]));
    int64_t t0 = clock_mono_ns(&clock_system);
    long kib = memory_kib();
    must(ledger_open(&o, &b.l), "open");
    printf("opened in %.1f ms, %ld KiB more\n", (double)(clock_mono_ns(&clock_system) - t0) / 1e6,
           memory_kib() - kib);
    if (b.flows) {
        must(loop_run_flow(b.loop, "page", page, NULL), "page");
        b.busy = calloc((size_t)b.cards, sizeof *b.busy);
        run(atoi(argv[4]));
    }
    ledger_close(&b.l);
    loop_free(&b.loop);
    free(b.ids);
    free(b.spent);
    free(b.busy);
    return b.failed ? 1 : 0;
}
