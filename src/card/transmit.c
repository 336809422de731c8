/* One command, its GET RESPONSEs and repetitions, and what their failures mean. The header has the
 * invariants.
 *
 *   send ──6Cxx──► again with that Le (never CREDIT, DEBIT or a write)
 *     │
 *     ├──61xx──► GET RESPONSE …: from here on the command *was executed*; nothing that fails
 *     ▼          is "not sent" any more
 *   answer
 */
#include "card/transmit.h"

#include "card/known.h"
#include "card/transmit_intern.h"

#include <string.h>

#define INS_INITIALIZE    0x50
#define INS_PROVE         0x5A
#define INS_CHALLENGE     0x84
#define INS_INTERNAL_AUTH 0x88
#define ROUNDS_MAX        8 /* GET RESPONSEs or repetitions of one command */

struct exchange {
    struct card_session *s;
    struct rapdu *answer; /* collects */
    bool executed;        /* the card said 61xx */
};

static const struct {
    uint8_t ins;
    bool changes; /* never repeated */
    const char *name;
} commands[] = {
    {0xA4, false, "SELECT"},
    {0xB0, false, "READ BINARY"},
    {0xB2, false, "READ RECORD"},
    {0x84, false, "GET CHALLENGE"},
    {0x82, true, "EXTERNAL AUTHENTICATE"},
    {0x88, false, "INTERNAL AUTHENTICATE"},
    {0x20, true, "VERIFY PIN"},
    {0x5C, false, "GET BALANCE"},
    {0x50, false, "INITIALIZE"},
    {0x52, true, "CREDIT"},
    {0x54, true, "DEBIT"},
    {0x58, true, "UPDATE OVERDRAW LIMIT"},
    {0x5A, false, "GET TRANSACTION PROVE"},
    {0xCA, false, "GET SECURITY CODE"},
    {0xDC, true, "UPDATE RECORD"},
    {0xD6, true, "UPDATE BINARY"},
    {0xE2, true, "APPEND RECORD"},
    {0xE0, true, "CREATE FILE"},
    {0xD4, true, "WRITE KEY"},
    {0x0E, true, "ERASE"},
    {0x1E, true, "APPLICATION BLOCK"},
    {0x18, true, "APPLICATION UNBLOCK"},
    {0x16, true, "CARD BLOCK"},
    {0x24, true, "PIN UNBLOCK"},
    {0x5E, true, "CHANGE PIN"},
};

const char *transmit_name(const struct apdu *cmd)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].ins == cmd->bytes[1])
            return commands[i].name;
    }
    return "COMMAND";
}

/** A command unknown here is taken for one that changes something. */
static bool may_repeat(const struct apdu *cmd)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].ins == cmd->bytes[1])
            return !commands[i].changes;
    }
    return false;
}

static bool moves_value(uint8_t ins)
{
    return ins == 0x52 || ins == 0x54;
}

static int send_command(struct exchange *x, struct apdu *cmd) CO_FN;
static int may_send(struct card_session *s) CO_FN;
static int may_send(struct card_session *s)
{
    /* Suspends only when asked to stop, and then only outside a shield says so. */
    if (flow_cancelled()) {
        int rc = flow_co_yield();
        if (rc)
            return rc;
    }
    if (!card_present(s))
        return OC_ECARD_GONE;
    return loop_now_ns(flow_loop()) >= s->deadline_ns ? OC_ETIMEDOUT : 0;
}

/** Decides what a failed exchange means. The session is over in each case. */
static int failed(struct exchange *x, const char *name, int rc)
{
    x->s->dead = true;
    x->s->silent = rc == OC_ETIMEDOUT || rc == OC_ECARD_MUTE;
    if (rc == OC_ECARD_GONE && !x->executed)
        return OC_ECARD_GONE;
    log_warn("card", "no answer to %s: %s reader=%s", name, oc_strerror(rc), x->s->reader->name);
    return OC_ECARD_LOST;
}

