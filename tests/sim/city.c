/* A city's life: a daemon after the other over what its disk kept, until all was asked that was to
 * be asked. See city.h. */
#include "bank.h"
#include "box.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS_A_TRANSACTION  90
#define WRITES_A_TRANSACTION 5
#define SYNCS_A_TRANSACTION  3

const char *city_script_name(enum script script)
{
    static const char *const names[] = {"", "purchase", "load", "settle"};
    return names[script];
}

int64_t city_now_ms(const struct city *c)
{
    return clock_wall_ms(&c->machine.clock);
}

void city_broke(const struct city *c, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    fprintf(stderr, "BROKEN seed %llu, incarnation %u, %.3f s: ", (unsigned long long)c->plan.seed,
            c->incarnation, (double)c->machine.now_ns / 1e9);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    if (c->plan.script == SCRIPT_NONE)
        fprintf(stderr, "\nreplay: onecard-sim --seed %llu --transactions %u --trace\n",
                (unsigned long long)c->plan.seed, c->plan.transactions);
    else
        fprintf(stderr, "\nreplay: onecard-sim --every-sync %s --seed %llu --sync %llu%s --trace\n",
                city_script_name(c->plan.script), (unsigned long long)c->plan.seed,
                (unsigned long long)c->plan.sync, c->plan.after ? " --after" : "");
    fflush(stderr);
    _exit(1);
}

/* ---- crashes ---- */

void city_crash(struct city *c, bool power)
{
    if (c->dead)
        return;
    c->dead = true;
    c->crashes++;
    c->power_losses += power;
    c->next_disk = sim_disk_survivor(c->disk, power);
    sim_disk_forsake(c->disk);
    c->crash_at = NULL;
    sim_trace_put(&c->trace, c->machine.now_ns, "CRASH%s", power ? ", power lost" : "");
    lanes_cut(c);
    if (c->serve && c->serve->loop)
        loop_stop(c->serve->loop, 0);
}

static void plan_crash(struct city *c)
{
    struct sim_disk_stats st;
    sim_disk_stats(c->disk, &st);
    c->crash_step = c->crash_write = c->crash_sync = 0;
    c->crash_at = NULL;
    if (c->crashes_left == 0 || c->founding)
        return;
    int64_t far = 2 * (int64_t)c->plan.transactions / (c->crashes_left + c->crashes + 1) + 1;
    c->crashes_left--;
    switch (sim_pick(&c->fault, 4)) {
    case 0:
        c->crash_at = "write";
        c->crash_write = st.writes + (uint64_t)sim_range(&c->fault, 1, far * WRITES_A_TRANSACTION);
        break;
    case 1:
        c->crash_at = "sync";
        c->crash_sync = st.syncs + (uint64_t)sim_range(&c->fault, 1, far * SYNCS_A_TRANSACTION);
        break;
    default:
        c->crash_at = "step";
        c->crash_step =
            c->machine.steps + (uint64_t)sim_range(&c->fault, 1, far * STEPS_A_TRANSACTION);
    }
}

static void on_step(void *arg)
{
    struct city *c = arg;
    if (c->crash_step && c->machine.steps >= c->crash_step && !c->calm && !c->dead) {
        c->crash_step = 0;
        city_crash(c, c->plan.script != SCRIPT_NONE || sim_chance(&c->fault, 1, 2));
    }
    /* a disk that is full for a while */
    if (!c->calm && !c->founding && !c->dead && c->full_one_in &&
        sim_chance(&c->fault, 1, c->full ? 400 : c->full_one_in)) {
        c->full = !c->full;
        sim_trace_put(&c->trace, c->machine.now_ns, "disk %s", c->full ? "full" : "has room");
    }
}

static void on_stuck(void *arg)
{
    city_broke(arg, "somebody waits for what will never happen");
}

static enum disk_fate before_disk(void *arg, enum disk_op op, uint64_t nth)
{
    struct city *c = arg;
    uint64_t *at = op == DISK_SYNC ? &c->crash_sync : &c->crash_write;
    if (c->founding || c->calm)
        return DISK_GOOD;
    if (*at && nth >= *at) {
        *at = 0;
        if (c->plan.after) {
            c->crash_step = c->machine.steps + 1;
            return DISK_GOOD;
        }
        city_crash(c, c->plan.script != SCRIPT_NONE || sim_chance(&c->fault, 3, 4));
        return DISK_GOOD;
    }
    if (c->opening)
        return DISK_GOOD;
    if (c->io_one_in && sim_chance(&c->fault, 1, c->io_one_in)) {
        sim_trace_put(&c->trace, c->machine.now_ns, "disk fails");
        return DISK_FAILS;
    }
    return !c->full ? DISK_GOOD : c->full_all ? DISK_FULL_ALL : DISK_FULL;
}

/* ---- one incarnation ---- */

