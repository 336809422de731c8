/* What a module is shown, and the plan it gives back. */
#include "txn/dialogue.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)OC_PRESENTED_CHIP == (int)PRESENTED_CHIP && (int)OC_PRESENTED_CODE == (int)PRESENTED_CODE &&
                   (int)OC_PRESENTED_NUMBER == (int)PRESENTED_NUMBER,
               "the module ABI and the ledger number presentations alike");

/* Everything the request's constant view points to; in the flow's arena until the dialogue ends. */
struct facts {
    struct decide_input in;
    struct onecard_card card;
    struct onecard_original original;
    struct onecard_log_entry log[PURSE_LOG_MAX];
    char log_sam[PURSE_LOG_MAX][2 * OC_SAM_LEN + 1];
    size_t log_count;
    char owner[40];
    char original_id[IDENT_TEXT];
    struct txn_row *original_row;
    char hint[32];
};

static const char *params_json(const struct txn_request *req)
{
    struct buf b;
    if (req->param_count == 0)
        return "{}";
    size_t cap = 64 + req->param_count * 2 * (sizeof req->params[0].name + 6 * sizeof req->params[0].value);
    char *mem = arena_alloc(flow_arena(), cap);
    if (mem == NULL)
        return NULL;
    buf_over(&b, mem, cap - 1);
    buf_puts(&b, "{");
    for (unsigned i = 0; i < req->param_count; i++) {
        buf_puts(&b, i == 0 ? "" : ",");
        plan_json_text(&b, req->params[i].name);
        buf_puts(&b, ":");
        plan_json_text(&b, req->params[i].value);
    }
    buf_puts(&b, "}");
    return b.err != 0 ? NULL : mem;
}

static const char *param(const struct txn_request *req, const char *name)
{
    for (unsigned i = 0; i < req->param_count; i++)
        if (strcmp(req->params[i].name, name) == 0)
            return req->params[i].value;
    return NULL;
}

/* Modules of ABI 1.0 could not say that they need it, so they get it. */
static bool needs_account(const struct service *s)
{
    return service_module(s)->abi_minor == 0 || (service_needs(s) & OC_NEEDS_ACCOUNT) != 0;
}

static CO_FN int show_account(struct dialogue *d, struct facts *f)
{
    struct account_row *a = arena_alloc(flow_arena(), sizeof *a);
    if (a == NULL)
        return OC_ENOMEM;
    int rc = ledger_co_account(d->env->ledger, ACCT_CITIZEN, d->card->citizen, a);
    f->in.given |= OC_NEEDS_ACCOUNT;
    if (rc == 0)
        f->card.citizen_fen = a->credits_posted - a->debits_posted - a->debits_pending;
    return rc == OC_ENOENT ? 0 : rc;
}

static CO_FN int show_card(struct dialogue *d, struct facts *f)
{
    const struct card_row *c = d->card;
    snprintf(f->owner, sizeof f->owner, "card:%lld", (long long)c->id);
    f->card = (struct onecard_card){.size = sizeof f->card,
                                    .record_owner = f->owner,
                                    .number = c->number,
                                    .profile = c->profile,
                                    .named = c->kind == CARD_NAMED,
                                    .has_balance = d->has_chip_balance,
                                    .balance_fen = d->chip_balance,
                                    .pending_load_fen = c->pending_load - c->pending_load_reserved,
                                    .ceiling_fen = c->ceiling,
                                    .citizen = c->citizen,
                                    .ledger_category = c->category,
                                    .ledger_category_from = c->category_from,
                                    .ledger_category_until = c->category_to,
                                    .last_service = c->last_service,
                                    .last_terminal = c->last_terminal,
                                    .last_ms = c->last_txn_ms,
                                    .state = card_state_name((enum card_state)c->state),
                                    .doubt_open = c->open_txn != 0};
    if (d->session != NULL) {
        f->card.has_capp = d->session->profile->capp.present;
        f->card.card_category = d->session->identity.category;
        f->card.card_category_until = d->session->identity.category_until;
    }
    f->in.req.card = &f->card;
    return c->citizen[0] != '\0' && needs_account(d->service) ? show_account(d, f) : 0;
}

