/* Terminals of the site itself, and notes of what people do at the one called "console". */
#include "serve/console.h"

#include <stdio.h>
#include <string.h>

#define OWNER "site"

static CO_FN int add_owner(struct serve *s, struct ledger_op *op)
{
    struct participant_row p;
    int rc = ledger_co_participant(s->ledger, OWNER, &p);
    if (rc != OC_ENOENT)
        return rc;
    memset(op, 0, sizeof *op);
    op->type = LOP_PARTICIPANT;
    (void)snprintf(op->who, sizeof op->who, "onecardd");
    (void)snprintf(op->participant.id, sizeof op->participant.id, OWNER);
    (void)snprintf(op->participant.name, sizeof op->participant.name, "%.63s", s->fixed->site.name);
    return ledger_co_submit(s->ledger, op);
}

static CO_FN int add(struct serve *s, const char *id, const char *services, struct ledger_op *op)
{
    int rc = add_owner(s, op);
    if (rc != 0)
        return rc;
    memset(op, 0, sizeof *op);
    op->type = LOP_TERMINAL;
    (void)snprintf(op->who, sizeof op->who, "onecardd");
    (void)snprintf(op->terminal.id, sizeof op->terminal.id, "%s", id);
    (void)snprintf(op->terminal.kind, sizeof op->terminal.kind, "system");
    (void)snprintf(op->terminal.participant, sizeof op->terminal.participant, OWNER);
    (void)snprintf(op->terminal.services, sizeof op->terminal.services, "%s", services);
    (void)snprintf(op->terminal.params, sizeof op->terminal.params, "{}");
    return ledger_co_submit(s->ledger, op);
}

int site_co_terminal(struct serve *s, const char *id, const char *services, struct ledger_op *op,
                     struct terminal_row *ret)
{
    int rc = ledger_co_terminal(s->ledger, id, ret);
    if (rc != OC_ENOENT)
        return rc;
    rc = add(s, id, services, op);
    return rc == 0 ? ledger_co_terminal(s->ledger, id, ret) : rc;
}

static void fill(const struct serve *s, const struct console_note *n, const struct terminal_row *t,
                 struct op_intent *in)
{
    int64_t now = serve_now_ms(s);
    in->plan_kind = OC_PLAN_NOTE;
    (void)snprintf(in->service, sizeof in->service, "%s", n->service);
    memcpy(in->terminal, t->t.id, sizeof in->terminal);
    memcpy(in->participant, t->t.participant, sizeof in->participant);
    (void)snprintf(in->plan, sizeof in->plan, "{}");
    (void)snprintf(in->reply, sizeof in->reply, "{}");
    in->business_date = city_date(now, s->env.city_offset_min);
    city_bcd(now, s->env.city_offset_min, in->card_date, in->card_time);
    if (n->record)
        in->records[in->record_count++] = *n->record;
    if (n->event) {
        struct op_event_item *e = &in->events[in->event_count++];
        (void)snprintf(e->kind, sizeof e->kind, "%s", n->event);
        (void)snprintf(e->text, sizeof e->text, "%s", n->text);
        text_trim_utf8(e->text);
    }
}

int console_co_note(struct serve *s, const struct console_note *n, struct ledger_op *op)
{
    struct terminal_row *t = arena_alloc(flow_arena(), sizeof *t);
    int rc = t ? site_co_terminal(s, CONSOLE_TERMINAL, "", op, t) : OC_ENOMEM;
    if (rc != 0)
        return rc;
    memset(op, 0, sizeof *op);
    op->type = LOP_INTENT;
    (void)snprintf(op->who, sizeof op->who, "%s", n->who);
    fill(s, n, t, &op->intent);
    rc = rng_fill(s->env.rng, op->intent.request_hash, sizeof op->intent.request_hash);
    if (rc == 0)
        rc = rng_fill(s->env.rng, &op->intent.trace, sizeof op->intent.trace);
    return rc == 0 ? ledger_co_submit(s->ledger, op) : rc;
}
