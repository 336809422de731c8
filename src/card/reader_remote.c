/* Readers over a wire. Nothing is sent from here but through the link; states come from its owner.
 * Invariant: a list and a release carry the arrival that the dialogue connected to, so that they
 * never reach another card. */
#include "card/reader_remote.h"

#include "card/known.h"

#include <stdlib.h>
#include <string.h>

struct reader_remote {
    struct reader reader;
    struct remote_link link;
    uint8_t atr[ATR_MAX];
    size_t atr_len;
    uint64_t dialogue; /* the arrival a dialogue is connected to, 0: none */
};

static CO_FN int remote_co_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    struct reader_remote *rr = r->driver;
    (void)deadline_ns;
    memcpy(ret->atr, rr->atr, rr->atr_len);
    ret->atr_len = rr->atr_len;
    ret->protocol = CARD_T1; /* the terminal does T=0 itself */
    rr->dialogue = r->arrival;
    return 0;
}

/** What came along with the card no longer says how it is now. */
static void forget_answers(struct reader_remote *rr)
{
    if (rr->reader.arrival == rr->dialogue)
        card_known_free(&rr->reader.known);
}

static CO_FN int remote_co_run(struct reader *r, const struct card_list *list,
                               struct card_answers *ret, int64_t deadline_ns)
{
    struct reader_remote *rr = r->driver;
    if (r->state != READER_CARD || r->arrival != rr->dialogue)
        return OC_ECARD_GONE;
    flow_shield();
    int rc = rr->link.co_run(rr->link.arg, rr->dialogue, list, ret, deadline_ns);
    flow_unshield();
    /* Also what came while the list was under way: the terminal had sent it before. */
    forget_answers(rr);
    return rc;
}

static CO_FN void remote_co_disconnect(struct reader *r)
{
    struct reader_remote *rr = r->driver;
    if (rr->dialogue && !r->closed)
        rr->link.release(rr->link.arg, rr->dialogue);
    forget_answers(rr);
    rr->dialogue = 0;
}

static const struct reader_ops remote_ops = {
    .co_connect = remote_co_connect,
    .co_disconnect = remote_co_disconnect,
    .co_run = remote_co_run,
};

int reader_remote_new(const char *name, const struct remote_link *link, struct reader_remote **ret)
{
    struct reader_remote *rr = calloc(1, sizeof(*rr));
    if (!rr)
        return OC_ENOMEM;
    size_t len = strnlen(name, READER_NAME_MAX);
    memcpy(rr->reader.name, name, len);
    rr->reader.state = READER_GONE;
    rr->reader.ops = &remote_ops;
    rr->reader.driver = rr;
    rr->link = *link;
    flow_cond_init(&rr->reader.changed);
    flow_mutex_init(&rr->reader.busy);
    *ret = rr;
    return 0;
}

void reader_remote_close(struct reader_remote *rr)
{
    if (rr->reader.closed)
        return;
    rr->reader.closed = true;
    card_known_free(&rr->reader.known);
    reader_set_state(&rr->reader, READER_GONE, false);
    flow_cond_broadcast(&rr->reader.changed);
}

void reader_remote_free(struct reader_remote **r)
{
    struct reader_remote *rr = *r;
    *r = NULL;
    if (!rr)
        return;
    flow_cond_fini(&rr->reader.changed);
    flow_mutex_fini(&rr->reader.busy);
    card_known_free(&rr->reader.known);
    free(rr);
}

struct reader *reader_remote_reader(struct reader_remote *rr)
{
    return &rr->reader;
}

void reader_remote_plugged(struct reader_remote *rr, bool present)
{
    if (rr->reader.closed || present == (rr->reader.state != READER_GONE))
        return;
    card_known_free(&rr->reader.known);
    reader_set_state(&rr->reader, present ? READER_EMPTY : READER_GONE, false);
}

static bool answers_fit(const struct remote_card *card)
{
    const struct card_list *l = card->script;
    const struct card_answers *a = card->answers;
    if (!l || !l->count)
        return true;
    if (!a || a->count != l->count || !card_list_valid(l))
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        if (a->items[i].state > CARD_LOST_ANSWER || a->items[i].len > APDU_ANSWER_MAX)
            return false;
    }
    return true;
}

int reader_remote_card(struct reader_remote *rr, const struct remote_card *card)
{
    struct reader *r = &rr->reader;
    struct card_known *known = NULL;
    bool again = r->state == READER_CARD && card->arrival == r->arrival;
    if (r->closed || card->atr_len > ATR_MAX || (!again && card->arrival <= r->arrival) ||
        !answers_fit(card))
        return OC_EINVAL;
    int rc = card->script && card->script->count
                 ? card_known_new(card->script, card->answers, &known)
                 : 0;
    if (rc)
        return rc;
    if (card->atr_len)
        memcpy(rr->atr, card->atr, card->atr_len);
    rr->atr_len = card->atr_len;
    card_known_free(&r->known);
    r->known = known;
    if (!again) {
        r->arrival = card->arrival - 1; /* the state's change counts one up */
        reader_set_state(r, READER_CARD, true);
    }
    return 0;
}

void reader_remote_removed(struct reader_remote *rr, uint64_t arrival)
{
    if (rr->reader.state != READER_CARD || rr->reader.arrival != arrival)
        return;
    card_known_free(&rr->reader.known);
    reader_set_state(&rr->reader, READER_EMPTY, false);
}
