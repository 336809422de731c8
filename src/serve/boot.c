/* The daemon's life. Opened bottom-up, closed top-down:
 *
 *   configuration ─ key store ─ loop, workers ─ ledger ─ profiles ─ modules ─ readers (blocking)
 *   custody ─ recovery of open transactions (R4) ─ stations ─ night, watch ─ terminals ─ API ─
 * ready (a flow)
 *
 * Each failure is one line that says what, where, and what to do. */
#include "serve/api.h"
#include "serve/code.h"
#include "serve/partner.h"
#include "serve/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define WORKERS       2
#define WORK_QUEUE    256
#define DRAIN_MS      20000
#define PASSPHRASE    1024
#define FLOWS         10000 /* beside one for each connection of a terminal */
#define FDS           1024  /* likewise */
#define SLOW_IN_A_ROW 200

/* ---- configuration, keys ---- */

static void print_errors(struct conf_errors *errors)
{
    struct buf out;
    buf_init(&out, 0);
    conf_errors_print(errors, &out);
    (void)fputs(buf_cstr(&out), stderr);
    buf_fini(&out);
}

static WORKER_FN int open_config(struct serve *s)
{
    struct conf_errors errors;
    conf_errors_init(&errors);
    const struct serve_opts *o = &s->opts;
    int rc = o->text ? conf_snapshot_parse(o->file, o->text, strlen(o->text), serve_config_schema(),
                                           &errors, &s->first)
                     : conf_snapshot_open(o->file, serve_config_schema(), &errors, &s->first);
    print_errors(&errors);
    conf_errors_fini(&errors);
    if (rc != 0) {
        log_error("serve", "configuration %s: %s", o->file,
                  rc == OC_ENOENT ? "there is no such file: make a site with `onecardctl init`"
                                  : oc_strerror(rc));
        return rc;
    }
    s->snapshot = conf_snapshot_get(s->first);
    s->config = s->fixed = conf_snapshot_value(s->first);
    log_set_level(s->config->log.level);
    return 0;
}

static WORKER_FN const char *passphrase_path(struct serve *s)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (s->fixed->paths.passphrase_file)
        return s->fixed->paths.passphrase_file;
    return dir ? arena_printf(&s->arena, "%s/passphrase", dir) : NULL;
}

static WORKER_FN int read_passphrase(struct serve *s, struct buf *b)
{
    const char *path = passphrase_path(s);
    if (!path) {
        log_error("serve", "key store %s needs a passphrase: set paths.passphrase_file",
                  s->fixed->paths.keystore);
        return OC_ENOENT;
    }
    int rc = file_read(path, b);
    if (rc != 0)
        log_error("serve", "passphrase file %s: %s", path, oc_strerror(rc));
    else
        b->len = strcspn(buf_cstr(b), "\r\n");
    return rc;
}

static WORKER_FN int open_keystore(struct serve *s)
{
    const char *path = s->fixed->paths.keystore;
    bool wanted = false;
    struct buf pass;
    buf_init(&pass, PASSPHRASE);
    int rc = keystore_needs_passphrase(path, &wanted);
    if (rc == 0 && wanted)
        rc = read_passphrase(s, &pass);
    if (rc == 0)
        rc = keystore_open(path, wanted ? buf_cstr(&pass) : NULL, &s->keystore);
    buf_fini(&pass);
    if (rc == 0)
        rc = crypto_new(s->env.rng, &s->crypto);
    if (rc == 0)
        rc = vault_init(s);
    if (rc == 0)
        rc = codes_open(s);
    if (rc != 0)
        log_error("serve", "key store %s: %s%s", path, oc_strerror(rc),
                  rc == OC_EPERM    ? ": it must be readable by its owner only (chmod 600)"
                  : rc == OC_ENOENT ? ": make a site with `onecardctl init`"
                  : rc == OC_ESEAL  ? ": wrong passphrase"
                                    : "");
    return rc;
}

/* ---- ledger, profiles, modules, readers ---- */

