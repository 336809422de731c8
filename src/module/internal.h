/* What the files of module share. */
#ifndef MODULE_INTERNAL_H
#define MODULE_INTERNAL_H

#include "module/doc.h"
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
    struct arena arena; /* the values', and what doc_load() gave */
    const char *file;   /* of the configuration; its folder is where paths count from */
};

/** One result of a module's load(): its configuration and what it made of it. Counted, so that a
 * reload can put another in its place while decisions still use this one. */
struct module_ctx {
    atomic_uint holders;
    const struct onecard_module *abi;
    struct onecard_conf conf;
    void *ctx;
    bool loaded; /* load() succeeded: unload() is due */
};

struct module {
    const struct onecard_module *abi;
    const char *file;
    void *handle;           /* dlopen's; NULL: linked in */
    struct module_ctx *now; /* what decisions that begin get; changed by the loop thread only */
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
#define WANTS_MAX 8

struct decision {
    struct service *service;
    struct module_ctx *ctx; /* held while it lasts */
    struct arena *arena;
    struct params params, terminal_params;
    const struct decide_facts *facts;
    void *facts_arg;
    unsigned given;
    const struct decision *up; /* the decision that asks this one; NULL: the requester's own */
    int64_t mark_ns;           /* since when the module holds the loop */
    bool slow;
    struct fact_look *wants; /* WANTS_MAX; what the module said it will ask: host_look.c */
    unsigned want_count;
    int co_err; /* the last error that a fact gave: passes through */
    enum oc_reason
        refused; /* what a refusal by co_call() means where the module only passes it on */
    char detail[96];
};

/* host_co.c: around each question that leaves the module */
/** What may be asked at all: OC_ENOTSUP for a service on a worker, which has no flow to wait in. */
int host_co_begin(struct decision *d) MUST_USE;
/** Gives rc; keeps an error that the module is not meant to look at (`expected` is one that it is). */
int host_co_end(struct decision *d, int rc, int expected);
/** What the store gave is ours: no document of it is a failure of the store. */
int host_co_take(struct decision *d, const struct fact_text *t, struct onecard_doc **ret) MUST_USE;

/* params.c */
/** Reads a JSON object of texts, integers and booleans (null: absent). `text` NULL or "" is empty.
 * OC_EPARSE: *ret_why says what is wrong; OC_ENOMEM. */
int params_parse(const char *text, struct arena *a, struct params *ret,
                 const char **ret_why) MUST_USE;
/** The same from a document (NULL: none), each text of at most `text_max` bytes: what one module
 * asks another with may be a document as text, such as a bill. */
int params_from_doc(const struct onecard_doc *d, size_t text_max, struct arena *a,
                    struct params *ret, const char **ret_why) MUST_USE;
const char *params_get(const struct params *p, const char *name);
/** Against the service's table. OC_EREFUSED: *ret_why (in `a`) says what is missing or not known.
 */
int params_check(const struct params *p, const struct onecard_service *s, struct arena *a,
                 const char **ret_why) MUST_USE;

/* modconf.c */
/** Fills a configuration from the module's section (none: defaults). OC_EINVAL (in `errors`),
 * OC_ENOMEM. */
int module_conf_fill(const struct onecard_module *abi, const struct modules_opts *o,
                     struct onecard_conf *conf, struct conf_errors *errors) MUST_USE;
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

/* context.c */
/** Reads the configuration and, where `load`, calls load(). OC_EINVAL (the configuration; in
 * `errors`), OC_EMODULE (load() failed: *ret_rc is what it gave), OC_ENOMEM. The caller holds one
 * count. Blocks. */
int ctx_make(const struct onecard_module *abi, const struct modules_opts *o, bool load,
             struct conf_errors *errors, struct module_ctx **ret, int *ret_rc) MUST_USE;
struct module_ctx *ctx_get(struct module_ctx *c);
/** The last one unloads. On any thread. */
void ctx_put(struct module_ctx **c);

/* decide.c */
/** Ends a stretch in which the module held the loop. */
void decision_pause(struct decision *d);
void decision_resume(struct decision *d);
struct decision *decision_of(const struct onecard_request *req);
/** Calls the module; what its answer means is the caller's business. */
int decision_ask(struct decision *d, const struct onecard_request *r, struct plan *p);
int decision_refuse(struct plan *p, enum oc_reason reason, const char *detail);

/* needs.c */
/** Whether the request has what the service needs. 0, or OC_EREFUSED with the plan saying why. */
int needs_check(const struct decision *d, const struct onecard_request *r, struct plan *p);

/* copy.c */
/** A deep copy of the request into `a`, for a worker that may outlive the flow. NULL: no memory. */
struct onecard_request *request_copy(const struct onecard_request *req, struct arena *a) MUST_USE;

#endif
