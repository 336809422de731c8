/* Forgetting a citizen (R20). Personal data go at once. Documents go when the years that the law
 * wants them kept are over, counted from the newest one's day, which the ledger keeps; until then
 * the day is written beside the citizen and the night looks. Deleting the key is the erasure: what
 * was sealed under it stands in the journal, in outbox rows and in copies for good and says nothing
 * any more.
 *
 * Every look at somebody's data by a person at a console is written first, as a record of scope
 * `access` that the citizen is shown (access_co_note). */
#include "serve/citizen.h"
#include "serve/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS "access"
#define PAGE   64

static date_t today(const struct serve *s)
{
    return city_date(serve_now_ms(s), s->env.city_offset_min);
}

/* ---- who looked ---- */

static CO_FN int fill_record(struct serve *s, const struct access_look *look, const char *terminal,
                             struct op_record *r)
{
    uint32_t salt = 0;
    int64_t now = serve_now_ms(s);
    int rc = rng_fill(s->env.rng, &salt, sizeof salt);
    if (rc != 0)
        return rc;
    (void)snprintf(r->scope, sizeof r->scope, ACCESS);
    (void)snprintf(r->owner, sizeof r->owner, "citizen:%.31s", look->citizen);
    (void)snprintf(r->key, sizeof r->key, "%013lld-%08x", (long long)now, (unsigned)salt);
    json_t *j = json_pack("{s:o, s:s, s:s, s:o, s:I, s:s}", "who", json_text(look->who), "service",
                          look->what, "terminal", terminal, "reason", json_text(look->why), "at_ms",
                          (json_int_t)now, "what", look->what);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    rc = text ? vault_co_doc_seal(s, look->citizen, r, text, &r->doc) : OC_ENOMEM;
    free(text);
    json_decref(j);
    return rc;
}

int access_co_note(struct serve *s, const struct access_look *look)
{
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    struct op_record *r = arena_alloc(flow_arena(), sizeof *r);
    if (!op || !r)
        return OC_ENOMEM;
    int rc = fill_record(s, look, CONSOLE_TERMINAL, r);
    bool erased = rc == OC_ESTATE; /* all of it: only that somebody asked is left to tell */
    const struct console_note n = {
        .who = look->who, .service = look->what, .record = erased ? NULL : r};
    rc = erased ? 0 : rc;
    if (rc == 0)
        rc = console_co_note(s, &n, op);
    if (rc != 0)
        log_error("serve", "a look at citizen %s could not be noted, so nothing is shown: %s",
                  look->citizen, rc == OC_EREFUSED ? op->detail : oc_strerror(rc));
    return rc == OC_EREFUSED ? OC_ESTATE : rc;
}

/* ---- whose ---- */

int citizen_co_each_card(struct serve *s, const char *citizen, citizen_card_fn fn, void *arg)
{
    int64_t after = 0;
    unsigned n = PAGE;
    int rc = 0;
    struct card_row *rows = calloc(PAGE, sizeof *rows);
    if (!rows)
        return OC_ENOMEM;
    while (rc == 0 && n == PAGE) {
        rc = ledger_co_cards(s->ledger, after, 0, rows, PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++)
            if (strcmp(rows[i].citizen, citizen) == 0)
                rc = fn(arg, &rows[i]);
        after = rc == 0 && n > 0 ? rows[n - 1].id : after;
    }
    free(rows);
    return rc;
}

/* Ours by name: documents of a module that is not loaded any more are kept, and told, all the
 * same. */
static const char *const own_scopes[] = {ACCESS, "card", "medical", "payment", "social", "transit"};

static bool is_own(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(own_scopes); i++)
        if (strcmp(own_scopes[i], name) == 0)
            return true;
    return false;
}

const char *citizen_scope(const struct serve *s, size_t i)
{
    const char *last = NULL;
    if (i < ARRAY_LEN(own_scopes))
        return own_scopes[i];
    i -= ARRAY_LEN(own_scopes);
    for (size_t at = 0; at < module_service_count(s->modules); at++) {
        const char *name = service_module(module_service_at(s->modules, at))->name;
        if (is_own(name) || (last && strcmp(last, name) == 0))
            continue;
        last = name;
        if (i-- == 0)
            return name;
    }
    return NULL;
}

/* ---- how long ---- */

static date_t add_years(date_t d, unsigned years)
{
    date_t sum = d + (date_t)years * 10000;
    return date_valid(sum) ? sum : sum - 1; /* the 29th of February */
}

