/* One table of fields for each operation: what op_encode writes, in this order, and nothing else.
 * Names of kinds and states.
 *
 * The journal is read for ever. So: rows of a table are never reordered or removed; a new field is
 * added at the end of its table with `since` = the new OP_VERSION, and older encodings give zeros
 * for it. */
#include "ledger/op_table.h"

#define F_(s, f, t, n, sub, v)                                                                     \
    {                                                                                              \
        .name = #f, .type = (t), .offset = offsetof(s, f), .size = (n), .nested = (sub),           \
        .since = (v)                                                                               \
    }
#define NUM(s, f)       F_(s, f, OPF_NUMBER, sizeof(((s *)0)->f), NULL, 1)
#define SNUM(s, f)      F_(s, f, OPF_SIGNED, sizeof(((s *)0)->f), NULL, 1)
#define TEXT(s, f)      F_(s, f, OPF_TEXT, sizeof(((s *)0)->f), NULL, 1)
#define FIXED(s, f)     F_(s, f, OPF_FIXED, sizeof(((s *)0)->f), NULL, 1)
#define INSIDE(s, f, x) F_(s, f, OPF_STRUCT, sizeof(((s *)0)->f), &(x), 1)
/* The count's own type is one or two bytes, and stands in the struct only. */
#define VARIABLE(s, f, n)                                                                          \
    {                                                                                              \
        .name = #f, .type = OPF_BYTES, .offset = offsetof(s, f), .size = sizeof(((s *)0)->f),      \
        .count_offset = offsetof(s, n), .count_size = sizeof(((s *)0)->n), .since = 1              \
    }
#define ARRAY(s, f, n, x)                                                                          \
    {                                                                                              \
        .name = #f, .type = OPF_ARRAY, .offset = offsetof(s, f), .size = sizeof(((s *)0)->f[0]),   \
        .max = ARRAY_LEN(((s *)0)->f), .count_offset = offsetof(s, n),                             \
        .count_size = sizeof(((s *)0)->n), .nested = &(x), .since = 1                              \
    }
/* What version 2 brought. */
#define NUM2(s, f)       F_(s, f, OPF_NUMBER, sizeof(((s *)0)->f), NULL, 2)
#define INSIDE2(s, f, x) F_(s, f, OPF_STRUCT, sizeof(((s *)0)->f), &(x), 2)
/* What version 3 brought. */
#define NUM3(s, f)       F_(s, f, OPF_NUMBER, sizeof(((s *)0)->f), NULL, 3)
#define INSIDE3(s, f, x) F_(s, f, OPF_STRUCT, sizeof(((s *)0)->f), &(x), 3)
#define ARRAY3(s, f, n, x)                                                                         \
    {                                                                                              \
        .name = #f, .type = OPF_ARRAY, .offset = offsetof(s, f), .size = sizeof(((s *)0)->f[0]),   \
        .max = ARRAY_LEN(((s *)0)->f), .count_offset = offsetof(s, n),                             \
        .count_size = sizeof(((s *)0)->n), .nested = &(x), .since = 3                              \
    }
/* What version 4 brought. */
#define INSIDE4(s, f, x) F_(s, f, OPF_STRUCT, sizeof(((s *)0)->f), &(x), 4)
#define NUM4(s, f)  F_(s, f, OPF_NUMBER, sizeof(((s *)0)->f), NULL, 4)
#define SNUM4(s, f) F_(s, f, OPF_SIGNED, sizeof(((s *)0)->f), NULL, 4)
#define ARRAY4(s, f, n, x)                                                                         \
    {                                                                                              \
        .name = #f, .type = OPF_ARRAY, .offset = offsetof(s, f), .size = sizeof(((s *)0)->f[0]),   \
        .max = ARRAY_LEN(((s *)0)->f), .count_offset = offsetof(s, n),                             \
        .count_size = sizeof(((s *)0)->n), .nested = &(x), .since = 4                              \
    }
