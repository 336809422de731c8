/* The table of functions that modules get. Each is a thin, checked door to what lies behind: a
 * module's wrong argument may spoil its own plan, nothing else. */
#include "module/internal.h"

#include "flow/flow.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct plan *plan_of(struct onecard_plan *plan)
{
    return (struct plan *)(void *)plan;
}

/* The request is constant to the module; what hangs off it is ours. */
static struct decision *decision_of(const struct onecard_request *req)
{
    union {
        const void *c;
        void *m;
    } p = {.c = req->opaque};
    return p.m;
}

static const char *host_param_text(const struct onecard_request *req, const char *name)
{
    return params_get(&decision_of(req)->params, name);
}

static const char *host_terminal_param(const struct onecard_request *req, const char *name)
{
    return params_get(&decision_of(req)->terminal_params, name);
}

static int host_parse_fen(const char *yuan, fen_t *ret_fen)
{
    return yuan ? fen_parse(yuan, ret_fen) : OC_EINVAL;
}

static void host_plan_debit(struct onecard_plan *plan, fen_t amount)
{
    plan_set_kind(plan_of(plan), OC_PLAN_DEBIT, amount);
}

static void host_plan_credit(struct onecard_plan *plan, fen_t amount)
{
    plan_set_kind(plan_of(plan), OC_PLAN_CREDIT, amount);
}

static void host_plan_account(struct onecard_plan *plan, fen_t amount)
{
    plan_set_kind(plan_of(plan), OC_PLAN_ACCOUNT, amount);
}

static void host_plan_leg(struct onecard_plan *plan, enum onecard_account account,
                          const char *owner, fen_t amount)
{
    plan_add_leg(plan_of(plan), (int)account, owner, amount);
}

static void host_plan_gross(struct onecard_plan *plan, fen_t gross)
{
    plan_set_gross(plan_of(plan), gross);
}

static void host_plan_capp_int(struct onecard_plan *plan, const char *field, int64_t value)
{
    plan_add_capp_int(plan_of(plan), field, value);
}

static void host_plan_capp_text(struct onecard_plan *plan, const char *field, const char *value)
{
    plan_add_capp_text(plan_of(plan), field, value);
}

static void host_plan_record(struct onecard_plan *plan, const char *owner, const char *key,
                             uint32_t version_read, const char *doc)
{
    plan_add_record(plan_of(plan), owner, key, version_read, doc);
}

static void host_plan_event(struct onecard_plan *plan, const char *kind, const char *text)
{
    plan_add_event(plan_of(plan), kind, text);
}

static void host_plan_refund(struct onecard_plan *plan)
{
    plan_set_refund(plan_of(plan));
}

static void host_reply_text(struct onecard_plan *plan, const char *key, const char *value)
{
    plan_add_reply_text(plan_of(plan), key, value);
}

static void host_reply_int(struct onecard_plan *plan, const char *key, int64_t value)
{
    plan_add_reply_int(plan_of(plan), key, value);
}

static void host_reply_raw(struct onecard_plan *plan, const char *key, const char *json)
{
    plan_add_reply_raw(plan_of(plan), key, json);
}

static int host_refuse(struct onecard_plan *plan, enum oc_reason reason, const char *detail, ...)
    PRINTF_FN(3, 4);
static int host_refuse(struct onecard_plan *plan, enum oc_reason reason, const char *detail, ...)
{
    va_list ap;
    va_start(ap, detail);
    int rc = plan_refuse(plan_of(plan), reason, detail, ap);
    va_end(ap);
    return rc;
}

static int host_co_record(const struct onecard_request *req, const char *owner, const char *key,
                          uint32_t *ret_version, char *doc, size_t cap)
{
    struct decision *d = decision_of(req);
    if (d->service->abi->needs & OC_BLOCKING) {
        return OC_ENOTSUP;
    }
    if (!owner || !key) {
        return OC_EINVAL;
    }
    *ret_version = 0;
    if (!d->co_record) {
        return OC_ENOENT;
    }
    decision_pause(d);
    int rc =
        d->co_record(d->co_arg, d->service->module->abi->name, owner, key, ret_version, doc, cap);
    decision_resume(d);
    if (rc == OC_ENOENT) {
        *ret_version = 0;
    } else if (rc < 0 && rc != OC_ELIMIT) {
        d->co_err = rc;
    }
    return rc;
}

static json_t *doc_parse(const char *doc)
{
    size_t len = doc ? strlen(doc) : 0;
    if (len == 0 || !text_depth_ok(doc, len, TEXT_DEPTH_MAX)) {
        return NULL;
    }
    json_t *root = json_loadb(doc, len, 0, NULL);
    if (root && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static int host_doc_int(const char *doc, const char *member, int64_t *ret_value)
{
    json_t *root = doc_parse(doc);
    if (!root) {
        return OC_EINVAL;
    }
    const json_t *v = json_object_get(root, member);
    int rc = !v ? OC_ENOENT : !json_is_integer(v) ? OC_EINVAL : 0;
    if (rc == 0) {
        *ret_value = (int64_t)json_integer_value(v);
    }
    json_decref(root);
    return rc;
}

static int host_doc_text(const char *doc, const char *member, char *ret_text, size_t cap)
{
    json_t *root = doc_parse(doc);
    if (!root) {
        return OC_EINVAL;
    }
    const json_t *v = json_object_get(root, member);
    int rc = !v                             ? OC_ENOENT
             : !json_is_string(v)           ? OC_EINVAL
             : json_string_length(v) >= cap ? OC_ELIMIT
                                            : 0;
    if (rc == 0) {
        memcpy(ret_text, json_string_value(v), json_string_length(v) + 1);
    }
    json_decref(root);
    return rc;
}

static void host_log(const char *module, enum onecard_log_level level, const char *text)
{
    enum log_level own =
        (int)level >= LOG_ERROR && (int)level <= LOG_DEBUG ? (enum log_level)level : LOG_ERROR;
    log_line(own, module ? module : "module", "%s", text ? text : "");
}

static const struct onecard_host host_table = {
    .size = sizeof(struct onecard_host),
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .param_text = host_param_text,
    .terminal_param = host_terminal_param,
    .parse_fen = host_parse_fen,
    .plan_debit = host_plan_debit,
    .plan_credit = host_plan_credit,
    .plan_account = host_plan_account,
    .plan_leg = host_plan_leg,
    .plan_gross = host_plan_gross,
    .plan_capp_int = host_plan_capp_int,
    .plan_capp_text = host_plan_capp_text,
    .plan_record = host_plan_record,
    .plan_event = host_plan_event,
    .plan_refund_of_original = host_plan_refund,
    .plan_reply_text = host_reply_text,
    .plan_reply_int = host_reply_int,
    .plan_reply_fen = host_reply_int,
    .plan_reply_raw = host_reply_raw,
    .refuse = host_refuse,
    .co_record = host_co_record,
    .doc_int = host_doc_int,
    .doc_text = host_doc_text,
    .log = host_log,
    .conf_text = module_conf_text,
    .conf_int = module_conf_int,
    .conf_fen = module_conf_fen,
    .conf_bool = module_conf_bool,
    .conf_map = module_conf_map,
    .conf_map_at = module_conf_map_at,
};

const struct onecard_host *module_host(void)
{
    return &host_table;
}
