/* The program: reads its options, makes the card, runs the loop until told to stop. */
#include "sim.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FAULT_ARGS = 16 };

struct args {
    const char *host, *port, *state, *preset, *clone, *control, *log, *profile, *atr, *seed,
        *return_after;
    const char *faults[MAX_FAULT_ARGS];
    size_t n_faults;
    bool t0, absent;
};

static const char usage[] =
    "usage: cardsim [--port N] [--host H] [--state FILE] [--preset FILE | --clone-from FILE | "
    "--profile P]\n"
    "               [--t0] [--atr HEX] [--seed N] [--fault SPEC]… [--control SOCKET] [--absent]\n"
    "               [--return-after MS] [--log FILE|-] [--write-state]\n"
    "A citizen card on the virtual reader of vsmartcard (vpcd). --profile pboc|mohurd|tunion|ssc|health makes "
    "a blank one.\n";

int64_t sim_now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void sim_keep(struct sim *s)
{
    if (!cardsim_take_changed(s->card) || s->state_path[0] == '\0')
        return;
    if (cardsim_state_save(s->card, s->state_path) != 0)
        (void)fprintf(stderr, "cardsim: cannot write %s\n", s->state_path);
}

static int fail(const char *what, const char *which)
{
    (void)fprintf(stderr, "cardsim: %s: %s\n", which, what);
    return -1;
}

static int read_atr(const char *hex, struct cardsim_options *o)
{
    size_t len = strlen(hex);
    if (len % 2 || len < 4 || len > 2 * CARDSIM_ATR_MAX ||
        strspn(hex, "0123456789abcdefABCDEF") != len)
        return fail("not an ATR", hex);
    for (size_t i = 0; i < len / 2; i++) {
        const char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        o->atr[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    o->atr_len = len / 2;
    return 0;
}

static int read_profile(const char *name, enum cardsim_profile *ret)
{
    static const char *const names[CARDSIM_PROFILES] = {"pboc", "mohurd", "tunion", "ssc", "health"};
    for (unsigned i = 0; i < CARDSIM_PROFILES; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum cardsim_profile)i;
            return 0;
        }
    }
    return fail("no such profile", name);
}

static int apply_preset(struct sim *s, const char *path)
{
    struct cardsim_personal p;
    unsigned line = 0;
    int err = cardsim_preset_read(path, &p, cardsim_options(s->card), &line);
    if (err) {
        (void)fprintf(stderr, "cardsim: %s:%u: %s\n", path, line,
                      err == CARDSIM_EIO ? "cannot read" : "not understood");
        return -1;
    }
    return cardsim_personalise(s->card, &p) ? fail("does not make a card", path) : 0;
}

/* The state file goes before the preset: a card that was used does not become new by a restart. */
static int fill_card(struct sim *s, const struct args *a)
{
    bool known = a->state && access(a->state, F_OK) == 0;
    if (known)
        return cardsim_state_load(s->card, a->state) ? fail("not a card's state", a->state) : 0;
    if (a->clone)
        return cardsim_state_load(s->card, a->clone) ? fail("not a card's state", a->clone) : 0;
    return a->preset ? apply_preset(s, a->preset) : 0;
}

static int make_card(struct sim *s, const struct args *a)
{
    struct cardsim_options o = {.profile = CARDSIM_PBOC};
    if (a->profile && read_profile(a->profile, &o.profile) != 0)
        return -1;
    if (cardsim_new(&s->card, &o) != 0)
        return fail("no memory", "card");
    if (fill_card(s, a) != 0)
        return -1;
    if (a->t0)
        cardsim_options(s->card)->t0 = true;
    if (a->atr && read_atr(a->atr, cardsim_options(s->card)) != 0)
        return -1;
    if (a->seed)
        cardsim_set_seed(s->card, strtoull(a->seed, NULL, 0));
    for (size_t i = 0; i < a->n_faults; i++)
        if (cardsim_fault_add(s->card, a->faults[i]) != 0)
            return fail("not a fault", a->faults[i]);
    if (a->state && strlen(a->state) >= sizeof s->state_path)
        return fail("name too long", "state file");
    (void)snprintf(s->state_path, sizeof s->state_path, "%s", a->state ? a->state : "");
    if (s->state_path[0] && cardsim_state_save(s->card, s->state_path) != 0)
        return fail("cannot write", s->state_path);
    return 0;
}

