/* What a module's load() made, counted: decisions hold the one they began with, so that a reload
 * can give the next ones another. */
#include "module/internal.h"

#include <stdlib.h>

static struct module_ctx *ctx_new(const struct onecard_module *abi)
{
    struct module_ctx *c = calloc(1, sizeof(*c));
    if (c) {
        c->abi = abi;
        atomic_init(&c->holders, 1);
        arena_init(&c->conf.arena, 0);
    }
    return c;
}

int ctx_make(const struct onecard_module *abi, const struct modules_opts *o, bool load,
             struct conf_errors *errors, struct module_ctx **ret, int *ret_rc)
{
    struct module_ctx *c = ctx_new(abi);
    *ret_rc = 0;
    if (!c) {
        return OC_ENOMEM;
    }
    int rc = module_conf_fill(abi, o, &c->conf, errors);
    if (rc == 0 && load && abi->load) {
        *ret_rc = abi->load(module_host(), &c->conf, &c->ctx);
        rc = *ret_rc < 0 ? OC_EMODULE : 0;
    }
    c->loaded = rc == 0 && load;
    if (rc) {
        ctx_put(&c);
        return rc;
    }
    *ret = c;
    return 0;
}

struct module_ctx *ctx_get(struct module_ctx *c)
{
    atomic_fetch_add_explicit(&c->holders, 1, memory_order_relaxed);
    return c;
}

void ctx_put(struct module_ctx **ref)
{
    struct module_ctx *c = *ref;
    *ref = NULL;
    if (!c || atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (c->loaded && c->abi->unload) {
        c->abi->unload(c->ctx);
    }
    arena_fini(&c->conf.arena);
    free(c);
}
