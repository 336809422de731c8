/* The chip follows the ledger: an application's slot (a concession and its days) is the issuer's word
 * and stands in the ledger; what the card says to gates that know nothing else is written at the
 * next desk where it is presented. Invariants:
 * - the word is durable before a command leaves: the commit that changes a slot marks it "due";
 * - what the chip says is known by reading it, never by the answer to the command alone;
 * - a card that refused our MAC is not asked again for the same word, and after two refusals never:
 *   each costs its maintenance key a try, and the last one locks the application for ever.
 *
 *              slot changes                        read back: it says so
 *   (unmarked) ───────────▶ due ──UPDATE, torn──▶ due ─────────────────▶ written
 *                            ▲ │ wrong MAC, another          changed by others: │
 *        another word for it │ ▼ system's record             event, and due     │
 *                           refused                    ◀────────────────────────┘
 *
 *   A card from elsewhere that contradicts the ledger unasked is "differs": event, never written. */
#include "txn/dialogue.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REFUSALS_MAX 2

enum mark { MARK_NONE, MARK_DUE, MARK_WRITTEN, MARK_REFUSED, MARK_DIFFERS };
static const char *const mark_names[] = {"", "due", "written", "refused", "differs"};

/* What was done about one slot of one card so far, as its record keeps it. */
struct marked {
    enum mark mark;
    uint32_t version;
    struct slot_word word; /* that it was done about */
    unsigned refusals;
    char seen[32]; /* what the chip said when it differed */
};

/* One slot at one presentation. */
struct following {
    struct dialogue *d;
    const struct profile_slot *slot;
    const struct slot_row *row;
    struct slot_want want;
    struct marked was;
    struct slot_chip chip;
    bool contradicts; /* the chip claims what the ledger does not say */
};

/* ---- the record ---- */

static void place(int64_t card, const char *app, struct op_record *r)
{
    (void)snprintf(r->scope, sizeof r->scope, "%s", TXN_CARD_SCOPE);
    (void)snprintf(r->owner, sizeof r->owner, "card:%lld", (long long)card);
    (void)snprintf(r->key, sizeof r->key, "slot.%.15s", app);
}

static const char *member_text(const json_t *doc, const char *name)
{
    const char *text = json_string_value(json_object_get(doc, name));
    return text != NULL ? text : "";
}

static void parse_mark(const struct record_row *row, struct marked *ret)
{
    json_t *doc = json_loadb(row->doc, row->doc_len, 0, NULL);
    const char *state = member_text(doc, "state");
    for (unsigned i = 0; i < ARRAY_LEN(mark_names); i++)
        if (strcmp(state, mark_names[i]) == 0)
            ret->mark = (enum mark)i;
    (void)snprintf(ret->word.category, sizeof ret->word.category, "%s",
                   member_text(doc, "category"));
    (void)snprintf(ret->seen, sizeof ret->seen, "%s", member_text(doc, "seen"));
    ret->word.from = (date_t)json_integer_value(json_object_get(doc, "from"));
    ret->word.until = (date_t)json_integer_value(json_object_get(doc, "until"));
    ret->refusals = (unsigned)json_integer_value(json_object_get(doc, "refusals"));
    json_decref(doc);
}

static CO_FN int read_mark(struct txn_env *env, int64_t card, const char *app, struct marked *ret)
{
    struct op_record at;
    struct record_row row;
    place(card, app, &at);
    *ret = (struct marked){.mark = MARK_NONE};
    int rc = ledger_co_record(env->ledger, at.scope, at.owner, at.key, flow_arena(), &row);
    if (rc == OC_ENOENT)
        return 0;
    if (rc != 0)
        return rc;
    ret->version = row.version;
    parse_mark(&row, ret);
    return 0;
}

static int make_mark(const struct marked *m, const char *why, int64_t at_ms, struct op_doc *ret)
{
    char *mem = arena_alloc(flow_arena(), 512);
    struct buf b;
    if (mem == NULL)
        return OC_ENOMEM;
    buf_over(&b, mem, 512);
    buf_puts(&b, "{\"state\":");
    plan_json_text(&b, mark_names[m->mark]);
    buf_puts(&b, ",\"category\":");
    plan_json_text(&b, m->word.category);
    buf_printf(&b, ",\"from\":%d,\"until\":%d,\"refusals\":%u,\"at_ms\":%lld,\"seen\":",
               (int)m->word.from, (int)m->word.until, m->refusals, (long long)at_ms);
    plan_json_text(&b, m->seen);
    buf_puts(&b, ",\"why\":");
    plan_json_text(&b, why);
    buf_puts(&b, "}");
    *ret = (struct op_doc){mem, (uint32_t)b.len};
    return b.err;
}