#define DOC(s, f) F_(s, f, OPF_DOC, sizeof(((s *)0)->f), NULL, 1)
#define TABLE(name, ...)                                                                           \
    static const struct op_field name##_fields[] = {__VA_ARGS__};                                  \
    static const struct op_fields name = {name##_fields, ARRAY_LEN(name##_fields)}

TABLE(t_seen, NUM(struct card_seen, has), SNUM(struct card_seen, balance),
      NUM(struct card_seen, online), NUM(struct card_seen, offline));
TABLE(t_leg, NUM(struct leg, kind), TEXT(struct leg, owner), SNUM(struct leg, amount));
TABLE(t_record, TEXT(struct op_record, scope), TEXT(struct op_record, owner),
      TEXT(struct op_record, key), NUM(struct op_record, version_read), DOC(struct op_record, doc),
      NUM3(struct op_record, remove), NUM3(struct op_record, version_new));
TABLE(t_message, TEXT(struct op_message, to), TEXT(struct op_message, kind),
      TEXT(struct op_message, citizen), DOC(struct op_message, doc));
TABLE(t_hold_plan, TEXT(struct op_hold_plan, to), TEXT(struct op_hold_plan, kind),
      SNUM(struct op_hold_plan, amount), DOC(struct op_hold_plan, doc),
      DOC(struct op_hold_plan, expect));
TABLE(t_item, TEXT(struct op_event_item, kind), TEXT(struct op_event_item, text));
TABLE(t_concerned, TEXT(struct op_concerned, citizen));
TABLE(t_limits, SNUM(struct op_limits, single_max), SNUM(struct op_limits, card_day_max),
      NUM(struct op_limits, card_day_count), SNUM(struct op_limits, terminal_day_max));

TABLE(t_timeline, SNUM(struct timeline, received_us), NUM(struct timeline, at_us[STEP_ADMITTED]),
      NUM(struct timeline, at_us[STEP_CARD]), NUM(struct timeline, at_us[STEP_GENUINE]),
      NUM(struct timeline, at_us[STEP_DECIDED]), NUM(struct timeline, at_us[STEP_INIT]),
      NUM(struct timeline, at_us[STEP_INTENT]), NUM(struct timeline, at_us[STEP_SENT]),
      NUM(struct timeline, at_us[STEP_ANSWERED]), NUM(struct timeline, at_us[STEP_OUTCOME]));

TABLE(t_site, TEXT(struct op_site, name), NUM(struct op_site, shard),
      SNUM(struct op_site, city_offset_min), SNUM(struct op_site, first_day));
TABLE(t_participant, TEXT(struct op_participant, id), TEXT(struct op_participant, name),
      SNUM(struct op_participant, load_quota), NUM(struct op_participant, closed));
TABLE(t_terminal, TEXT(struct op_terminal, id), TEXT(struct op_terminal, kind),
      TEXT(struct op_terminal, participant), FIXED(struct op_terminal, sam),
      TEXT(struct op_terminal, reader), TEXT(struct op_terminal, services),
      TEXT(struct op_terminal, gate), TEXT(struct op_terminal, params),
      NUM(struct op_terminal, closed));
TABLE(t_key, NUM(struct op_key, purpose), NUM(struct op_key, alg), NUM(struct op_key, version),
      FIXED(struct op_key, issuer), FIXED(struct op_key, kcv),
      VARIABLE(struct op_key, sealed, sealed_len), NUM(struct op_key, revoked));
TABLE(t_card_add, SNUM(struct op_card_add, card), FIXED(struct op_card_add, issuer),
      FIXED(struct op_card_add, serial), TEXT(struct op_card_add, number),
      TEXT(struct op_card_add, profile), NUM(struct op_card_add, kind),
      NUM(struct op_card_add, state), NUM(struct op_card_add, registered),
      SNUM(struct op_card_add, valid_from), SNUM(struct op_card_add, valid_to),
      TEXT(struct op_card_add, citizen), SNUM(struct op_card_add, ceiling),
      SNUM(struct op_card_add, floor), SNUM(struct op_card_add, opening),
      INSIDE(struct op_card_add, seen, t_seen), TEXT(struct op_card_add, category),
      SNUM(struct op_card_add, category_to), NUM(struct op_card_add, fresh));
TABLE(t_card_state, SNUM(struct op_card_state, card), NUM(struct op_card_state, to),
      TEXT(struct op_card_state, why), SNUM(struct op_card_state, effective_ms));
TABLE(t_slot, SNUM(struct op_slot, card), TEXT(struct op_slot, app), TEXT(struct op_slot, category),
      SNUM(struct op_slot, from), SNUM(struct op_slot, to), NUM(struct op_slot, closed),
      INSIDE4(struct op_slot, record, t_record));
TABLE(t_deny, FIXED(struct op_deny, issuer), FIXED(struct op_deny, serial),
      NUM(struct op_deny, action), NUM(struct op_deny, remove), TEXT(struct op_deny, why),
      SNUM(struct op_deny, epoch));
TABLE(t_citizen, TEXT(struct op_citizen, id), VARIABLE(struct op_citizen, sealed, sealed_len),
      FIXED(struct op_citizen, search));
TABLE(t_slot_plan, TEXT(struct op_slot_plan, app), TEXT(struct op_slot_plan, category),
      SNUM(struct op_slot_plan, from), SNUM(struct op_slot_plan, to));
TABLE(t_intent, SNUM(struct op_intent, txn), NUM(struct op_intent, trace),
      TEXT(struct op_intent, service), NUM(struct op_intent, plan_kind),
      NUM(struct op_intent, card_type), SNUM(struct op_intent, card),
      TEXT(struct op_intent, terminal), TEXT(struct op_intent, participant),
      FIXED(struct op_intent, sam), NUM(struct op_intent, terminal_seq),
      SNUM(struct op_intent, request_no), FIXED(struct op_intent, request_hash),
      SNUM(struct op_intent, business_date), SNUM(struct op_intent, clearing_date),
      SNUM(struct op_intent, card_day), SNUM(struct op_intent, terminal_day),
      FIXED(struct op_intent, card_date), FIXED(struct op_intent, card_time),
      SNUM(struct op_intent, amount), SNUM(struct op_intent, gross), NUM(struct op_intent, counter),
      NUM(struct op_intent, key_version), NUM(struct op_intent, alg),
      FIXED(struct op_intent, random), NUM(struct op_intent, raw_balance),
      INSIDE(struct op_intent, seen, t_seen), VARIABLE(struct op_intent, capp, capp_len),
      NUM(struct op_intent, capp_before_known), FIXED(struct op_intent, capp_before),
      ARRAY(struct op_intent, legs, leg_count, t_leg),
      ARRAY(struct op_intent, records, record_count, t_record),
      ARRAY(struct op_intent, events, event_count, t_item), SNUM(struct op_intent, link),
      NUM(struct op_intent, refund), INSIDE(struct op_intent, limits, t_limits),
      TEXT(struct op_intent, plan), TEXT(struct op_intent, reply),
      NUM2(struct op_intent, presented), INSIDE2(struct op_intent, timeline, t_timeline),
      ARRAY3(struct op_intent, messages, message_count, t_message),
      INSIDE3(struct op_intent, hold, t_hold_plan), INSIDE3(struct op_intent, slot, t_slot_plan),
      NUM4(struct op_intent, reckoned), SNUM4(struct op_intent, counted),
      ARRAY4(struct op_intent, concerned, concerned_count, t_concerned));
TABLE(t_outcome, SNUM(struct op_outcome, txn), NUM(struct op_outcome, to),
      NUM(struct op_outcome, reason), NUM(struct op_outcome, evidence),
      NUM(struct op_outcome, suspense), NUM(struct op_outcome, sw),
      NUM(struct op_outcome, tac_verdict), FIXED(struct op_outcome, mac2),
      FIXED(struct op_outcome, tac), INSIDE(struct op_outcome, seen, t_seen),
      SNUM(struct op_outcome, clearing_date), TEXT(struct op_outcome, note),
      TEXT(struct op_outcome, reply), ARRAY(struct op_outcome, events, event_count, t_item),
      INSIDE2(struct op_outcome, timeline, t_timeline));
TABLE(t_refusal, SNUM(struct op_refusal, txn), NUM(struct op_refusal, trace),
      TEXT(struct op_refusal, service), NUM(struct op_refusal, reason),
      TEXT(struct op_refusal, detail), SNUM(struct op_refusal, card),
      FIXED(struct op_refusal, issuer), FIXED(struct op_refusal, serial),
      TEXT(struct op_refusal, terminal), TEXT(struct op_refusal, participant),
      SNUM(struct op_refusal, request_no), FIXED(struct op_refusal, request_hash),
      SNUM(struct op_refusal, business_date), SNUM(struct op_refusal, amount),
      INSIDE(struct op_refusal, seen, t_seen), NUM2(struct op_refusal, presented),
      INSIDE2(struct op_refusal, timeline, t_timeline));
TABLE(t_seen_op, SNUM(struct op_seen, card), TEXT(struct op_seen, terminal),
      INSIDE(struct op_seen, seen, t_seen));
TABLE(t_event, SNUM(struct op_event, card), SNUM(struct op_event, txn),
      TEXT(struct op_event, terminal), INSIDE(struct op_event, item, t_item));
TABLE(t_day_close, SNUM(struct op_day_close, date), SNUM(struct op_day_close, next));
TABLE(t_settled, SNUM(struct op_settled, date), FIXED(struct op_settled, manifest_sha256));
TABLE(t_restored, NUM(struct op_restored, jump), TEXT(struct op_restored, from),
      NUM4(struct op_restored, behind), SNUM4(struct op_restored, published));
TABLE(t_authority, VARIABLE(struct op_authority, cert, cert_len),
      VARIABLE(struct op_authority, sealed, sealed_len));
TABLE(t_terminal_key, TEXT(struct op_terminal_key, terminal), NUM(struct op_terminal_key, action),
      FIXED(struct op_terminal_key, token_hash), SNUM(struct op_terminal_key, token_until_ms),
      FIXED(struct op_terminal_key, pin), FIXED(struct op_terminal_key, next_pin),
      SNUM(struct op_terminal_key, not_after_ms), TEXT(struct op_terminal_key, why));
TABLE(t_hold, SNUM(struct op_hold, txn), NUM(struct op_hold, to), TEXT(struct op_hold, reference),
      TEXT(struct op_hold, note));
TABLE(t_message_end, SNUM(struct op_message_end, message), NUM(struct op_message_end, to),
      NUM(struct op_message_end, tries), TEXT(struct op_message_end, note),
      NUM4(struct op_message_end, anew));
TABLE(t_erased, TEXT(struct op_erased, citizen), NUM(struct op_erased, what),
      SNUM(struct op_erased, due), TEXT(struct op_erased, why));
TABLE(t_participant_key, TEXT(struct op_participant_key, participant),
      FIXED(struct op_participant_key, key), TEXT(struct op_participant_key, why));
TABLE(t_offline, FIXED(struct op_offline, issuer), FIXED(struct op_offline, serial),
      NUM(struct op_offline, type), NUM(struct op_offline, counter), FIXED(struct op_offline, sam),
      NUM(struct op_offline, sam_seq), SNUM(struct op_offline, amount),
      NUM(struct op_offline, has_balance), SNUM(struct op_offline, balance),
      FIXED(struct op_offline, card_date), FIXED(struct op_offline, card_time),
      FIXED(struct op_offline, tac), NUM(struct op_offline, tac_verdict),
      NUM(struct op_offline, key_version), NUM(struct op_offline, alg),
      NUM(struct op_offline, moves), TEXT(struct op_offline, terminal),
      TEXT(struct op_offline, bearer), SNUM(struct op_offline, oldest),
      NUM(struct op_offline, result), SNUM(struct op_offline, card), SNUM(struct op_offline, txn),
      NUM(struct op_offline, posts), NUM(struct op_offline, awaited),
      TEXT(struct op_offline, at_terminal), TEXT(struct op_offline, participant),
      SNUM(struct op_offline, business_date), SNUM(struct op_offline, clearing_date),
      ARRAY(struct op_offline, legs, leg_count, t_leg));
TABLE(t_replaced, SNUM(struct op_replaced, from), SNUM(struct op_replaced, to),
      SNUM(struct op_replaced, wait_ms), TEXT(struct op_replaced, why),
      SNUM(struct op_replaced, txn), SNUM(struct op_replaced, purse),
      SNUM(struct op_replaced, pending), SNUM(struct op_replaced, business_date),
      SNUM(struct op_replaced, clearing_date));

#define KIND(type, label, member, table)                                                           \
    [type] = {label, offsetof(struct ledger_op, member), sizeof(((struct ledger_op *)0)->member),  \
              &(table), 1}
#define KIND2(type, label, member, table)                                                          \
    [type] = {label, offsetof(struct ledger_op, member), sizeof(((struct ledger_op *)0)->member),  \
              &(table), 2}
#define KIND3(type, label, member, table)                                                          \
    [type] = {label, offsetof(struct ledger_op, member), sizeof(((struct ledger_op *)0)->member),  \
              &(table), 3}
#define KIND4(type, label, member, table)                                                          \
    [type] = {label, offsetof(struct ledger_op, member), sizeof(((struct ledger_op *)0)->member),  \
              &(table), 4}
static const struct op_kind kinds[] = {
    KIND(LOP_SITE, "site", site, t_site),
    KIND(LOP_PARTICIPANT, "participant", participant, t_participant),
    KIND(LOP_TERMINAL, "terminal", terminal, t_terminal),
    KIND(LOP_KEY, "key", key, t_key),
    KIND(LOP_CARD_ADD, "card_add", card_add, t_card_add),
    KIND(LOP_CARD_STATE, "card_state", card_state, t_card_state),
    KIND(LOP_SLOT, "slot", slot, t_slot),
    KIND(LOP_DENY, "deny", deny, t_deny),
    KIND(LOP_CITIZEN, "citizen", citizen, t_citizen),
    KIND(LOP_INTENT, "intent", intent, t_intent),
    KIND(LOP_OUTCOME, "outcome", outcome, t_outcome),
    KIND(LOP_REFUSAL, "refusal", refusal, t_refusal),
    KIND(LOP_SEEN, "seen", seen, t_seen_op),
    KIND(LOP_EVENT, "event", event, t_event),
    KIND(LOP_DAY_CLOSE, "day_close", day_close, t_day_close),
    KIND(LOP_SETTLED, "settled", settled, t_settled),
    KIND(LOP_RESTORED, "restored", restored, t_restored),
    KIND2(LOP_AUTHORITY, "authority", authority, t_authority),
    KIND2(LOP_TERMINAL_KEY, "terminal_key", terminal_key, t_terminal_key),
    KIND3(LOP_HOLD, "hold", hold, t_hold),
    KIND3(LOP_MESSAGE, "message", message, t_message_end),
    KIND3(LOP_ERASED, "erased", erased, t_erased),
    KIND3(LOP_PARTICIPANT_KEY, "participant_key", participant_key, t_participant_key),
    KIND4(LOP_OFFLINE, "offline", offline, t_offline),
    KIND4(LOP_REPLACED, "replaced", replaced, t_replaced),
};

const struct op_kind *op_kind(unsigned type)
{
    return type < ARRAY_LEN(kinds) && kinds[type].name ? &kinds[type] : NULL;
}

static const char *name_in(const char *const *names, size_t count, unsigned i)
{
    return i < count ? names[i] : NULL;
}

const char *op_name(enum ledger_op_type t)
{
    const struct op_kind *k = op_kind((unsigned)t);
    return k ? k->name : NULL;
}

const char *acct_kind_name(enum acct_kind k)
{
    static const char *const names[] = {
        [ACCT_PURSE] = "purse",
        [ACCT_PENDING_LOAD] = "pending_load",
        [ACCT_CITIZEN] = "citizen",
        [ACCT_MERCHANT] = "merchant",
        [ACCT_LOAD_RECEIVABLE] = "load_receivable",
        [ACCT_BEARER] = "bearer",
        [ACCT_IN_TRANSIT] = "in_transit",
        [ACCT_SUSPENSE] = "suspense",
        [ACCT_OPENING] = "opening",
        [ACCT_FEE] = "fee",
        [ACCT_RESERVE] = "reserve",
        [ACCT_FUND] = "fund",
        [ACCT_PERSONAL] = "personal",
        [ACCT_DEPOSIT] = "deposit",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)k);
}

