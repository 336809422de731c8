/* See known.h. Invariant: nothing that could move value or write is ever kept here, whatever the
 * terminal says. */
#include "card/known.h"

#include <stdlib.h>
#include <string.h>

#define INS_SELECT 0xA4

static uint16_t answer_sw(const uint8_t *bytes, size_t len)
{
    return be16(bytes + len - 2);
}

/** Can this answer stand for the exchange? */
static bool usable(const struct card_command *c, const struct card_answer *a)
{
    if (a->state != CARD_ANSWERED || a->len < 2 || a->len > APDU_ANSWER_MAX ||
        c->apdu.len > CARD_ASKED_BYTES || !card_apdu_harmless(&c->apdu))
        return false;
    enum sw_class class = sw_class(answer_sw(a->bytes, a->len));
    return class != SW_CLASS_MORE && class != SW_CLASS_WRONG_LE;
}

/** Puts down the indices of the usable answers on the list's way. */
static unsigned follow(const struct card_list *l, const struct card_answers *a,
                       uint8_t way[CARD_LIST_MAX])
{
    unsigned count = 0;
    for (unsigned at = 0;
         at < l->count && at < a->count && usable(&l->commands[at], &a->items[at]);) {
        const struct card_answer *one = &a->items[at];
        way[count++] = (uint8_t)at;
        at = card_list_next(l, at, answer_sw(one->bytes, one->len));
    }
    return count;
}

int card_known_new(const struct card_list *script, const struct card_answers *answers,
                   struct card_known **ret)
{
    uint8_t way[CARD_LIST_MAX];
    unsigned count = follow(script, answers, way);
    if (!count) {
        *ret = NULL;
        return 0;
    }
    struct card_known *k = calloc(1, sizeof(*k) + count * sizeof(k->items[0]));
    if (!k)
        return OC_ENOMEM;
    for (k->count = 0; k->count < count; k->count++) {
        const struct apdu *cmd = &script->commands[way[k->count]].apdu;
        const struct card_answer *a = &answers->items[way[k->count]];
        struct known_item *item = &k->items[k->count];
        memcpy(item->command, cmd->bytes, cmd->len);
        item->command_len = (uint8_t)cmd->len;
        memcpy(item->answer, a->bytes, a->len);
        item->answer_len = (uint16_t)a->len;
    }
    *ret = k;
    return 0;
}

void card_known_free(struct card_known **k)
{
    if (*k)
        secret_wipe(*k, sizeof(**k) + (*k)->count * sizeof((*k)->items[0]));
    free(*k);
    *k = NULL;
}

static const struct known_item *head_of(const struct card_known *k)
{
    return k && k->head < k->count ? &k->items[k->head] : NULL;
}

const struct known_item *card_known_take(struct card_known *k, const struct apdu *cmd)
{
    const struct known_item *item = head_of(k);
    if (!item || item->command_len != cmd->len || memcmp(item->command, cmd->bytes, cmd->len))
        return NULL;
    k->head++;
    return item;
}

bool card_known_challenge(const struct card_known *k, const struct apdu *like,
                          uint8_t ret_challenge[8])
{
    const struct known_item *item = head_of(k);
    struct apdu_view v;
    if (!item || item->command_len != like->len || apdu_parse(like->bytes, like->len, &v) ||
        v.lc != 8)
        return false;
    size_t end = 5 + v.lc;
    if (memcmp(item->command, like->bytes, 5) ||
        memcmp(item->command + end, like->bytes + end, like->len - end))
        return false;
    memcpy(ret_challenge, item->command + 5, v.lc);
    return true;
}

static bool selects(const struct known_item *item)
{
    return item->command[1] == INS_SELECT;
}

const struct known_item *card_known_redo(const struct card_known *k, unsigned *cursor)
{
    bool elsewhere = false;
    for (unsigned i = k->head; i < k->count; i++)
        elsewhere = elsewhere || selects(&k->items[i]);
    while (elsewhere && *cursor < k->head) {
        const struct known_item *item = &k->items[(*cursor)++];
        if (selects(item) && answer_sw(item->answer, item->answer_len) == SW_OK)
            return item;
    }
    return NULL;
}
