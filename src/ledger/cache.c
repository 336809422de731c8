/* Direct-mapped tables: the place follows from the key, a newcomer takes it over. Forgetting all of
 * a kind counts its generation up. */
#include "ledger/cache.h"
#include <stdlib.h>

#define CARDS        8192
#define TXNS         8192
#define TERMINALS    4096
#define PARTICIPANTS 256
#define DOCS_KEPT                                                                                  \
    12288 /* bytes of an intent's documents: a bill's; of one with more the journal is asked again */

struct card_place {
    uint64_t generation;
    struct card_full row;
};
struct txn_place {
    uint64_t generation;
    struct txn_full row;
};
struct intent_rest {
    struct op_record records[LEDGER_RECORDS];
    struct op_message messages[LEDGER_MESSAGES];
    char docs[];
};
struct intent_place {
    uint64_t generation;
    int64_t txn;
    int64_t link;
    uint8_t refund, record_count, message_count;
    struct op_slot_plan slot;
    struct intent_rest *rest; /* NULL: neither records nor messages */
    char head[offsetof(struct op_intent, records)];
};
struct terminal_place {
    uint64_t generation;
    struct cached_terminal row;
};
struct participant_place {
    uint64_t generation;
    struct participant_row row;
};
struct fold_cache {
    uint64_t cards_now, txns_now, terminals_now, participants_now;
    struct card_place *cards;
    struct txn_place *txns;
    struct intent_place *intents;
    struct terminal_place *terminals;
    struct participant_place *participants;
};

static size_t place_of(uint64_t key, size_t count)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % count;
}

static uint64_t number_of(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return h;
}

struct fold_cache *cache_new(void)
{
    struct fold_cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    /* Of these pages only those that are used come into being. */
    c->cards = calloc(CARDS, sizeof *c->cards);
    c->txns = calloc(TXNS, sizeof *c->txns);
    c->intents = calloc(TXNS, sizeof *c->intents);
    c->terminals = calloc(TERMINALS, sizeof *c->terminals);
    c->participants = calloc(PARTICIPANTS, sizeof *c->participants);
    if (!c->cards || !c->txns || !c->intents || !c->terminals || !c->participants) {
        cache_free(c);
        return NULL;
    }
    cache_forget(c);
    return c;
}

static void drop_rest(struct intent_place *p)
{
    free(p->rest);
    p->rest = NULL;
    p->generation = 0;
}

void cache_free(struct fold_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; c->intents && i < TXNS; i++)
        free(c->intents[i].rest);
    free(c->cards);
    free(c->txns);
    free(c->intents);
    free(c->terminals);
    free(c->participants);
    free(c);
}

void cache_forget(struct fold_cache *c)
{
    if (!c)
        return;
    c->cards_now++;
    c->txns_now++;
    c->terminals_now++;
    c->participants_now++;
}

/* ---- cards ---- */

const struct card_full *cache_card(struct fold_cache *c, int64_t id)
{
    struct card_place *p = c ? &c->cards[place_of((uint64_t)id, CARDS)] : NULL;
    return p && p->generation == c->cards_now && p->row.r.id == id ? &p->row : NULL;
}

void cache_put_card(struct fold_cache *c, const struct card_full *row)
{
    if (!c)
        return;
    struct card_place *p = &c->cards[place_of((uint64_t)row->r.id, CARDS)];
    p->generation = c->cards_now;
    p->row = *row;
}

void cache_forget_cards(struct fold_cache *c)
{
    if (c)
        c->cards_now++;
}

/* ---- transactions ---- */

const struct txn_full *cache_txn(struct fold_cache *c, int64_t id)
{
    struct txn_place *p = c ? &c->txns[place_of((uint64_t)id, TXNS)] : NULL;
    return p && p->generation == c->txns_now && p->row.id == id ? &p->row : NULL;
}

void cache_put_txn(struct fold_cache *c, const struct txn_full *row)
{
    if (!c)
        return;
    struct txn_place *p = &c->txns[place_of((uint64_t)row->id, TXNS)];
    p->generation = c->txns_now;
    p->row = *row;
}

void cache_forget_txn(struct fold_cache *c, int64_t id)
{
    struct txn_place *p = c ? &c->txns[place_of((uint64_t)id, TXNS)] : NULL;
    if (p && p->row.id == id)
        p->generation = 0;
}

/* ---- intents ---- */

static struct intent_place *intent_place(struct fold_cache *c, int64_t txn)
{
    return c ? &c->intents[place_of((uint64_t)txn, TXNS)] : NULL;
}

