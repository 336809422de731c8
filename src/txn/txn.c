/* One request at one terminal becomes one outcome: admission, the presentations it takes, the record of a refusal. */
#include "txn/dialogue.h"

#include <string.h>

const char *txn_phase_name(enum txn_phase p)
{
    static const char *const names[] = {"new", "waiting_card", "card", "committed", "waiting_return", "done"};
    return (size_t)p < ARRAY_LEN(names) ? names[p] : "unknown";
}

void txn_env_init(struct txn_env *env)
{
    list_init(&env->live);
    flow_cond_init(&env->ended);
    env->meters = NULL;
    env->outbox = NULL;
}

void txn_env_fini(struct txn_env *env)
{
    CHECK(list_empty(&env->live));
    flow_cond_fini(&env->ended);
    outbox_fini(env);
    timing_fini(env);
}

int txn_request_hash(struct crypto *x, const struct txn_request *r, uint8_t ret[16])
{
    struct buf b;
    uint8_t digest[32];
    buf_init(&b, 256 * 1024);
    buf_put(&b, r->service, strlen(r->service) + 1);
    buf_put(&b, r->terminal, strlen(r->terminal) + 1);
    buf_put_u64(&b, (uint64_t)r->amount);
    for (unsigned i = 0; i < r->param_count; i++) {
        buf_put(&b, r->params[i].name, strlen(r->params[i].name) + 1);
        buf_put(&b, r->params[i].value, strlen(r->params[i].value) + 1);
    }
    if (r->presented > PRESENTED_CHIP) { /* a chip adds nothing: hashes in ledgers stay as they are */
        buf_put(&b, &r->presented, 1);
        buf_put(&b, r->presented_text, strlen(r->presented_text) + 1);
    }
    if (r->citizen[0] != '\0' || r->document != NULL) {
        buf_put(&b, r->citizen, strlen(r->citizen) + 1);
        buf_put(&b, r->document, r->document != NULL ? r->document_len : 0);
    }
    int rc = b.err;
    if (rc == 0)
        rc = hash_sha256(x, (struct bytes){b.data, b.len}, digest);
    if (rc == 0)
        memcpy(ret, digest, 16);
    buf_fini(&b);
    return rc;
}

/* ---- notes on the way ---- */

int dialogue_refuse(struct dialogue *d, enum oc_reason reason, const char *fmt, ...)
{
    char text[sizeof d->res->detail];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text_trim_utf8(text);
    if (reason == OC_R_OTHER_CARD)
        log_info("txn", "terminal=%s another card while one is awaited: 请放回原卡", d->req->terminal);
    if (d->torn != 0 || d->other)
        return OC_EREFUSED; /* what is known of the first transaction stays the answer (R8) */
    d->res->txn = 0;
    d->res->outcome = OC_REFUSED;
    d->res->reason = reason;
    memcpy(d->res->detail, text, sizeof text);
    return OC_EREFUSED;
}

void dialogue_posted(struct dialogue *d)
{
    d->res->outcome = OC_POSTED;
    d->res->reason = OC_R_NONE;
    d->res->detail[0] = '\0';
}

int dialogue_card_failed(struct dialogue *d, int rc, const char *what)
{
    if (rc != OC_ECANCELED && d->reader->closed)
        return dialogue_refuse(d, OC_R_READER, "%s: the terminal is not connected", what);
    switch (rc) {
    case OC_ECANCELED:
        return rc;
    case OC_ECARD_LOST: /* no command that moves value comes through here */
        if (d->session->silent)
            return dialogue_refuse(d, OC_R_CARD_MUTE, "%s: the card does not answer", what);
        return dialogue_refuse(d, OC_R_CARD_REMOVED, "%s: the card left", what);
    case OC_ECARD_GONE:
    case OC_ETIMEDOUT:
        return dialogue_refuse(d, OC_R_CARD_REMOVED, "%s: the card left", what);
    case OC_ECARD_MUTE:
        return dialogue_refuse(d, OC_R_CARD_MUTE, "%s: the card does not answer", what);
    case OC_EREADER:
    case OC_EBUSY:
    case OC_EIO:
        return dialogue_refuse(d, OC_R_READER, "%s: %s", what, oc_strerror(rc));
    case OC_ECARD_SW:
        return dialogue_refuse(d, OC_R_CARD_ERROR, "%s: %04X %s", what, d->session->sw, sw_text(d->session->sw));
    case OC_EPROFILE:
        return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "%s: this kind of card cannot do that", what);
    default:
        return dialogue_refuse(d, OC_R_CARD_ERROR, "%s: %s", what, oc_strerror(rc));
    }
}