static CO_FN int show_original(struct dialogue *d, struct facts *f)
{
    const char *text = param(d->req, "txn");
    int64_t id;
    if (text == NULL)
        return dialogue_refuse(d, OC_R_PARAMETER, "the parameter txn=ID is missing: which transaction is meant?");
    if (ident_parse(text, &id) != 0)
        return dialogue_refuse(d, OC_R_PARAMETER, "txn=%.20s is no transaction id", text);
    int rc = ledger_co_txn(d->env->ledger, id, d->row);
    if (rc == OC_ENOENT)
        return dialogue_refuse(d, OC_R_ORIGINAL_UNKNOWN, "there is no transaction %.20s", text);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    const struct txn_row *r = d->row;
    if (r->state != OC_TXN_POSTED)
        return dialogue_refuse(d, OC_R_ORIGINAL_UNKNOWN, "transaction %.20s is %s, not posted", text,
                               oc_txn_state_name((enum oc_txn_state)r->state));
    f->original = (struct onecard_original){.size = sizeof f->original,
                                            .txn = ident_text(r->id, f->original_id),
                                            .service = r->in.service,
                                            .amount_fen = r->in.amount,
                                            .refunded_fen = r->refunded,
                                            .participant = r->in.participant,
                                            .business_date = r->in.business_date};
    f->in.req.original = &f->original;
    return 0;
}

static int32_t bcd_time(const uint8_t t[3])
{
    int32_t v = 0;
    for (int i = 0; i < 3; i++)
        v = v * 100 + (t[i] >> 4) * 10 + (t[i] & 15);
    return v;
}

static void add_log(struct facts *f, const struct purse_log *log)
{
    for (size_t i = 0; i < log->count && f->log_count < ARRAY_LEN(f->log); i++) {
        const struct ep_log *r = &log->records[i];
        f->log[f->log_count] = (struct onecard_log_entry){.type = r->type,
                                                          .counter = r->counter,
                                                          .amount_fen = r->amount,
                                                          .sam = hex_encode(r->sam, OC_SAM_LEN, f->log_sam[f->log_count]),
                                                          .date = date_from_bcd(r->date),
                                                          .time = bcd_time(r->time)};
        f->log_count++;
    }
}