/* Points a copy of `d` into the block, and moves on. */
static void keep_doc(struct op_doc *d, char **at)
{
    if (d->len)
        memcpy(*at, d->text, d->len);
    d->text = d->len ? *at : NULL;
    *at += d->len;
}

static size_t docs_len(const struct op_intent *in)
{
    size_t sum = 0;
    for (unsigned i = 0; i < in->record_count; i++)
        sum += in->records[i].doc.len;
    for (unsigned i = 0; i < in->message_count; i++)
        sum += in->messages[i].doc.len;
    return sum;
}

/* False: no memory, or so much that the journal may be asked again. */
static bool keep_rest(struct intent_place *p, const struct op_intent *in)
{
    size_t records = in->record_count * sizeof in->records[0];
    size_t messages = in->message_count * sizeof in->messages[0];
    size_t docs = docs_len(in);
    if (docs > DOCS_KEPT)
        return false;
    if (records + messages == 0)
        return true;
    p->rest = malloc(sizeof *p->rest + docs);
    if (!p->rest)
        return false;
    char *at = p->rest->docs;
    memcpy(p->rest->records, in->records, records);
    memcpy(p->rest->messages, in->messages, messages);
    for (unsigned i = 0; i < in->record_count; i++)
        keep_doc(&p->rest->records[i].doc, &at);
    for (unsigned i = 0; i < in->message_count; i++)
        keep_doc(&p->rest->messages[i].doc, &at);
    return true;
}

bool cache_intent(struct fold_cache *c, int64_t txn, struct op_intent *ret)
{
    const struct intent_place *p = intent_place(c, txn);
    if (!p || p->generation != c->txns_now || p->txn != txn)
        return false;
    memcpy(ret, p->head, sizeof p->head);
    if (p->record_count)
        memcpy(ret->records, p->rest->records, p->record_count * sizeof ret->records[0]);
    if (p->message_count)
        memcpy(ret->messages, p->rest->messages, p->message_count * sizeof ret->messages[0]);
    ret->message_count = p->message_count;
    ret->event_count = 0;
    ret->concerned_count = 0;
    ret->link = p->link;
    ret->refund = p->refund;
    ret->hold.to[0] = '\0';
    ret->slot = p->slot;
    ret->hold.doc = ret->hold.expect = (struct op_doc){0};
    return true;
}

void cache_put_intent(struct fold_cache *c, const struct op_intent *in)
{
    struct intent_place *p = intent_place(c, in->txn);
    if (!p)
        return;
    drop_rest(p);
    if (!keep_rest(p, in))
        return;
    p->generation = c->txns_now;
    p->txn = in->txn;
    p->link = in->link;
    p->refund = in->refund;
    p->record_count = in->record_count;
    p->message_count = in->message_count;
    p->slot = in->slot;
    memcpy(p->head, in, sizeof p->head);
}

void cache_forget_intent(struct fold_cache *c, int64_t txn)
{
    struct intent_place *p = intent_place(c, txn);
    if (p && p->txn == txn)
        drop_rest(p);
}

/* ---- terminals and participants ---- */

struct cached_terminal *cache_terminal(struct fold_cache *c, const char *id)
{
    struct terminal_place *p = c ? &c->terminals[place_of(number_of(id), TERMINALS)] : NULL;
    return p && p->generation == c->terminals_now && strcmp(p->row.t.r.t.id, id) == 0 ? &p->row
                                                                                      : NULL;
}

void cache_put_terminal(struct fold_cache *c, const struct terminal_full *row)
{
    if (!c)
        return;
    struct terminal_place *p = &c->terminals[place_of(number_of(row->r.t.id), TERMINALS)];
    p->generation = c->terminals_now;
    p->row = (struct cached_terminal){.t = *row};
}

void cache_forget_terminals(struct fold_cache *c)
{
    if (c)
        c->terminals_now++;
}

const struct participant_row *cache_participant(struct fold_cache *c, const char *id)
{
    struct participant_place *p =
        c ? &c->participants[place_of(number_of(id), PARTICIPANTS)] : NULL;
    return p && p->generation == c->participants_now && strcmp(p->row.id, id) == 0 ? &p->row : NULL;
}

void cache_put_participant(struct fold_cache *c, const struct participant_row *row)
{
    if (!c)
        return;
    struct participant_place *p = &c->participants[place_of(number_of(row->id), PARTICIPANTS)];
    p->generation = c->participants_now;
    p->row = *row;
}

void cache_forget_participants(struct fold_cache *c)
{
    if (c)
        c->participants_now++;
}
