/* What ends a row that nobody works on any more. After a restart (R4): a row still INTENDED may
 * have had its card command sent, so it is a doubt; evidence settles it at the next tap; nothing is
 * guessed here and nothing expires. A row whose command cannot have left (there is none, or its
 * hold never stood, and the command goes only after that) is undone, and the ledger leaves the
 * reversal of its hold due (R12). While the daemon runs the same befalls rows without a card
 * command whose outcome the store did not take. */
#include "txn/dialogue.h"

#include <string.h>

#define PAGE     16
#define STALE_MS 180000 /* longer than a hold can be on its way */

static bool has_command(const struct txn_row *row)
{
    return row->in.plan_kind == OC_PLAN_DEBIT || row->in.plan_kind == OC_PLAN_CREDIT;
}

bool recover_may_void(const struct txn_env *env, const struct txn_row *row)
{
    LIST_EACH(pos, &env->live)
    {
        if (CONTAINER_OF(pos, struct dialogue, live)->running == row->id)
            return false;
    }
    return row->state == OC_TXN_INTENDED && !has_command(row) &&
           clock_wall_ms(env->clock) - row->created_ms > STALE_MS;
}

static CO_FN int end(struct txn_env *env, const struct txn_row *row, struct ledger_op *op,
                     enum oc_txn_state to)
{
    char id[IDENT_TEXT];
    memset(op, 0, sizeof *op);
    op->type = LOP_OUTCOME;
    snprintf(op->who, sizeof op->who, "onecardd");
    op->outcome.txn = row->id;
    op->outcome.to = (uint8_t)to;
    op->outcome.evidence = to == OC_TXN_VOIDED ? EV_NOT_SENT : EV_NONE;
    op->outcome.reason = OC_R_RESTART;
    snprintf(op->outcome.note, sizeof op->outcome.note, "%s",
             to == OC_TXN_VOIDED ? "ended before its outcome was written: no card command was sent"
                                 : oc_reason_en(OC_R_RESTART));
    int rc = ledger_co_submit(env->ledger, op);
    log_warn("txn", "recovered txn=%s as %s: %s", ident_text(row->id, id), oc_txn_state_name(to),
             rc != 0               ? oc_strerror(rc)
             : to == OC_TXN_VOIDED ? "nothing moved"
                                   : "settled at the next tap");
    if (rc == 0)
        txn_outbox_kick(env, NULL);
    return rc;
}

int recover_co_void(struct txn_env *env, const struct txn_row *row)
{
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    return op == NULL ? OC_ENOMEM : end(env, row, op, OC_TXN_VOIDED);
}

/* A card command goes only after the hold stands durably. */
static CO_FN int verdict(struct txn_env *env, const struct txn_row *row, enum oc_txn_state *ret)
{
    struct hold_row hold;
    *ret = has_command(row) ? OC_TXN_IN_DOUBT : OC_TXN_VOIDED;
    if (!row->held || !has_command(row))
        return 0;
    int rc = ledger_co_hold(env->ledger, row->id, &hold);
    if (rc == 0 && hold.state != HOLD_HELD)
        *ret = OC_TXN_VOIDED;
    return rc;
}

static CO_FN int recover(struct txn_env *env, bool all, unsigned *ret_count)
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
            enum oc_txn_state to = OC_TXN_VOIDED;
            f.before = rows[i].id;
            if (rows[i].state != OC_TXN_INTENDED || (!all && !recover_may_void(env, &rows[i])))
                continue;
            rc = all ? verdict(env, &rows[i], &to) : 0;
            if (rc == 0)
                rc = end(env, &rows[i], op, to);
            if (rc != 0)
                return rc;
            done++;
        }
    }
    *ret_count = done;
    return 0;
}

int txn_co_recover(struct txn_env *env, unsigned *ret_count)
{
    return recover(env, true, ret_count);
}

int txn_co_sweep(struct txn_env *env, unsigned *ret_count)
{
    return recover(env, false, ret_count);
}
