/* Answers to reset. */
#include "base/base.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atr a;
    if (atr_parse(data, size, &a) == 0) {
        CHECK(a.historical_len <= sizeof a.historical && a.historical_len + 2 <= size);
        CHECK(a.protocols != 0);
        CHECK(a.kind != ATR_STORAGE || a.historical_len == 15);
    }
    return 0;
}
