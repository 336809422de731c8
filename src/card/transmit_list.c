/* What a terminal says about a list, turned into what is known about its last command. A terminal
 * is authenticated and owns its reader, so its NOT_SENT is believed; an answer of the card speaks
 * for itself, because its MACs are checked; everything that contradicts itself is a doubt. */
#include "card/transmit_intern.h"

#include <string.h>

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void put(struct card_session *s, const struct apdu *cmd)
{
    struct card_command *c = &s->lists->list.commands[s->lists->list.count++];
    memset(c, 0, sizeof(*c));
    c->apdu = *cmd;
    c->timeout_ms = s->command_ms > 0 && s->command_ms < UINT32_MAX ? (uint32_t)s->command_ms : 1;
}

/** Has the list that was put together executed. */
static CO_FN int run(struct card_session *s)
{
    struct card_lists *l = s->lists;
    l->answers.count = 0;
    flow_shield();
    int rc = reader_co_run(s->reader, &l->list, &l->answers,
                           earlier(s->deadline_ns, flow_deadline_ms(s->command_ms)));
    flow_unshield();
    secret_wipe(&l->list.commands, l->list.count * sizeof(l->list.commands[0]));
    if (!rc && l->answers.count != l->list.count)
        return OC_EINTERNAL;
    return rc == OC_ECARD_CACHE ? OC_EIO : rc; /* that word is ours to say */
}

/** What became of one command: 0 with its bytes, OC_ECARD_GONE: it never left, OC_EIO: nobody
 * knows. */
static int outcome(const struct card_answer *a, struct reader_answer *ret)
{
    if (a->state == CARD_NOT_SENT)
        return OC_ECARD_GONE;
    if (a->state != CARD_ANSWERED || a->len > sizeof(ret->bytes))
        return OC_EIO;
    memcpy(ret->bytes, a->bytes, a->len);
    ret->len = a->len;
    return 0;
}

int exchange_co_one(struct card_session *s, const struct apdu *cmd, struct reader_answer *ret)
{
    s->lists->list.count = 0;
    put(s, cmd);
    int rc = run(s);
    return rc ? rc : outcome(&s->lists->answers.items[0], ret);
}

/** The status word of the first command, 0: none that makes sense. */
static uint16_t first_sw(const struct card_answer *a)
{
    return a->state == CARD_ANSWERED && a->len >= 2 && a->len <= sizeof(a->bytes)
               ? be16(a->bytes + a->len - 2)
               : 0;
}

/*   first \ second    ANSWERED    NOT_SENT   SKIPPED              LOST
 *   9000              its answer  not sent   doubt: it was due    doubt
 *   another word      its answer  refused    refused              doubt
 *   no status word    its answer  refused    doubt                doubt
 *   NOT_SENT, LOST    its answer  not sent   not sent             doubt
 *   SKIPPED           its answer  not sent   doubt                doubt      */
static int pair_outcome(struct card_session *s, struct reader_answer *ret)
{
    const struct card_answer *first = &s->lists->answers.items[0],
                             *second = &s->lists->answers.items[1];
    uint16_t sw = first_sw(first);
    bool refused = first->state == CARD_ANSWERED && sw != SW_OK;
    bool never_reached =
        refused ? sw != 0 : first->state == CARD_NOT_SENT || first->state == CARD_LOST_ANSWER;
    int rc = outcome(second, ret);
    if (second->state == CARD_SKIPPED)
        rc = never_reached ? OC_ECARD_GONE : OC_EIO;
    if (rc != OC_ECARD_GONE || !refused)
        return rc;
    s->sw = sw;
    return OC_ECARD_CACHE;
}

int exchange_co_pair(struct card_session *s, const struct apdu *first, const struct apdu *second,
                     struct reader_answer *ret)
{
    s->lists->list.count = 0;
    put(s, first);
    put(s, second);
    int rc = run(s);
    return rc ? rc : pair_outcome(s, ret);
}