static bool same_word(const struct slot_word *a, const struct slot_word *b)
{
    return strcmp(a->category, b->category) == 0 && a->from == b->from && a->until == b->until;
}

/* ---- a plan that changes a slot ---- */

int chip_slot_named(struct dialogue *d)
{
    const struct plan_slot *s = &d->plan->slot;
    const struct card_profile *p =
        d->has_card ? profile_get(d->env->profiles, d->card->profile) : NULL;
    if (s->app[0] == '\0' || p == NULL || strcmp(s->app, SLOT_TRANSIT) == 0 ||
        profile_slot(p, s->app) != NULL)
        return 0;
    return dialogue_refuse(d, OC_R_UNSUPPORTED_CARD, "cards of profile %s have no slot \"%s\"",
                           p->name, s->app);
}

int txn_co_slot_due(struct txn_env *env, const struct card_row *card, const struct op_slot *slot,
                    struct op_record *ret)
{
    const struct card_profile *p = profile_get(env->profiles, card->profile);
    struct op_record r = {.scope = ""};
    struct marked m;
    if (p == NULL || profile_slot(p, slot->app) == NULL) {
        *ret = r;
        return 0;
    }
    int rc = read_mark(env, card->id, slot->app, &m);
    if (rc != 0)
        return rc;
    m.mark = MARK_DUE;
    m.seen[0] = '\0';
    m.word = (struct slot_word){.from = slot->from, .until = slot->to};
    memcpy(m.word.category, slot->category, sizeof m.word.category);
    rc = make_mark(&m, "the ledger's slot changed", clock_wall_ms(env->clock), &r.doc);
    if (rc != 0)
        return rc;
    place(card->id, slot->app, &r);
    r.version_read = m.version;
    *ret = r;
    return 0;
}

int chip_slot_co_mark(struct dialogue *d)
{
    struct plan *p = d->plan;
    struct op_slot slot = {.from = p->slot.from, .to = p->slot.until};
    struct op_record at;
    if (p->slot.app[0] == '\0' || !d->has_card)
        return 0;
    memcpy(slot.app, p->slot.app, sizeof slot.app);
    memcpy(slot.category, p->slot.category, sizeof slot.category);
    int rc = txn_co_slot_due(d->env, d->card, &slot, &at);
    if (rc != 0)
        return dialogue_ledger_failed(d, rc);
    if (at.scope[0] == '\0')
        return 0;
    if (p->record_count == ONECARD_RECORDS_MAX)
        return dialogue_refuse(d, OC_R_MODULE, "a plan with a slot has room for %d records",
                               ONECARD_RECORDS_MAX - 1);
    struct plan_record *r = &p->records[p->record_count++];
    *r = (struct plan_record){
        .version_read = at.version_read, .doc = at.doc.text, .doc_len = at.doc.len};
    memcpy(r->scope, at.scope, sizeof r->scope);
    memcpy(r->owner, at.owner, sizeof r->owner);
    memcpy(r->key, at.key, sizeof r->key);
    return 0;
}

/* ---- at a desk ---- */

/* Another word in the record, in a note of its own. Two desks cannot both write it: the version
 * tells. */
static CO_FN int note(struct following *f, enum mark mark, const char *why)
{
    struct dialogue *d = f->d;
    struct op_intent *in = &dialogue_op(d, LOP_INTENT)->intent;
    struct op_record *r = &in->records[0];
    struct marked m = f->was;
    m.mark = mark;
    m.word = f->want.word;
    place(d->card->id, f->slot->app, r);
    r->version_read = m.version;
    int rc = make_mark(&m, why, clock_wall_ms(d->env->clock), &r->doc);
    if (rc == 0)
        rc = intent_fill_note(d, in, "card.slot");
    if (rc == 0)
        rc = dialogue_co_submit(d);
    if (rc == 0) {
        m.version = d->op->intent.records[0].version_new != 0 ? d->op->intent.records[0].version_new
                                                              : m.version + 1;
        f->was = m;
    } else {
        log_warn("txn", "card %lld: slot %s is %s, and that was not recorded: %s",
                 (long long)d->card->id, f->slot->app, mark_names[mark], oc_strerror(rc));
    }
    return rc;
}