/* Each connection is a descriptor; the usual limit is 1,024. */
static WORKER_FN void raise_descriptors(rlim_t wanted)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= wanted)
        return;
    l.rlim_cur = wanted < l.rlim_max ? wanted : l.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur < wanted)
        log_warn("serve", "open files are limited to %llu: fewer terminals than max_connections",
                 (unsigned long long)l.rlim_cur);
}

static const struct threading *threading_of(const struct serve *s)
{
    return s->opts.world ? s->opts.world->threading : NULL;
}

static WORKER_FN int open_loop(struct serve *s)
{
    s->metrics = metrics_new();
    unsigned remote =
        s->fixed->terminals.listen.count > 0 ? s->fixed->terminals.max_connections : 0;
    struct loop_opts lo = s->opts.world ? s->opts.world->loop : (struct loop_opts){0};
    lo.metrics = s->metrics;
    lo.max_flows = lo.max_flows ? lo.max_flows : FLOWS + remote;
    if (s->metrics && remote > 0)
        raise_descriptors(remote + FDS);
    int rc = s->metrics ? loop_new(&s->loop, &lo) : OC_ENOMEM;
    if (rc == 0)
        admit_init(&s->admit, s->loop, s->metrics);
    if (rc == 0)
        rc = threading_pool(threading_of(s), "work", WORKERS, WORK_QUEUE, &s->pool);
    if (rc != 0)
        log_error("serve", "event loop: %s", oc_strerror(rc));
    return rc;
}

static WORKER_FN int open_ledger(struct serve *s)
{
    uint8_t chain[32];
    int rc = keystore_key(s->keystore, s->crypto, "journal", chain);
    struct ledger_opts lo = {.path = s->fixed->paths.ledger,
                             .loop = s->loop,
                             .clock = s->env.clock,
                             .threading = threading_of(s),
                             .metrics = s->metrics,
                             .chain_key = chain,
                             .readers = 2};
    if (rc == 0)
        rc = ledger_open(&lo, &s->ledger);
    secret_wipe(chain, sizeof chain);
    if (rc != 0)
        log_error("serve", "ledger %s: %s%s", lo.path, oc_strerror(rc),
                  rc == OC_ENOENT   ? ": make a site with `onecardctl init`, or restore a backup"
                  : rc == OC_EBUSY  ? ": another onecardd, or a restore, has it open"
                  : rc == OC_ESTATE ? ": the clock is before the last row: set it right"
                  : rc == OC_ECHAIN ? ": another key store, or damaged: see docs/OPERATIONS.md"
                  : rc == OC_EDB_SCHEMA ? ": install the newer program again"
                                        : "");
    return rc;
}

static WORKER_FN int open_profiles(struct serve *s)
{
    struct conf_errors errors;
    conf_errors_init(&errors);
    const char *dir = serve_profile_dir(s->fixed, s->opts.file, &s->arena);
    int rc = dir ? profile_set_load(dir, &errors, &s->profiles) : OC_ENOMEM;
    print_errors(&errors);
    conf_errors_fini(&errors);
    if (rc != 0)
        log_error("serve", "card profiles in %s: %s (paths.profiles)", dir ? dir : "?",
                  oc_strerror(rc));
    return rc;
}

static WORKER_FN int open_modules(struct serve *s)
{
    struct conf_errors errors;
    conf_errors_init(&errors);
    struct modules_opts mo = {.dir = serve_module_dir(s->fixed, &s->arena),
                              .names = s->fixed->module_names,
                              .count = s->fixed->module_count,
                              .tree = conf_snapshot_tree(s->first),
                              .conf = serve_module_conf(s->fixed),
                              .metrics = s->metrics,
                              .clock = s->env.clock,
                              .slow_limit = SLOW_IN_A_ROW};
    int rc = s->opts.modules ? module_set_static(&mo, s->opts.modules, &errors, &s->modules)
                             : module_set_load(&mo, &errors, &s->modules);
    print_errors(&errors);
    conf_errors_fini(&errors);
    if (rc != 0)
        log_error("serve", "modules in %s: %s (paths.modules)", mo.dir ? mo.dir : "?",
                  oc_strerror(rc));
    return rc;
}