int dialogue_ledger_failed(struct dialogue *d, int rc)
{
    if (rc == OC_ECANCELED)
        return rc;
    if (rc == OC_EREFUSED)
        return dialogue_refuse(d, (enum oc_reason)d->op->reason, "%s", d->op->detail);
    if (rc == OC_ECONFLICT)
        return dialogue_refuse(d, OC_R_CONFLICT, "request number %lld was used with another content",
                               (long long)d->req->request_no);
    if (rc == OC_EEXIST) {
        d->same = d->op->type == LOP_INTENT ? d->op->intent.txn : 0;
        return dialogue_refuse(d, OC_R_BUSY, "the same request is running already");
    }
    log_error("txn", "ledger: %s (%d)", oc_strerror(rc), rc);
    return dialogue_refuse(d, OC_R_STORE, "%s", oc_strerror(rc));
}

void dialogue_settled(struct dialogue *d, const struct txn_row *row, uint8_t state, uint8_t evidence)
{
    struct txn_result *r = d->res;
    if (r->settled_count < TXN_SETTLED)
        r->settled[r->settled_count++] =
            (struct txn_settled){.txn = row->id, .state = state, .evidence = evidence, .amount = row->in.amount};
}

void dialogue_phase(struct dialogue *d, enum txn_phase phase)
{
    if (d->req->phase == phase)
        return;
    d->req->phase = phase;
    if (d->req->told != NULL)
        d->req->told(d->req, d->req->told_arg);
}

bool dialogue_runs_elsewhere(const struct dialogue *d, int64_t txn)
{
    LIST_EACH (pos, &d->env->live) {
        const struct dialogue *other = CONTAINER_OF(pos, struct dialogue, live);
        if (other != d && other->running == txn)
            return true;
    }
    return false;
}

bool txn_at_work(const struct txn_env *env, int64_t txn)
{
    LIST_EACH (pos, &env->live) {
        const struct dialogue *d = CONTAINER_OF(pos, struct dialogue, live);
        if (d->running == txn || d->torn == txn)
            return true;
    }
    return false;
}

/* An operation is as large as its largest kind, the intent: only what this kind has is cleared. */
static size_t op_size(enum ledger_op_type type)
{
    switch (type) {
    case LOP_OUTCOME:
        return offsetof(struct ledger_op, outcome) + sizeof(struct op_outcome);
    case LOP_REFUSAL:
        return offsetof(struct ledger_op, refusal) + sizeof(struct op_refusal);
    case LOP_SEEN:
        return offsetof(struct ledger_op, seen) + sizeof(struct op_seen);
    default:
        return sizeof(struct ledger_op);
    }
}

struct ledger_op *dialogue_op(struct dialogue *d, enum ledger_op_type type)
{
    if (d->op_used)
        memset(d->op, 0, op_size(type));
    d->op_used = true;
    d->op->type = (uint8_t)type;
    memcpy(d->op->who, d->req->who, sizeof d->op->who);
    return d->op;
}

int dialogue_co_submit(struct dialogue *d)
{
    int64_t t0 = clock_mono_ns(d->env->clock);
    int rc = ledger_co_submit(d->env->ledger, d->op);
    d->res->ledger_ns += clock_mono_ns(d->env->clock) - t0;
    return rc;
}

/* ---- admission and the end ---- */

