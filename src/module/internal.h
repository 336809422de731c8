/* What the files of module share. */
#ifndef MODULE_INTERNAL_H
#define MODULE_INTERNAL_H

#include "module/module.h"

#include <stdatomic.h>

#define MODULE_NAME_MAX  15
#define SERVICE_NAME_MAX 47
#define MODULE_SLOW_NS   (5 * NS_PER_MS)
#define PARAM_TEXT_MAX   256
#define PARAM_COUNT_MAX  32

struct onecard_conf {
    const char *module;
    struct conf_schema schema;
    void *values;
};

struct module {
    const struct onecard_module *abi;
    const char *file;
    void *handle; /* dlopen's; NULL: linked in */
    struct onecard_conf conf;
    void *ctx;
    bool loaded; /* load() succeeded: unload() is due */
};

struct service {
    const struct onecard_service *abi;
    struct module *module;
    const struct modules *set;
    struct metric *decisions, *failures, *slow_total; /* NULL: nothing is counted */
    atomic_uint_fast64_t slow;
    atomic_uint streak; /* slow decisions in a row */
    atomic_bool disabled;
};

struct modules {
    struct arena arena;
    struct module *modules;
    size_t module_count;
    struct service **services;
    size_t service_count;
    const struct clock *clock;
    struct metrics *metrics;
    unsigned slow_limit;
};

struct param {
    const char *name, *text;
};
struct params {
    struct param *items;
    size_t count;
};

/** One call of decide(): what request->opaque points to. */
struct decision {
    struct service *service;
    struct arena *arena;
    struct params params, terminal_params;
    int (*co_record)(void *arg, const char *scope, const char *owner, const char *key,
                     uint32_t *ret_version, char *doc, size_t cap);
    void *co_arg;
    int64_t mark_ns; /* since when the module holds the loop */
    bool slow;
    int co_err; /* the last error that co_record gave: passes through */
};

/* params.c */
/** Reads a JSON object of texts, integers and booleans (null: absent). `text` NULL or "" is empty.
 * OC_EPARSE: *ret_why says what is wrong; OC_ENOMEM. */
int params_parse(const char *text, struct arena *a, struct params *ret,
                 const char **ret_why) MUST_USE;
const char *params_get(const struct params *p, const char *name);
/** Against the service's table. OC_EREFUSED: *ret_why (in `a`) says what is missing or not known.
 */
int params_check(const struct params *p, const struct onecard_service *s, struct arena *a,
                 const char **ret_why) MUST_USE;

/* modconf.c */
/** Fills the module's configuration from its section (NULL: defaults). OC_EINVAL (in `errors`),
 * OC_ENOMEM. */
int module_conf_fill(struct module *m, const struct modules_opts *o, struct arena *a,
                     struct conf_errors *errors) MUST_USE;
const char *module_conf_text(const struct onecard_conf *conf, const char *key);
int64_t module_conf_int(const struct onecard_conf *conf, const char *key);
fen_t module_conf_fen(const struct onecard_conf *conf, const char *key);
bool module_conf_bool(const struct onecard_conf *conf, const char *key);
const char *module_conf_map(const struct onecard_conf *conf, const char *key, const char *name);
bool module_conf_map_at(const struct onecard_conf *conf, const char *key, size_t i,
                        const char **ret_name, const char **ret_value);

/* check.c */
/** Whether the exported structure fits this ABI. OC_EABI, OC_EINVAL, OC_EMODULE; `why` (512 bytes)
 * says what does not. */
int module_check(const struct onecard_module *abi, char *why) MUST_USE;

/* host.c */
/** Ends a stretch in which the module held the loop. */
void decision_pause(struct decision *d);
void decision_resume(struct decision *d);

/* copy.c */
/** A deep copy of the request into `a`, for a worker that may outlive the flow. NULL: no memory. */
struct onecard_request *request_copy(const struct onecard_request *req, struct arena *a) MUST_USE;

#endif
