/* A request of its own for a worker thread: the flow that asked may be gone before the answer
 * comes. */
#include "module/internal.h"

#include <string.h>

/* Copies one text; a failure sticks in *ok. */
static const char *dup(struct arena *a, const char *s, bool *ok)
{
    const char *copy = arena_strdup(a, s ? s : "");
    *ok = *ok && copy;
    return copy;
}

static const struct onecard_card *copy_card(const struct onecard_card *from, struct arena *a,
                                            bool *ok)
{
    struct onecard_card *c = arena_copy(a, from, sizeof(*from));
    if (!c) {
        *ok = false;
        return NULL;
    }
    c->record_owner = dup(a, from->record_owner, ok);
    c->number = dup(a, from->number, ok);
    c->profile = dup(a, from->profile, ok);
    c->citizen = dup(a, from->citizen, ok);
    c->card_category = dup(a, from->card_category, ok);
    c->ledger_category = dup(a, from->ledger_category, ok);
    c->last_service = dup(a, from->last_service, ok);
    c->last_terminal = dup(a, from->last_terminal, ok);
    c->state = dup(a, from->state, ok);
    return c;
}

static const struct onecard_original *copy_original(const struct onecard_original *from,
                                                    struct arena *a, bool *ok)
{
    struct onecard_original *o = arena_copy(a, from, sizeof(*from));
    if (!o) {
        *ok = false;
        return NULL;
    }
    o->txn = dup(a, from->txn, ok);
    o->service = dup(a, from->service, ok);
    o->participant = dup(a, from->participant, ok);
    return o;
}

static const struct onecard_log_entry *copy_log(const struct onecard_log_entry *from, size_t count,
                                                struct arena *a, bool *ok)
{
    struct onecard_log_entry *log = arena_copy(a, from, count * sizeof(*from));
    if (!log) {
        *ok = false;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        log[i].sam = dup(a, from[i].sam, ok);
    }
    return log;
}

struct onecard_request *request_copy(const struct onecard_request *req, struct arena *a)
{
    bool ok = true;
    struct onecard_request *r = arena_copy(a, req, sizeof(*req));
    if (!r) {
        return NULL;
    }
    r->service = dup(a, req->service, &ok);
    r->terminal.id = dup(a, req->terminal.id, &ok);
    r->terminal.kind = dup(a, req->terminal.kind, &ok);
    r->terminal.participant = dup(a, req->terminal.participant, &ok);
    r->card = req->card ? copy_card(req->card, a, &ok) : NULL;
    r->original = req->original ? copy_original(req->original, a, &ok) : NULL;
    r->log = req->log_count ? copy_log(req->log, req->log_count, a, &ok) : NULL;
    r->citizen = dup(a, req->citizen, &ok);
    r->who = dup(a, req->who, &ok);
    r->txn_hint = dup(a, req->txn_hint, &ok);
    r->document = doc_copy(a, req->document);
    ok = ok && (r->document || !req->document);
    return ok ? r : NULL;
}