static int admit_service(struct dialogue *d)
{
    const char *hint = NULL;
    d->service = module_service(d->env->modules, d->req->service, flow_arena(), &hint);
    if (d->service == NULL)
        return dialogue_refuse(d, OC_R_UNKNOWN_SERVICE, "\"%.40s\": %s", d->req->service, hint != NULL ? hint : "not known");
    snprintf(d->res->service, sizeof d->res->service, "%s", service_name(d->service));
    if (!service_in_list(d->service, d->term->t.services))
        return dialogue_refuse(d, OC_R_TERMINAL_MAY_NOT, "terminal %s may run: %.80s", d->term->t.id,
                               d->term->t.services[0] != '\0' ? d->term->t.services : "nothing");
    if (d->req->gate && (service_needs(d->service) & OC_NEEDS_OPERATOR) != 0)
        return dialogue_refuse(d, OC_R_TERMINAL_MAY_NOT, "%s needs an operator, not a gate", d->res->service);
    return 0;
}

/* The terminal, and whether this request was here before: one look. A known one gets its first answer whatever has become of the
 * terminal meanwhile. */
static CO_FN int admit_terminal(struct dialogue *d)
{
    bool found = false;
    int64_t number = d->show == NULL ? d->req->request_no : 0;
    flow_shield(); /* a known number is answered even to who was cancelled meanwhile */
    int rc = ledger_co_admission(d->env->ledger, d->req->terminal, number, d->term, d->row, &found);
    flow_unshield();
    d->unsure = number > 0 && rc != 0 && rc != OC_ENOENT;
    if (rc == OC_ENOENT)
        return dialogue_refuse(d, OC_R_TERMINAL_UNKNOWN, "there is no terminal \"%s\"", d->req->terminal);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    if (found && (rc = resume_co_known(d)) != 0)
        return rc;
    if (d->term->t.closed)
        return dialogue_refuse(d, OC_R_NOT_OPEN, "terminal %s is closed", d->req->terminal);
    return 0;
}

static CO_FN int admit(struct dialogue *d)
{
    const char *why = NULL;
    int rc = admit_terminal(d);
    if (rc == 0)
        rc = admit_service(d);
    if (rc != 0)
        return rc;
    if (d->req->amount < 0 || d->req->amount > ONECARD_AMOUNT_MAX)
        return dialogue_refuse(d, OC_R_AMOUNT, "an amount lies between 0.01 and 10,000,000.00 yuan");
    if (!ledger_healthy(d->env->ledger, &why))
        return dialogue_refuse(d, OC_R_STORE, "%s", why);
    return 0;
}

/* Each refusal is recorded with its reason; one that could not be is at least in the log. */
static CO_FN void record_refusal(struct dialogue *d)
{
    struct txn_result *r = d->res;
    if (r->outcome != OC_REFUSED || r->txn != 0 || d->show != NULL || r->reason == OC_R_CONFLICT)
        return;
    timing_mark(d, STEP_OUTCOME);
    struct op_refusal *f = &dialogue_op(d, LOP_REFUSAL)->refusal;
    f->trace = d->req->trace;
    f->reason = (uint8_t)r->reason;
    f->card = d->has_card ? d->card->id : 0;
    f->business_date = d->business_date;
    f->amount = d->req->amount > 0 ? d->req->amount : 0; /* a negative one was refused as such */
    /* An answer that nobody could be told binds nobody: the terminal comes back and is served under its number. */
    f->request_no = d->reader != NULL && d->reader->closed ? 0 : d->req->request_no;
    memcpy(f->request_hash, d->req->request_hash, sizeof f->request_hash);
    memcpy(f->service, d->res->service, sizeof f->service);
    snprintf(f->detail, sizeof f->detail, "%.95s", r->detail);
    text_trim_utf8(f->detail);
    memcpy(f->issuer, r->issuer, sizeof f->issuer);
    memcpy(f->serial, r->serial, sizeof f->serial);
    snprintf(f->terminal, sizeof f->terminal, "%s", d->req->terminal);
    memcpy(f->participant, d->term->t.participant, sizeof f->participant);
    f->presented = d->presented;
    f->timeline = r->timeline;
    if (d->has_chip_balance && d->has_card && d->proven)
        f->seen = chip_seen(d, 0, 0);
    int rc = dialogue_co_submit(d);
    if (rc == 0)
        r->txn = f->txn;
    else if (rc == OC_EEXIST && f->txn != d->previous) /* the same request got through elsewhere meanwhile */
        d->same = f->txn;
    else if (rc == OC_ECONFLICT)
        (void)dialogue_ledger_failed(d, rc);
    else
        log_warn("txn", "refusal not recorded reason=%s: %s", oc_reason_code(r->reason), oc_strerror(rc));
    if (rc != 0 && d->unsure && d->same == 0 && rc != OC_ECONFLICT)
        resume_later(d, "the ledger could not be read");
}

