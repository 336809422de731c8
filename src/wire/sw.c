/* Status words by table: exact words first, then the families whose low byte counts something. */
#include "wire/sw.h"

#include "base/base.h"

struct sw_row {
    uint16_t sw;
    enum sw_class class;
    const char *text;
};

static const struct sw_row rows[] = {
    {0x9000, SW_CLASS_OK, "done"},
    {0x6281, SW_CLASS_WARNING, "returned data may be corrupt"},
    {0x6283, SW_CLASS_LOCKED, "selected file or application is invalid"},
    {0x6300, SW_CLASS_WARNING, "authentication failed"},
    {0x6581, SW_CLASS_OTHER, "memory failure"},
    {0x6700, SW_CLASS_OTHER, "wrong length"},
    {0x6900, SW_CLASS_STATE, "not in this state"},
    {0x6901, SW_CLASS_STATE, "not in this state"},
    {0x6981, SW_CLASS_OTHER, "wrong type of file"},
    {0x6982, SW_CLASS_MAC_REJECTED, "security status not satisfied"},
    {0x6983, SW_CLASS_LOCKED, "authentication method blocked"},
    {0x6984, SW_CLASS_OTHER, "random number invalid"},
    {0x6985, SW_CLASS_STATE, "conditions of use not satisfied"},
    {0x6986, SW_CLASS_STATE, "no file selected"},
    {0x6987, SW_CLASS_OTHER, "secure-messaging MAC missing"},
    {0x6988, SW_CLASS_MAC_REJECTED, "secure-messaging MAC wrong"},
    {0x6A80, SW_CLASS_OTHER, "wrong data"},
    {0x6A81, SW_CLASS_LOCKED, "function not supported, or application or card locked"},
    {0x6A82, SW_CLASS_NOT_FOUND, "file not found"},
    {0x6A83, SW_CLASS_NOT_FOUND, "record not found"},
    {0x6A84, SW_CLASS_OTHER, "not enough space in the file"},
    {0x6A86, SW_CLASS_OTHER, "wrong P1 or P2"},
    {0x6A88, SW_CLASS_NO_KEY, "key not found"},
    {0x6B00, SW_CLASS_OTHER, "offset beyond the end of the file"},
    {0x6D00, SW_CLASS_UNSUPPORTED, "instruction not supported"},
    {0x6E00, SW_CLASS_UNSUPPORTED, "class not supported"},
    {0x6F00, SW_CLASS_OTHER, "the card cannot say why"},
    {0x9301, SW_CLASS_INSUFFICIENT, "balance insufficient"},
    {0x9302, SW_CLASS_MAC_REJECTED, "MAC invalid"},
    {0x9303, SW_CLASS_LOCKED, "application locked for ever"},
    {0x9401, SW_CLASS_INSUFFICIENT, "balance insufficient"},
    {0x9402, SW_CLASS_COUNTER_MAX, "transaction counter at its maximum"},
    {0x9403, SW_CLASS_NO_KEY, "key index not supported"},
    {0x9406, SW_CLASS_NO_PROOF, "MAC or TAC not available"},
    {0x9408, SW_CLASS_STATE, "purse is grey-locked"},
};

static const struct sw_row *sw_find(uint16_t sw)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].sw == sw)
            return &rows[i];
    }
    return NULL;
}

enum sw_class sw_class(uint16_t sw)
{
    const struct sw_row *row = sw_find(sw);
    if (row)
        return row->class;
    if ((sw & 0xFFF0) == 0x63C0)
        return SW_CLASS_TRIES_LEFT;
    switch (sw >> 8) {
    case 0x61:
        return SW_CLASS_MORE;
    case 0x6C:
        return SW_CLASS_WRONG_LE;
    case 0x62:
    case 0x63:
        return SW_CLASS_WARNING;
    default:
        return SW_CLASS_OTHER;
    }
}

const char *sw_text(uint16_t sw)
{
    const struct sw_row *row = sw_find(sw);
    if (row)
        return row->text;
    switch (sw_class(sw)) {
    case SW_CLASS_MORE:
        return "more data wait";
    case SW_CLASS_WRONG_LE:
        return "wrong expected length";
    case SW_CLASS_TRIES_LEFT:
        return "verification failed";
    case SW_CLASS_WARNING:
        return "warning";
    default:
        return "unknown status word";
    }
}

bool sw_no_proof(uint16_t sw)
{
    return sw == 0x9406 || sw == 0x6A88 || sw == 0x6A83;
}

int sw_tries_left(uint16_t sw)
{
    return (sw & 0xFFF0) == 0x63C0 ? sw & 0x0F : -1;
}
