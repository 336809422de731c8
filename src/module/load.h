/* Loading modules: shared objects checked against the ABI before anything in them runs, their
 * configuration sections checked against their own tables. The modules of a
 * set never change after loading; what they made of their configuration may. */
#ifndef MODULE_LOAD_H
#define MODULE_LOAD_H

#include <onecard/module.h>

#include "base/base.h"
#include "conf/conf.h"

struct modules;
struct module;
struct service; /* one service of one loaded module, with its counters */

struct modules_opts {
    const char *dir;          /* where <name>.so lie */
    const char *const *names; /* which to load, in order */
    size_t count;
    const struct conf_tree *tree; /* the daemon's configuration; NULL: defaults only */
    const struct conf_node *conf; /* its section "modules": name -> section; NULL: defaults only */
    struct metrics *metrics;      /* NULL: nothing is counted */
    const struct clock *clock;    /* NULL: clock_system */
    unsigned
        slow_limit; /* a service is disabled after so many decisions in a row over 5 ms; 0: never */
};

/** Loads all. Mistakes, each with its file, go to `errors`, all at once: file missing, symbol
 * missing, wrong major, newer minor, short structure, bad or duplicate name, configuration, load()
 * failing, a section for a module not loaded. OC_ENOENT (a file), OC_EABI, OC_EEXIST (duplicate),
 * OC_EINVAL (configuration), OC_EMODULE (load() failed): the first's. Blocks (dlopen reads files).
 * `tree` and `conf` must outlive the set. */
int module_set_load(const struct modules_opts *o, struct conf_errors *errors,
                    struct modules **ret) MUST_USE WORKER_FN;
/** The same for modules that are linked in (tests, tools). `items` NULL-terminated. */
int module_set_static(const struct modules_opts *o, const struct onecard_module *const *items,
                      struct conf_errors *errors, struct modules **ret) MUST_USE;
/** Unloads all, in reverse. No decision may be running (checked). */
void module_set_free(struct modules **set);

/** Loads every module of the set anew with another configuration (of `o`: tree and conf), beside
 * what is in force. Mistakes go to `errors`; then nothing was changed: OC_EINVAL (configuration),
 * OC_EMODULE (a load() failed), OC_ENOMEM. Blocks. */
struct modules_next;
int module_set_prepare(const struct modules *set, const struct modules_opts *o,
                       struct conf_errors *errors, struct modules_next **ret) MUST_USE WORKER_FN;
/** Decisions that begin from now on get what was prepared; each old context is unloaded when the
 * last decision with it has ended. Loop thread. */
void module_set_adopt(struct modules *set, struct modules_next **next);
/** Gives up what was prepared. */
void module_set_drop(struct modules_next **next);

/** By its name, or by a unique last part: "purchase" for "payment.purchase". NULL: none; then,
 * where `ret_hint` is not NULL, *ret_hint is a sentence for people ("did you mean …?", or which
 * ones it could be) that lives in `a`. */
struct service *module_service(const struct modules *set, const char *name, struct arena *a,
                               const char **ret_hint);
/** All services, in the order of loading, then of the modules' tables. */
size_t module_service_count(const struct modules *set);
struct service *module_service_at(const struct modules *set, size_t i);
/** Full name, never NULL. */
const char *service_name(const struct service *s);
/** The module's own table row: titles, needs, parameters. */
const struct onecard_service *service_abi(const struct service *s);
/** What it needs, as far as the ABI that it was built for knows it. */
unsigned service_needs(const struct service *s);
const struct onecard_module *service_module(const struct service *s);
/** Decisions that held the loop for over 5 ms. */
uint64_t service_slow(const struct service *s);
/** Disabled because it was slow too often. */
bool service_disabled(const struct service *s);
/** Whether `list` (comma separated: names, "payment.*", "*") has the service: what a terminal may
 * run. */
bool service_in_list(const struct service *s, const char *list);
/** Appends the sample configuration section of each module, as it stands under "modules:", indented
 * by two blanks. */
void module_set_sample(const struct modules *set, struct buf *out);

#endif
