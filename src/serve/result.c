/* Rows and results as the JSON that programs compare: one function each, used wherever one is
 * shown. */
#include "serve/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_time(const struct serve *s, int64_t ms)
{
    char city[20], text[32];
    int off = s->env.city_offset_min, abs_off = off < 0 ? -off : off;
    if (ms == 0)
        return json_null();
    (void)city_text(ms, off, city);
    city[10] = 'T';
    (void)snprintf(text, sizeof text, "%.19s%c%02d:%02d", city, off < 0 ? '-' : '+', abs_off / 60,
                   abs_off % 60);
    return json_string(text);
}

json_t *json_date(date_t d)
{
    char text[11];
    return d == 0 ? json_null() : json_string(date_text(d, text));
}

json_t *json_hex(const void *bytes, size_t len)
{
    char text[2 * 64 + 1];
    CHECK(len <= 64);
    return json_string(hex_encode(bytes, len, text));
}

json_t *json_txn_id(int64_t txn)
{
    char text[IDENT_TEXT];
    return txn == 0 ? json_null() : json_string(ident_text(txn, text));
}

json_t *json_text(const char *text)
{
    json_t *j = json_string(text);
    char *copy = j || !text ? NULL : strdup(text);
    if (copy)
        j = json_string(text_trim_utf8(copy));
    free(copy);
    return j ? j : json_null();
}

json_t *json_text_or_null(const char *text)
{
    return text && text[0] != '\0' ? json_text(text) : json_null();
}

json_t *json_raw(const char *text)
{
    json_t *j = NULL;
    if (text && text[0] != '\0' && text_depth_ok(text, strlen(text), TEXT_DEPTH_MAX))
        j = json_loads(text, 0, NULL);
    return json_is_object(j) ? j : (json_decref(j), json_object());
}

static json_t *settled_json(const struct txn_result *r)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < r->settled_count; i++) {
        const struct txn_settled *t = &r->settled[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:s?, s:s?, s:I}", "txn", json_txn_id(t->txn),
                                        "outcome", oc_txn_state_name((enum oc_txn_state)t->state),
                                        "evidence", evidence_name((enum evidence)t->evidence),
                                        "amount_fen", (json_int_t)t->amount));
    }
    return list;
}

static json_t *number_or_null(bool has, int64_t v)
{
    return has ? json_integer(v) : json_null();
}

static bool all_zero(const uint8_t *p, size_t len)
{
    while (len > 0 && p[len - 1] == 0)
        len--;
    return len == 0;
}

json_t *result_json(const struct serve *s, const struct txn_result *r)
{
    json_t *j = json_pack("{s:o, s:s, s:s, s:s, s:s, s:o}", "txn", json_txn_id(r->txn), "outcome",
                          oc_outcome_name(r->outcome), "reason", oc_reason_code(r->reason),
                          "reason_text", oc_reason_en(r->reason), "reason_zh",
                          oc_reason_zh(r->reason), "detail", json_text(r->detail));
    if (!j)
        return json_null();
    bool read = !all_zero(r->serial, sizeof r->serial);
    json_object_set_new(j, "service", json_text(r->service));
    json_object_set_new(j, "terminal", json_text(r->terminal));
    json_object_set_new(j, "card", json_text_or_null(r->card));
    json_object_set_new(j, "issuer", read ? json_hex(r->issuer, sizeof r->issuer) : json_null());
    json_object_set_new(j, "serial", read ? json_hex(r->serial, sizeof r->serial) : json_null());
    json_object_set_new(j, "amount_fen", json_integer(r->amount));
    json_object_set_new(j, "gross_fen", json_integer(r->gross));
    json_object_set_new(j, "balance_fen", number_or_null(r->has_balance, r->balance));
    json_object_set_new(j, "business_date", json_date(r->business_date));
    json_object_set_new(j, "time", json_time(s, r->at_ms));
    json_object_set_new(j, "settled", settled_json(r));
    if (r->has_pin_left)
        json_object_set_new(j, "pin_tries_left", json_integer(r->pin_left));
    json_object_set_new(j, "reply", json_raw(r->reply));
    return j;
}

static json_t *seen_json(const struct card_seen *c)
{
    return json_pack("{s:o, s:o, s:o}", "balance_fen",
                     number_or_null((c->has & SEEN_BALANCE) != 0, c->balance), "online",
                     number_or_null((c->has & SEEN_ONLINE) != 0, c->online), "offline",
                     number_or_null((c->has & SEEN_OFFLINE) != 0, c->offline));
}

static json_t *card_id_json(int64_t card)
{
    return card ? json_sprintf("c%lld", (long long)card) : json_null();
}

