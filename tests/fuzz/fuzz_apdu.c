/* Commands from outside: what is taken apart goes together again to the same bytes; secure
 * messaging keeps it whole. */
#include "base/base.h"
#include "wire/wire.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t mac[4] = {1, 2, 3, 4};
    struct apdu_view v, again;
    struct apdu a;
    if (apdu_parse(data, size, &v))
        return 0;
    CHECK(apdu_make(&a, v.head, v.data, v.lc, v.le) == 0);
    CHECK(a.len == size && memcmp(a.bytes, data, size) == 0);
    apdu_set_le(&a, 8);
    CHECK(apdu_parse(a.bytes, a.len, &again) == 0 && again.le == 8 && again.lc == v.lc);
    apdu_set_le(&a, APDU_NO_LE);
    CHECK(apdu_parse(a.bytes, a.len, &again) == 0 && again.le == APDU_NO_LE && again.lc == v.lc);
    if (apdu_sm_open(&a))
        return 0;
    apdu_sm_close(&a, mac, v.le);
    CHECK(apdu_parse(a.bytes, a.len, &again) == 0 && again.lc == v.lc + 4 && again.le == v.le);
    return 0;
}