static CO_FN int begin_flow(void *arg)
{
    struct city *c = arg;
    c->opening = false;
    if (c->founding) {
        int rc = found_co_city(c);
        MUST(c, rc == 0, "the city could not be founded");
        serve_stop(c->serve);
        return rc;
    }
    int rc = books_co_look(c);
    if (rc == 0 && !c->dead)
        rc = tills_co_start(c);
    MUST(c, rc == 0 || c->dead, "nobody can work: %s", oc_strerror(rc));
    return 0;
}

static void on_ready(struct serve *s, void *arg)
{
    struct city *c = arg;
    (void)!flow_start(s->loop, "begin", begin_flow, c, NULL);
}

static WORKER_FN void incarnate(struct city *c)
{
    struct serve_opts o = {.file = c->conf_path,
                           .text = c->conf,
                           .no_signals = true,
                           .world = &c->world,
                           .ready = on_ready,
                           .arg = c};
    c->incarnation++;
    c->dead = false;
    c->opening = true;
    sim_disk_mount(c->disk);
    sim_disk_seed_sqlite(c->plan.seed * 1009 + c->incarnation);
    c->world.loop.seed = sim_u64(&c->rand) | 1;
    c->world.loop.always_yield = sim_chance(&c->rand, 1, 4);
    plan_crash(c);
    sim_trace_put(&c->trace, c->machine.now_ns, "incarnation %u", c->incarnation);
    int rc = serve_open(&o, &c->serve);
    MUST(c, rc == 0 || c->dead, "the daemon does not open: %s", oc_strerror(rc));
    if (rc == 0 && !c->dead) {
        found_keys(c);
        readers_plug(c);
        lanes_init(c);
        rc = serve_run(c->serve);
        MUST(c, rc == 0 || c->dead, "the daemon ended: %s", oc_strerror(rc));
        MUST(c, rc != OC_EBUSY, "a flow did not end when it was cancelled");
    }
    for (unsigned i = 0; i < CITY_TILLS; i++)
        c->tills[i].reader = NULL;
    serve_close(&c->serve);
    lanes_fini(c);
    MUST(c, c->machine.count == 0, "something is left of a daemon that was closed");
    if (c->dead) {
        sim_disk_free(&c->disk);
        c->disk = c->next_disk;
        c->next_disk = NULL;
        sim_disk_mount(c->disk);
        if (sim_chance(&c->rand, 1, 3))
            books_verify_file(c);
        c->machine.now_ns += sim_range(&c->rand, NS_PER_MS, 40 * NS_PER_S);
    }
    c->founding = false;
}

/* ---- the whole ---- */

static int fill(const struct rng *r, void *ret, size_t len)
{
    struct city *c = (struct city *)((uintptr_t)r - offsetof(struct city, rng));
    sim_bytes(&c->rng_state, ret, len);
    return 0;
}

/* Rides that cost nothing: at once after one on another line, and when enough was paid on a day. */
static void write_fares(const struct city *c)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/fares", c->dir);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/fares/bus.yaml", c->dir);
    FILE *f = fopen(path, "we");
    CHECK(f);
    fputs("name: bus\ntitle: Buses\nfrom: 2026-01-01\nkind: flat\nflat: 2.00\n"
          "transfer: {minutes: 30, off: 2.00}\ncaps: {day: 10.00}\n",
          f);
    CHECK(fclose(f) == 0);
}

static void write_config(struct city *c)
{
    int n = snprintf(c->conf, sizeof c->conf,
                     "site: {name: Sim, issuer: \"1020304000000001\"}\n"
                     "paths: {keystore: \"%s/keystore\", ledger: \"%s/ledger.db\", settlement: "
                     "\"%s/settlement\", profiles: \"%s/conf/profiles\", modules: "
                     "\"%s/lib/onecard/modules\"}\n"
                     "modules: {payment: {}, transit: {fares: \"%s/fares\"}}\nkeys: {allow_clear: "
                     "true}\nsam: {software: true}\n"
                     "policy: {card_day_max: 400.00, card_day_count: 60, terminal_day_max: 600.00, "
                     "single_max: 28.00, "
                     "command: 1500ms}\n"
                     "readers: {pcsc: off}\nlog: {level: %s}\n",
                     c->dir, c->dir, c->dir, ONECARD_SOURCE_DIR, ONECARD_BINARY_DIR, c->dir,
                     c->plan.verbose ? "debug" : "error");
    CHECK(n > 0 && (size_t)n < sizeof c->conf);
    (void)snprintf(c->conf_path, sizeof c->conf_path, "%s/onecardd.yaml", c->dir);
}

