/* Two people decide a doubt that no evidence will end: the card is lost or unreadable, its log
 * overwritten (R3). One proposes how it ends and why, another says the same: only then it is posted
 * or voided, with both names in the journal. A proposal holds as long as nobody has looked at the
 * card since; the card's evidence, should it come first, is stronger. */
#include "serve/api.h"
#include "serve/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE "doubt"
#define KEY   "decision"
#define WHY   64

struct proposal {
    struct op_record at; /* scope, owner, key, version */
    char to[8], by[LEDGER_ID], why[WHY];
    int64_t at_ms, tries;
};

static void take_text(const json_t *j, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(j, name));
    (void)snprintf(to, size, "%s", text ? text : "");
}

/* OC_ENOENT: there is none; its place is filled in all the same. */
static CO_FN int read_proposal(struct api_call *c, int64_t txn, struct proposal *p)
{
    char id[IDENT_TEXT];
    struct record_row row;
    *p = (struct proposal){.at = {.scope = SCOPE, .key = KEY}};
    (void)snprintf(p->at.owner, sizeof p->at.owner, "txn:%s", ident_text(txn, id));
    int rc = ledger_co_record(c->s->ledger, SCOPE, p->at.owner, KEY, flow_arena(), &row);
    if (rc != 0)
        return rc;
    p->at.version_read = row.version;
    json_t *j = json_loadb(row.doc, row.doc_len, 0, NULL);
    take_text(j, "to", p->to, sizeof p->to);
    take_text(j, "by", p->by, sizeof p->by);
    take_text(j, "why", p->why, sizeof p->why);
    p->at_ms = json_integer_value(json_object_get(j, "at_ms"));
    p->tries = json_integer_value(json_object_get(j, "tries"));
    json_decref(j);
    return 0;
}

static json_t *proposal_json(const struct serve *s, const struct proposal *p)
{
    return json_pack("{s:s, s:o, s:o, s:o}", "to", p->to, "by", json_text(p->by), "why",
                     json_text(p->why), "at", json_time(s, p->at_ms));
}

json_t *api_co_doubt_proposal(struct api_call *c, const struct txn_row *row)
{
    struct proposal *p = arena_alloc(flow_arena(), sizeof *p);
    if (!p || read_proposal(c, row->id, p) != 0 || p->tries != (int64_t)row->tries)
        return json_null();
    return proposal_json(c->s, p);
}

/* ---- what is asked ---- */

struct wish {
    char to[8], why[WHY];
    enum oc_txn_state state;
    struct txn_row *row;
};

static int read_wish(struct api_call *c, struct wish *w, bool why)
{
    const struct field fields[] = {
        {.name = "to", .kind = FIELD_TEXT, .out = w->to, .size = sizeof w->to, .required = true},
        {.name = "why",
         .kind = FIELD_TEXT,
         .out = w->why,
         .size = sizeof w->why,
         .required = true}};
    int rc = api_fields(c, fields, why ? 2 : 1);
    if (rc != 0)
        return rc;
    if (why && w->why[0] == '\0')
        return api_fail(c, 400, "bad_field", "\"why\" must say why: it stays in the journal");
    w->state = strcmp(w->to, "posted") == 0 ? OC_TXN_POSTED : OC_TXN_VOIDED;
    if (w->state != OC_TXN_POSTED && strcmp(w->to, "voided") != 0)
        return api_fail(c, 400, "bad_field", "\"to\" must be posted or voided");
    return 0;
}

static CO_FN int find_doubt(struct api_call *c, struct wish *w)
{
    int64_t id;
    char what[80];
    (void)snprintf(what, sizeof what, "transaction \"%.40s\"", c->vars[0]);
    w->row = arena_alloc(flow_arena(), sizeof *w->row);
    if (!w->row)
        return api_no_memory(c);
    if (ident_parse(c->vars[0], &id) != 0)
        return api_fail(c, 400, "bad_request", "%s: an id has 13 letters and digits", what);
    int rc = ledger_co_txn(c->s->ledger, id, w->row);
    if (rc != 0)
        return api_failed(c, rc, what);
    if (w->row->state != OC_TXN_IN_DOUBT)
        return api_fail(c, 409, "no_doubt", "%s is %s", what,
                        oc_txn_state_name((enum oc_txn_state)w->row->state));
    if (txn_at_work(&c->s->env, id))
        return api_fail(c, 409, "busy", "%s waits for its card at terminal %s", what,
                        w->row->in.terminal);
    return 0;
}

/* ---- one proposes ---- */