static CO_FN void finish(struct dialogue *d)
{
    struct txn_result *r = d->res;
    char id[IDENT_TEXT], fen[FEN_TEXT];
    if (!r->replayed || d->arrival != 0)
        d->req->arrival = d->arrival;
    record_refusal(d);
    if (d->same != 0)
        resume_co_same(d);
    if (!r->replayed)
        r->at_ms = clock_wall_ms(d->env->clock);
    timing_end(d);
    dialogue_phase(d, TXN_PHASE_DONE);
    log_info("txn", "%s%s terminal=%s service=%s txn=%s amount=%s reason=%s %s", oc_outcome_name(r->outcome),
             r->replayed ? " (again)" : "", r->terminal, r->service, r->txn != 0 ? ident_text(r->txn, id) : "-",
             fen_plain(r->amount, fen), oc_reason_code(r->reason), r->detail);
}

static struct dialogue *dialogue_new(struct txn_env *env, struct reader *reader, struct txn_request *req,
                                     struct txn_result *res)
{
    struct arena *a = flow_arena();
    struct dialogue *d = arena_alloc(a, sizeof *d);
    if (d == NULL)
        return NULL;
    d->env = env;
    d->reader = reader;
    d->req = req;
    d->res = res;
    d->term = arena_alloc(a, sizeof *d->term);
    d->card = arena_alloc(a, sizeof *d->card);
    d->row = arena_alloc(a, sizeof *d->row);
    d->op = arena_alloc(a, sizeof *d->op);
    list_init(&d->live);
    timing_begin(d);
    d->business_date = city_date(clock_wall_ms(env->clock), env->city_offset_min);
    return d->term != NULL && d->card != NULL && d->row != NULL && d->op != NULL ? d : NULL;
}

static void result_init(struct txn_result *res, const struct txn_request *req)
{
    memset(res, 0, sizeof *res);
    res->outcome = OC_REFUSED;
    res->reason = OC_R_STORE;
    snprintf(res->detail, sizeof res->detail, "out of memory");
    snprintf(res->service, sizeof res->service, "%s", req->service);
    snprintf(res->terminal, sizeof res->terminal, "%s", req->terminal);
    res->amount = req->amount;
}

static CO_FN int answer(struct dialogue *d)
{
    bool must = (service_needs(d->service) & OC_NEEDS_CARD) != 0 || d->reader != NULL;
    if (must && txn_wants_card(d->service, d->req)) {
        d->presented = PRESENTED_CHIP;
        return present_co_answer(d);
    }
    int rc = number_presented(d) ? number_co_present(d) : 0;
    return rc != 0 ? rc : present_co_decide(d);
}

/* A number that the ledger allots must never look like a terminal's own request of the same content, which the terminal
 * may come to count up to by itself: it would be taken for a replay and nothing be charged. */
static void own_hash(struct dialogue *d)
{
    if (d->req->request_no == 0 && rng_fill(d->env->rng, d->req->request_hash, sizeof d->req->request_hash) != 0)
        log_warn("txn", "terminal=%s no randomness for a request of ours", d->req->terminal);
}

