/* Metrics. Registering and printing hold a mutex; adding is one atomic operation. Metrics live as
 * long as their registry, so a pointer kept by a caller stays good. */
#include "base/metric.h"

#include "base/check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 27 /* 2^0 … 2^26 µs */

enum kind { COUNTER, GAUGE, HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

struct metric {
    struct metric *next;
    enum kind kind;
    char *name, *labels, *help;
    _Atomic(int64_t) value;                /* of a histogram: the sum in ns */
    _Atomic(int64_t) buckets[BUCKETS + 1]; /* not cumulative; the last is +Inf */
};

struct metrics {
    pthread_mutex_t mutex;
    struct metric *first, **tail;
    struct metric lost; /* stands for those there was no memory for */
};

struct metrics *metrics_new(void)
{
    struct metrics *m = calloc(1, sizeof(*m));
    CHECK(m != NULL);
    pthread_mutex_init(&m->mutex, NULL);
    m->tail = &m->first;
    return m;
}

static void drop(struct metric *x)
{
    if (!x)
        return;
    free(x->name);
    free(x->labels);
    free(x->help);
    free(x);
}

void metrics_free(struct metrics **m)
{
    if (!*m)
        return;
    struct metric *next;
    for (struct metric *x = (*m)->first; x; x = next) {
        next = x->next;
        drop(x);
    }
    pthread_mutex_destroy(&(*m)->mutex);
    free(*m);
    *m = NULL;
}

static struct metric *known(struct metrics *m, enum kind kind, const char *name, const char *labels)
{
    for (struct metric *x = m->first; x; x = x->next) {
        if (strcmp(x->name, name) != 0)
            continue;
        CHECK(x->kind == kind);
        if (strcmp(x->labels, labels) == 0)
            return x;
    }
    return NULL;
}

static struct metric *make(enum kind kind, const char *name, const char *labels, const char *help)
{
    struct metric *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->kind = kind;
    x->name = strdup(name);
    x->labels = strdup(labels);
    x->help = strdup(help);
    if (x->name && x->labels && x->help)
        return x;
    drop(x);
    return NULL;
}

static struct metric *metric(struct metrics *m, enum kind kind, const char *const texts[3])
{
    const char *labels = texts[1] ? texts[1] : "";
    pthread_mutex_lock(&m->mutex);
    struct metric *x = known(m, kind, texts[0], labels);
    if (!x && (x = make(kind, texts[0], labels, texts[2] ? texts[2] : "")) != NULL) {
        *m->tail = x;
        m->tail = &x->next;
    }
    pthread_mutex_unlock(&m->mutex);
    return x ? x : &m->lost;
}

bool metric_lost(const struct metric *x)
{
    return x->name == NULL;
}

struct metric *metric_counter(struct metrics *m, const char *name, const char *labels,
                              const char *help)
{
    return metric(m, COUNTER, (const char *const[]){name, labels, help});
}

struct metric *metric_gauge(struct metrics *m, const char *name, const char *labels,
                            const char *help)
{
    return metric(m, GAUGE, (const char *const[]){name, labels, help});
}

struct metric *metric_histogram(struct metrics *m, const char *name, const char *labels,
                                const char *help)
{
    return metric(m, HISTOGRAM, (const char *const[]){name, labels, help});
}

void metric_add(struct metric *x, int64_t n)
{
    atomic_fetch_add_explicit(&x->value, n, memory_order_relaxed);
}

void metric_set(struct metric *x, int64_t v)
{
    atomic_store_explicit(&x->value, v, memory_order_relaxed);
}

int64_t metric_value(const struct metric *x)
{
    return atomic_load_explicit(&x->value, memory_order_relaxed);
}

void metric_observe_ns(struct metric *x, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    int k = 0;
    while (k < BUCKETS && ns > INT64_C(1000) << k)
        k++;
    atomic_fetch_add_explicit(&x->buckets[k], 1, memory_order_relaxed);
    metric_add(x, ns);
}

static void print_histogram(struct metric *x, struct buf *out)
{
    const char *comma = *x->labels ? "," : "";
    int64_t count = 0;
    for (int k = 0; k < BUCKETS; k++) {
        count += atomic_load_explicit(&x->buckets[k], memory_order_relaxed);
        int64_t us = INT64_C(1) << k;
        buf_printf(out, "%s_bucket{%s%sle=\"%" PRId64 ".%06" PRId64 "\"} %" PRId64 "\n", x->name,
                   x->labels, comma, us / 1000000, us % 1000000, count);
    }
    count += atomic_load_explicit(&x->buckets[BUCKETS], memory_order_relaxed);
    int64_t sum = metric_value(x);
    const char *open = *x->labels ? "{" : "", *close = *x->labels ? "}" : "";
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", x->name, x->labels, comma, count);
    buf_printf(out, "%s_sum%s%s%s %" PRId64 ".%09" PRId64 "\n", x->name, open, x->labels, close,
               sum / 1000000000, sum % 1000000000);
    buf_printf(out, "%s_count%s%s%s %" PRId64 "\n", x->name, open, x->labels, close, count);
}

static void print_one(struct metric *x, struct buf *out)
{
    if (x->kind == HISTOGRAM)
        print_histogram(x, out);
    else
        buf_printf(out, "%s%s%s%s %" PRId64 "\n", x->name, *x->labels ? "{" : "", x->labels,
                   *x->labels ? "}" : "", metric_value(x));
}

static bool first_of_name(const struct metrics *m, const struct metric *x)
{
    const struct metric *y = m->first;
    while (strcmp(y->name, x->name) != 0)
        y = y->next;
    return y == x;
}

static void print_help(const struct metric *x, struct buf *out)
{
    buf_printf(out, "# HELP %s ", x->name);
    for (const char *p = x->help; *p; p++) {
        if (*p == '\n' || *p == '\\')
            buf_puts(out, *p == '\n' ? "\\n" : "\\\\");
        else
            buf_put_u8(out, (uint8_t)*p);
    }
    buf_printf(out, "\n# TYPE %s %s\n", x->name, kind_names[x->kind]);
}

void metrics_print(struct metrics *m, struct buf *out)
{
    pthread_mutex_lock(&m->mutex);
    /* The format wants all lines of a name together, whatever the order of registration. */
    for (struct metric *x = m->first; x; x = x->next) {
        if (!first_of_name(m, x))
            continue;
        print_help(x, out);
        for (struct metric *y = x; y; y = y->next)
            if (strcmp(y->name, x->name) == 0)
                print_one(y, out);
    }
    pthread_mutex_unlock(&m->mutex);
}
