/* Counters, gauges and histograms in a registry that is printed in the Prometheus text format (version 0.0.4).
 * Adding is lock-free and thread-safe; registering happens at start. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"
#include <stdint.h>

struct metrics;
struct metric;

struct metrics *metrics_new(void);
void metrics_free(struct metrics **m);
/** True: there was no memory to register it; whoever keeps pointers asks again later. */
bool metric_lost(const struct metric *x);
/** Registers a counter or gauge; `labels` such as `service="x"` or NULL. The same name and labels give the same metric.
 *  Texts are copied. Never NULL: where there is no memory it is one that
 *  nobody prints, metric_lost(); a money transaction does not end because it cannot be counted. */
struct metric *metric_counter(struct metrics *m, const char *name, const char *labels, const char *help);
struct metric *metric_gauge(struct metrics *m, const char *name, const char *labels, const char *help);
/** A histogram of nanoseconds, printed in seconds, in powers of two from 1 µs to 64 s. */
struct metric *metric_histogram(struct metrics *m, const char *name, const char *labels, const char *help);
void metric_add(struct metric *x, int64_t n);
void metric_set(struct metric *x, int64_t v);
int64_t metric_value(const struct metric *x);
void metric_observe_ns(struct metric *x, int64_t ns);
/** Appends the whole registry as text. */
void metrics_print(struct metrics *m, struct buf *out);

#endif