/* No transaction clears on a day before its own (R11): the first of a new day does not wait for the night's next look. */
static CO_FN bool new_day(struct dialogue *d)
{
    struct ledger_stats stats;
    if (d->env->co_new_day == NULL)
        return true;
    ledger_stats(d->env->ledger, &stats);
    if (stats.open_day == 0 || stats.open_day >= d->business_date || d->env->co_new_day(d->env->night) == 0)
        return true;
    d->res->outcome = OC_REFUSED;
    d->res->reason = OC_R_STORE;
    snprintf(d->res->detail, sizeof d->res->detail, "the clearing day before could not be closed: try again");
    return false;
}

static CO_FN int run(struct dialogue *d)
{
    own_hash(d);
    d->res->business_date = d->business_date;
    timing_mark(d, STEP_ADMITTED);
    int rc = admit(d);
    if (rc == 1) /* the first answer again */
        rc = 0;
    else if (rc == 0)
        rc = flow_cancelled() ? OC_ECANCELED : new_day(d) ? answer(d) : 0;
    if (d->same != 0)
        resume_co_same(d);
    if (rc == OC_ECANCELED && d->torn == 0 && d->res->outcome != OC_VOIDED && !d->res->replayed) {
        d->res->outcome = OC_REFUSED;
        d->res->reason = OC_R_CANCELED;
        snprintf(d->res->detail, sizeof d->res->detail, "cancelled before anything moved");
    }
    finish(d);
    secret_wipe(d->req->pin, sizeof d->req->pin); /* where no card was asked, too */
    secret_wipe(d->req->new_pin, sizeof d->req->new_pin);
    d->req->pin_len = d->req->new_pin_len = 0;
    return rc == OC_ECANCELED ? rc : 0;
}

int txn_co_run(struct txn_env *env, struct reader *reader, struct txn_request *req, struct txn_result *ret)
{
    result_init(ret, req);
    struct dialogue *d = dialogue_new(env, reader, req, ret);
    if (d != NULL)
        return run(d);
    if (req->request_no > 0) { /* nobody looked whether it is known */
        ret->outcome = OC_IN_DOUBT;
        ret->reason = OC_R_BUSY;
    }
    return 0;
}

int txn_co_plan(struct txn_env *env, struct reader *reader, struct txn_request *req, struct txn_result *ret, struct buf *out)
{
    result_init(ret, req);
    struct dialogue *d = dialogue_new(env, reader, req, ret);
    if (d == NULL)
        return 0;
    d->show = out;
    return run(d);
}

static enum oc_outcome outcome_of_state(const struct txn_row *row)
{
    switch (row->state) {
    case OC_TXN_POSTED:
        return OC_POSTED;
    case OC_TXN_REFUSED:
        return OC_REFUSED;
    case OC_TXN_VOIDED:
        return row->evidence == EV_CARD_REFUSED ? OC_REFUSED : OC_VOIDED;
    default:
        return OC_IN_DOUBT; /* an INTENDED row is at work right now: its end is not known */
    }
}

void txn_result_from_row(const struct txn_row *row, struct txn_result *ret)
{
    ret->outcome = outcome_of_state(row);
    ret->reason = (enum oc_reason)(row->state == OC_TXN_POSTED ? OC_R_NONE : row->reason);
    ret->txn = row->id;
    ret->card_id = row->in.card;
    ret->amount = row->in.amount;
    ret->gross = row->in.gross;
    ret->business_date = row->in.business_date;
    ret->at_ms = row->decided_ms != 0 ? row->decided_ms : row->created_ms;
    memcpy(ret->service, row->in.service, sizeof ret->service);
    memcpy(ret->terminal, row->in.terminal, sizeof ret->terminal);
    memcpy(ret->issuer, row->issuer, sizeof ret->issuer);
    memcpy(ret->serial, row->serial, sizeof ret->serial);
    snprintf(ret->reply, sizeof ret->reply, "%s", row->state == OC_TXN_POSTED ? row->in.reply : row->reply);
    snprintf(ret->detail, sizeof ret->detail, "%s", row->note);
    ret->has_balance = (row->after.has & SEEN_BALANCE) != 0;
    ret->balance = row->after.balance;
}
