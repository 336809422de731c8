/* The table of functions that modules get. Each is a thin, checked door to what lies behind: a
 * module's wrong argument may spoil its own plan, nothing else. */
#include "module/host_table.h"
#include "module/internal.h"

#include "flow/flow.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct plan *plan_of(struct onecard_plan *plan)
{
    return (struct plan *)(void *)plan;
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

static void host_reply_doc(struct onecard_plan *plan, const char *key,
                           const struct onecard_doc *doc)
{
    plan_add_reply_doc(plan_of(plan), key, doc);
}

static void host_plan_note(struct onecard_plan *plan)
{
    plan_set_kind(plan_of(plan), OC_PLAN_NOTE, 0);
}

static void host_plan_doc(struct onecard_plan *plan, const char *owner, const char *key,
                          uint32_t version_read, const struct onecard_doc *doc)
{
    plan_add_doc(plan_of(plan), owner, key, version_read, doc);
}

static void host_plan_doc_remove(struct onecard_plan *plan, const char *owner, const char *key,
                                 uint32_t version_read)
{
    plan_remove_doc(plan_of(plan), owner, key, version_read);
}

static void host_plan_hold(struct onecard_plan *plan, const char *participant, const char *kind,
                           fen_t amount, const struct onecard_doc *doc,
                           const struct onecard_doc *expect)
{
    plan_set_hold(plan_of(plan), participant, kind, amount, doc, expect);
}

static void host_plan_message(struct onecard_plan *plan, const char *participant, const char *kind,
                              const char *citizen, const struct onecard_doc *doc)
{
    plan_add_message(plan_of(plan), participant, kind, citizen, doc);
}

static void host_plan_link(struct onecard_plan *plan, const char *txn)
{
    plan_set_link(plan_of(plan), txn);
}

static void host_plan_slot(struct onecard_plan *plan, const char *app, const char *category,
                           int32_t from, int32_t until)
{
    plan_set_slot(plan_of(plan), app, category, from, until);
}

static void host_plan_pin(struct onecard_plan *plan, enum onecard_pin_job job)
{
    plan_set_pin(plan_of(plan), (int)job);
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

static json_t *object_of(const char *doc)
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
    json_t *root = object_of(doc);
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
    json_t *root = object_of(doc);
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
    .doc_int = host_doc_int,
    .doc_text = host_doc_text,
    .log = host_log,
    .conf_text = module_conf_text,
    .conf_int = module_conf_int,
    .conf_fen = module_conf_fen,
    .conf_bool = module_conf_bool,
    .conf_map = module_conf_map,
    .conf_map_at = module_conf_map_at,
    .plan_doc = host_plan_doc,
    .plan_doc_remove = host_plan_doc_remove,
    .plan_note = host_plan_note,
    .plan_hold = host_plan_hold,
    .plan_message = host_plan_message,
    .plan_reply_doc = host_reply_doc,
    .plan_link = host_plan_link,
    .plan_slot = host_plan_slot,
    .plan_pin = host_plan_pin,
    .co_ask = host_co_ask,
    .doc_parse = host_doc_parse,
    .doc_object = host_doc_object,
    .doc_array = host_doc_array,
    .doc_get = doc_get,
    .doc_count = doc_count,
    .doc_at = doc_at,
    .doc_as_text = doc_as_text,
    .doc_as_int = doc_as_int,
    .doc_as_bool = doc_as_bool,
    .doc_set = doc_put,
    .doc_set_text = doc_put_text,
    .doc_set_int = doc_put_int,
    .doc_set_bool = doc_put_bool,
    .doc_remove = doc_drop,
    .doc_text_of = host_doc_text_of,
    .doc_load = host_doc_load,
    .doc_place = host_doc_place,
    .folder_at = host_folder_at,
    .co_record = host_co_record,
    .co_doc = host_co_doc,
    .co_next_doc = host_co_next_doc,
    .co_call = host_co_call,
    .co_account = host_co_account,
    .co_holder = host_co_holder,
    .co_citizen = host_co_citizen,
    .co_person = host_co_person,
    .co_slot = host_co_slot,
    .co_totals = host_co_totals,
    .co_history = host_co_history,
    .co_txn = host_co_txn,
    .journey_int = host_journey_int,
    .journey_text = host_journey_text,
    .want_doc = host_want_doc,
    .want_account = host_want_account,
};

const struct onecard_host *module_host(void)
{
    return &host_table;
}