static const struct option options[] = {
    {"port", required_argument, NULL, 'p'},
    {"host", required_argument, NULL, 'h'},
    {"state", required_argument, NULL, 's'},
    {"preset", required_argument, NULL, 'e'},
    {"clone-from", required_argument, NULL, 'c'},
    {"profile", required_argument, NULL, 'f'},
    {"t0", no_argument, NULL, '0'},
    {"atr", required_argument, NULL, 'a'},
    {"seed", required_argument, NULL, 'd'},
    {"fault", required_argument, NULL, 'x'},
    {"control", required_argument, NULL, 'o'},
    {"absent", no_argument, NULL, 'b'},
    {"return-after", required_argument, NULL, 'r'},
    {"log", required_argument, NULL, 'l'},
    {"write-state", no_argument, NULL, 'w'},
    {"help", no_argument, NULL, '?'},
    {NULL, 0, NULL, 0},
};

static const char **text_option(struct args *a, int c)
{
    switch (c) {
    case 'p':
        return &a->port;
    case 'h':
        return &a->host;
    case 's':
        return &a->state;
    case 'e':
        return &a->preset;
    case 'c':
        return &a->clone;
    case 'f':
        return &a->profile;
    case 'a':
        return &a->atr;
    case 'd':
        return &a->seed;
    case 'o':
        return &a->control;
    case 'r':
        return &a->return_after;
    case 'l':
        return &a->log;
    default:
        return NULL;
    }
}

static int read_args(int argc, char **argv, struct args *a, bool *write_only)
{
    int c = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        const char **text = text_option(a, c);
        if (text)
            *text = optarg;
        else if (c == '0')
            a->t0 = true;
        else if (c == 'b')
            a->absent = true;
        else if (c == 'w')
            *write_only = true;
        else if (c == 'x' && a->n_faults < MAX_FAULT_ARGS)
            a->faults[a->n_faults++] = optarg;
        else
            return -1;
    }
    return optind == argc ? 0 : -1;
}

static void poll_once(struct sim *s, int signals)
{
    struct pollfd fds[3 + SIM_CLIENTS];
    int64_t now = sim_now_ms();
    bool reads = s->reader >= 0 && !s->pending_len;
    fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = reads ? s->reader : -1, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        fds[3 + i] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
    int64_t until = now + 1000;
    if (s->pending_len && s->pending_at < until)
        until = s->pending_at;
    if (s->return_at && s->return_at < until)
        until = s->return_at;
    if (s->present && s->reader < 0 && s->connect_at < until)
        until = s->connect_at;
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].fd >= 0 && s->clients[i].waits && now + 20 < until)
            until = now + 20;
    (void)poll(fds, 3 + SIM_CLIENTS, until > now ? (int)(until - now) : 0);
    if (fds[0].revents)
        s->quit = true;
    if (fds[1].revents)
        reader_readable(s);
    if (fds[2].revents)
        control_accept(s);
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        if (fds[3 + i].fd >= 0 && fds[3 + i].revents)
            control_readable(s, &s->clients[i]);
}

static void loop(struct sim *s, int signals)
{
    while (!s->quit) {
        poll_once(s, signals);
        int64_t now = sim_now_ms();
        if (s->pending_len && now >= s->pending_at)
            reader_send_pending(s);
        if (s->return_at && now >= s->return_at)
            reader_insert(s);
        if (s->present && s->reader < 0 && now >= s->connect_at)
            reader_try_connect(s);
        control_idle(s);
    }
}

static int open_log(struct sim *s, const char *path)
{
    if (!path)
        return 0;
    s->log = strcmp(path, "-") == 0 ? stdout : fopen(path, "ae");
    if (!s->log)
        return fail("cannot write", path);
    return setvbuf(s->log, NULL, _IOLBF, 0);
}

static int run(struct sim *s, const struct args *a)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0 || open_log(s, a->log) != 0 || (a->control && control_open(s, a->control) != 0))
        return -1;
    s->host = a->host ? a->host : "127.0.0.1";
    s->port = a->port ? a->port : "35963";
    s->return_after_ms = a->return_after ? (unsigned)strtoul(a->return_after, NULL, 10) : 0;
    s->present = !a->absent;
    loop(s, signals);
    reader_remove(s);
    sim_keep(s);
    control_close(s);
    (void)close(signals);
    return 0;
}

int main(int argc, char **argv)
{
    struct args a = {0};
    bool write_only = false;
    if (read_args(argc, argv, &a, &write_only) != 0) {
        (void)fputs(usage, stderr);
        return 2;
    }
    struct sim *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    s->reader = s->listener = -1;
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        s->clients[i].fd = -1;
    int err = make_card(s, &a);
    if (!err && !write_only)
        err = run(s, &a);
    cardsim_free(&s->card);
    if (s->log && s->log != stdout)
        (void)fclose(s->log);
    free(s);
    return err ? 1 : 0;
}
