/* Opening and closing a dialogue. Invariant: a session that is open holds the reader's dialogue
 * lock in its own flow. */
#include "card/session.h"

#include "card/known.h"
#include "card/transmit_intern.h"

#include <stdlib.h>
#include <string.h>

#define COMMAND_MS 3000

static CO_FN int connect_here(struct card_session *s, uint64_t arrival, int64_t deadline_ns)
{
    struct reader *r = s->reader;
    if (arrival && arrival != r->arrival)
        return OC_ECARD_GONE;
    s->arrival = r->arrival;
    if (reader_has_lists(r) && !(s->lists = calloc(1, sizeof(*s->lists))))
        return OC_ENOMEM;
    int rc = reader_co_connect(r, &s->card, deadline_ns);
    if (rc)
        return rc;
    s->known = r->known;
    r->known = NULL;
    /* A strange ATR speaks against nothing: profiles then match by what SELECT finds. */
    if (atr_parse(s->card.atr, s->card.atr_len, &s->atr))
        memset(&s->atr, 0, sizeof(s->atr));
    s->open = true;
    return 0;
}

static void forget(struct card_session *s)
{
    card_known_free(&s->known);
    if (s->lists)
        secret_wipe(s->lists, sizeof(*s->lists));
    free(s->lists);
    s->lists = NULL;
}

int card_co_open(struct card_session *s, struct reader *reader, uint64_t arrival,
                 int64_t deadline_ns)
{
    memset(s, 0, sizeof(*s));
    s->reader = reader;
    s->command_ms = COMMAND_MS;
    s->deadline_ns = FLOW_FOREVER;
    int rc = flow_co_lock(&reader->busy, deadline_ns);
    if (rc)
        return rc;
    rc = connect_here(s, arrival, deadline_ns);
    if (rc) {
        forget(s);
        flow_unlock(&reader->busy);
    }
    return rc;
}

void card_co_close(struct card_session *s)
{
    if (!s->open)
        return;
    s->open = false;
    flow_shield();
    reader_co_disconnect(s->reader);
    flow_unshield();
    forget(s);
    flow_unlock(&s->reader->busy);
}

bool card_present(const struct card_session *s)
{
    const struct reader *r = s->reader;
    return s->open && !s->dead && r->arrival == s->arrival && r->state == READER_CARD;
}
