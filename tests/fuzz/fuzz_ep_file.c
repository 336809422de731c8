/* Purse files: what parses builds back to the same bytes wherever the structure keeps them all. */
#include "base/base.h"
#include "wire/wire.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[EP_HOLDER_MOHURD_LEN];
    struct ep_app app;
    struct ep_holder holder, second;
    struct ep_log log;
    if (ep_app_parse(data, size, &app) == 0 && size == EP_APP_LEN) {
        ep_app_build(&app, again);
        CHECK(memcmp(again, data, size) == 0);
    }
    if (ep_log_parse(data, size, &log) == 0) {
        CHECK(ep_log_build(&log, again) == 0);
        CHECK(memcmp(again, data, size) == 0);
    }
    if (ep_holder_parse(data, size, &holder) == 0) {
        CHECK(ep_holder_build(&holder, again, size) == 0);
        CHECK(ep_holder_parse(again, size, &second) == 0);
        CHECK(second.type == holder.type && second.id_type == holder.id_type);
    }
    return 0;
}
