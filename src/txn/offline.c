/* Records of offline terminals (R16): the TAC is recomputed here, the ledger decides the rest in
 * one commit. A record that is the card's open doubt ends it by evidence, and one that shows
 * another transaction under the doubt's counter ends it, too (R3): each in an outcome of its own,
 * so that a record which comes again makes up for a kill in between. */
#include "txn/dialogue.h"

#include <string.h>

#define TRIES 3
#define PAGE  32

/* ---- what the card's kind says of it ---- */

static int refuse(struct ledger_op *op, enum oc_reason why, const char *text)
{
    op->reason = (uint8_t)why;
    snprintf(op->detail, sizeof op->detail, "%s", text);
    return OC_EREFUSED;
}

static bool has_tac(const struct op_offline *o)
{
    static const uint8_t none[4];
    return memcmp(o->tac, none, sizeof none) != 0;
}

static int check_tac(struct txn_env *env, const struct card_profile *p, struct ledger_op *op)
{
    struct op_offline *o = &op->offline;
    struct card_identity id;
    struct custody_card card;
    o->tac_verdict = TAC_NONE;
    if (!has_tac(o))
        return 0;
    if (profile_identity_known(p, o->issuer, o->serial, &id) != 0)
        return refuse(op, OC_R_NO_KEY,
                      "the keys of such cards derive from more than issuer and serial number");
    if (auth_key_of(env->custody, p, &id, KEY_TAC, o->key_version, o->alg, &card) != 0)
        return refuse(op, OC_R_NO_KEY, "no TAC key of this version and algorithm for this card");
    struct pboc_purchase t = {.type = o->type,
                              .amount = (uint32_t)o->amount,
                              .counter = o->counter,
                              .sam_seq = o->sam_seq};
    memcpy(t.sam, o->sam, sizeof t.sam);
    memcpy(t.date, o->card_date, sizeof t.date);
    memcpy(t.time, o->card_time, sizeof t.time);
    int rc = custody_purchase_tac_verify(env->custody, &card, &t, o->tac);
    if (rc != 0 && rc != OC_EMAC)
        return rc;
    o->tac_verdict = rc == 0 ? TAC_OK : TAC_WRONG;
    return 0;
}

static int by_profile(struct txn_env *env, const struct card_profile *p,
                      const struct txn_offline *what)
{
    struct op_offline *o = &what->op->offline;
    if (p == NULL || !p->purse.present)
        return refuse(what->op, OC_R_UNSUPPORTED_CARD, "cards of this profile have no purse");
    if (o->type != p->purse.type_purchase && o->type != p->purse.type_capp)
        return refuse(what->op, OC_R_PARAMETER,
                      "cards of this profile have no debit of this transaction type");
    if (o->amount == 0 && o->type != p->purse.type_capp)
        return refuse(what->op, OC_R_AMOUNT, "a purchase of nothing");
    if (!what->again && p->offline.counter == PROFILE_COUNTER_AFTER && o->counter-- == 0)
        return refuse(what->op, OC_R_PARAMETER, "the counter after a transaction is not 0");
    o->moves = o->amount > 0 || p->capp.zero_moves_counter;
    return check_tac(env, p, what->op);
}

/* Of a card that is not ours nobody knows the kind, so nothing of it is decided. */
static CO_FN int look_at_card(struct txn_env *env, const struct txn_offline *what,
                              struct card_row *card)
{
    struct op_offline *o = &what->op->offline;
    int rc = ledger_co_card(env->ledger, o->issuer, o->serial, card);
    if (rc == 0)
        return by_profile(env, profile_get(env->profiles, card->profile), what);
    o->moves = 1;
    o->tac_verdict = TAC_NONE;
    return rc == OC_ENOENT ? 0 : rc;
}

/* ---- doubts (R3) ---- */

static CO_FN int end_doubt(struct txn_env *env, const struct ledger_op *record, int64_t txn,
                           enum oc_txn_state to)
{
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row);
    const struct op_offline *o = &record->offline;
    char id[IDENT_TEXT];
    if (op == NULL || row == NULL)
        return OC_ENOMEM;
    int rc = ledger_co_txn(env->ledger, txn, row);
    if (rc != 0)
        return rc;
    memset(op, 0, sizeof *op);
    op->type = LOP_OUTCOME;
    memcpy(op->who, record->who, sizeof op->who);
    op->outcome.txn = txn;
    op->outcome.to = (uint8_t)to;
    op->outcome.evidence = EV_CLEARING;
    if (to == OC_TXN_POSTED) {
        op->outcome.tac_verdict = TAC_OK;
        memcpy(op->outcome.tac, o->tac, sizeof o->tac);
        memcpy(op->outcome.reply, row->in.reply, sizeof row->in.reply);
    }
    snprintf(op->outcome.note, sizeof op->outcome.note, "%s",
             to == OC_TXN_POSTED ? "its record came in from an offline terminal"
                                 : "a record shows another transaction under this counter");
    rc = ledger_co_submit(env->ledger, op);
    if (rc == 0) {
        log_info("txn", "doubt txn=%s state=%s evidence=clearing", ident_text(txn, id),
                 oc_txn_state_name(to));
        txn_outbox_kick(env, NULL);
    }
    return rc == OC_ESTATE ? 0 : rc; /* it ended meanwhile */
}

