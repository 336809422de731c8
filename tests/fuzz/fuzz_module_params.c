/* A request's parameters: whatever the text, they are read or refused, and what was read prints as
 * JSON again. */
#include "module/internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct params p;
    struct buf out;
    const char *why = NULL;
    arena_init(&a, 0);
    buf_init(&out, 0);
    char *text = arena_alloc(&a, size + 1);
    CHECK(text);
    memcpy(text, data, size);
    int rc = params_parse(text, &a, &p, &why);
    CHECK(rc == 0 || (rc == OC_EPARSE && why));
    for (size_t i = 0; rc == 0 && i < p.count; i++) {
        CHECK(params_get(&p, p.items[i].name));
        plan_json_text(&out, p.items[i].text);
    }
    CHECK(!out.err);
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
