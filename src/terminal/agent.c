/* The agent's life. Opened bottom-up, closed top-down:
 *
 *   configuration ─ state folder and its lock ─ identity ─ loop, workers ─ store ─ readers
 * (blocking) local interface ─ lanes ─ link ─ ready  (a flow)
 *
 * SIGTERM: no new requests; what has begun with a card may end, for 10 s; then the loop stops.
 * Whatever is still open then is asked about by the next run: nothing is lost, nothing twice. */
#include "terminal/internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS    2
#define WORK_QUEUE 64
#define FLOWS      2000
#define RECENT     200
#define DRAIN_MS   10000
#define PRUNE_MS   60000

/* ---- opening ---- */

static WORKER_FN int open_config(struct agent *a)
{
    struct conf_errors errors;
    struct buf out;
    const struct agent_opts *o = &a->opts;
    conf_errors_init(&errors);
    int rc = o->text ? conf_snapshot_parse(o->file, o->text, strlen(o->text),
                                           terminal_config_schema(), &errors, &a->snapshot)
                     : conf_snapshot_open(o->file, terminal_config_schema(), &errors, &a->snapshot);
    buf_init(&out, 0);
    conf_errors_print(&errors, &out);
    (void)fputs(buf_cstr(&out), stderr);
    buf_fini(&out);
    conf_errors_fini(&errors);
    if (rc != 0 && rc != OC_ENOENT) /* that has been said */
        log_error("terminal", "configuration %s: %s", o->file, oc_strerror(rc));
    if (rc != 0)
        return rc;
    a->config = conf_snapshot_value(a->snapshot);
    log_set_level(a->config->log.level);
    return 0;
}

static WORKER_FN int open_state(struct agent *a)
{
    int rc = state_folder(a->config->state);
    return rc != 0 ? rc : state_lock(a->config->state, &a->lock_fd);
}

static WORKER_FN int open_identity(struct agent *a)
{
    const struct terminal_config *c = a->config;
    if (a->opts.dial)
        return 0;
    if (c->identity.certificate)
        return identity_load_foreign(&c->identity, &a->identity);
    int rc = identity_load(c->state, IDENTITY_FILE, &a->identity);
    if (rc == OC_ENOENT)
        log_error("terminal",
                  "this terminal was never enrolled: `onecard-terminal enroll -c %s --token TOKEN`",
                  a->opts.file);
    if (rc != 0)
        return rc;
    rc = identity_load(c->state, IDENTITY_NEXT, &a->next);
    a->link.use_next = rc == 0;
    /* A damaged one (said already) is none: the present one is good, and another is asked for. */
    return rc == OC_ENOENT || rc == OC_EPARSE ? 0 : rc;
}

static WORKER_FN int open_loop(struct agent *a)
{
    struct loop_opts lo = {.clock = &agent_clock, .max_flows = FLOWS};
    int rc = loop_new(&a->loop, &lo);
    if (rc == 0)
        rc = pool_new(&a->work, "work", WORKERS, WORK_QUEUE, NULL, NULL);
    if (rc == 0)
        rc = rng_fill(&rng_system, &a->instance, sizeof a->instance);
    a->instance >>= 1;
    return rc;
}

static WORKER_FN int open_store(struct agent *a)
{
    char *path = state_path(a->config->state, "requests.db");
    if (!path)
        return OC_ENOMEM;
    int rc = store_open(path, RECENT, requests_restore, a, &a->start, &a->store);
    a->requests.last_number = a->start.last_number;
    a->shift.now = a->start.shift;
    if (rc != 0)
        log_error("terminal", "store %s: %s", path, oc_strerror(rc));
    free(path);
    if (rc == 0 && *a->config->local.listen)
        rc = guard_token(a->config->state, true, a->token);
    return rc;
}

static WORKER_FN int open_readers(struct agent *a)
{
    const struct conf_array *conf = &a->config->readers;
    const struct lane_config *lanes = conf->items;
    a->lanes = calloc(conf->count + 1, sizeof *a->lanes);
    int rc = a->lanes ? readers_new(&a->readers) : OC_ENOMEM;
    for (size_t i = 0; rc == 0 && i < conf->count; i++) {
        a->lanes[i].agent = a;
        a->lanes[i].conf = &lanes[i];
        flow_cond_init(&a->lanes[i].wake);
        a->lane_count++;
    }
    if (rc == 0 && !a->opts.no_pcsc && conf->count > 0)
        rc = pcsc_new(a->readers, a->loop, NULL, &a->pcsc);
    return rc;
}

int agent_open(const struct agent_opts *o, struct agent **ret)
{
    static int (*const steps[])(struct agent *) = {open_config, open_state, open_identity,
                                                   open_loop,   open_store, open_readers};
    struct agent *a = calloc(1, sizeof *a);
    if (!a)
        return OC_ENOMEM;
    a->opts = *o;
    a->lock_fd = -1;
    requests_init(a);
    shift_init(a);
    events_init(a);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++)
        rc = steps[i](a);
    if (rc != 0) {
        agent_close(&a);
        return rc;
    }
    a->started_ns = agent_now_ns(a);
    *ret = a;
    return 0;
}

/* ---- running ---- */

static int prune_flow(void *arg) CO_FN;
static int prune_flow(void *arg)
{
    struct agent *a = arg;
    int rc = 0;
    flow_set_background(true);
    while (rc == 0) {
        rc = flow_co_sleep_ms(PRUNE_MS);
        if (rc == 0 && store_co_prune(a->store, a->config->keep) != 0)
            log_warn("terminal", "old answers cannot be forgotten now");
    }
    return rc;
}

