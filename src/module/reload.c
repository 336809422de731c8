/* A new configuration for modules that stay loaded: load() is called again for all of them, and
 * only when each has taken its part do the next decisions get what it made. */
#include "module/internal.h"

#include <stdlib.h>
#include <string.h>

struct modules_next {
    size_t count;
    struct module_ctx *ctxs[]; /* in the order of the set's modules */
};

void module_set_drop(struct modules_next **ref)
{
    struct modules_next *n = *ref;
    for (size_t i = n ? n->count : 0; i-- > 0;) {
        ctx_put(&n->ctxs[i]);
    }
    free(n);
    *ref = NULL;
}

static void complain(const struct modules_opts *o, const struct onecard_module *abi, int load_rc,
                     struct conf_errors *errors)
{
    const struct conf_node *n = conf_child(o->conf, abi->name);
    conf_errors_add(errors, o->tree ? o->tree->file : NULL, n ? n->key_line : 0, n ? n->key_col : 0,
                    "module %s: its load() failed: %s", abi->name, oc_strerror(load_rc));
}

int module_set_prepare(const struct modules *set, const struct modules_opts *o,
                       struct conf_errors *errors, struct modules_next **ret)
{
    struct modules_next *n =
        calloc(1, sizeof(*n) + (set->module_count + 1) * sizeof(struct module_ctx *));
    int first = 0;
    if (!n) {
        return OC_ENOMEM;
    }
    for (size_t i = 0; i < set->module_count; i++) {
        const struct onecard_module *abi = set->modules[i].abi;
        int load_rc;
        int rc = ctx_make(abi, o, first == 0, errors, &n->ctxs[i], &load_rc);
        if (rc == OC_EMODULE) {
            complain(o, abi, load_rc, errors);
        }
        first = first ? first : rc;
    }
    n->count = set->module_count;
    if (first) {
        module_set_drop(&n);
        return first;
    }
    *ret = n;
    return 0;
}

void module_set_adopt(struct modules *set, struct modules_next **ref)
{
    for (size_t i = 0; i < set->module_count; i++) {
        struct module_ctx *old = set->modules[i].now;
        set->modules[i].now = (*ref)->ctxs[i];
        (*ref)->ctxs[i] = NULL;
        ctx_put(&old);
    }
    log_info("module", "%zu modules took the new configuration", set->module_count);
    module_set_drop(ref);
}
