/* Requests and their answers as JSON: what the local interface shows and the store keeps. */
#include "terminal/internal.h"

#include <stdio.h>
#include <string.h>

static json_t *text_json(const char *s)
{
    json_t *j = json_string(s ? s : "");
    return j ? j : json_string("?");
}

static const char *outcome_name(int outcome)
{
    switch (outcome) {
    case PB_POSTED:
        return "posted";
    case PB_REFUSED:
        return "refused";
    case PB_VOIDED:
        return "voided";
    case PB_IN_DOUBT:
        return "in_doubt";
    default:
        return "unknown";
    }
}

static const char *phase_name(enum pb_phase p)
{
    switch (p) {
    case PB_PHASE_WAIT_CARD:
        return "wait_card";
    case PB_PHASE_CARD:
        return "card";
    case PB_PHASE_COMMITTED:
        return "committed";
    case PB_PHASE_WAIT_RETURN:
        return "wait_return";
    default:
        return "";
    }
}

static void put_amount(json_t *to, const char *name, int64_t fen)
{
    char key[40], text[FEN_TEXT];
    (void)snprintf(key, sizeof key, "%s_fen", name);
    json_object_set_new(to, key, json_integer((json_int_t)fen));
    json_object_set_new(to, name, json_string(fen_plain(fen, text)));
}

static json_t *reply_json(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || !text_depth_ok(text, len, TEXT_DEPTH_MAX))
        return NULL;
    return json_loadb(text, len, 0, NULL);
}

static void put_lists(json_t *j, const pb_result *r)
{
    json_t *slip = json_array(), *settled = json_array();
    for (size_t i = 0; i < r->n_slip; i++)
        json_array_append_new(slip, text_json(r->slip[i]));
    for (size_t i = 0; i < r->n_settled; i++) {
        json_t *s = json_pack("{s:s, s:s}", "txn", r->settled[i]->txn, "outcome",
                              outcome_name((int)r->settled[i]->outcome));
        put_amount(s, "amount", r->settled[i]->amount_fen);
        json_array_append_new(settled, s);
    }
    json_object_set_new(j, "slip", slip);
    json_object_set_new(j, "settled", settled);
}

json_t *request_result_json(const pb_result *r)
{
    char trace[TRACE_TEXT];
    json_t *j = json_pack("{s:I, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s}", "number",
                          (json_int_t)r->number, "outcome", outcome_name((int)r->outcome), "reason",
                          r->reason, "text", "en", r->text_en, "zh", r->text_zh, "detail",
                          r->detail, "txn", r->txn, "service", r->service, "card", r->card);
    if (!j)
        return NULL;
    put_amount(j, "amount", r->amount_fen);
    put_amount(j, "gross", r->gross_fen);
    if (r->has_balance)
        put_amount(j, "balance", r->balance_fen);
    json_object_set_new(j, "business_date", json_integer(r->business_date));
    json_object_set_new(j, "at_ms", json_integer((json_int_t)r->at_ms));
    json_object_set_new(j, "trace", json_string(trace_text(r->trace, trace)));
    json_t *reply = reply_json(r->reply);
    if (reply)
        json_object_set_new(j, "reply", reply);
    put_lists(j, r);
    return j;
}

static const char *state_name(const struct store_row *row, const struct treq *live)
{
    if (row->state == STORE_DONE)
        return "done";
    if (row->state == STORE_DOUBT)
        return "in_doubt";
    return live && live->cancel ? "taken_back" : "open";
}

json_t *request_json(const struct store_row *row, const struct treq *live)
{
    json_t *j = json_pack("{s:I, s:s, s:s, s:b, s:i, s:I, s:s, s:s}", "number",
                          (json_int_t)row->number, "state", state_name(row, live), "service",
                          row->service, "gate", row->gate, "reader", (int)row->reader, "created_ms",
                          (json_int_t)row->created_ms, "ref", row->ref, "person", row->person);
    if (!j)
        return NULL;
    put_amount(j, "asked", row->amount_fen);
    if (live && row->state == STORE_OPEN) {
        json_object_set_new(j, "phase", json_string(phase_name(live->phase)));
        json_object_set_new(j, "text", json_pack("{s:s, s:s}", "en", live->en, "zh", live->zh));
    }
    json_t *result = row->result ? json_loads(row->result, 0, NULL) : NULL;
    if (result)
        json_object_set_new(j, "result", result);
    return j;
}