const char *card_state_name(enum card_state s)
{
    static const char *const names[] = {
        [CARD_ISSUED] = "issued", [CARD_ACTIVE] = "active",   [CARD_SUSPENDED] = "suspended",
        [CARD_LOST] = "lost",     [CARD_BLOCKED] = "blocked", [CARD_CANCELLED] = "cancelled",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)s);
}

const char *card_kind_name(enum card_kind k)
{
    static const char *const names[] = {[CARD_ANONYMOUS] = "anonymous", [CARD_NAMED] = "named"};
    return name_in(names, ARRAY_LEN(names), (unsigned)k);
}

const char *hold_state_name(enum hold_state s)
{
    static const char *const names[] = {
        [HOLD_ASKED] = "asked",
        [HOLD_HELD] = "held",
        [HOLD_REFUSED] = "refused",
        [HOLD_UNKNOWN] = "unknown",
        [HOLD_CONFIRM_DUE] = "confirm_due",
        [HOLD_CONFIRMED] = "confirmed",
        [HOLD_REVERSE_DUE] = "reverse_due",
        [HOLD_REVERSED] = "reversed",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)s);
}

const char *offline_result_name(enum offline_result r)
{
    static const char *const names[] = {
        [OFFLINE_POSTED] = "posted",
        [OFFLINE_DUPLICATE] = "duplicate",
        [OFFLINE_CONFLICTING] = "conflicting",
        [OFFLINE_TAC_WRONG] = "tac_wrong",
        [OFFLINE_GREY] = "grey",
        [OFFLINE_UNKNOWN_CARD] = "unknown_card",
        [OFFLINE_SAM_UNKNOWN] = "sam_unknown",
        [OFFLINE_SAM_MISMATCH] = "sam_mismatch",
        [OFFLINE_AFTER_DENIAL] = "after_denial",
        [OFFLINE_TOO_LATE] = "too_late",
        [OFFLINE_IMPOSSIBLE] = "impossible",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)r);
}