static WORKER_FN void make_site(struct city *c)
{
    char path[96];
    struct keystore *ks = NULL;
    struct crypto *x = NULL;
    (void)snprintf(path, sizeof path, "%s/keystore", c->dir);
    CHECK(keystore_create(path, NULL, &c->rng) == 0);
    CHECK(keystore_open(path, NULL, &ks) == 0);
    CHECK(crypto_new(&c->rng, &x) == 0);
    CHECK(keystore_key(ks, x, "journal", c->chain_key) == 0);
    crypto_free(&x);
    keystore_close(&ks);
    (void)snprintf(c->ledger_path, sizeof c->ledger_path, "%s/ledger.db", c->dir);
    struct ledger_opts o = {.path = c->ledger_path,
                            .clock = &c->machine.clock,
                            .threading = &c->machine.threading,
                            .chain_key = c->chain_key};
    struct op_site site = {.name = "Sim", .city_offset_min = 480};
    site.first_day = city_date(city_now_ms(c), 480);
    sim_disk_mount(c->disk);
    sim_disk_seed_sqlite(c->plan.seed);
    int rc = ledger_create(&o, &site);
    MUST(c, rc == 0, "no ledger could be made: %s", oc_strerror(rc));
}

/* How bad a seed's days are. */
static void draw_fate(struct city *c)
{
    c->pace_ms = 100;
    if (c->plan.script == SCRIPT_SETTLE)
        c->night_ms = city_ms(20260303, 125, 480);
    if (c->plan.script != SCRIPT_NONE)
        return;
    static const int paces[] = {200, 1000, 4000, 20000, 60000};
    c->pace_ms = paces[sim_pick(&c->fault, ARRAY_LEN(paces))];
    c->fault_percent = 4 + sim_pick(&c->fault, 28);
    c->crashes_left = sim_pick(&c->fault, 8);
    c->denials_left = sim_pick(&c->fault, 7);
    if (sim_chance(&c->fault, 1, 6)) /* the night's files come at two */
        c->night_ms = city_ms(20260303, 125, 480);
    c->wire_one_in = sim_chance(&c->fault, 2, 3) ? 20 + sim_pick(&c->fault, 300) : 0;
    c->io_one_in = sim_chance(&c->fault, 1, 3) ? 200 + sim_pick(&c->fault, 2000) : 0;
    c->full_one_in = sim_chance(&c->fault, 1, 3) ? 3000 : 0;
    c->crooks_one_in = sim_chance(&c->fault, 1, 4) ? 40 : 0;
    c->full_all = sim_chance(&c->fault, 1, 2);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void city_live(struct city *c, const struct city_plan *plan)
{
    struct sim_disk_hooks hooks = {.before = before_disk, .arg = c};
    ROLE_ENTER_WORKER();
    memset(c, 0, sizeof *c);
    c->plan = *plan;
    c->founding = true;
    c->rng.fill = fill;
    sim_rand_init(&c->rand, plan->seed, "people");
    sim_rand_init(&c->fault, plan->seed, "faults");
    sim_rand_init(&c->rng_state, plan->seed, "rng");
    sim_trace_init(&c->trace, plan->trace);
    /* 2026-03-02, some time between the afternoon and a minute before midnight in the city */
    sim_machine_init(
        &c->machine, plan->seed,
        city_ms(20260302,
                (int)sim_range(&c->rand, plan->script == SCRIPT_SETTLE ? 1430 : 900, 1439), 480));
    c->machine.step = on_step;
    c->machine.stuck = on_stuck;
    c->machine.step_arg = c;
    c->world = (struct serve_world){.clock = &c->machine.clock,
                                    .rng = &c->rng,
                                    .threading = &c->machine.threading,
                                    .co_exchange = bank_co_exchange,
                                    .arg = c,
                                    .routes = bank_routes,
                                    .route_count = ARRAY_LEN(bank_routes),
                                    .loop = {.clock = &c->machine.clock,
                                             .idle = sim_idle,
                                             .idle_arg = &c->machine,
                                             .no_descriptors = true,
                                             .max_flows = 2000}};
    log_set_level(plan->verbose ? LOG_DEBUG : LOG_ERROR);
    (void)snprintf(c->dir, sizeof c->dir, ONECARD_SCRATCH "/onecard-sim.XXXXXX");
    CHECK(mkdtemp(c->dir));
    draw_fate(c);
    write_config(c);
    write_fares(c);
    c->disk = sim_disk_new(plan->seed, &hooks);
    tills_init(c);
    found_cards(c);
    books_init(c);
    bank_init(c);
    boxes_init(c);
    make_site(c);
    while (!c->over)
        incarnate(c);
    books_verify_file(c);
}

void city_fini(struct city *c)
{
    books_fini(c);
    bank_fini(c);
    boxes_fini(c);
    sim_disk_mount(NULL);
    sim_disk_free(&c->disk);
    for (int i = 0; i < CITY_CHIPS; i++) {
        cardsim_free(&c->cards[i].chip);
        free(c->cards[i].moves);
    }
    sim_machine_fini(&c->machine);
    (void)nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
