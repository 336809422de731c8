/* Names of the words in <onecard/types.h>. */
#include <onecard/types.h>

#include "base/check.h"

static const struct reason {
    const char *code, *en, *zh;
} reasons[] = {
#define REASON_ROW(name, number, code, en, zh) [number] = {code, en, zh},
    OC_REASONS(REASON_ROW)
#undef REASON_ROW
};

static const struct reason *reason(enum oc_reason r)
{
    static const struct reason unknown = {"unknown", "unknown reason", "未知原因"};
    size_t i = (size_t)r;
    return i < ARRAY_LEN(reasons) && reasons[i].code ? &reasons[i] : &unknown;
}

const char *oc_reason_code(enum oc_reason r)
{
    return reason(r)->code;
}

const char *oc_reason_en(enum oc_reason r)
{
    return reason(r)->en;
}

const char *oc_reason_zh(enum oc_reason r)
{
    return reason(r)->zh;
}

const char *oc_outcome_name(enum oc_outcome o)
{
    switch (o) {
    case OC_POSTED:
        return "posted";
    case OC_REFUSED:
        return "refused";
    case OC_IN_DOUBT:
        return "in_doubt";
    case OC_VOIDED:
        return "voided";
    }
    return "unknown";
}

const char *oc_txn_state_name(enum oc_txn_state s)
{
    switch (s) {
    case OC_TXN_INTENDED:
        return "intended";
    case OC_TXN_POSTED:
        return "posted";
    case OC_TXN_VOIDED:
        return "voided";
    case OC_TXN_IN_DOUBT:
        return "in_doubt";
    case OC_TXN_REFUSED:
        return "refused";
    }
    return "unknown";
}
