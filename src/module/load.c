/* Loading a set of modules: open, look up the one symbol, check, read the configuration, load().
 * The set is complete or it is not there; every mistake is reported before it is given up. */
#include "module/internal.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct loading {
    const struct modules_opts *o;
    struct conf_errors *errors;
    struct modules *set;
    const char *naming; /* the module that is being loaded */
    int rc;             /* the first mistake's */
};

static void mistake(struct loading *l, int rc, const char *file, const char *text)
{
    /* Where the configuration names the module by a section, that is the place to look at. */
    const struct conf_node *n = l->naming ? conf_child(l->o->conf, l->naming) : NULL;
    if (n && l->o->tree) {
        conf_errors_add(l->errors, l->o->tree->file, n->key_line, n->key_col, "%s: %s", file, text);
    } else {
        conf_errors_add(l->errors, file, 0, 0, "%s", text);
    }
    if (!l->rc) {
        l->rc = rc;
    }
}

static int set_new(const struct modules_opts *o, size_t count, struct modules **ret)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct modules *set = arena_alloc(&arena, sizeof(*set));
    struct module *items = arena_alloc(&arena, (count + 1) * sizeof(*items));
    if (!set || !items) {
        arena_fini(&arena);
        return OC_ENOMEM;
    }
    set->arena = arena;
    set->modules = items;
    set->clock = o->clock ? o->clock : &clock_system;
    set->metrics = o->metrics;
    set->slow_limit = o->slow_limit;
    *ret = set;
    return 0;
}

void module_set_free(struct modules **ref)
{
    struct modules *set = *ref;
    if (!set) {
        return;
    }
    for (size_t i = set->module_count; i-- > 0;) {
        struct module *m = &set->modules[i];
        CHECK(!m->now || atomic_load(&m->now->holders) == 1);
        ctx_put(&m->now);
        if (m->handle) {
            dlclose(m->handle);
        }
    }
    struct arena arena = set->arena;
    arena_fini(&arena);
    *ref = NULL;
}

static const struct module *find_module(const struct modules *set, const char *name)
{
    for (size_t i = 0; i < set->module_count; i++) {
        if (strcmp(set->modules[i].abi->name, name) == 0) {
            return &set->modules[i];
        }
    }
    return NULL;
}

/* Takes an opened module into the set; false: it is not in it (its handle is the caller's). */
static bool take(struct loading *l, const struct onecard_module *abi, const char *file,
                 void *handle)
{
    char why[512];
    int rc = module_check(abi, why);
    if (rc) {
        mistake(l, rc, file, why);
        return false;
    }
    if (find_module(l->set, abi->name)) {
        snprintf(why, sizeof(why), "a module named %s is loaded already", abi->name);
        mistake(l, OC_EEXIST, file, why);
        return false;
    }
    struct module *m = &l->set->modules[l->set->module_count++];
    *m = (struct module){.abi = abi, .file = file, .handle = handle};
    int load_rc = 0;
    rc = ctx_make(abi, l->o, l->rc == 0, l->errors, &m->now, &load_rc);
    if (rc == OC_EMODULE) {
        snprintf(why, sizeof(why), "its load() failed: %s", oc_strerror(load_rc));
        mistake(l, OC_EMODULE, file, why);
    } else if (rc) {
        l->rc = l->rc ? l->rc : rc;
    }
    return true;
}

/* The symbol's size in the file's own table tells whether the first members may be read at all. */
static const struct onecard_module *symbol_of(struct loading *l, void *handle, const char *file)
{
    const void *sym = dlsym(handle, "onecard_module");
    if (!sym) {
        mistake(l, OC_EABI, file, "it exports no symbol onecard_module: this is no onecard module");
        return NULL;
    }
    Dl_info info;
    void *extra = NULL;
    if (dladdr1(sym, &info, &extra, RTLD_DL_SYMENT) != 0 && extra) {
        const ElfW(Sym) *entry = extra;
        if (entry->st_size < offsetof(struct onecard_module, name)) {
            mistake(l, OC_EABI, file, "its onecard_module is too short to be one");
            return NULL;
        }
        const struct onecard_module *m = sym;
        if (m->abi_major == ONECARD_ABI_MAJOR && entry->st_size < m->size) {
            mistake(l, OC_EABI, file, "its onecard_module is shorter than it says");
            return NULL;
        }
    }
    return sym;
}