static CO_FN void event(struct following *f)
{
    struct dialogue *d = f->d;
    struct op_event *e = &dialogue_op(d, LOP_EVENT)->event;
    e->card = d->card->id;
    e->txn = d->res->txn;
    memcpy(e->terminal, d->term->t.id, sizeof e->terminal);
    (void)snprintf(e->item.kind, sizeof e->item.kind, "slot_mismatch");
    (void)snprintf(e->item.text, sizeof e->item.text,
                   "slot %s: the chip says \"%s\", the ledger \"%s\"", f->slot->app, f->was.seen,
                   f->want.word.category);
    int rc = dialogue_co_submit(d);
    if (rc != 0)
        log_warn("txn", "card %lld: a slot's mismatch was not recorded: %s", (long long)d->card->id,
                 oc_strerror(rc));
}

/* The requester is told, in the reply: what became of the chip this time. */
static void tell(struct following *f, const char *state, const char *why)
{
    struct txn_result *r = f->d->res;
    size_t len = strlen(r->reply);
    struct buf b;
    char mem[512], name[32];
    buf_over(&b, mem, sizeof mem - 1);
    (void)snprintf(name, sizeof name, "chip_%.15s", f->slot->app);
    buf_puts(&b, len > 2 ? "," : len == 0 ? "{" : "");
    plan_json_text(&b, name);
    buf_puts(&b, ":{\"state\":");
    plan_json_text(&b, state);
    buf_puts(&b, ",\"detail\":");
    plan_json_text(&b, why);
    buf_puts(&b, "}}");
    size_t at = len > 0 ? len - 1 : 0; /* over the closing brace */
    if (b.err != 0 || at + b.len >= sizeof r->reply || (len > 0 && r->reply[at] != '}'))
        return;
    memcpy(r->reply + at, mem, b.len);
    r->reply[at + b.len] = '\0';
}

static void find_want(struct following *f)
{
    const struct slot_row *r = f->row;
    date_t today = f->d->business_date;
    f->want = (struct slot_want){.in_force = !r->closed && (r->from == 0 || r->from <= today) &&
                                             (r->to == 0 || today <= r->to)};
    if (r->closed)
        return;
    memcpy(f->want.word.category, r->category, sizeof f->want.word.category);
    f->want.word.from = r->from;
    f->want.word.until = r->to;
}

/* Does the chip claim in file 0015 what the ledger does not say? A claim whose days are over is no
 * contradiction. */
static void find_claim(struct following *f)
{
    const struct card_identity *id = &f->d->session->identity;
    bool claims = f->slot->in_identity && id->category[0] != '\0' &&
                  strcmp(id->category, "adult") != 0 &&
                  (id->category_until == 0 || id->category_until >= f->d->business_date);
    f->contradicts = claims && strcmp(id->category, f->want.word.category) != 0 &&
                     strcmp(id->category, f->was.word.category) != 0;
    (void)snprintf(f->was.seen, sizeof f->was.seen, "%.31s", claims ? id->category : "");
}

/* Nothing is due, and file 0015 says nothing else: then the card is not asked. */
static bool at_rest(const struct following *f)
{
    const struct dialogue *d = f->d;
    struct slot_chip unasked = {.record = SLOT_RECORD_NONE};
    bool known = f->was.mark == MARK_NONE || f->was.mark == MARK_DIFFERS ||
                 (f->was.mark == MARK_WRITTEN && same_word(&f->was.word, &f->want.word));
    return known && slot_says(d->session, f->slot, &unasked, &f->want);
}

static const char *refusal_words(int rc)
{
    switch (rc) {
    case OC_EINVAL:
        return "the card's profile has no code for this category";
    case OC_EEXIST:
        return "another system's record stands in its place on the chip";
    default:
        return "the card refused to be written";
    }
}

/* What the chip says now decides, not the answer. */
static CO_FN void conclude(struct following *f, int written)
{
    struct dialogue *d = f->d;
    uint16_t sw = d->session->sw;
    int rc = card_present(d->session) ? AT_CARD(d, slot_co_read(d->session, f->slot, &f->chip))
                                      : OC_ECARD_GONE;
    if (rc == 0 && slot_says(d->session, f->slot, &f->chip, &f->want)) {
        f->was.refusals = 0;
        if (note(f, MARK_WRITTEN, "read back from the chip") == 0)
            tell(f, "written", "");
        return;
    }
    if (rc != 0 || written == OC_ECARD_GONE || written == OC_ECARD_LOST) {
        tell(f, "due", "the card left too early: leave it on the reader the next time");
        return;
    }
    char why[96];
    (void)snprintf(why, sizeof why, "%s (%04X: %s)", refusal_words(written), sw, sw_text(sw));
    f->was.refusals++;
    (void)note(f, MARK_REFUSED, why);
    tell(f, "refused", why);
}

