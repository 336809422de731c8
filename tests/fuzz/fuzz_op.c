/* Journal rows: whatever bytes stand there, decoding ends, and what decodes is written back byte by byte. */
#include "ledger/op_table.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ledger_op *op = malloc(sizeof *op);
    if (!op)
        return 0;
    if (op_decode(data, len, op) == 0) {
        struct buf b;
        buf_init(&b, 1 << 20);
        op_encode(op, &b);
        CHECK(op_valid(op) && b.err == 0 && b.len == len && memcmp(b.data, data, len) == 0);
        buf_fini(&b);
    }
    free(op);
    return 0;
}
