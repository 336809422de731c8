/* bench-parts: what each part of a purchase costs alone. Prints one JSON object. */
#include "parts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    O_CONNECTIONS = 256,
    O_OUT,
    O_IN,
    O_SECONDS,
    O_LEDGER,
    O_CARDS,
    O_TERMINALS,
    O_BATCH,
    O_INTENT,
    O_OUTCOME
};
static const struct option options[] = {{"connections", required_argument, NULL, O_CONNECTIONS},
                                        {"out", required_argument, NULL, O_OUT},
                                        {"in", required_argument, NULL, O_IN},
                                        {"seconds", required_argument, NULL, O_SECONDS},
                                        {"ledger", required_argument, NULL, O_LEDGER},
                                        {"cards", required_argument, NULL, O_CARDS},
                                        {"terminals", required_argument, NULL, O_TERMINALS},
                                        {"batch", required_argument, NULL, O_BATCH},
                                        {"intent", required_argument, NULL, O_INTENT},
                                        {"outcome", required_argument, NULL, O_OUTCOME},
                                        {NULL, 0, NULL, 0}};

static int usage(void)
{
    fputs("usage: bench-parts tls [--connections N] [--out BYTES] [--in BYTES] [--seconds S]\n"
          "       bench-parts sql --ledger COPY --cards N --terminals T [--batch B] [--intent "
          "BYTES] [--outcome BYTES] [--seconds S]\n"
          "       bench-parts cipher\n",
          stderr);
    return 2;
}

static int run_tls(const struct parts_tls *w)
{
    struct parts_tls_result fd, memory;
    if (parts_tls(w, 0, &fd) != 0 || parts_tls(w, 1, &memory) != 0)
        return 1;
    printf("{\"fd_per_second\": %.0f, \"fd_core_us\": %.3f, \"memory_per_second\": %.0f, "
           "\"memory_core_us\": %.3f, \"core_us\": %.3f}\n",
           fd.per_second, fd.core_us, memory.per_second, memory.core_us,
           fd.core_us < memory.core_us ? fd.core_us : memory.core_us);
    return 0;
}

static int run_sql(const struct parts_sql *w)
{
    struct parts_sql_result r;
    if (parts_sql(w, &r) != 0)
        return 1;
    printf("{\"per_second\": %.0f, \"core_us\": %.3f, \"commits_per_second\": %.1f, "
           "\"pair_p50_ms\": %.3f, \"pair_p99_ms\": %.3f}\n",
           r.per_second, r.core_us, r.commits_per_second, r.pair_p50_ms, r.pair_p99_ms);
    return 0;
}

static int run_cipher(const struct parts_sql *w)
{
    struct parts_cipher_result r;
    if (parts_cipher((w->intent_bytes + w->outcome_bytes) / 2, &r) != 0)
        return 1;
    printf("{\"block_us\": %.4f, \"schedule_us\": %.4f, \"hmac_us\": %.4f}\n", r.block_us,
           r.schedule_us, r.hmac_us);
    return 0;
}

static int take(int c, const char *arg, struct parts_tls *tls, struct parts_sql *sql)
{
    unsigned n = (unsigned)strtoul(arg ? arg : "0", NULL, 10);
    switch (c) {
    case O_CONNECTIONS:
        tls->connections = n;
        break;
    case O_OUT:
        tls->out = n;
        break;
    case O_IN:
        tls->in = n;
        break;
    case O_SECONDS:
        tls->seconds = sql->seconds = strtod(arg, NULL);
        break;
    case O_LEDGER:
        sql->path = arg;
        break;
    case O_CARDS:
        sql->cards = n;
        break;
    case O_TERMINALS:
        sql->terminals = n;
        break;
    case O_BATCH:
        sql->batch = n;
        break;
    case O_INTENT:
        sql->intent_bytes = n;
        break;
    case O_OUTCOME:
        sql->outcome_bytes = n;
        break;
    default:
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct parts_tls tls = {.connections = 200, .out = 300, .in = 200, .seconds = 3};
    struct parts_sql sql = {
        .terminals = 200, .batch = 256, .intent_bytes = 700, .outcome_bytes = 300, .seconds = 5};
    const char *what = argc > 1 ? argv[1] : "";
    int c, wrong = 0;
    optind = 2;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        wrong |= take(c, optarg, &tls, &sql);
    if (wrong || optind != argc || tls.out == 0 || tls.in == 0 || tls.out > 16000 || tls.in > 16000)
        return usage();
    if (strcmp(what, "tls") == 0)
        return run_tls(&tls);
    if (strcmp(what, "sql") == 0 && sql.path)
        return run_sql(&sql);
    return strcmp(what, "cipher") == 0 ? run_cipher(&sql) : usage();
}