static CO_FN void write_chip(struct following *f)
{
    struct dialogue *d = f->d;
    int rc = slot_may(d->session, d->env->custody, f->slot, &f->chip, &f->want);
    if (rc == OC_ENOKEY) {
        tell(f, "due", "there is no maintenance key for this card");
        return;
    }
    if (rc != 0) {
        (void)note(f, MARK_REFUSED, refusal_words(rc));
        tell(f, "refused", refusal_words(rc));
        return;
    }
    if ((f->was.mark != MARK_DUE || !same_word(&f->was.word, &f->want.word)) &&
        note(f, MARK_DUE, "the chip says something else") != 0)
        return;
    flow_shield(); /* what was sent is read back, whoever has gone meanwhile */
    rc = AT_CARD(d, slot_co_write(d->session, d->env->custody, f->slot, &f->chip, &f->want));
    conclude(f, rc);
    flow_unshield();
}

/* Not marked, and yet another word: reported once. Only a card that was issued here is put right.
 */
static CO_FN bool report(struct following *f)
{
    bool ours = !f->d->card->registered, again = f->was.mark == MARK_DIFFERS;
    if (!f->contradicts)
        return ours || f->was.mark == MARK_WRITTEN;
    if (!again)
        event(f);
    if (ours || f->was.mark == MARK_WRITTEN)
        return true;
    if (!again)
        (void)note(f, MARK_DIFFERS, "the chip contradicts the ledger; nobody asked to write it");
    tell(f, "differs", "the chip contradicts the ledger");
    return false;
}

static CO_FN void follow(struct following *f)
{
    struct dialogue *d = f->d;
    int rc = read_mark(d->env, d->card->id, f->slot->app, &f->was);
    if (rc != 0)
        return;
    find_want(f);
    find_claim(f);
    if (at_rest(f))
        return;
    bool refused = f->was.mark == MARK_REFUSED && same_word(&f->was.word, &f->want.word);
    if (refused || f->was.refusals >= REFUSALS_MAX) {
        tell(f, "refused", "this card cannot be written: replace it");
        return;
    }
    d->session->asked.ended = true; /* what follows is this card's alone: no script learns it */
    rc = AT_CARD(d, slot_co_read(d->session, f->slot, &f->chip));
    if (rc != 0) {
        log_warn("txn", "card %lld: slot %s could not be read: %s", (long long)d->card->id,
                 f->slot->app, oc_strerror(rc));
        tell(f, "due", "the chip could not be read");
        return;
    }
    bool due = f->was.mark == MARK_DUE || f->was.mark == MARK_REFUSED;
    if (slot_says(d->session, f->slot, &f->chip, &f->want)) {
        if (due && note(f, MARK_WRITTEN, "the chip says so") == 0)
            tell(f, "written", "");
    } else if (due || report(f)) {
        write_chip(f);
    }
}

static bool at_a_desk(const struct dialogue *d)
{
    return !d->req->gate &&
           (strcmp(d->term->t.kind, "desk") == 0 || strcmp(d->term->t.kind, "hall") == 0);
}

void chip_slot_co_follow(struct dialogue *d)
{
    struct slot_row rows[PROFILE_SLOTS_MAX];
    unsigned n = 0;
    if (d->session == NULL || !d->has_card || d->show != NULL || d->res->outcome != OC_POSTED ||
        d->res->replayed || !at_a_desk(d) || !card_present(d->session) ||
        d->session->profile->slot_count == 0)
        return;
    if (ledger_co_slots(d->env->ledger, d->card->id, rows, ARRAY_LEN(rows), &n) != 0)
        return;
    for (unsigned i = 0; i < n && card_present(d->session); i++) {
        struct following *f = arena_alloc(flow_arena(), sizeof *f);
        const struct profile_slot *slot = profile_slot(d->session->profile, rows[i].app);
        if (slot == NULL || f == NULL)
            continue;
        *f = (struct following){.d = d, .slot = slot, .row = &rows[i]};
        follow(f);
    }
}
