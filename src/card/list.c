/* Lists: their shape, and their execution at the terminal. */
#include "card/list.h"

#include <string.h>

#define TIMEOUT_MAX_MS 60000 /* nobody makes a terminal wait longer for one command */

unsigned card_list_next(const struct card_list *list, unsigned at, uint16_t sw)
{
    if (at >= list->count)
        return list->count;
    const struct card_command *c = &list->commands[at];
    bool accepted = !c->accept_count && sw == SW_OK;
    for (unsigned i = 0; i < c->accept_count && i < CARD_ACCEPT_MAX; i++)
        accepted = accepted || c->accept[i] == sw;
    if (accepted)
        return at + 1;
    return c->otherwise > at && c->otherwise < list->count ? c->otherwise : list->count;
}

bool card_list_valid(const struct card_list *list)
{
    struct apdu_view v;
    if (!list->count || list->count > CARD_LIST_MAX)
        return false;
    for (unsigned i = 0; i < list->count; i++) {
        const struct card_command *c = &list->commands[i];
        if (c->apdu.len > APDU_MAX || apdu_parse(c->apdu.bytes, c->apdu.len, &v) ||
            c->accept_count > CARD_ACCEPT_MAX)
            return false;
        if (c->otherwise && (c->otherwise <= i || c->otherwise >= list->count))
            return false;
    }
    return true;
}

bool card_apdu_harmless(const struct apdu *a)
{
    if (a->len < 4)
        return false;
    switch (a->bytes[0] << 8 | a->bytes[1]) {
    case 0x00A4: /* SELECT */
    case 0x00B0: /* READ BINARY */
    case 0x00B2: /* READ RECORD */
    case 0x0084: /* GET CHALLENGE */
    case 0x0088: /* INTERNAL AUTHENTICATE */
    case 0x805C: /* GET BALANCE */
    case 0x805A: /* GET TRANSACTION PROVE */
    case 0x80CA: /* GET SECURITY CODE */
        return true;
    case 0x8050: /* INITIALIZE: 02 and 04 prepare unload and overdraft, which nobody here asks for
                  */
        return a->bytes[2] == 0x00 || a->bytes[2] == 0x01 || a->bytes[2] == 0x03;
    default:
        return false;
    }
}

bool card_list_harmless(const struct card_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (!card_apdu_harmless(&list->commands[i].apdu))
            return false;
    }
    return true;
}

static int64_t patience(const struct card_session *s, const struct card_command *c)
{
    int64_t ms = c->timeout_ms ? c->timeout_ms : s->command_ms;
    return ms < TIMEOUT_MAX_MS ? ms : TIMEOUT_MAX_MS;
}

/** Whether the list may go on; *ret_sw then. */
static CO_FN bool run_command(struct card_session *s, const struct card_command *c,
                              struct card_answer *ret, uint16_t *ret_sw)
{
    struct rapdu answer;
    int64_t began = loop_now_ns(flow_loop()), usual = s->command_ms;
    s->command_ms = patience(s, c);
    int rc = transmit_co(s, &c->apdu, &answer);
    s->command_ms = usual;
    ret->micros = (uint32_t)((loop_now_ns(flow_loop()) - began) / 1000);
    if (rc) {
        /* An answer without a status word is none: the card may have executed the command. */
        ret->state = rc == OC_ECARD_LOST || rc == OC_ECARD_DATA ? CARD_LOST_ANSWER : CARD_NOT_SENT;
        return false;
    }
    ret->state = CARD_ANSWERED;
    memcpy(ret->bytes, answer.data, answer.len);
    ret->bytes[answer.len] = (uint8_t)(answer.sw >> 8);
    ret->bytes[answer.len + 1] = (uint8_t)answer.sw;
    ret->len = answer.len + 2;
    *ret_sw = answer.sw;
    secret_wipe(&answer, sizeof(answer));
    return true;
}

static void set_states(struct card_answers *a, unsigned from, enum card_answer_state state)
{
    for (unsigned i = from; i < a->count; i++) {
        a->items[i].state = state;
        a->items[i].len = 0;
        a->items[i].micros = 0;
    }
}

void card_list_co_run(struct card_session *s, const struct card_list *list,
                      struct card_answers *ret)
{
    bool valid = card_list_valid(list);
    uint16_t sw = 0;
    ret->count = list->count < CARD_LIST_MAX ? list->count : CARD_LIST_MAX;
    set_states(ret, 0, valid ? CARD_SKIPPED : CARD_NOT_SENT);
    if (!valid)
        return;
    flow_shield();
    for (unsigned at = 0; at < list->count; at = card_list_next(list, at, sw)) {
        if (!run_command(s, &list->commands[at], &ret->items[at], &sw)) {
            set_states(ret, at + 1, CARD_NOT_SENT);
            break;
        }
    }
    flow_unshield();
}