static bool name_ok(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= MODULE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static void open_one(struct loading *l, const char *name)
{
    const char *file =
        arena_printf(&l->set->arena, "%s/%s.so", l->o->dir, name_ok(name) ? name : "?");
    if (!file) {
        mistake(l, OC_ENOMEM, name, "no memory");
        return;
    }
    if (!name_ok(name)) {
        mistake(l, OC_EINVAL, name, "a module's name is 1 to 15 of a-z 0-9 _");
        return;
    }
    if (access(file, R_OK) != 0) {
        mistake(l, OC_ENOENT, file, "there is no such file, or it may not be read");
        return;
    }
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        mistake(l, OC_EMODULE, file, why ? why : "cannot be loaded");
        return;
    }
    const struct onecard_module *abi = symbol_of(l, handle, file);
    if (abi && abi->abi_major == ONECARD_ABI_MAJOR && abi->name && strcmp(abi->name, name) != 0) {
        char why[128];
        snprintf(why, sizeof(why),
                 "the module in it is named %.40s: the file must be named after it", abi->name);
        mistake(l, OC_EMODULE, file, why);
        abi = NULL;
    }
    if (!abi || !take(l, abi, file, handle)) {
        dlclose(handle);
    }
}

static struct service *new_service(struct modules *set, struct module *m,
                                   const struct onecard_service *abi)
{
    struct service *s = arena_alloc(&set->arena, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->abi = abi;
    s->module = m;
    s->set = set;
    if (set->metrics) {
        char label[80];
        snprintf(label, sizeof(label), "service=\"%s\"", abi->name);
        s->decisions = metric_counter(set->metrics, "onecard_module_decisions_total", label,
                                      "Decisions asked for");
        s->failures = metric_counter(set->metrics, "onecard_module_failures_total", label,
                                     "Decisions that failed or gave nonsense");
        s->slow_total = metric_counter(set->metrics, "onecard_module_slow_total", label,
                                       "Decisions that held the loop for over 5 ms");
    }
    return s;
}

static int index_services(struct modules *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->module_count; i++) {
        count += set->modules[i].abi->service_count;
    }
    set->services = arena_alloc(&set->arena, (count + 1) * sizeof(struct service *));
    if (!set->services) {
        return OC_ENOMEM;
    }
    for (size_t i = 0; i < set->module_count; i++) {
        struct module *m = &set->modules[i];
        for (size_t j = 0; j < m->abi->service_count; j++) {
            struct service *s = new_service(set, m, m->abi->services[j]);
            if (!s) {
                return OC_ENOMEM;
            }
            set->services[set->service_count++] = s;
        }
    }
    return 0;
}

static bool is_wanted(const struct modules_opts *o, const char *name)
{
    for (size_t i = 0; i < o->count; i++) {
        if (strcmp(o->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A section for a module that nobody loads is a slip of the pen more often than a plan for later.
 */
static void stray_sections(struct loading *l)
{
    if (!l->o->conf || l->o->conf->kind != CONF_MAPPING) {
        return;
    }
    for (const struct conf_node *n = l->o->conf->first; n; n = n->next) {
        if (!is_wanted(l->o, n->key) && !find_module(l->set, n->key)) {
            conf_errors_add(l->errors, l->o->tree ? l->o->tree->file : NULL, n->key_line,
                            n->key_col, "no module named %s is loaded", n->key);
            l->rc = l->rc ? l->rc : OC_EINVAL;
        }
    }
}

static int finish(struct loading *l, struct modules **ret)
{
    stray_sections(l);
    int rc = l->rc ? l->rc : index_services(l->set);
    if (rc) {
        module_set_free(&l->set);
        return rc;
    }
    for (size_t i = 0; i < l->set->module_count; i++) {
        const struct module *m = &l->set->modules[i];
        log_info("module", "%s %s loaded: %zu services", m->abi->name, m->abi->version,
                 m->abi->service_count);
    }
    *ret = l->set;
    return 0;
}

int module_set_load(const struct modules_opts *o, struct conf_errors *errors, struct modules **ret)
{
    struct loading l = {.o = o, .errors = errors};
    int rc = set_new(o, o->count, &l.set);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < o->count; i++) {
        l.naming = o->names[i];
        open_one(&l, o->names[i]);
    }
    return finish(&l, ret);
}

int module_set_static(const struct modules_opts *o, const struct onecard_module *const *items,
                      struct conf_errors *errors, struct modules **ret)
{
    size_t count = 0;
    while (items[count]) {
        count++;
    }
    struct loading l = {.o = o, .errors = errors};
    int rc = set_new(o, count, &l.set);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        take(&l, items[i], "linked in", NULL);
    }
    return finish(&l, ret);
}
