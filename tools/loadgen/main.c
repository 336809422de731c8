/* loadgen: what it is asked. */
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: loadgen --connect HOST:PORT --identity DIR [options]   loads a switch with terminals\n"
    "       loadgen found --dir SITE --cards N --terminals T [--gates G] [--metro PAIRS] "
    "[--citizens K]   makes a benchmark site\n"
    "  --terminals N    terminals that work (200); rides, entries and exits have gates of their "
    "own, "
    "by their share\n"
    "  --cards M        cards of each terminal, taken at random (all of the site)\n"
    "  --mix LIST       purchase=80,load=10,ride=5,balance=5 (purchase=100)\n"
    "                   entry, then exit: journeys between two zones; push, then bill: who is "
    "insured and what was\n"
    "                   billed, then each bill settled by fund, personal account and purse. What "
    "the first of two has\n"
    "                   prepared is kept with the cards: in one run, or one after the other with "
    "the same --terminals\n"
    "  --seconds S      how long is measured (10), after --warmup W (2)\n"
    "  --rate R         arrivals a second, whatever comes of them: latency counts from when each "
    "should have begun;\n"
    "                   without it each terminal begins its next request when it has a result\n"
    "  --idle N         further terminals that are connected and only say that they live\n"
    "  --first K        begin with the site's terminal number K+1\n"
    "  --card-ms T      a card takes T ms for all its commands\n"
    "  --window N       connections that are being made at one time (64)\n"
    "  --connect-wait S begin after so long, even if not all are connected (120)\n"
    "  --full-handshakes  never resume a TLS session\n"
    "  --forget         the cards are as founded (the ledger is a fresh copy as well)\n"
    "  --json FILE      the result as JSON (-: standard output)    --quiet  no progress\n"
    "Exit: 0 well; 3 an answer was lost or doubled, or card and answer differ; 1 it could not "
    "run.\n";

static int usage(void)
{
    fputs(usage_text, stderr);
    return 2;
}

static int parse_mix(const char *text, unsigned mix[SERVICE_COUNT])
{
    static const char *const names[SERVICE_COUNT] = {"purchase", "load", "balance", "ride",
                                                     "entry",    "exit", "push",    "bill"};
    char copy[200], *save = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    memset(mix, 0, SERVICE_COUNT * sizeof *mix);
    for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(w, '=');
        unsigned i = 0;
        if (eq)
            *eq = '\0';
        while (i < SERVICE_COUNT && strcmp(names[i], w) != 0)
            i++;
        if (i == SERVICE_COUNT)
            return OC_EINVAL;
        mix[i] = eq ? (unsigned)strtoul(eq + 1, NULL, 10) : 1;
    }
    return 0;
}

static int parse_connect(const char *text, struct load_opts *o)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof o->host ||
        strlen(colon + 1) >= sizeof o->port)
        return OC_EINVAL;
    memcpy(o->host, text, (size_t)(colon - text));
    snprintf(o->port, sizeof o->port, "%s", colon + 1);
    return 0;
}

enum {
    O_CONNECT = 256,
    O_IDENTITY,
    O_TERMINALS,
    O_CARDS,
    O_MIX,
    O_SECONDS,
    O_WARMUP,
    O_RATE,
    O_IDLE,
    O_FIRST,
    O_CARD_MS,
    O_WINDOW,
    O_WAIT,
    O_FULL,
    O_FORGET,
    O_JSON,
    O_QUIET,
    O_DIR,
    O_GATES,
    O_METRO,
    O_CITIZENS
};
static const struct option options[] = {{"connect", required_argument, NULL, O_CONNECT},
                                        {"identity", required_argument, NULL, O_IDENTITY},
                                        {"terminals", required_argument, NULL, O_TERMINALS},
                                        {"cards", required_argument, NULL, O_CARDS},
                                        {"mix", required_argument, NULL, O_MIX},
                                        {"seconds", required_argument, NULL, O_SECONDS},
                                        {"warmup", required_argument, NULL, O_WARMUP},
                                        {"rate", required_argument, NULL, O_RATE},
                                        {"idle", required_argument, NULL, O_IDLE},
                                        {"first", required_argument, NULL, O_FIRST},
                                        {"card-ms", required_argument, NULL, O_CARD_MS},
                                        {"window", required_argument, NULL, O_WINDOW},
                                        {"connect-wait", required_argument, NULL, O_WAIT},
                                        {"full-handshakes", no_argument, NULL, O_FULL},
                                        {"forget", no_argument, NULL, O_FORGET},
                                        {"json", required_argument, NULL, O_JSON},
                                        {"quiet", no_argument, NULL, O_QUIET},
                                        {"dir", required_argument, NULL, O_DIR},
                                        {"gates", required_argument, NULL, O_GATES},
                                        {"metro", required_argument, NULL, O_METRO},
                                        {"citizens", required_argument, NULL, O_CITIZENS},
                                        {NULL, 0, NULL, 0}};