static WORKER_FN int open_readers(struct serve *s)
{
    int rc = custody_new(s->fixed->sam.software, &s->custody);
    if (rc == 0)
        rc = readers_new(&s->readers);
    if (rc == 0 && s->fixed->readers.pcsc)
        rc = pcsc_new(s->readers, s->loop, NULL, &s->pcsc);
    if (rc != 0)
        log_error("serve", "readers: %s", oc_strerror(rc));
    if (rc == 0 && s->fixed->sam.software)
        log_warn("serve", "sam.software is on: a test site, not a city");
    return rc;
}

static void fill_env(struct serve *s)
{
    s->env.loop = s->loop;
    s->env.ledger = s->ledger;
    s->env.modules = s->modules;
    s->env.upstream = s->upstream;
    s->env.profiles = s->profiles;
    s->env.custody = s->custody;
    s->env.crypto = s->crypto;
    s->env.metrics = s->metrics;
    s->env.city_offset_min = s->fixed->city.offset_min;
    s->env.co_seal = vault_co_seal_for;
    s->env.co_unseal = vault_co_unseal_for;
    s->env.vault = s;
    s->env.co_new_day = night_co_new_day;
    s->env.night = s;
    s->settle = (struct settle_env){.ledger = s->ledger,
                                    .pool = s->pool,
                                    .crypto = s->crypto,
                                    .clock = s->env.clock,
                                    .dir = s->fixed->paths.settlement,
                                    .city_offset_min = s->fixed->city.offset_min};
    memcpy(s->settle.key, s->manifest_key, sizeof s->settle.key);
    reload_apply(s);
}

static struct serve *serve_new(const struct serve_opts *o)
{
    struct serve *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->opts = *o;
    s->env.clock = o->world ? o->world->clock : &clock_system;
    s->env.rng = o->world ? o->world->rng : &rng_system;
    s->started_ns = clock_mono_ns(s->env.clock);
    night_init(s);
    arena_init(&s->arena, 0);
    list_init(&s->lanes);
    list_init(&s->stations);
    map_init(&s->by_id, (uint64_t)s->started_ns);
    list_init(&s->admit.ring);
    admit_lane_init(&s->own_turn);
    requests_init(s);
    txn_env_init(&s->env);
    return s;
}

int serve_open(const struct serve_opts *o, struct serve **ret)
{
    static int (*const steps[])(struct serve *) = {open_config,  open_keystore, open_loop,
                                                   open_ledger,  open_profiles, open_modules,
                                                   open_readers, terminals_open, upstreams_open,
                                                   partners_open, copies_open};
    json_watch_memory();
    struct serve *s = serve_new(o);
    int rc = s ? 0 : OC_ENOMEM;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++)
        rc = steps[i](s);
    if (rc != 0) {
        serve_close(&s);
        return rc;
    }
    fill_env(s);
    peers_resolve(s);
    *ret = s;
    return 0;
}

/* ---- the flow that starts what needs flows ---- */

static CO_FN int start_all(struct serve *s)
{
    unsigned doubts = 0;
    int rc = vault_co_fill_custody(s);
    if (rc == 0)
        rc = txn_co_recover(&s->env, &doubts);
    if (rc == 0)
        rc = stations_co_start(s);
    if (rc == 0)
        rc = txn_outbox_start(&s->env);
    if (rc == 0)
        rc = requests_start(s);
    if (rc == 0)
        rc = night_start(s);
    if (rc == 0)
        rc = watch_start(s);
    if (rc == 0)
        rc = terminals_co_start(s);
    if (rc == 0 && !s->opts.world)
        rc = partners_start(s);
    if (rc == 0 && !s->opts.world)
        rc = copies_start(s);
    if (rc == 0 && !s->opts.world)
        rc = api_open(s);
    return rc;
}

static int boot_flow(void *arg) CO_FN;
static int boot_flow(void *arg)
{
    struct serve *s = arg;
    s->boot_rc = start_all(s);
    if (s->boot_rc != 0) {
        log_error("serve", "not started: %s", oc_strerror(s->boot_rc));
        loop_stop(s->loop, 0);
        return s->boot_rc;
    }
    s->ready = true;
    if (s->opts.ready)
        s->opts.ready(s, s->opts.arg);
    return 0;
}