/* The record stands posted; was an open doubt waiting under its counter? */
static CO_FN int end_other(struct txn_env *env, const struct ledger_op *record,
                           struct card_row *card)
{
    const struct op_offline *o = &record->offline;
    int rc = ledger_co_card_id(env->ledger, o->card, card);
    if (rc != 0 || card->open_txn == 0)
        return rc;
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (row == NULL)
        return OC_ENOMEM;
    rc = ledger_co_txn(env->ledger, card->open_txn, row);
    if (rc != 0 || row->state != OC_TXN_IN_DOUBT || row->in.plan_kind != OC_PLAN_DEBIT)
        return rc;
    if (row->in.counter != o->counter || row->in.amount == 0 || !o->moves)
        return 0;
    return end_doubt(env, record, row->id, OC_TXN_VOIDED);
}

/* ---- one record ---- */

static CO_FN int submit(struct txn_env *env, const struct txn_offline *what, struct card_row *card)
{
    struct ledger_op *op = what->op;
    int64_t doubt = 0;
    int rc = OC_EREFUSED;
    for (int i = 0; i < TRIES; i++) {
        rc = ledger_co_submit(env->ledger, op);
        if (rc != OC_EREFUSED || op->reason != OC_R_DOUBT_OPEN)
            break;
        int look = ledger_co_card(env->ledger, op->offline.issuer, op->offline.serial, card);
        doubt = look == 0 ? card->open_txn : 0;
        if (look == 0 && doubt != 0)
            look = end_doubt(env, op, doubt, OC_TXN_POSTED);
        if (look != 0)
            return look;
    }
    if (rc == 0 && doubt != 0 && op->offline.result == OFFLINE_DUPLICATE &&
        op->offline.txn == doubt)
        op->offline.result = OFFLINE_POSTED; /* here and now it was this record that said so */
    return rc;
}

int txn_co_offline(struct txn_env *env, const struct txn_offline *what)
{
    struct op_offline *o = &what->op->offline;
    struct card_row *card = arena_alloc(flow_arena(), sizeof *card);
    if (card == NULL)
        return OC_ENOMEM;
    what->op->reason = OC_R_NONE;
    what->op->detail[0] = '\0';
    memcpy(o->bearer, env->policy.loss_bearer, sizeof o->bearer);
    date_t today = city_date(clock_wall_ms(env->clock), env->city_offset_min);
    o->oldest = what->late || env->policy.offline_days == 0
                    ? 0
                    : date_add(today, -(int)env->policy.offline_days);
    int rc = look_at_card(env, what, card);
    if (rc == 0)
        rc = submit(env, what, card);
    if (rc == 0 && offline_final(o->result) && o->card != 0)
        rc = end_other(env, what->op, card);
    return rc;
}

/* ---- those that are held ---- */

static CO_FN int ask_again(struct txn_env *env, const struct offline_row *row, struct ledger_op *op,
                           const char *who)
{
    memset(op, 0, sizeof *op);
    op->type = LOP_OFFLINE;
    snprintf(op->who, sizeof op->who, "%s", who);
    op->offline = row->o;
    return txn_co_offline(env, &(struct txn_offline){.op = op, .again = true});
}

struct again {
    struct txn_env *env;
    int64_t card, after;
    const char *who;
    unsigned *counts;
    unsigned n, moved; /* of the page */
};

/* A page in a flow of its own, so that what it allocates ends with it. */
static int again_flow(void *arg) CO_FN;
static int again_flow(void *arg)
{
    struct again *a = arg;
    struct offline_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    if (rows == NULL || op == NULL)
        return OC_ENOMEM;
    int rc = ledger_co_offline(a->env->ledger, a->after, a->card, true, rows, PAGE, &a->n);
    for (unsigned i = 0; i < a->n && rc == 0; i++) {
        a->after = rows[i].seq;
        int one = ask_again(a->env, &rows[i], op, a->who);
        if (one == OC_ECANCELED)
            return one;
        if (one != 0 || op->offline.result > OFFLINE_IMPOSSIBLE)
            continue;
        a->counts[op->offline.result] += !op->offline.unchanged;
        a->moved += !op->offline.unchanged;
    }
    return rc;
}

static CO_FN int pass(struct again *a)
{
    struct flow *page;
    int rc = 0;
    a->after = 0;
    a->n = PAGE;
    a->moved = 0;
    while (rc == 0 && a->n == PAGE) {
        rc = flow_start(a->env->loop, "offline records", again_flow, a, &page);
        if (rc != 0)
            break;
        int one = 0;
        flow_shield(); /* the page writes into what is ours */
        rc = flow_co_join(page, &one, FLOW_FOREVER);
        flow_unshield();
        flow_put(page);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

int txn_co_offline_again(struct txn_env *env, int64_t card, const char *who, unsigned *ret_counts)
{
    struct again *a = arena_alloc(flow_arena(), sizeof *a);
    if (a == NULL)
        return OC_ENOMEM;
    *a = (struct again){.env = env, .card = card, .who = who, .counts = ret_counts};
    int rc = pass(a);
    /* Grey ones may need what came to stand behind them. */
    if (rc == 0 && a->moved != 0)
        rc = pass(a);
    return rc;
}