/** Splits the answer of a command, adds its data to what is there. */
static int take_answer(struct exchange *x, struct reader_answer *raw, const struct apdu *cmd,
                       const char *name)
{
    struct apdu_answer a;
    struct rapdu *to = x->answer;
    if (apdu_answer_split(raw->bytes, raw->len, &a) || a.len > sizeof(to->data) - to->len) {
        secret_wipe(raw, sizeof(*raw));
        return OC_ECARD_DATA;
    }
    if (a.len)
        memcpy(to->data + to->len, a.data, a.len);
    to->len += a.len;
    to->sw = x->s->sw = a.sw;
    secret_wipe(raw, sizeof(*raw));
    log_debug("card", "%s: %zu bytes -> %zu, %04X reader=%s", name, cmd->len, a.len, a.sw,
              x->s->reader->name);
    return 0;
}

static int send_bytes(struct exchange *x, const struct apdu *cmd, const char *name) CO_FN;
static int send_bytes(struct exchange *x, const struct apdu *cmd, const char *name)
{
    struct reader_answer raw = {.len = 0};
    int rc;
    if (x->s->lists) {
        rc = exchange_co_one(x->s, cmd, &raw);
    } else {
        flow_shield();
        rc = reader_co_transmit(x->s->reader, cmd->bytes, cmd->len, &raw,
                                flow_deadline_ms(x->s->command_ms));
        flow_unshield();
    }
    if (rc != OC_ECARD_GONE)
        x->s->apdus++;
    return rc ? failed(x, name, rc) : take_answer(x, &raw, cmd, name);
}

static int waiting_len(uint16_t sw)
{
    return sw & 0xFF ? sw & 0xFF : 256;
}

/** Fetches what 61xx announced. */
static int fetch_rest(struct exchange *x, uint8_t ins) CO_FN;
static int fetch_rest(struct exchange *x, uint8_t ins)
{
    struct rapdu *to = x->answer;
    x->executed = true;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        enum sw_class class = sw_class(to->sw);
        struct apdu more;
        if (class != SW_CLASS_MORE && (class != SW_CLASS_WRONG_LE || !round)) {
            /* 61xx said that it was done; a refusal now only means that the answer cannot be had.
             */
            return to->sw != SW_OK && moves_value(ins) ? failed(x, "GET RESPONSE", OC_ECARD_SW) : 0;
        }
        apdu_get_response(&more, waiting_len(to->sw));
        int rc = send_bytes(x, &more, "GET RESPONSE");
        if (rc == OC_ECARD_DATA && moves_value(ins))
            return failed(x, "GET RESPONSE", rc);
        if (rc)
            return rc;
    }
    return moves_value(ins) ? failed(x, "GET RESPONSE", OC_ELIMIT) : OC_ECARD_DATA;
}

/** T=0 sends a command with data without its Le, and one without anything with a fifth byte (ISO
 * 7816-3 §12.2). */
static void shape_for_t0(struct apdu *cmd)
{
    struct apdu_view v;
    if (apdu_parse(cmd->bytes, cmd->len, &v))
        return;
    if (v.lc && v.le != APDU_NO_LE)
        apdu_set_le(cmd, APDU_NO_LE);
    else if (cmd->len == 4)
        cmd->bytes[cmd->len++] = 0;
}

static int send_command(struct exchange *x, struct apdu *cmd)
{
    const char *name = transmit_name(cmd);
    int rc = send_bytes(x, cmd, name);
    for (unsigned round = 0; !rc && round < 2; round++) {
        if (sw_class(x->answer->sw) != SW_CLASS_WRONG_LE || !may_repeat(cmd))
            break;
        apdu_set_le(cmd, waiting_len(x->answer->sw));
        x->answer->len = 0;
        rc = send_bytes(x, cmd, name);
    }
    if (!rc && sw_class(x->answer->sw) == SW_CLASS_MORE)
        rc = fetch_rest(x, cmd->bytes[1]);
    return rc;
}