json_t *card_json(const struct serve *s, const struct card_row *c)
{
    char id[32];
    (void)snprintf(id, sizeof id, "c%lld", (long long)c->id);
    json_t *j =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:s?, s:s?, s:b}", "id", id, "number",
                  json_text(c->number), "issuer", json_hex(c->issuer, sizeof c->issuer), "serial",
                  json_hex(c->serial, sizeof c->serial), "profile", json_text(c->profile), "kind",
                  card_kind_name((enum card_kind)c->kind), "state",
                  card_state_name((enum card_state)c->state), "registered", c->registered);
    if (!j)
        return json_null();
    json_object_set_new(j, "citizen", json_text_or_null(c->citizen));
    json_object_set_new(j, "valid_from", json_date(c->valid_from));
    json_object_set_new(j, "valid_to", json_date(c->valid_to));
    json_object_set_new(j, "purse_fen", json_integer(c->purse));
    json_object_set_new(j, "reserved_fen",
                        json_integer(c->purse_debits_pending + c->purse_credits_pending));
    json_object_set_new(j, "pending_load_fen", json_integer(c->pending_load));
    json_object_set_new(j, "pending_load_reserved_fen", json_integer(c->pending_load_reserved));
    json_object_set_new(j, "ceiling_fen", json_integer(c->ceiling));
    json_object_set_new(j, "floor_fen", json_integer(c->floor));
    json_object_set_new(j, "open_txn", json_txn_id(c->open_txn));
    json_object_set_new(j, "chip", seen_json(&c->last));
    json_object_set_new(j, "seen", json_time(s, c->seen_ms));
    json_object_set_new(j, "seen_terminal", json_text_or_null(c->seen_terminal));
    json_object_set_new(j, "awaiting_records", json_integer(c->awaiting));
    json_object_set_new(j, "alarm",
                        c->alarm == ALARM_NONE      ? json_null()
                        : c->alarm == ALARM_BALANCE ? json_string("balance_mismatch")
                        : c->alarm == ALARM_PROOF   ? json_string("wrong_proof")
                        : c->alarm == ALARM_RESTORED ? json_string("loads_lost")
                                                    : json_string("counter_moved"));
    json_object_set_new(j, "category", json_text_or_null(c->category));
    json_object_set_new(j, "category_from", json_date(c->category_from));
    json_object_set_new(j, "category_until", json_date(c->category_to));
    json_object_set_new(j, "denied",
                        c->deny_action == 0   ? json_null()
                        : c->deny_action == 2 ? json_string("lock")
                                              : json_string("refuse"));
    json_object_set_new(j, "loss_effective", json_time(s, c->loss_effective_ms));
    json_object_set_new(j, "last_txn", json_txn_id(c->last_txn));
    json_object_set_new(j, "last_service", json_text_or_null(c->last_service));
    json_object_set_new(j, "last_terminal", json_text_or_null(c->last_terminal));
    json_object_set_new(j, "last_txn_time", json_time(s, c->last_txn_ms));
    json_object_set_new(j, "created", json_time(s, c->created_ms));
    json_object_set_new(j, "replaced_by", card_id_json(c->replaced_by));
    json_object_set_new(j, "replaces", card_id_json(c->replaces));
    return j;
}

/* ---- transactions ---- */

static json_t *legs_json(const struct op_intent *in)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < in->leg_count && i < LEDGER_LEGS; i++)
        json_array_append_new(list, json_pack("{s:s?, s:o, s:I}", "account",
                                              acct_kind_name((enum acct_kind)in->legs[i].kind),
                                              "owner", json_text(in->legs[i].owner), "amount_fen",
                                              (json_int_t)in->legs[i].amount));
    return list;
}

static const char *plan_kind_name(uint8_t kind)
{
    static const char *const names[] = {"none", "debit", "credit", "account", "note"};
    return kind < ARRAY_LEN(names) ? names[kind] : "unknown";
}

static const char *verdict_name(uint8_t v)
{
    return v == TAC_OK ? "ok" : v == TAC_WRONG ? "wrong" : "none";
}

static const char *presented_name(uint8_t p)
{
    static const char *const names[] = {"none", "chip", "code", "number"};
    return p < ARRAY_LEN(names) ? names[p] : "unknown";
}

/* "2026-11-21T08:30:05.123456+08:00" */
static json_t *time_us_json(const struct serve *s, int64_t us)
{
    char text[48];
    json_t *j = json_time(s, us / 1000);
    const char *ms = json_string_value(j);
    if (!ms)
        return j;
    (void)snprintf(text, sizeof text, "%.19s.%06d%s", ms, (int)(us % 1000000), ms + 19);
    json_decref(j);
    return json_string(text);
}