/* When the scope's documents may go; at least *due. They count from the day of the transaction that
 * wrote the newest. */
static CO_FN int scope_due(struct serve *s, const char *citizen, const char *scope, date_t *due)
{
    const struct serve_retention *keep = &s->config->retention;
    unsigned years = strcmp(scope, "medical") == 0 ? keep->medical_years : keep->transactions_years;
    date_t day = 0;
    int rc = ledger_co_documents_day(s->ledger, citizen, scope, &day);
    date_t until = rc == 0 && day != 0 ? add_years(day, years) : 0;
    *due = until > *due ? until : *due;
    return rc;
}

/* ---- forgetting ---- */

static CO_FN int submit(struct serve *s, const struct erase_wish *w, uint8_t what, date_t due,
                        struct ledger_op *op)
{
    memset(op, 0, sizeof *op);
    op->type = LOP_ERASED;
    (void)snprintf(op->who, sizeof op->who, "%s", w->who);
    (void)snprintf(op->erased.citizen, sizeof op->erased.citizen, "%s", w->citizen);
    (void)snprintf(op->erased.why, sizeof op->erased.why, "%s", w->why);
    (void)text_trim_utf8(op->erased.why);
    op->erased.what = what;
    op->erased.due = due;
    int rc = ledger_co_submit(s->ledger, op);
    if (rc == 0 && due == 0)
        vault_forget(s, w->citizen, what);
    return rc;
}

/* The access notes go with the rest; by themselves they keep nothing. */
static CO_FN int erase_documents(struct serve *s, const struct erase_wish *w, struct ledger_op *op,
                                 date_t *ret_due)
{
    date_t due = 0;
    int rc = 0;
    const char *scope;
    for (size_t i = 1; rc == 0 && (scope = citizen_scope(s, i)) != NULL; i++)
        rc = scope_due(s, w->citizen, scope, &due);
    if (rc != 0)
        return rc;
    bool later = due > today(s);
    rc = submit(s, w, ERASE_DOCUMENTS, later ? due : 0, op);
    if (rc == 0)
        *ret_due = later ? due : 0;
    return rc;
}

int citizen_co_erase(struct serve *s, const struct erase_wish *w, struct ledger_op *op,
                     date_t *ret_due)
{
    int rc = submit(s, w, ERASE_PERSONAL, 0, op);
    return rc == 0 ? erase_documents(s, w, op, ret_due) : rc;
}

static bool is_due(const struct citizen_row *c, date_t day)
{
    return (c->erased & ERASE_PERSONAL) != 0 && (c->erased & ERASE_DOCUMENTS) == 0 &&
           c->documents_due <= day;
}

static CO_FN int erase_one(struct serve *s, const struct citizen_row *c, const char *who,
                           struct ledger_op *op)
{
    struct erase_wish w = {.citizen = c->c.id, .who = who, .why = "retention is over"};
    date_t due = 0;
    int rc = c->documents_due == 0 /* the switch stopped between the two halves */
                 ? erase_documents(s, &w, op, &due)
                 : submit(s, &w, ERASE_DOCUMENTS, 0, op);
    if (rc == 0 && due == 0)
        log_info("night", "documents of citizen %s erased: retention is over", c->c.id);
    else if (rc == OC_EREFUSED)
        log_warn("night", "documents of citizen %s not erased yet: %s", c->c.id, op->detail);
    return rc == 0 ? (due == 0) : rc == OC_EREFUSED ? 0 : rc;
}

int citizens_co_erase_due(struct serve *s, const char *who, unsigned *ret_count)
{
    char after[LEDGER_ID] = "";
    unsigned n = PAGE, count = 0;
    int rc = 0;
    struct citizen_row *rows = calloc(PAGE, sizeof *rows);
    struct ledger_op *op = calloc(1, sizeof *op);
    if (!rows || !op)
        rc = OC_ENOMEM;
    while (rc == 0 && n == PAGE) {
        rc = ledger_co_citizens(s->ledger, after, rows, PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++) {
            int one = is_due(&rows[i], today(s)) ? erase_one(s, &rows[i], who, op) : 0;
            count += one == 1;
            rc = one < 0 ? one : 0;
        }
        if (rc == 0 && n > 0)
            memcpy(after, rows[n - 1].c.id, sizeof after);
    }
    free(op);
    free(rows);
    if (rc == 0)
        *ret_count = count;
    return rc;
}