/* ---- answers that came along with the card ---- */

static bool take_known(struct card_session *s, const struct apdu *cmd, struct rapdu *ret)
{
    const struct known_item *item = card_known_take(s->known, cmd);
    if (!item)
        return false;
    ret->len = item->answer_len - 2U;
    memcpy(ret->data, item->answer, ret->len);
    ret->sw = s->sw = be16(item->answer + ret->len);
    s->ins = cmd->bytes[1];
    log_debug("card", "%s: known, %04X reader=%s", transmit_name(cmd), ret->sw, s->reader->name);
    return true;
}

/** Throws away what came along: the dialogue goes another way. The card is brought back to where
 * the dialogue believes it to be. */
static int forget_known(struct card_session *s) CO_FN;
static int forget_known(struct card_session *s)
{
    struct card_known *known = s->known;
    const struct known_item *item;
    unsigned cursor = 0;
    int rc = 0;
    s->known = NULL;
    while (known && !rc && (item = card_known_redo(known, &cursor))) {
        struct rapdu answer = {.len = 0};
        struct exchange x = {.s = s, .answer = &answer};
        struct apdu cmd = {.len = item->command_len};
        memcpy(cmd.bytes, item->command, cmd.len);
        rc = send_command(&x, &cmd);
        if (!rc && answer.sw != SW_OK)
            s->dead = true;
    }
    card_known_free(&known);
    return rc || s->dead ? OC_ECARD_GONE : 0;
}

/* ---- what was asked, for scripts ---- */

/** May a script ask this of a card that nobody knows yet? What belongs to one transaction or one
 * moment may not. */
static bool may_be_foretold(const struct apdu *cmd)
{
    if (!card_apdu_harmless(cmd) || cmd->len > CARD_ASKED_BYTES)
        return false;
    switch (cmd->bytes[1]) {
    case INS_CHALLENGE:
    case INS_PROVE:
        return false;
    case INS_INITIALIZE:
        return cmd->bytes[2] != 0; /* a load's amount and account are nobody's habit */
    default:
        return true;
    }
}

static void note_asked(struct card_session *s, const struct apdu *cmd, int rc)
{
    struct card_asked *a = &s->asked;
    struct apdu_view v;
    if (a->ended)
        return;
    if (rc || a->count == CARD_ASKED_MAX || !may_be_foretold(cmd)) {
        a->ended = true;
        return;
    }
    struct card_asked_item *item = &a->items[a->count++];
    memcpy(item->bytes, cmd->bytes, cmd->len);
    item->len = (uint8_t)cmd->len;
    item->sw = s->sw;
    if (cmd->bytes[1] == INS_INTERNAL_AUTH && !apdu_parse(item->bytes, item->len, &v))
        memset(item->bytes + 5, 0, v.lc);
    a->ended = cmd->bytes[1] == INS_INITIALIZE;
}

/* ---- commands ---- */

static int send_new(struct card_session *s, const struct apdu *cmd, struct rapdu *answer) CO_FN;
static int send_new(struct card_session *s, const struct apdu *cmd, struct rapdu *answer)
{
    struct exchange x = {.s = s, .answer = answer};
    struct apdu out = *cmd;
    int rc = forget_known(s);
    s->sw = 0;
    s->ins = cmd->bytes[1];
    if (s->card.protocol == CARD_T0)
        shape_for_t0(&out);
    if (!rc)
        rc = send_command(&x, &out);
    secret_wipe(&out, sizeof(out));
    return rc;
}

int transmit_co(struct card_session *s, const struct apdu *cmd, struct rapdu *ret)
{
    struct rapdu answer = {.len = 0};
    s->sw = 0;
    int rc = may_send(s);
    if (!rc && !take_known(s, cmd, &answer))
        rc = send_new(s, cmd, &answer);
    note_asked(s, cmd, rc);
    if (!rc)
        *ret = answer;
    secret_wipe(&answer, sizeof(answer));
    return rc;
}