static CO_FN int show_log(struct dialogue *d, struct facts *f)
{
    struct purse_log *log = arena_alloc(flow_arena(), sizeof *log);
    if (log == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    int rc = AT_CARD(d, purse_co_log(d->session, false, log));
    if (rc == 0)
        add_log(f, log);
    if (rc == 0 && d->session->profile->log.load_sfi != 0) {
        rc = AT_CARD(d, purse_co_log(d->session, true, log));
        if (rc == 0)
            add_log(f, log);
    }
    if (rc != 0 && rc != OC_ENOENT && rc != OC_EPROFILE)
        return dialogue_card_failed(d, rc, "reading the card's log");
    f->in.given |= OC_NEEDS_LOG;
    f->in.req.log = f->log;
    f->in.req.log_count = f->log_count;
    return 0;
}

static CO_FN int show_balance(struct dialogue *d)
{
    int rc = AT_CARD(d, purse_co_balance(d->session, &d->chip_balance));
    if (rc != 0)
        return dialogue_card_failed(d, rc, "GET BALANCE");
    d->has_chip_balance = true;
    return 0;
}

/* Whom the request names beside the card. */
static const char *named_citizen(const struct service *s, const struct txn_request *req)
{
    const char *by_param = (service_needs(s) & OC_NEEDS_CITIZEN) != 0 ? param(req, "citizen") : NULL;
    return by_param != NULL && by_param[0] != '\0' ? by_param : req->citizen;
}

bool txn_wants_card(const struct service *s, const struct txn_request *req)
{
    unsigned needs = service_needs(s);
    if (req->presented == PRESENTED_CODE || req->presented == PRESENTED_NUMBER)
        return false;
    if ((needs & OC_NEEDS_CARD) != 0)
        return true;
    if ((needs & OC_TAKES_NUMBER) != 0 && req->presented == PRESENTED_CHIP)
        return true;
    return (needs & (OC_NEEDS_CITIZEN | OC_NEEDS_PRESENCE)) != 0 && !req->institution && named_citizen(s, req)[0] == '\0';
}

/* The holder of the card, or who is named: never both, because presence is proven for the holder alone. A card without a
 * holder proves nobody's. */
static CO_FN int show_citizen(struct dialogue *d, struct facts *f)
{
    const char *named = named_citizen(d->service, d->req), *holder = d->has_card ? d->card->citizen : "";
    f->in.req.citizen = holder;
    if (named[0] == '\0' || strcmp(named, holder) == 0)
        return 0;
    if (d->has_card)
        return dialogue_refuse(d, OC_R_PARAMETER, "the request names one citizen, its card %s", holder[0] != '\0' ? "another" : "none");
    if (d->req->citizen[0] != '\0' && strcmp(named, d->req->citizen) != 0)
        return dialogue_refuse(d, OC_R_PARAMETER, "the request names two citizens");
    struct citizen_row *c = arena_alloc(flow_arena(), sizeof *c);
    int rc = c == NULL ? OC_ENOMEM : ledger_co_citizen(d->env->ledger, named, c);
    if (rc == OC_ENOENT)
        return dialogue_refuse(d, OC_R_NO_CITIZEN, "there is no citizen \"%.31s\"", named);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    if ((c->erased & ERASE_PERSONAL) != 0)
        return dialogue_refuse(d, OC_R_ERASED, "the data of citizen %.31s were erased", named);
    f->in.req.citizen = named;
    return 0;
}

/* How sure it is that the holder is there (R21). A chip that could not prove itself says no more than its number; a code
 * counts where whoever took the request checked it. */
static enum onecard_strength strength_of(const struct dialogue *d)
{
    if (!d->has_card)
        return OC_STRENGTH_NONE;
    if (d->session != NULL)
        return d->pin_verified ? OC_STRENGTH_PIN : d->proven ? OC_STRENGTH_CHIP : OC_STRENGTH_NUMBER;
    return d->presented == PRESENTED_CODE && d->req->strength == OC_STRENGTH_CODE ? OC_STRENGTH_CODE : OC_STRENGTH_NUMBER;
}

/* One that was typed is verified, also for services that can do without; beside a new one it is for CHANGE PIN to verify. */
static bool typed_pin(const struct dialogue *d)
{
    return d->req->pin_len > 0 && d->req->new_pin_len == 0 && d->session->profile->pin.present;
}

static CO_FN int show_facts(struct dialogue *d, struct facts *f)
{
    unsigned needs = service_needs(d->service);
    int rc = 0;
    if (d->session != NULL && (needs & OC_NEEDS_BALANCE) != 0)
        rc = show_balance(d);
    if (rc == 0 && d->session != NULL && (needs & OC_NEEDS_LOG) != 0)
        rc = show_log(d, f);
    if (rc == 0 && d->session != NULL && (needs & OC_NEEDS_JOURNEY) != 0)
        rc = chip_co_journey(d);
    if (rc == 0 && d->session != NULL && ((needs & OC_NEEDS_PIN) != 0 || typed_pin(d)))
        rc = chip_co_pin(d);
    f->in.given |= d->journey != NULL ? OC_NEEDS_JOURNEY : 0;
    if (rc == 0 && d->has_card) {
        rc = show_card(d, f);
        if (rc != 0)
            rc = dialogue_ledger_failed(d, rc);
    }
    if (rc == 0 && (needs & OC_NEEDS_ORIGINAL) != 0)
        rc = show_original(d, f);
    return rc == 0 ? show_citizen(d, f) : rc;
}

/* The same word whenever the terminal asks again under its number. */
static void make_hint(const struct dialogue *d, char ret[32])
{
    uint8_t digest[SHA256_LEN];
    char text[2 * 12 + 1];
    struct buf b;
    uint8_t mem[LEDGER_ID + 8 + sizeof d->req->request_hash];
    buf_over(&b, mem, sizeof mem);
    buf_put(&b, d->term->t.id, strlen(d->term->t.id) + 1);
    buf_put_u64(&b, (uint64_t)d->req->request_no);
    if (d->req->request_no == 0) /* random then */
        buf_put(&b, d->req->request_hash, sizeof d->req->request_hash);
    if (b.err == 0 && hash_sha256(d->env->crypto, (struct bytes){mem, b.len}, digest) == 0)
        snprintf(ret, 32, "r%s", hex_encode(digest, 12, text));
}

static void show_request(struct dialogue *d, struct facts *f)
{
    struct onecard_request *r = &f->in.req;
    uint8_t date[4], time[3];
    int64_t now = clock_wall_ms(d->env->clock);
    city_bcd(now, d->env->city_offset_min, date, time);
    r->size = sizeof *r;
    r->service = service_name(d->service);
    r->now_ms = now;
    r->business_date = d->business_date;
    r->city_time = bcd_time(time);
    r->terminal = (struct onecard_terminal){
        .id = d->term->t.id, .kind = d->term->t.kind, .participant = d->term->t.participant};
    r->amount_fen = d->req->amount;
    r->presented = (enum onecard_presented)d->presented;
    f->in.terminal_params = d->term->t.params;
    f->in.params = params_json(d->req);
    make_hint(d, f->hint);
    r->strength = strength_of(d);
    r->who = d->req->who;
    r->institution = d->req->institution;
    r->txn_hint = f->hint;
    f->in.document = d->req->document;
    f->in.document_len = d->req->document_len;
    f->in.facts = &txn_facts;
    f->in.arg = d;
    f->in.arena = flow_arena();
}

/* The transaction that the plan follows must be one. */
static CO_FN int find_link(struct dialogue *d)
{
    d->link = 0;
    if (d->plan->link[0] == '\0')
        return 0;
    int64_t id;
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row); /* d->row may be the original */
    if (row == NULL)
        return dialogue_ledger_failed(d, OC_ENOMEM);
    int rc = ident_parse(d->plan->link, &id) == 0 ? ledger_co_txn(d->env->ledger, id, row) : OC_ENOENT;
    if (rc == OC_ENOENT)
        return dialogue_refuse(d, OC_R_ORIGINAL_UNKNOWN, "there is no transaction %.31s", d->plan->link);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    d->link = id;
    return 0;
}