/* What each step took: microseconds since the request was received, and since the step before. */
static json_t *timeline_json(const struct txn_row *row)
{
    json_t *list = json_array();
    uint32_t before = 0;
    for (unsigned i = 0; i < STEP_COUNT; i++) {
        uint32_t at = row->timeline.at_us[i];
        if (at == 0)
            continue;
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "step", step_name((enum step)i),
                                              "at_us", (json_int_t)at, "took_us",
                                              (json_int_t)(at > before ? at - before : 0)));
        before = at;
    }
    return list;
}

static void put_evidence(const struct serve *s, json_t *j, const struct txn_row *row)
{
    const struct op_intent *in = &row->in;
    char sw[8], trace[TRACE_TEXT];
    (void)snprintf(sw, sizeof sw, "%04X", row->sw);
    json_object_set_new(j, "sam", json_hex(in->sam, sizeof in->sam));
    json_object_set_new(j, "sam_seq", json_integer(in->terminal_seq));
    json_object_set_new(j, "type", json_integer(in->card_type));
    json_object_set_new(j, "counter", json_integer(in->counter));
    json_object_set_new(j, "key_version", json_integer(in->key_version));
    json_object_set_new(j, "algorithm", json_string(pboc_alg_name((enum pboc_alg)in->alg)));
    json_object_set_new(j, "card_date", json_hex(in->card_date, sizeof in->card_date));
    json_object_set_new(j, "card_time", json_hex(in->card_time, sizeof in->card_time));
    json_object_set_new(j, "sw", row->sw != 0 ? json_string(sw) : json_null());
    json_object_set_new(j, "tac", json_hex(row->tac, sizeof row->tac));
    json_object_set_new(j, "tac_verdict", json_string(verdict_name(row->tac_verdict)));
    json_object_set_new(j, "mac2", json_hex(row->mac2, sizeof row->mac2));
    json_object_set_new(j, "suspense", json_boolean(row->suspense));
    json_object_set_new(j, "chip_before", seen_json(&in->seen));
    json_object_set_new(j, "chip_after", seen_json(&row->after));
    json_object_set_new(j, "journey_record",
                        in->capp_len > 0 && in->capp_len <= 64 ? json_hex(in->capp, in->capp_len)
                                                               : json_null());
    json_object_set_new(j, "legs", legs_json(in));
    json_object_set_new(j, "plan", json_raw(in->plan));
    json_object_set_new(j, "reply", json_raw(row->reply[0] != '\0' ? row->reply : in->reply));
    json_object_set_new(j, "trace", json_string(trace_text(row->trace, trace)));
    json_object_set_new(j, "presented", json_string(presented_name(in->presented)));
    json_object_set_new(j, "received", time_us_json(s, row->timeline.received_us));
    json_object_set_new(j, "timeline", timeline_json(row));
}

json_t *txn_json(const struct serve *s, const struct txn_row *row, bool full)
{
    const struct op_intent *in = &row->in;
    char card[32];
    bool known = !all_zero(row->serial, sizeof row->serial);
    (void)snprintf(card, sizeof card, "c%lld", (long long)in->card);
    json_t *j =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:o}", "txn", json_txn_id(row->id), "state",
                  oc_txn_state_name((enum oc_txn_state)row->state), "reason",
                  oc_reason_code((enum oc_reason)row->reason), "reason_text",
                  oc_reason_en((enum oc_reason)row->reason), "reason_zh",
                  oc_reason_zh((enum oc_reason)row->reason), "service", json_text(in->service));
    if (!j)
        return json_null();
    json_object_set_new(j, "kind", json_string(plan_kind_name(in->plan_kind)));
    json_object_set_new(j, "card", in->card != 0 ? json_string(card) : json_null());
    json_object_set_new(j, "issuer", known ? json_hex(row->issuer, 8) : json_null());
    json_object_set_new(j, "serial", known ? json_hex(row->serial, 10) : json_null());
    json_object_set_new(j, "terminal", json_text(in->terminal));
    json_object_set_new(j, "participant", json_text(in->participant));
    json_object_set_new(j, "amount_fen", json_integer(in->amount));
    json_object_set_new(j, "gross_fen", json_integer(in->gross));
    json_object_set_new(j, "refunded_fen", json_integer(row->refunded));
    json_object_set_new(j, "business_date", json_date(in->business_date));
    json_object_set_new(j, "clearing_date", json_date(row->clearing_date));
    json_object_set_new(j, "created", json_time(s, row->created_ms));
    json_object_set_new(j, "decided", json_time(s, row->decided_ms));
    json_object_set_new(j, "request_no", json_integer(in->request_no));
    json_object_set_new(j, "link", json_txn_id(in->link));
    json_object_set_new(j, "evidence", json_string(evidence_name((enum evidence)row->evidence)));
    json_object_set_new(j, "tries", json_integer(row->tries));
    json_object_set_new(j, "note", json_text(row->note));
    json_object_set_new(j, "who", json_text(row->who));
    if (full)
        put_evidence(s, j, row);
    return j;
}