/** Where the reader takes one command at a time. A lost answer to the first kills the session, so the second never leaves.
 */
static int pair_apart(struct card_session *s, const struct apdu *first, const struct apdu *second,
                      struct rapdu *ret) CO_FN;
static int pair_apart(struct card_session *s, const struct apdu *first, const struct apdu *second,
                      struct rapdu *ret)
{
    int rc = transmit_co_ok(s, first, ret);
    switch (rc) {
    case 0:
        return transmit_co(s, second, ret);
    case OC_ECARD_SW:
    case OC_ECARD_DATA:
        return OC_ECARD_CACHE;
    case OC_ECARD_LOST:
        return OC_ECARD_GONE;
    default:
        return rc;
    }
}

static int pair_together(struct card_session *s, const struct apdu *first,
                         const struct apdu *second, struct rapdu *answer) CO_FN;
static int pair_together(struct card_session *s, const struct apdu *first,
                         const struct apdu *second, struct rapdu *answer)
{
    struct exchange x = {.s = s, .answer = answer};
    struct reader_answer raw = {.len = 0};
    const char *name = transmit_name(second);
    int rc = forget_known(s);
    if (rc)
        return rc;
    s->sw = 0;
    s->ins = second->bytes[1];
    rc = exchange_co_pair(s, first, second, &raw);
    if (rc != OC_ECARD_GONE)
        s->apdus += rc == OC_ECARD_CACHE ? 1 : 2;
    if (rc == OC_ECARD_CACHE)
        return rc;
    if (!rc)
        rc = take_answer(&x, &raw, second, name);
    else
        rc = failed(&x, name, rc);
    if (!rc && sw_class(answer->sw) == SW_CLASS_MORE)
        rc = fetch_rest(&x, second->bytes[1]);
    return rc;
}

int transmit_pair_co(struct card_session *s, const struct apdu *first, const struct apdu *second,
                     struct rapdu *ret)
{
    struct rapdu answer = {.len = 0};
    s->asked.ended = true;
    if (!s->lists)
        return pair_apart(s, first, second, ret);
    s->sw = 0;
    int rc = may_send(s);
    if (!rc)
        rc = pair_together(s, first, second, &answer);
    if (!rc)
        *ret = answer;
    secret_wipe(&answer, sizeof(answer));
    return rc;
}

int transmit_co_ok(struct card_session *s, const struct apdu *cmd, struct rapdu *ret)
{
    struct rapdu answer;
    int rc = transmit_co(s, cmd, &answer);
    if (rc)
        return rc;
    if (answer.sw != SW_OK)
        return OC_ECARD_SW;
    *ret = answer;
    return 0;
}

/** ISO 7816-4 §5.6: 64xx and the checking errors 67–6E leave the card as it was; 93xx and 94xx are
 * the purse's refusals. */
static bool sw_refuses(uint16_t sw)
{
    switch (sw >> 8) {
    case 0x64:
    case 0x67:
    case 0x68:
    case 0x69:
    case 0x6A:
    case 0x6B:
    case 0x6C:
    case 0x6D:
    case 0x6E:
    case 0x93:
    case 0x94:
        return true;
    default:
        return false;
    }
}

enum card_moved card_moved(const struct card_profile *profile, int rc, uint16_t sw)
{
    switch (rc) {
    case 0:
        return CARD_MOVED;
    case OC_ECARD_LOST:
    case OC_ECARD_DATA:
        return CARD_UNKNOWN;
    case OC_ECARD_SW:
        if (profile && profile_mac_refused(profile, sw))
            return CARD_NOT_MOVED;
        return sw_refuses(sw) ? CARD_NOT_MOVED : CARD_UNKNOWN;
    default:
        return CARD_NOT_MOVED; /* it was not sent: OC_ECARD_GONE, OC_ECARD_CACHE, … */
    }
}
