/* When what is due. See load.h. */
#include "load.h"

#include <stdlib.h>

/* ---- timers: a heap ---- */

static void place(struct load *l, unsigned at, struct timer *tm)
{
    l->heap[at] = tm;
    tm->place = at;
}

static void up(struct load *l, unsigned at, struct timer *tm)
{
    for (; at > 1 && l->heap[at / 2]->at_ns > tm->at_ns; at /= 2)
        place(l, at, l->heap[at / 2]);
    place(l, at, tm);
}

static void down(struct load *l, unsigned at, struct timer *tm)
{
    for (;;) {
        unsigned child = 2 * at;
        if (child > l->heap_count)
            break;
        if (child < l->heap_count && l->heap[child + 1]->at_ns < l->heap[child]->at_ns)
            child++;
        if (l->heap[child]->at_ns >= tm->at_ns)
            break;
        place(l, at, l->heap[child]);
        at = child;
    }
    place(l, at, tm);
}

void timer_stop(struct load *l, struct timer *tm)
{
    unsigned at = tm->place;
    if (at == 0)
        return;
    struct timer *last = l->heap[l->heap_count--];
    tm->place = 0;
    if (last == tm)
        return;
    if (at > 1 && l->heap[at / 2]->at_ns > last->at_ns)
        up(l, at, last);
    else
        down(l, at, last);
}

void timer_set(struct load *l, struct timer *tm, int64_t at_ns)
{
    timer_stop(l, tm);
    tm->at_ns = at_ns;
    up(l, ++l->heap_count, tm);
}

void work_set(struct term *t, enum work what, int64_t at_ns)
{
    t->work_what = what;
    timer_set(t->load, &t->work, at_ns);
}

uint64_t load_random(struct load *l)
{
    l->seed ^= l->seed << 13;
    l->seed ^= l->seed >> 7;
    l->seed ^= l->seed << 17;
    return l->seed;
}

/* ---- who does what ---- */

/* PLACE_COUNT: any. */
static bool there(const struct load *l, unsigned i, enum place p)
{
    return l->o.mix[i] > 0 && (p == PLACE_COUNT || work_place((enum service)i) == p);
}

static enum service draw(struct load *l, enum place p)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < SERVICE_COUNT; i++)
        sum += there(l, i, p) ? l->o.mix[i] : 0;
    unsigned at = sum ? (unsigned)(load_random(l) % sum) : 0;
    for (unsigned i = 0; i < SERVICE_COUNT; i++) {
        if (!there(l, i, p))
            continue;
        if (at < l->o.mix[i])
            return (enum service)i;
        at -= l->o.mix[i];
    }
    return SERVICE_PURCHASE;
}

static struct term *take_free(struct load *l, enum place p)
{
    for (;;) {
        struct term *t = l->free_first[p];
        if (!t)
            return NULL;
        l->free_first[p] = t->next_free;
        if (!l->free_first[p])
            l->free_last[p] = NULL;
        t->free_listed = false;
        if (t->phase == PHASE_UP && !t->call.open)
            return t;
    }
}

static bool working(const struct load *l)
{
    return !l->ending && l->measure_ns != 0;
}

/* Waiting arrivals are taken in their order; one of the other kind of terminal stays in front of
 * the rest. */
static bool take_waiting(struct load *l, enum place p, struct waiting *ret)
{
    struct waiting *w = &l->ring[l->ring_first % RING_MAX];
    if (l->ring_count == 0 || work_place(w->service) != p)
        return false;
    *ret = *w;
    l->ring_first++;
    l->ring_count--;
    return true;
}

void pace_free(struct term *t)
{
    struct load *l = t->load;
    struct waiting w;
    if (t->idle || t->phase != PHASE_UP || t->call.open)
        return;
    if (l->o.rate <= 0 && working(l)) {
        dialogue_begin(t, draw(l, t->place), l->now_ns);
        return;
    }
    if (working(l) && take_waiting(l, t->place, &w)) {
        dialogue_begin(t, w.service, w.intended_ns);
        return;
    }
    if (t->free_listed)
        return;
    t->free_listed = true;
    t->next_free = NULL;
    if (l->free_last[t->place])
        l->free_last[t->place]->next_free = t;
    else
        l->free_first[t->place] = t;
    l->free_last[t->place] = t;
}

static void arrive(struct load *l, int64_t intended_ns)
{
    enum service s = draw(l, PLACE_COUNT);
    struct term *t = take_free(l, work_place(s));
    if (t) {
        dialogue_begin(t, s, intended_ns);
    } else if (l->ring_count < RING_MAX) {
        l->ring[(l->ring_first + l->ring_count) % RING_MAX] = (struct waiting){intended_ns, s};
        l->ring_count++;
    }
}

static void begin_all(struct load *l)
{
    for (unsigned i = 0; l->o.rate <= 0 && i < l->term_count; i++)
        pace_free(&l->terms[i]);
}

static void run_arrivals(struct load *l)
{
    if (l->o.rate <= 0 || !working(l))
        return;
    if (l->next_arrival_ns == 0)
        l->next_arrival_ns = l->now_ns;
    int64_t gap = (int64_t)(1e9 / l->o.rate);
    for (; l->next_arrival_ns <= l->now_ns; l->next_arrival_ns += gap)
        arrive(l, l->next_arrival_ns);
}

/* Once everybody is there (or patience ends) the warm-up begins, then the measurement, then the
 * end. */
static void run_phases(struct load *l)
{
    bool there = l->up == l->term_count;
    if (l->measure_ns == 0 &&
        (there || l->now_ns - l->begun_ns > (int64_t)(l->o.connect_wait * 1e9))) {
        l->all_up_ns = l->now_ns;
        l->measure_ns = l->now_ns + (int64_t)(l->o.warmup * 1e9);
        l->end_ns = l->measure_ns + (int64_t)(l->o.seconds * 1e9);
        begin_all(l);
    }
    if (l->measure_ns != 0 && !l->measuring && l->now_ns >= l->measure_ns)
        l->measuring = true;
    if (l->measure_ns != 0 && l->now_ns >= l->end_ns)
        l->ending = true;
}

static void fire(struct load *l, struct timer *tm)
{
    timer_stop(l, tm);
    if (tm->what == TIMER_BEAT)
        dialogue_beat(tm->term);
    else
        dialogue_timer(tm->term, tm->term->work_what);
}

int64_t pace_run(struct load *l)
{
    run_phases(l);
    while (l->heap_count > 0 && l->heap[1]->at_ns <= l->now_ns)
        fire(l, l->heap[1]);
    run_arrivals(l);
    link_more(l);
    int64_t next = l->heap_count > 0 ? l->heap[1]->at_ns : INT64_MAX;
    if (l->o.rate > 0 && working(l) && l->next_arrival_ns < next)
        next = l->next_arrival_ns;
    return next;
}