static CO_FN int write_proposal(struct api_call *c, const struct wish *w, struct proposal *p,
                                struct ledger_op *op)
{
    char text[160];
    (void)snprintf(p->to, sizeof p->to, "%s", w->to);
    (void)snprintf(p->by, sizeof p->by, "%s", c->who);
    (void)snprintf(p->why, sizeof p->why, "%s", w->why);
    text_trim_utf8(p->why);
    p->at_ms = serve_now_ms(c->s);
    json_t *j = json_pack("{s:s, s:o, s:o, s:I, s:I}", "to", p->to, "by", json_text(p->by), "why",
                          json_text(p->why), "at_ms", (json_int_t)p->at_ms, "tries",
                          (json_int_t)w->row->tries);
    char *doc = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (!doc)
        return OC_ENOMEM;
    p->at.doc = (struct op_doc){doc, (uint32_t)strlen(doc)};
    (void)snprintf(text, sizeof text, "transaction %s: %s, proposes %s: %s", c->vars[0], p->to,
                   p->by, p->why);
    const struct console_note n = {.who = c->who,
                                   .service = "doubt.propose",
                                   .record = &p->at,
                                   .event = "doubt_proposed",
                                   .text = text};
    int rc = console_co_note(c->s, &n, op);
    free(doc);
    return rc;
}

static int post_propose(struct api_call *c) CO_FN;
static int post_propose(struct api_call *c)
{
    struct wish w = {0};
    struct proposal *p = arena_alloc(flow_arena(), sizeof *p);
    struct ledger_op *op = api_op(c, LOP_INTENT);
    if (!p || !op)
        return api_no_memory(c);
    int rc = read_wish(c, &w, true);
    if (rc == 0)
        rc = find_doubt(c, &w);
    if (rc != 0)
        return rc;
    rc = read_proposal(c, w.row->id, p);
    if (rc == 0 || rc == OC_ENOENT)
        rc = write_proposal(c, &w, p, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    c->status = 201;
    c->reply = proposal_json(c->s, p);
    return 0;
}

/* ---- another confirms ---- */

static int check_proposal(struct api_call *c, const struct wish *w, const struct proposal *p)
{
    if (strcmp(p->by, c->who) == 0)
        return api_fail(c, 409, "same_person", "%s proposed it: another person must say the same",
                        c->who);
    if (strcmp(p->to, w->to) != 0)
        return api_fail(c, 409, "differs", "%s proposed that it is %s: agree first", p->by, p->to);
    if (p->tries != (int64_t)w->row->tries)
        return api_fail(c, 409, "looked_since",
                        "the card was looked at since it was proposed: see what it said, and "
                        "propose anew");
    return 0;
}

static CO_FN int decide(struct api_call *c, const struct wish *w, const struct proposal *p,
                        struct ledger_op *op)
{
    struct op_outcome *o = &op->outcome;
    o->txn = w->row->id;
    o->to = (uint8_t)w->state;
    o->evidence = EV_MANUAL;
    o->reason = w->state == OC_TXN_VOIDED ? w->row->reason : (uint8_t)OC_R_NONE;
    if (w->state == OC_TXN_POSTED)
        memcpy(o->reply, w->row->in.reply, sizeof o->reply);
    (void)snprintf(o->note, sizeof o->note, "%s and %s: %s", p->by, c->who, p->why);
    text_trim_utf8(o->note);
    struct op_event_item *e = &o->events[o->event_count++];
    (void)snprintf(e->kind, sizeof e->kind, "doubt_decided");
    (void)snprintf(e->text, sizeof e->text, "%s by %s and %s: %s", w->to, p->by, c->who, p->why);
    text_trim_utf8(e->text);
    flow_shield();
    int rc = ledger_co_submit(c->s->ledger, op);
    flow_unshield();
    return rc;
}

static int post_confirm(struct api_call *c) CO_FN;
static int post_confirm(struct api_call *c)
{
    struct wish w = {0};
    struct proposal *p = arena_alloc(flow_arena(), sizeof *p);
    struct ledger_op *op = api_op(c, LOP_OUTCOME);
    if (!p || !op)
        return api_no_memory(c);
    int rc = read_wish(c, &w, false);
    if (rc == 0)
        rc = find_doubt(c, &w);
    if (rc != 0)
        return rc;
    rc = read_proposal(c, w.row->id, p);
    if (rc == OC_ENOENT)
        return api_fail(c, 409, "not_proposed",
                        "nobody proposed how transaction %s ends: propose first, then another "
                        "person confirms",
                        c->vars[0]);
    if (rc != 0)
        return api_failed(c, rc, "proposal");
    rc = find_doubt(c, &w); /* as it is now: the card may have been looked at meanwhile */
    if (rc == 0)
        rc = check_proposal(c, &w, p);
    if (rc != 0)
        return rc;
    rc = decide(c, &w, p, op);
    if (rc != 0)
        return api_submit_failed(c, rc, op);
    log_warn("txn", "doubt txn=%s %s by %s and %s: %s", c->vars[0], w.to, p->by, c->who, p->why);
    txn_outbox_kick(&c->s->env, NULL);
    rc = ledger_co_txn(c->s->ledger, w.row->id, w.row);
    if (rc == 0)
        c->reply = txn_json(c->s, w.row, true);
    return api_failed(c, rc, "transaction");
}

const struct api_route api_doubt_routes[] = {{"POST", "/v1/doubts/*/propose", post_propose, NULL},
                                             {"POST", "/v1/doubts/*/confirm", post_confirm, NULL},
                                             {NULL, NULL, NULL, NULL}};