/* ---- signals ---- */

static int reload_flow(void *arg) CO_FN;
static int reload_flow(void *arg)
{
    struct buf errors;
    struct reload_left left;
    buf_init(&errors, 0);
    int rc = reload_co(arg, &errors, &left);
    buf_fini(&errors);
    return rc;
}

static void on_signal(int signo, void *arg)
{
    struct serve *s = arg;
    if (signo == SIGHUP) {
        if (flow_start(s->loop, "reload", reload_flow, s, NULL) != 0)
            log_error("serve", "not reloaded: too much at work");
        return;
    }
    log_info("serve", "stopping: dialogues at work may end");
    serve_stop(s);
}

static int watch_signals(struct serve *s)
{
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP};
    int rc = 0;
    for (size_t i = 0; rc == 0 && !s->opts.no_signals && i < ARRAY_LEN(wanted); i++)
        rc = loop_signal(s->loop, wanted[i], on_signal, s);
    return rc;
}

int serve_run(struct serve *s)
{
    int rc = watch_signals(s);
    if (rc == 0)
        rc = flow_start(s->loop, "boot", boot_flow, s, NULL);
    if (rc == 0)
        rc = loop_run(s->loop);
    return s->boot_rc != 0 ? s->boot_rc : rc;
}

void serve_stop(struct serve *s)
{
    s->ready = false;
    loop_stop(s->loop, DRAIN_MS);
}

void serve_describe(const struct serve *s, struct buf *out)
{
    struct ledger_stats st;
    char day[11];
    ledger_stats(s->ledger, &st);
    buf_printf(out, "site \"%s\", clearing day %s, %lld cards, %lld open transactions, modules",
               s->fixed->site.name, date_text(st.open_day, day), (long long)st.cards,
               (long long)st.open_txns);
    for (size_t i = 0; i < s->fixed->module_count; i++)
        buf_printf(out, " %s", s->fixed->module_names[i]);
    buf_printf(out, ", socket %s", s->fixed->api.socket);
    for (size_t i = 0; i < s->fixed->terminals.listen.count; i++)
        buf_printf(out, "%s %s", i == 0 ? ", terminals at" : ",",
                   s->fixed->terminals.listen.items[i]);
    if (s->fixed->institutions.listen)
        buf_printf(out, ", institutions at %s", s->fixed->institutions.listen);
}

struct loop *serve_loop(struct serve *s)
{
    return s->loop;
}

int serve_terminal_port(const struct serve *s)
{
    const struct terminals *t = s->terminals;
    return t && t->listener_count > 0 ? sock_listener_port(t->listeners[0]) : 0;
}

struct readers *serve_readers(struct serve *s)
{
    return s->readers;
}

void serve_close(struct serve **ref)
{
    struct serve *s = *ref;
    if (!s)
        return;
    *ref = NULL;
    http_server_close(&s->http);
    partners_close(s);
    pcsc_free(&s->pcsc);
    pool_free(&s->pool);
    terminals_stop(s);
    copies_close(s);
    ledger_close(&s->ledger);
    requests_free(s);
    terminals_free(s);
    stations_free(s);
    admit_fini(&s->admit);
    txn_env_fini(&s->env);
    upstream_close(&s->upstream);
    readers_free(&s->readers);
    if (s->modules)
        module_set_free(&s->modules);
    profile_set_free(&s->profiles);
    if (s->custody)
        custody_free(&s->custody);
    loop_free(&s->loop);
    partners_free(s);
    codes_close(s);
    metrics_free(&s->metrics);
    vault_fini(s);
    secret_wipe(s->settle.key, sizeof s->settle.key);
    crypto_free(&s->crypto);
    keystore_close(&s->keystore);
    conf_snapshot_put(&s->snapshot);
    conf_snapshot_put(&s->first);
    arena_fini(&s->arena);
    free(s);
}