bool offline_final(enum offline_result r)
{
    return r == OFFLINE_POSTED || r == OFFLINE_DUPLICATE || r == OFFLINE_AFTER_DENIAL;
}

const char *message_state_name(enum message_state s)
{
    static const char *const names[] = {
        [MESSAGE_DUE] = "due",
        [MESSAGE_SENT] = "sent",
        [MESSAGE_DEAD] = "dead",
        [MESSAGE_DROPPED] = "dropped",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)s);
}

const char *step_name(enum step s)
{
    static const char *const names[] = {
        [STEP_ADMITTED] = "admitted", [STEP_CARD] = "card",         [STEP_GENUINE] = "genuine",
        [STEP_DECIDED] = "decided",   [STEP_INIT] = "init",         [STEP_INTENT] = "intent",
        [STEP_SENT] = "sent",         [STEP_ANSWERED] = "answered", [STEP_OUTCOME] = "outcome",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)s);
}

const char *evidence_name(enum evidence e)
{
    static const char *const names[] = {
        [EV_NONE] = "none",
        [EV_ANSWER] = "answer",
        [EV_PROVE] = "prove",
        [EV_LOG] = "log",
        [EV_CAPP_RECORD] = "capp_record",
        [EV_COUNTER] = "counter",
        [EV_COUNTER_OTHER] = "counter_other",
        [EV_CARD_REFUSED] = "card_refused",
        [EV_NOT_SENT] = "not_sent",
        [EV_CLEARING] = "clearing",
        [EV_MANUAL] = "manual",
    };
    return name_in(names, ARRAY_LEN(names), (unsigned)e);
}