struct wishes {
    struct load_opts o;
    const char *dir;
    struct site_size size;
    int rc;
};

/* What takes its cards in their order, as long as there are any. */
static bool needs_stock(const struct load_opts *o)
{
    return o->mix[SERVICE_ENTRY] || o->mix[SERVICE_EXIT] || o->mix[SERVICE_PUSH] ||
           o->mix[SERVICE_BILL];
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static void take_text(struct wishes *w, int c, const char *arg)
{
    if (c == O_CONNECT)
        w->rc |= parse_connect(arg, &w->o);
    else if (c == O_IDENTITY)
        w->o.identity = arg;
    else if (c == O_MIX)
        w->rc |= parse_mix(arg, w->o.mix);
    else if (c == O_JSON)
        w->o.json = arg;
    else if (c == O_DIR)
        w->dir = arg;
    else
        w->rc = OC_EINVAL;
}

static void take(struct wishes *w, int c, const char *arg)
{
    switch (c) {
    case O_TERMINALS:
        w->o.terminals = number(arg);
        break;
    case O_CARDS:
        w->o.cards = strtoull(arg, NULL, 10);
        break;
    case O_SECONDS:
        w->o.seconds = strtod(arg, NULL);
        break;
    case O_WARMUP:
        w->o.warmup = strtod(arg, NULL);
        break;
    case O_RATE:
        w->o.rate = strtod(arg, NULL);
        break;
    case O_IDLE:
        w->o.idle = number(arg);
        break;
    case O_FIRST:
        w->o.first = number(arg);
        break;
    case O_CARD_MS:
        w->o.card_ms = number(arg);
        break;
    case O_WINDOW:
        w->o.window = number(arg);
        break;
    case O_WAIT:
        w->o.connect_wait = strtod(arg, NULL);
        break;
    case O_GATES:
        w->size.gates = number(arg);
        break;
    case O_METRO:
        w->size.metro = number(arg);
        break;
    case O_CITIZENS:
        w->size.citizens = number(arg);
        break;
    case O_FULL:
        w->o.full_handshakes = true;
        break;
    case O_FORGET:
        w->o.forget = true;
        break;
    case O_QUIET:
        w->o.quiet = true;
        break;
    default:
        take_text(w, c, arg);
        break;
    }
}

int main(int argc, char **argv)
{
    ROLE_ENTER_WORKER();
    struct wishes w = {.o = {.terminals = 200,
                             .seconds = 10,
                             .warmup = 2,
                             .window = 64,
                             .connect_wait = 120,
                             .mix = {[SERVICE_PURCHASE] = 100}}};
    bool found = argc > 1 && strcmp(argv[1], "found") == 0;
    int c;
    log_set_level(LOG_WARN);
    if (found) {
        argc--;
        argv++;
    }
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        take(&w, c, optarg);
    if (w.rc != 0 || optind != argc)
        return usage();
    w.size.cards = w.o.cards;
    w.size.terminals = w.o.terminals;
    if (found)
        return w.dir && w.o.cards > 0 && w.o.terminals > 0 ? found_run(w.dir, &w.size) : usage();
    if (w.o.rate > 0 && needs_stock(&w.o)) {
        fputs("loadgen: entries, exits, pushes and bills are not for --rate\n", stderr);
        return usage();
    }
    if (!w.o.host[0] || !w.o.identity || w.o.terminals == 0 || w.o.seconds <= 0)
        return usage();
    return load_run(&w.o);
}
