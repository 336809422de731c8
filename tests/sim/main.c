/* onecard-sim: lives of a simulated city, each from one seed. docs/RELIABILITY.md.
 *
 *   onecard-sim --seed N [--transactions M] [--trace] [--log]
 *   onecard-sim --seeds A-B [--transactions M] [--jobs J]
 *
 * Each seed's life is a process of its own: SQLite's state begins anew. */
#include "city.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct orders {
    uint64_t first, last;
    unsigned transactions, jobs;
    bool one, trace, log;
};

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
    struct city_plan plan = {
        .seed = seed, .transactions = o->transactions, .trace = o->trace, .verbose = o->log};
    be_quiet(o->log);
    city_live(&city, &plan);
    tell(&city);
    city_fini(&city);
    return 0;
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

static int usage(void)
{
    fputs("usage: onecard-sim --seed N [--transactions M] [--trace] [--log]\n"
          "       onecard-sim --seeds A-B [--transactions M] [--jobs J]\n"
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
        else if (opt == 't')
            o.trace = true;
        else if (opt == 'l')
            o.log = true;
        else
            good = false;
    }
    if (!good || o.first == 0 || o.jobs == 0 || o.transactions == 0 || optind != argc)
        return usage();
    return o.one ? live(&o, o.first) : live_many(&o);
}
