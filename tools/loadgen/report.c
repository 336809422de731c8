/* What came of it: a line a second, and JSON at the end. See load.h. */
#include "load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

void report_error(struct load *l, const char *fmt, ...)
{
    va_list ap;
    char text[sizeof l->first_error];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (l->first_error[0] != '\0')
        return;
    memcpy(l->first_error, text, sizeof text);
    fprintf(stderr, "loadgen: %s\n", text);
}

static uint64_t posted(const struct tally *t)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < SERVICE_COUNT; i++)
        sum += t->posted[i];
    return sum;
}

static void all_latency(const struct tally *t, struct hist *ret)
{
    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < SERVICE_COUNT; i++)
        hist_merge(ret, &t->latency[i]);
}

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

void report_progress(struct load *l)
{
    static struct hist h; /* 13 KiB */
    const struct tally *a = &l->all, *b = &l->last;
    if (l->o.quiet)
        return;
    all_latency(a, &h);
    fprintf(stderr,
            "loadgen: t=%.0f up=%u/%u posted=%" PRIu64 "/s refused=%" PRIu64 " busy=%" PRIu64
            "/s doubts=%" PRIu64 " open=%u waiting=%" PRIu64 " p50=%.2fms p99=%.2fms\n",
            (double)(l->now_ns - l->begun_ns) / 1e9, l->up, l->term_count, posted(a) - posted(b),
            a->refused, a->busy - b->busy, a->doubts, l->open_calls, l->ring_count,
            ms(hist_at(&h, 0.5)), ms(hist_at(&h, 0.99)));
    l->last = l->all;
}

static void put_hist(FILE *f, const struct hist *h)
{
    fprintf(f,
            "{\"count\": %" PRIu64 ", \"mean_ms\": %.3f, \"p50_ms\": %.3f, \"p90_ms\": %.3f, "
            "\"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f}",
            h->count, h->count ? h->sum_ns / (double)h->count / 1e6 : 0, ms(hist_at(h, 0.5)),
            ms(hist_at(h, 0.9)), ms(hist_at(h, 0.99)), ms(hist_at(h, 0.999)), ms(h->max_ns));
}

static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20)
            fprintf(f, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, f);
    fputc('"', f);
}

static void put_services(FILE *f, const struct load *l)
{
    fprintf(f, "  \"services\": {");
    for (unsigned i = 0, n = 0; i < SERVICE_COUNT; i++) {
        if (l->all.posted[i] == 0)
            continue;
        fprintf(f, "%s\n    \"%s\": ", n++ ? "," : "", service_names[i]);
        put_hist(f, &l->all.latency[i]);
    }
    fprintf(f, "\n  },\n");
}

/* What was posted while it was measured, whenever it should have begun. */
static double rate(const struct load *l, double took)
{
    uint64_t sum = 0;
    unsigned whole = (unsigned)took;
    for (unsigned i = 0; i < whole && i < l->seconds; i++)
        sum += l->per_second[i];
    return whole > 0 ? (double)sum / whole : 0;
}

static void put_counts(FILE *f, const struct load *l, const struct hist *h, double took)
{
    const struct tally *a = &l->all;
    struct rusage u;
    double done = (double)(posted(a) + a->refused + a->voided);
    getrusage(RUSAGE_SELF, &u);
    double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                 (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    if (done < 1)
        done = 1;
    fprintf(f, "  \"seconds\": %.3f,\n  \"measured\": %" PRIu64 ",\n  \"per_second\": %.1f,\n",
            took, h->count, rate(l, took));
    fprintf(f,
            "  \"begun\": %" PRIu64 ",\n  \"posted\": %" PRIu64 ",\n  \"refused\": %" PRIu64
            ",\n  \"voided\": %" PRIu64 ",\n  \"doubts\": %" PRIu64 ",\n  \"busy\": %" PRIu64
            ",\n  \"replayed\": %" PRIu64 ",\n",
            a->begun, posted(a), a->refused, a->voided, a->doubts, a->busy, a->replayed);
    fprintf(f,
            "  \"unanswered\": %" PRIu64 ",\n  \"lost\": %" PRIu64 ",\n  \"doubled\": %" PRIu64
            ",\n  \"disagree\": %" PRIu64 ",\n  \"errors\": %" PRIu64 ",\n",
            a->unanswered + l->open_calls, a->lost, a->doubled, a->disagree, a->errors);
    fprintf(f,
            "  \"lists_per_request\": %.3f,\n  \"bytes_out_per_request\": %.1f,\n  "
            "\"bytes_in_per_request\": %.1f,\n"
            "  \"frames_per_request\": %.2f,\n  \"card_commands_per_request\": %.2f,\n",
            (double)a->lists / done, (double)a->bytes_out / done, (double)a->bytes_in / done,
            (double)(a->frames_in + a->frames_out) / done, (double)a->commands / done);
    struct chip_count c = chip_count(l->kind);
    fprintf(f,
            "  \"card_us_per_request\": %.3f,\n  \"card_blocks_per_request\": %.2f,\n  "
            "\"card_schedules_per_request\": %.2f,\n"
            "  \"loadgen_core_seconds\": %.3f,\n  \"waited_for_terminal\": %" PRIu64
            ",\n  \"ran_dry\": %" PRIu64 ",\n",
            (double)a->card_ns / 1e3 / done, (double)c.blocks / done, (double)c.schedules / done,
            cpu, l->ring_count, a->dry);
}

static void put_links(FILE *f, const struct load *l)
{
    fprintf(f,
            "  \"terminals\": %u,\n  \"idle\": %u,\n  \"up\": %u,\n  \"connects\": %" PRIu64
            ",\n  \"resumed\": %" PRIu64 ",\n  \"connect_failures\": %" PRIu64
            ",\n  \"cut\": %" PRIu64 ",\n  \"all_up_ms\": %.1f,\n  \"back_ms\": %" PRId64 ",\n",
            l->o.terminals, l->o.idle, l->up, l->connects, l->resumed, l->connect_failures, l->cut,
            l->all_up_ns ? ms(l->all_up_ns - l->begun_ns) : 0, l->last_back_ms);
}

static void put_json(FILE *f, const struct load *l)
{
    static struct hist h;
    all_latency(&l->all, &h);
    int64_t until = l->now_ns < l->end_ns ? l->now_ns : l->end_ns;
    fprintf(f, "{\n");
    put_counts(f, l, &h, l->measure_ns ? (double)(until - l->measure_ns) / 1e9 : 0);
    put_links(f, l);
    put_services(f, l);
    fprintf(f, "  \"latency\": ");
    put_hist(f, &h);
    fprintf(f, ",\n  \"while_connecting_again\": ");
    put_hist(f, &l->all.reconnecting);
    fprintf(f, ",\n  \"each_second\": [");
    for (unsigned i = 0; i < l->seconds; i++)
        fprintf(f, "%s%" PRIu64, i ? ", " : "", l->per_second[i]);
    fprintf(f, "],\n  \"first_error\": ");
    put_text(f, l->first_error);
    fprintf(f, "\n}\n");
}

int report_end(struct load *l)
{
    const struct tally *a = &l->all;
    FILE *f = l->o.json && strcmp(l->o.json, "-") != 0 ? fopen(l->o.json, "w") : stdout;
    if (!f) {
        fprintf(stderr, "loadgen: cannot write %s\n", l->o.json);
        return 1;
    }
    put_json(f, l);
    if (f != stdout)
        fclose(f);
    return a->lost + a->doubled + a->disagree + a->unanswered + l->open_calls > 0 ? 3 : 0;
}
