/* The loop of a load. See load.h. */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define EVENTS   256
#define DRAIN_NS (30 * NS_PER_S)

static volatile sig_atomic_t stopped;

static void stop(int signo)
{
    (void)signo;
    stopped = 1;
}

static void raise_limit(unsigned wanted)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= wanted)
        return;
    r.rlim_cur = wanted;
    if (r.rlim_max < wanted)
        r.rlim_max = wanted;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        fprintf(stderr, "loadgen: open files are limited to %llu: ulimit -n %u\n",
                (unsigned long long)r.rlim_max, wanted);
}

/* How many of the terminals that work are at each place: by the services' shares. */
static void places_of(const struct load_opts *o, unsigned ret[PLACE_COUNT])
{
    unsigned all = 0, share[PLACE_COUNT] = {0};
    for (unsigned i = 0; i < SERVICE_COUNT; i++) {
        share[work_place((enum service)i)] += o->mix[i];
        all += o->mix[i];
    }
    ret[PLACE_DESK] = o->terminals;
    for (unsigned p = PLACE_GATE; p < PLACE_COUNT; p++) {
        unsigned n = all ? (unsigned)((uint64_t)o->terminals * share[p] / all) : 0;
        if (n == 0 && share[p] > 0)
            n = 1;
        ret[p] = n < ret[PLACE_DESK] ? n : ret[PLACE_DESK];
        ret[PLACE_DESK] -= ret[p];
    }
}

/* Entry and exit gates share their cards, the first with the first: what one lets in the other lets
 * out, in this run or in the next. */
static int make_terminal(struct load *l, struct term *t, enum place p, unsigned rank)
{
    const unsigned n = l->o.first + rank;
    t->place = p;
    t->pool = t->index - (p == PLACE_EXIT ? l->places[PLACE_ENTRY] : 0);
    site_terminal(p, n, t->id);
    if (n < site_places(&l->site, p))
        return 0;
    fprintf(stderr,
            "loadgen: the site has no terminal %s: found it with more --terminals, --gates or "
            "--metro\n",
            t->id);
    return OC_EINVAL;
}

static int make_terminals(struct load *l)
{
    unsigned rank = 0, place = PLACE_DESK;
    places_of(&l->o, l->places);
    l->term_count = l->o.terminals + l->o.idle;
    l->terms = calloc(l->term_count, sizeof *l->terms);
    l->heap = calloc(2 * (size_t)l->term_count + 2, sizeof(struct timer *));
    l->ring = l->o.rate > 0 ? calloc(RING_MAX, sizeof *l->ring) : NULL;
    l->seconds = (unsigned)l->o.seconds + 1;
    l->per_second = calloc(l->seconds, sizeof *l->per_second);
    if (!l->terms || !l->heap || !l->per_second || (l->o.rate > 0 && !l->ring))
        return OC_ENOMEM;
    for (unsigned i = 0; i < l->term_count; i++) {
        struct term *t = &l->terms[i];
        *t = (struct term){
            .load = l, .index = i, .fd = -1, .idle = i >= l->o.terminals, .arm_comes = true};
        t->work = (struct timer){.what = TIMER_WORK, .term = t};
        t->beat = (struct timer){.what = TIMER_BEAT, .term = t};
        buf_init(&t->in, 4 * FRAME_MAX);
        buf_init(&t->out, 4 * FRAME_MAX);
        arena_init(&t->arm_arena, 0);
        while (!t->idle && rank == l->places[place]) {
            place++;
            rank = 0;
        }
        int rc = t->idle
                     ? make_terminal(l, t, PLACE_DESK, l->places[PLACE_DESK] + (i - l->o.terminals))
                     : make_terminal(l, t, (enum place)place, rank++);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int check_cards(struct load *l)
{
    if (l->o.cards == 0)
        l->o.cards = l->site.cards / (l->o.terminals ? l->o.terminals : 1);
    if (l->o.cards == 0 || l->o.cards * l->o.terminals > l->site.cards) {
        fprintf(stderr, "loadgen: %u terminals with %llu cards each, but the site has %llu cards\n",
                l->o.terminals, (unsigned long long)l->o.cards, (unsigned long long)l->site.cards);
        return OC_EINVAL;
    }
    if ((l->o.mix[SERVICE_PUSH] || l->o.mix[SERVICE_BILL]) &&
        l->o.cards * l->o.terminals > l->site.citizens) {
        fprintf(stderr,
                "loadgen: bills are for the first %u cards, whose holders are known: fewer "
                "--terminals or --cards\n",
                l->site.citizens);
        return OC_EINVAL;
    }
    return 0;
}

static WORKER_FN int prepare(struct load *l)
{
    struct chip_site chips;
    int rc = site_open(&l->site, l->o.identity, l->o.forget);
    if (rc != 0) {
        fprintf(stderr, "loadgen: %s: %s\n", l->o.identity, oc_strerror(rc));
        return rc;
    }
    site_chips(&chips);
    l->kind = chip_kind_new(&chips);
    l->seed = UINT64_C(88172645463325252) ^ (uint64_t)clock_mono_ns(&clock_system);
    if (!l->kind)
        return OC_ENOMEM;
    rc = check_cards(l);
    if (rc == 0)
        rc = make_terminals(l);
    raise_limit(l->term_count + 64);
    return rc != 0 ? rc : link_init(l);
}

static void wait_for_events(struct load *l, int64_t until_ns)
{
    struct epoll_event events[EVENTS];
    int64_t wait = until_ns - l->now_ns;
    if (wait > NS_PER_S / 10)
        wait = NS_PER_S / 10;
    if (wait < 0)
        wait = 0;
    const struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)wait};
    int n = epoll_pwait2(l->epoll, events, EVENTS, &ts, NULL);
    l->now_ns = clock_mono_ns(&clock_system);
    for (int i = 0; i < n; i++)
        link_event(events[i].data.ptr, events[i].events);
}

static void turn(struct load *l)
{
    int64_t told = l->begun_ns;
    while (!l->ending || (l->open_calls > 0 && l->now_ns < l->end_ns + DRAIN_NS)) {
        if (stopped && !l->ending) { /* what has begun is waited for */
            l->ending = true;
            l->end_ns = l->now_ns;
        }
        int64_t next = pace_run(l);
        wait_for_events(l, next);
        if (l->now_ns - told >= NS_PER_S) {
            report_progress(l);
            told = told + NS_PER_S > l->now_ns - NS_PER_S ? told + NS_PER_S : l->now_ns;
        }
    }
}

static void load_free(struct load *l)
{
    link_fini(l);
    chip_kind_free(&l->kind);
    site_close(&l->site);
    free(l->terms);
    free(l->heap);
    free(l->ring);
    free(l->per_second);
    free(l);
}

int load_run(const struct load_opts *o)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return 1;
    l->o = *o;
    l->epoll = -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int rc = prepare(l);
    if (rc != 0) {
        load_free(l);
        return 1;
    }
    l->begun_ns = l->now_ns = clock_mono_ns(&clock_system);
    turn(l);
    rc = report_end(l);
    load_free(l);
    return rc;
}
