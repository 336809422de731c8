/* Yesterday's list of doubts as today's settlement reads it back: every id in it, or it is no use.
 */
#include "settle/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf csv;
    int64_t *ids = NULL;
    unsigned n = 0;
    buf_init(&csv, 0);
    buf_put(&csv, data, size);
    if (carry_parse(&csv, &ids, &n) == 0) {
        CHECK(n <= size / (IDENT_TEXT - 1));
        for (unsigned i = 0; i < n; i++)
            CHECK(ids[i] >= 0);
    }
    free(ids);
    buf_fini(&csv);
    return 0;
}
