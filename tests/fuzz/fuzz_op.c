/* Journal rows: whatever bytes stand there, decoding ends, and what decodes is written back byte by byte; an earlier version's
 * as this one writes it. */
#include "ledger/op_table.h"
#include <stdlib.h>
#include <string.h>

static void forget_docs(struct ledger_op *op)
{
    struct op_intent *in = &op->intent;
    if (op->type != LOP_INTENT)
        return;
    for (unsigned i = 0; i < in->record_count; i++)
        in->records[i].doc.text = NULL;
    for (unsigned i = 0; i < in->message_count; i++)
        in->messages[i].doc.text = NULL;
    in->hold.doc.text = in->hold.expect.text = NULL;
}

/* But for where the documents stand; their bytes are compared by encoding both. */
static void same_again(struct ledger_op *op, const struct buf *b)
{
    struct ledger_op *back = malloc(sizeof *back);
    CHECK(back && op_decode(b->data, b->len, back) == 0);
    struct buf again;
    buf_init(&again, 1 << 20);
    op_encode(back, &again);
    CHECK(again.len == b->len && memcmp(again.data, b->data, b->len) == 0);
    buf_fini(&again);
    forget_docs(back);
    forget_docs(op);
    back->old = op->old;
    CHECK(memcmp(back, op, sizeof *op) == 0);
    free(back);
}

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
        CHECK(op_valid(op) && b.err == 0);
        if (data[0] == OP_VERSION)
            CHECK(b.len == len && memcmp(b.data, data, len) == 0);
        else
            same_again(op, &b);
        buf_fini(&b);
    }
    free(op);
    return 0;
}
