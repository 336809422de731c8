/* What admission of a request asks, answered on the loop where nothing can have changed: the terminal's row, and that a
 * request number is above every one the ledger has of that terminal. A hint, never a proof: the writer refuses a number
 * that was used, whatever stands here. Loop thread.
 *
 * An entry is good as long as no terminal's row was written since its look began (l->front_now), and its highest
 * number follows every operation that this loop submits. Anything else asks the ledger. */
#include "ledger/internal.h"
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 16384

struct front_entry {
    uint64_t as_of; /* l->front_now when the look began */
    struct terminal_row row;
};

int front_new(struct map **ret)
{
    struct map *m = calloc(1, sizeof *m);
    if (!m)
        return OC_ENOMEM;
    map_init(m, (uint64_t)(uintptr_t)m);
    *ret = m;
    return 0;
}

static void forget_all(struct map *m)
{
    size_t at = 0;
    struct front_entry *e;
    while ((e = map_next(m, &at)) != NULL)
        free(e);
    map_clear(m);
}

void front_free(struct map **m)
{
    if (!*m)
        return;
    forget_all(*m);
    map_fini(*m);
    free(*m);
    *m = NULL;
}

bool front_answers(const struct ledger *l, const char *terminal, int64_t request_no,
                   struct terminal_row *ret)
{
    const struct front_entry *e = map_get_str(l->front, terminal);
    if (!e || e->as_of != l->front_now || (request_no != 0 && request_no < e->row.next_request))
        return false;
    *ret = e->row;
    return true;
}

struct front_mark front_mark(const struct ledger *l)
{
    return (struct front_mark){.now = l->front_now, .unseen = l->front_unseen};
}

void front_keep(struct ledger *l, struct front_mark began, const struct terminal_row *row)
{
    struct front_entry *e = map_get_str(l->front, row->t.id);
    uint64_t as_of = began.now;
    if (as_of != l->front_now || (!e && began.unseen != l->front_unseen))
        return;
    if (!e) {
        if (l->front->count >= ENTRIES_MAX)
            forget_all(l->front);
        e = malloc(sizeof *e);
        if (!e)
            return;
        if (map_put_str(l->front, row->t.id, e) != 0) {
            free(e);
            return;
        }
        e->row.next_request = 0;
        e->as_of = as_of;
    }
    /* Numbers that were used while the look was under way are known here already. */
    int64_t next = e->as_of == as_of ? e->row.next_request : 0;
    e->as_of = as_of;
    e->row = *row;
    if (next > row->next_request)
        e->row.next_request = next;
}

static void used(struct ledger *l, const char *terminal, int64_t request_no)
{
    struct front_entry *e = map_get_str(l->front, terminal);
    if (!e)
        l->front_unseen++; /* a look under way may have missed it: what it finds is not kept */
    else if (request_no >= e->row.next_request)
        e->row.next_request = request_no + 1;
}

void front_learn(struct ledger *l, const struct ledger_op *op)
{
    if (op->type == LOP_TERMINAL)
        l->front_now++;
    else if (op->type == LOP_INTENT)
        used(l, op->intent.terminal, op->intent.request_no);
    else if (op->type == LOP_REFUSAL)
        used(l, op->refusal.terminal, op->refusal.request_no);
}
