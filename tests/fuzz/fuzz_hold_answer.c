/* What an institution answers to a hold: whatever the text, it is one of three states, a hold that
 * stands has a reference in one line, and nothing that was not asked for passes as expected. */
#include "txn/dialogue.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char expect[] = "{\"amount_fen\":500}";
    static const int statuses[] = {200, 409, 500};
    struct hold_answer a;
    struct op_hold_plan h = {.to = "bank", .expect = {expect, sizeof expect - 1}};
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    hold_read_answer(&h, statuses[data[0] % 3], text, size - 1, &a);
    CHECK(a.to == HOLD_HELD || a.to == HOLD_REFUSED || a.to == HOLD_UNKNOWN);
    CHECK(memchr(a.note, '\0', sizeof a.note) && memchr(a.reference, '\0', sizeof a.reference));
    CHECK(a.to == HOLD_HELD || a.reason != OC_R_NONE);
    CHECK(a.to == HOLD_HELD || a.reference[0] == '\0');
    CHECK(strpbrk(a.reference, "\r\n") == NULL);
    if (a.reason == OC_R_NONE)
        CHECK(statuses[data[0] % 3] == 200 && memmem(text, size - 1, "500", 3) != NULL);
    return 0;
}