int decide_co_plan(struct dialogue *d)
{
    struct facts *f = arena_alloc(flow_arena(), sizeof *f);
    if (f == NULL || (d->plan == NULL && (d->plan = plan_new(flow_arena())) == NULL))
        return dialogue_ledger_failed(d, OC_ENOMEM);
    int rc = show_facts(d, f);
    if (rc != 0)
        return rc;
    show_request(d, f);
    int64_t t0 = clock_mono_ns(d->env->clock);
    rc = module_co_decide(d->service, &f->in, d->plan);
    d->res->decide_ns += clock_mono_ns(d->env->clock) - t0;
    if (rc == OC_ECANCELED)
        return rc;
    if (rc == OC_EBUSY || rc == OC_ETIMEDOUT)
        return dialogue_refuse(d, OC_R_BUSY, "the service did not answer in time");
    if (rc != 0)
        return dialogue_refuse(d, d->plan->refused != OC_R_NONE ? d->plan->refused : OC_R_MODULE, "%s", d->plan->detail);
    rc = find_link(d);
    if (rc != 0)
        return rc;
    d->citizen = f->in.req.citizen;
    timing_mark(d, STEP_DECIDED);
    if (d->plan->kind == OC_PLAN_NONE || d->plan->kind == OC_PLAN_ACCOUNT || d->plan->kind == OC_PLAN_NOTE)
        timing_mark(d, STEP_INIT);
    return 0;
}
