/* After a restart (R4): a row still INTENDED may have had its command sent, so it is a doubt. Evidence settles it at the next
 * tap; nothing is guessed here and nothing expires. */
#include "txn/txn.h"

#include <string.h>

#define PAGE 16

static CO_FN int to_doubt(struct txn_env *env, const struct txn_row *row, struct ledger_op *op)
{
    char id[IDENT_TEXT];
    memset(op, 0, sizeof *op);
    op->type = LOP_OUTCOME;
    snprintf(op->who, sizeof op->who, "onecardd");
    op->outcome.txn = row->id;
    op->outcome.to = OC_TXN_IN_DOUBT;
    op->outcome.reason = OC_R_RESTART;
    snprintf(op->outcome.note, sizeof op->outcome.note, "%s", oc_reason_en(OC_R_RESTART));
    int rc = ledger_co_submit(env->ledger, op);
    log_warn("txn", "recovered txn=%s as in doubt: %s", ident_text(row->id, id), rc == 0 ? "settled at the next tap" : oc_strerror(rc));
    return rc;
}

int txn_co_recover(struct txn_env *env, unsigned *ret_count)
{
    struct txn_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    struct txn_filter f = {.open_only = true};
    unsigned n = PAGE, done = 0;
    if (rows == NULL || op == NULL)
        return OC_ENOMEM;
    while (n == PAGE) {
        int rc = ledger_co_txns(env->ledger, &f, rows, PAGE, &n);
        if (rc != 0)
            return rc;
        for (unsigned i = 0; i < n; i++) {
            f.before = rows[i].id;
            if (rows[i].state != OC_TXN_INTENDED)
                continue;
            rc = to_doubt(env, &rows[i], op);
            if (rc != 0)
                return rc;
            done++;
        }
    }
    *ret_count = done;
    return 0;
}
