/* onecard-sim: lives of a simulated city, each from one seed. docs/RELIABILITY.md.
 *
 *   onecard-sim --seed N [--transactions M] [--trace] [--log]
 *   onecard-sim --seeds A-B [--transactions M] [--jobs J]
 *   onecard-sim --every-sync purchase|load|settle [--seed N] [--jobs J]
 *
 * Each seed's life is a process of its own: SQLite's state begins anew. */
#include "city.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct orders {
    uint64_t first, last;
    unsigned transactions, jobs;
    bool one, trace, log, after;
    enum script script;
    uint64_t sync;
};

#define NEVER_REACHED 3 /* exit status: there was no such sync */
#define SYNCS_MAX     400
#define LOSSES        8 /* of power at each boundary: what is left of the disk differs */

static struct city city;

static void tell(const struct city *c)
{
    printf("seed %llu: %016llx  %u asked, %u posted, %u refused, %u voided, %u doubts, %u asked "
           "again; %u card "
           "faults, %u crashes (%u without power); %.0f s of the city's time\n",
           (unsigned long long)c->plan.seed, (unsigned long long)c->trace.hash, c->asked, c->posted,
           c->refused, c->voided, c->doubts, c->replays, c->faults, c->crashes, c->power_losses,
           (double)c->machine.now_ns / 1e9);
    fflush(stdout);
}

/* What the daemon logs is no part of a life: with faults it is much. */
static void be_quiet(bool log)
{
    FILE *null = log ? NULL : fopen("/dev/null", "we");
    if (null)
        log_set_stream(null);
}

static int live(const struct orders *o, uint64_t seed)
{
    struct city_plan plan = {.seed = seed,
                             .transactions = o->transactions,
                             .trace = o->trace,
                             .verbose = o->log,
                             .script = o->script,
                             .sync = o->sync,
                             .after = o->after};
    be_quiet(o->log);
    city_live(&city, &plan);
    if (o->script == SCRIPT_NONE || o->one)
        tell(&city);
    int rc = o->script != SCRIPT_NONE && city.crashes == 0 ? NEVER_REACHED : 0;
    city_fini(&city);
    return rc;
}

static void wait_one(unsigned *failed)
{
    int status = 0;
    pid_t pid = wait(&status);
    if (pid > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        (*failed)++;
        if (WIFSIGNALED(status))
            printf("a seed's process ended by signal %d\n", WTERMSIG(status));
    }
}

static int live_many(const struct orders *o)
{
    unsigned failed = 0, running = 0;
    struct timespec t0, t1;
    (void)clock_gettime(CLOCK_MONOTONIC, &t0);
    for (uint64_t seed = o->first; seed <= o->last; seed++) {
        if (running == o->jobs) {
            wait_one(&failed);
            running--;
        }
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            _exit(live(o, seed));
        running += pid > 0;
    }
    while (running-- > 0)
        wait_one(&failed);
    (void)clock_gettime(CLOCK_MONOTONIC, &t1);
    double s = (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec);
    double all = (double)(o->last - o->first + 1) * o->transactions;
    printf("%llu seeds, %.0f transactions in %.1f s (%.0f a second): %u broken\n",
           (unsigned long long)(o->last - o->first + 1), all, s, all / s, failed);
    return failed == 0 ? 0 : 1;
}

/* Each sync of one thing, before and after it: the power is lost there. The first number that no
 * life reaches ends it. */
static int every_sync(const struct orders *o)
{
    unsigned failed = 0, losses = 0;
    uint64_t sync = 1;
    for (bool reached = true; reached && sync < SYNCS_MAX; sync += reached) {
        reached = false;
        for (unsigned v = 0; v < 2 * LOSSES; v++) {
            struct orders one = *o;
            int status = 0;
            one.sync = sync;
            one.after = v % 2;
            fflush(stdout);
            pid_t pid = fork();
            if (pid == 0)
                _exit(live(&one, o->first + v / 2));
            (void)waitpid(pid, &status, 0);
            bool never = WIFEXITED(status) && WEXITSTATUS(status) == NEVER_REACHED;
            bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            reached |= !never;
            losses += !never;
            failed += !never && !good;
            if (!never && !good)
                printf("%s: sync %llu%s, seed %llu\n", city_script_name(o->script),
                       (unsigned long long)sync, one.after ? ", just after it" : "",
                       (unsigned long long)(o->first + v / 2));
        }
    }
    printf("%s: %llu sync boundaries, power lost %u times: %u broken\n",
           city_script_name(o->script), (unsigned long long)(sync - 1), losses, failed);
    return failed == 0 && sync > 1 ? 0 : 1;
}

static bool read_script(const char *text, struct orders *o)
{
    o->script = strcmp(text, "purchase") == 0 ? SCRIPT_PURCHASE
                : strcmp(text, "load") == 0   ? SCRIPT_LOAD
                : strcmp(text, "settle") == 0 ? SCRIPT_SETTLE
                                              : SCRIPT_NONE;
    return o->script != SCRIPT_NONE;
}

static int usage(void)
{
    fputs("usage: onecard-sim --seed N [--transactions M] [--trace] [--log]\n"
          "       onecard-sim --seeds A-B [--transactions M] [--jobs J]\n"
          "       onecard-sim --every-sync purchase|load|settle [--seed N]\n"
          "Lives of a simulated city. Exit status 0 only where every invariant held.\n",
          stderr);
    return 2;
}

static bool read_seeds(const char *text, struct orders *o)
{
    char *end = NULL;
    o->first = o->last = strtoull(text, &end, 10);
    if (*end == '-')
        o->last = strtoull(end + 1, &end, 10);
    return *end == '\0' && o->last >= o->first;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"seeds", required_argument, NULL, 'S'},
                                            {"transactions", required_argument, NULL, 'n'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"every-sync", required_argument, NULL, 'e'},
                                            {"sync", required_argument, NULL, 'y'},
                                            {"after", no_argument, NULL, 'a'},
                                            {"trace", no_argument, NULL, 't'},
                                            {"log", no_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct orders o = {.transactions = 1000, .jobs = 2};
    bool good = true;
    for (int opt; (opt = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        o.one |= opt == 's';
        if (opt == 's' || opt == 'S')
            good &= read_seeds(optarg, &o);
        else if (opt == 'n')
            o.transactions = (unsigned)strtoul(optarg, NULL, 10);
        else if (opt == 'j')
            o.jobs = (unsigned)strtoul(optarg, NULL, 10);
        else if (opt == 'e')
            good &= read_script(optarg, &o);
        else if (opt == 'y')
            o.sync = strtoull(optarg, NULL, 10);
        else if (opt == 'a')
            o.after = true;
        else if (opt == 't')
            o.trace = true;
        else if (opt == 'l')
            o.log = true;
        else
            good = false;
    }
    if (o.first == 0 && o.script != SCRIPT_NONE)
        o.first = 1;
    if (!good || o.first == 0 || o.jobs == 0 || o.transactions == 0 || optind != argc)
        return usage();
    if (o.script != SCRIPT_NONE && o.sync == 0)
        return every_sync(&o);
    o.one |= o.sync != 0;
    return o.one ? live(&o, o.first) : live_many(&o);
}
