/* Reloading: the file is read on a worker, modules take their parts of it beside what is in force,
 * and only when everything is right is what can change at run time put in force. What cannot is
 * named, in the log and to whoever asked. */
#include "serve/internal.h"

#include <stdio.h>
#include <string.h>

struct reload_job {
    struct offload_job job;
    char *file;
    const struct modules *set; /* of the daemon: it lives as long */
    struct conf_snapshot *snapshot;
    struct modules_next *modules;
    struct upstream_set *routes;
    struct buf errors;
};

static void destroy(struct offload_job *job)
{
    struct reload_job *r = CONTAINER_OF(job, struct reload_job, job);
    module_set_drop(&r->modules);
    upstreams_drop(&r->routes); /* they point into the snapshot */
    conf_snapshot_put(&r->snapshot);
    buf_fini(&r->errors);
    free(r->file);
}

static WORKER_FN int prepare_modules(struct reload_job *r, struct conf_errors *errors)
{
    const struct serve_config *is = conf_snapshot_value(r->snapshot);
    struct modules_opts o = {.tree = conf_snapshot_tree(r->snapshot),
                             .conf = serve_module_conf(is)};
    return module_set_prepare(r->set, &o, errors, &r->modules);
}

static void run(struct offload_job *job)
{
    struct reload_job *r = CONTAINER_OF(job, struct reload_job, job);
    struct conf_errors errors;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    job->result = conf_snapshot_open(r->file, serve_config_schema(), &errors, &r->snapshot);
    if (job->result == 0)
        job->result = prepare_modules(r, &errors);
    conf_errors_print(&errors, &r->errors);
    if (job->result == 0)
        job->result = upstreams_read(conf_snapshot_value(r->snapshot), &r->errors, &r->routes);
    if (job->result != 0 && r->errors.len == 0)
        buf_printf(&r->errors, "%s: %s\n", r->file, oc_strerror(job->result));
    conf_errors_fini(&errors);
}

void reload_apply(struct serve *s)
{
    const struct serve_policy *p = &s->config->policy;
    s->env.policy = (struct txn_policy){.single_max = p->single_max,
                                        .card_day_max = p->card_day_max,
                                        .terminal_day_max = p->terminal_day_max,
                                        .card_day_count = p->card_day_count,
                                        .ceiling_anonymous = p->ceiling.anonymous,
                                        .ceiling_named = p->ceiling.named,
                                        .command_ms = p->command_ms,
                                        .offline_days = p->offline_days,
                                        .replacement_ms = p->replacement_ms};
    (void)snprintf(s->env.policy.loss_bearer, sizeof s->env.policy.loss_bearer, "%s", p->loss_bearer);
    admit_limits(&s->admit, s->config->terminals.max_active, s->config->terminals.queue);
    log_set_level(s->config->log.level);
}

/* ---- what stays as it was ---- */

/* Whether one key of the file reads the same before and after. */
static bool same(const struct serve_config *a, const struct serve_config *b, const char *key)
{
    struct conf_schema one = *serve_config_schema();
    struct buf x, y;
    buf_init(&x, 0);
    buf_init(&y, 0);
    CHECK(conf_value(&one, a, key, &one.items) != NULL);
    one.count = 1;
    conf_dump(&one, a, 0, &x);
    conf_dump(&one, b, 0, &y);
    bool equal = x.err == 0 && y.err == 0 && strcmp(buf_cstr(&x), buf_cstr(&y)) == 0;
    buf_fini(&x);
    buf_fini(&y);
    return equal;
}

static bool is_among(const char *name, const struct serve_config *c)
{
    for (size_t i = 0; i < c->module_count; i++)
        if (strcmp(c->module_names[i], name) == 0)
            return true;
    return false;
}

/* Which modules are loaded is settled at the start; what they are told is not. */
static bool same_modules(const struct serve_config *was, const struct serve_config *is)
{
    bool equal = true;
    for (size_t i = 0; i < is->module_count; i++)
        if (!is_among(is->module_names[i], was)) {
            log_warn("serve", "module %s is new: it is loaded after a restart",
                     is->module_names[i]);
            equal = false;
        }
    for (size_t i = 0; i < was->module_count; i++)
        if (!is_among(was->module_names[i], is)) {
            log_warn("serve", "module %s is not named any more: it serves until a restart",
                     was->module_names[i]);
            equal = false;
        }
    return equal;
}

static bool same_terminals(const struct serve_config *was, const struct serve_config *is)
{
    struct serve_config like = *is;
    like.terminals.max_active = was->terminals.max_active;
    like.terminals.queue = was->terminals.queue;
    return same(was, &like, "terminals");
}

static void find_left(const struct serve_config *was, const struct serve_config *is,
                      struct reload_left *ret)
{
    static const char *const fixed[] = {"site", "city", "paths",   "api",
                                        "keys", "sam",  "readers", "institutions", "copy"};
    _Static_assert(ARRAY_LEN(fixed) + 2 <= RELOAD_LEFT_MAX, "each fits");
    ret->count = 0;
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!same(was, is, fixed[i]))
            ret->section[ret->count++] = fixed[i];
    if (!same_terminals(was, is))
        ret->section[ret->count++] = "terminals";
    if (!same_modules(was, is))
        ret->section[ret->count++] = "modules";
    for (unsigned i = 0; i < ret->count; i++)
        log_warn("serve", "section %s changed: it counts after a restart%s", ret->section[i],
                 strcmp(ret->section[i], "terminals") == 0 ? ", but for max_active and queue" : "");
}

/* The parts that hold for the life of the daemon stay as they were started with. */
static void adopt(struct serve *s, struct conf_snapshot *snapshot, struct reload_left *ret)
{
    const struct serve_config *is = conf_snapshot_value(snapshot);
    find_left(s->fixed, is, ret);
    conf_snapshot_put(&s->snapshot);
    s->snapshot = snapshot;
    s->config = is;
    reload_apply(s);
    if (txn_outbox_routes(&s->env) != 0)
        log_error("serve", "messages to new routes go after a restart: no memory");
    log_info("serve", "configuration %s is in force", s->opts.file);
}

int reload_co(struct serve *s, struct buf *errors, struct reload_left *ret)
{
    struct reload_job *r = offload_job_new(sizeof *r, run, destroy);
    if (!r)
        return OC_ENOMEM;
    buf_init(&r->errors, 64 * 1024);
    r->file = strdup(s->opts.file);
    r->set = s->modules;
    int rc = r->file ? flow_co_offload(s->pool, &r->job, flow_deadline_ms(10000)) : OC_ENOMEM;
    if (rc == 0) {
        rc = r->job.result;
        if (rc == 0 && (rc = upstreams_adopt(s, r->routes)) != 0)
            buf_puts(&r->errors, "upstreams: a route makes no sense: see the log\n");
        if (rc == 0) {
            upstreams_drop(&r->routes);
            module_set_adopt(s->modules, &r->modules);
            adopt(s, r->snapshot, ret);
            r->snapshot = NULL;
        } else {
            buf_puts(errors, buf_cstr(&r->errors));
            log_error("serve", "configuration not reloaded: %s", buf_cstr(&r->errors));
            rc = OC_EINVAL;
        }
    }
    offload_job_put(&r->job);
    return rc;
}
