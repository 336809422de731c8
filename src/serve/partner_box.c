/* The outbox by fetching, for institutions that cannot be called: the same messages in the same
 * words as they would be sent (docs/UPSTREAM.md), oldest first, until each was told to be done.
 * What was fetched and not acknowledged is given again: at least once.
 *
 * The outbox holds messages of posted transactions only. Of one whose hold at the same institution
 * is still to be confirmed only the confirmation is given: the others follow when that is done, as
 * they do where they are sent. */
#include "serve/partner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 8 /* documents of 64 KiB, in a flow's arena */

static json_t *hold_body(const struct hold_row *h)
{
    return json_pack("{s:o, s:o}", "id", json_txn_id(h->txn), "reference", json_text(h->reference));
}

static json_t *message_body(const struct message_row *m, const char *text, size_t len)
{
    json_t *document = len > 0 ? json_loadb(text, len, 0, NULL) : json_object();
    return json_pack("{s:o, s:o, s:o, s:o}", "id", json_txn_id(m->id), "kind", json_text(m->kind),
                     "txn", json_txn_id(m->txn), "document", document ? document : json_object());
}

static bool ends_hold(const struct message_row *m)
{
    return strcmp(m->kind, "confirm") == 0 || strcmp(m->kind, "reverse") == 0;
}

/* OC_EBUSY: its transaction is not confirmed there yet. */
static CO_FN int look_ahead(struct api_call *c, const struct message_row *m, struct hold_row *hold)
{
    int rc = ledger_co_hold(c->s->ledger, m->txn, hold);
    if (ends_hold(m))
        return rc;
    if (rc == OC_ENOENT)
        return 0;
    bool waits = rc == 0 && hold->state == HOLD_CONFIRM_DUE && strcmp(hold->to, m->to) == 0;
    return waits ? OC_EBUSY : rc;
}

/* One that cannot be opened any more (its citizen is erased) is passed over: it dies by itself
 * where it is sent, and an operator sees it here too. */
static CO_FN int put_message(struct api_call *c, const struct message_row *m, struct arena *a,
                             json_t *list)
{
    struct hold_row hold;
    const char *text = NULL;
    size_t len = 0;
    bool of_hold = ends_hold(m);
    int rc = look_ahead(c, m, &hold);
    if (rc == OC_EBUSY)
        return 0;
    if (rc == 0 && !of_hold)
        rc = txn_co_message_document(&c->s->env, m, a, &text, &len);
    if (rc == OC_ESEAL || rc == OC_ESTATE || rc == OC_ENOENT) {
        log_warn("outbox", "message=%lld to=%s cannot be given: %s", (long long)m->id, m->to,
                 oc_strerror(rc));
        return 0;
    }
    if (rc != 0)
        return rc;
    json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o}", "message", json_txn_id(m->id), "path",
                                          of_hold ? m->kind : "message", "created",
                                          json_time(c->s, ident_ms(m->id)), "body",
                                          of_hold ? hold_body(&hold) : message_body(m, text, len)));
    return 0;
}

static int get_outbox(struct api_call *c) CO_FN;
static int get_outbox(struct api_call *c)
{
    int64_t after = 0;
    unsigned n = 0;
    struct arena a;
    struct message_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    int rc = rows ? api_query_txn(c, "after", &after) : api_no_memory(c);
    if (rc != 0)
        return rc;
    arena_init(&a, 0);
    json_t *list = json_array();
    c->reply = api_page(list, json_null());
    rc =
        ledger_co_messages(c->s->ledger, after, MESSAGE_DUE, partner_of(c)->id, &a, rows, PAGE, &n);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = put_message(c, &rows[i], &a, list);
    if (rc == 0 && n == PAGE)
        json_object_set_new(c->reply, "next", json_txn_id(rows[n - 1].id));
    arena_fini(&a);
    return api_failed(c, rc, "messages");
}

/* Told twice is told once: a message that is not there any more was done. */
static int post_done(struct api_call *c) CO_FN;
static int post_done(struct api_call *c)
{
    int64_t id = 0;
    struct message_row *m = arena_alloc(flow_arena(), sizeof *m);
    struct ledger_op *op = api_op(c, LOP_MESSAGE);
    struct arena a;
    if (!m || !op)
        return api_no_memory(c);
    if (ident_parse(c->vars[0], &id) != 0)
        return api_fail(c, 400, "bad_request", "\"%.20s\" is no message id", c->vars[0]);
    int rc = api_fields(c, NULL, 0);
    if (rc != 0)
        return rc;
    arena_init(&a, 0);
    rc = ledger_co_message(c->s->ledger, id, &a, m);
    arena_fini(&a);
    if (rc == 0 && strcmp(m->to, partner_of(c)->id) != 0)
        return api_failed(c, OC_ENOENT, "such message");
    if (rc == 0) {
        op->message.message = id;
        op->message.to = MESSAGE_SENT;
        op->message.tries = m->tries + 1;
        (void)snprintf(op->message.note, sizeof op->message.note, "fetched");
        rc = ledger_co_submit(c->s->ledger, op);
    }
    if (rc == OC_EREFUSED)
        return api_submit_failed(c, rc, op);
    if (rc == 0 || rc == OC_ENOENT || rc == OC_ESTATE)
        c->reply = json_pack("{s:o, s:b}", "message", json_txn_id(id), "done", true);
    return c->reply ? 0 : api_failed(c, rc, "message");
}

const struct api_route partner_box_routes[] = {{"GET", "/v1/outbox", get_outbox, API_QUERY("after")},
                                               {"POST", "/v1/outbox/*/done", post_done, NULL},
                                               {NULL, NULL, NULL, NULL}};