static CO_FN int start_all(struct agent *a)
{
    int rc = local_open(a);
    if (rc == 0)
        rc = lanes_start(a);
    if (rc == 0)
        rc = link_start(a);
    if (rc == 0)
        rc = flow_start(a->loop, "prune", prune_flow, a, NULL);
    return rc;
}

static int boot_flow(void *arg) CO_FN;
static int boot_flow(void *arg)
{
    struct agent *a = arg;
    a->rc = start_all(a);
    if (a->rc != 0) {
        log_error("terminal", "not started: %s", oc_strerror(a->rc));
        loop_stop(a->loop, 0);
    } else if (a->opts.ready) {
        a->opts.ready(a, a->opts.arg);
    }
    return a->rc;
}

/* Something that may have moved value is at work: it should end before we leave. */
static bool at_work(struct agent *a)
{
    LIST_EACH(at, &a->requests.all)
    {
        const struct treq *t = CONTAINER_OF(at, struct treq, link);
        if (!request_ended(t) && t->asking &&
            (t->row.gate || t->phase == PB_PHASE_CARD || t->phase == PB_PHASE_COMMITTED))
            return true;
    }
    return false;
}

static int stop_flow(void *arg) CO_FN;
static int stop_flow(void *arg)
{
    struct agent *a = arg;
    int64_t until = flow_deadline_ms(DRAIN_MS);
    int rc = 0;
    while (rc == 0 && at_work(a) && link_talks(a))
        rc = flow_co_wait(&a->requests.changed, until);
    rc = store_co_flush(a->store);
    if (rc != 0)
        log_warn("terminal", "the store did not finish: %s", oc_strerror(rc));
    local_close(a);
    loop_stop(a->loop, 2000);
    return 0;
}

void agent_stop(struct agent *a)
{
    if (a->stopping)
        return;
    a->stopping = true;
    log_info("terminal", "stopping: what has begun may end");
    if (flow_start(a->loop, "stop", stop_flow, a, NULL) != 0)
        loop_stop(a->loop, 0);
}

static void on_signal(int signo, void *arg)
{
    (void)signo;
    agent_stop(arg);
}

int agent_run(struct agent *a)
{
    int rc = a->opts.no_signals ? 0 : loop_signal(a->loop, SIGTERM, on_signal, a);
    if (rc == 0 && !a->opts.no_signals)
        rc = loop_signal(a->loop, SIGINT, on_signal, a);
    if (rc == 0)
        rc = flow_start(a->loop, "boot", boot_flow, a, NULL);
    if (rc == 0)
        rc = loop_run(a->loop);
    return a->rc != 0 ? a->rc : rc;
}

void agent_close(struct agent **ref)
{
    struct agent *a = *ref;
    if (!a)
        return;
    *ref = NULL;
    http_server_close(&a->http);
    pcsc_free(&a->pcsc);
    pool_free(&a->work);
    store_close(&a->store);
    link_fini(a);
    lanes_fini(a);
    readers_free(&a->readers);
    requests_fini(a);
    shift_fini(a);
    events_fini(a);
    loop_free(&a->loop);
    identity_free(&a->identity);
    identity_free(&a->next);
    secret_wipe(a->token, sizeof a->token);
    conf_snapshot_put(&a->snapshot);
    if (a->lock_fd >= 0)
        (void)close(a->lock_fd);
    free(a);
}

void agent_describe(const struct agent *a, struct buf *out)
{
    char until[20];
    buf_printf(out, "terminal \"%s\"", a->identity ? a->identity->info.name : "?");
    if (a->identity)
        buf_printf(out, ", certificate until %s UTC",
                   city_text(a->identity->info.not_after_ms, 0, until));
    buf_printf(out, ", %u readers, switch", a->lane_count);
    for (size_t i = 0; i < a->config->sw.addresses.count; i++)
        buf_printf(out, " %s", a->config->sw.addresses.items[i]);
    if (*a->config->local.socket)
        buf_printf(out, ", socket %s", a->config->local.socket);
    if (http_server_port(a->http) != 0)
        buf_printf(out, ", page on port %d (`onecard-terminal link`)", http_server_port(a->http));
}

struct loop *agent_loop(struct agent *a)
{
    return a->loop;
}

struct readers *agent_readers(struct agent *a)
{
    return a->readers;
}

int agent_local_port(const struct agent *a)
{
    return http_server_port(a->http);
}

int terminal_page_link(const char *file, struct buf *out)
{
    struct conf_snapshot *s = NULL;
    struct conf_errors errors;
    char token[TOKEN_LEN + 1];
    conf_errors_init(&errors);
    int rc = conf_snapshot_open(file, terminal_config_schema(), &errors, &s);
    conf_errors_print(&errors, out);
    conf_errors_fini(&errors);
    if (rc != 0)
        return rc;
    const struct terminal_config *c = conf_snapshot_value(s);
    if (!*c->local.listen || c->local.port == 0) {
        buf_puts(out, "local.listen names no address with a port: there is no page\n");
        rc = OC_ENOENT;
    } else {
        rc = guard_token(c->state, false, token);
        if (rc == 0)
            buf_printf(out, "http://%s/#token=%s\n", c->local.listen, token);
        else
            buf_puts(out, "the token is made when the agent runs for the first time; only its user "
                          "may read it\n");
    }
    conf_snapshot_put(&s);
    return rc;
}
