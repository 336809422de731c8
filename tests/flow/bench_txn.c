/* How many purchases a second the switch makes with cards in-process: everything but readers and network. Each reader has its
 * own card and terminal, each dialogue is a flow; every acknowledged purchase is durable. Run by hand: docs/OPERATIONS.md.
 *   bench-txn [readers] [seconds] */
#include "city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define READERS_CAP 32

static struct city c;
struct lane {
    struct reader_sim *sim;
    struct cardsim *card;
    struct txn_request req;
    struct txn_result res;
    int64_t posted, other, worst_ns, ledger_ns;
};
static struct lane lanes[READERS_CAP];
static unsigned lane_count = 8;
static int64_t until_ns;

/* One purchase is one flow, as in the daemon: its arena ends with it. */
static CO_FN int one(void *arg)
{
    struct lane *l = arg;
    return txn_co_run(&c.env, reader_sim_reader(l->sim), &l->req, &l->res);
}

static CO_FN int lane(void *arg)
{
    struct lane *l = arg;
    while (loop_now_ns(c.loop) < until_ns) {
        struct flow *f = NULL;
        int64_t t0 = loop_now_ns(c.loop);
        int rc = flow_start(c.loop, "purchase", one, l, &f);
        if (rc == 0)
            rc = flow_co_join(f, NULL, FLOW_FOREVER);
        flow_put(f);
        if (rc != 0)
            return rc;
        int64_t took = loop_now_ns(c.loop) - t0;
        l->posted += l->res.outcome == OC_POSTED;
        l->other += l->res.outcome != OC_POSTED;
        l->ledger_ns += l->res.ledger_ns;
        l->worst_ns = took > l->worst_ns ? took : l->worst_ns;
    }
    return 0;
}

static CO_FN int all_lanes(void *arg)
{
    struct flow *flows[READERS_CAP] = {NULL};
    (void)arg;
    int rc = 0;
    for (unsigned i = 0; i < lane_count && rc == 0; i++)
        rc = flow_start(c.loop, "lane", lane, &lanes[i], &flows[i]);
    for (unsigned i = 0; i < lane_count; i++) {
        int joined = flows[i] != NULL ? flow_co_join(flows[i], NULL, FLOW_FOREVER) : 0;
        rc = rc != 0 ? rc : joined;
        flow_put(flows[i]);
    }
    return rc;
}

static long memory_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return kib;
}

/* CPU of this thread: the loop, the dialogues and the cards' software, without the ledger's threads. */
static double cpu_s(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_THREAD, &u) != 0)
        return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void make_lanes(void)
{
    for (unsigned i = 0; i < lane_count; i++) {
        char name[16];
        city_lane(&c, i, &lanes[i].sim, &lanes[i].card);
        assert_int_equal(cardsim_purse_set(lanes[i].card, 100000000, 0, 0, 0), 0);
        snprintf(name, sizeof name, "lane%u", i);
        lanes[i].req = city_request("payment.purchase", name, 1);
    }
}

int main(int argc, char **argv)
{
    int seconds = 5;
    if (argc > 1)
        lane_count = (unsigned)atoi(argv[1]);
    if (argc > 2)
        seconds = atoi(argv[2]);
    if (lane_count < 1 || lane_count > READERS_CAP || seconds < 1 || seconds > 600) {
        fprintf(stderr, "usage: bench-txn [readers 1-%d] [seconds 1-600]\n", READERS_CAP);
        return 2;
    }
    city_open(&c, CARDSIM_PBOC, "pboc-ep");
    make_lanes();
    double cpu = cpu_s();
    int64_t t0 = loop_now_ns(c.loop);
    until_ns = t0 + seconds * NS_PER_S;
    if (loop_run_flow(c.loop, "all", all_lanes, NULL) != 0)
        return 1;
    double took = (double)(loop_now_ns(c.loop) - t0) / 1e9;
    cpu = cpu_s() - cpu;
    int64_t posted = 0, other = 0, worst = 0, ledger = 0;
    for (unsigned i = 0; i < lane_count; i++) {
        posted += lanes[i].posted;
        other += lanes[i].other;
        ledger += lanes[i].ledger_ns;
        worst = lanes[i].worst_ns > worst ? lanes[i].worst_ns : worst;
    }
    printf("%u readers, %.1f s: %lld purchases posted (%.0f/s), %lld otherwise; mean %.2f ms (ledger %.2f ms), worst %.1f ms; "
           "loop %.0f us CPU a purchase, cards included; resident %ld KiB\n",
           lane_count, took, (long long)posted, (double)posted / took, (long long)other,
           1e3 * took * lane_count / (double)(posted + other), 1e-6 * (double)ledger / (double)(posted + other),
           1e-6 * (double)worst, 1e6 * cpu / (double)(posted + other), memory_kib());
    for (unsigned i = 0; i < lane_count; i++)
        cardsim_free(&lanes[i].card);
    city_close(&c);
    return other == 0 ? 0 : 1;
}
