/* Dynamic codes (R21). The key of a card's codes follows from the site's key, the card and a random
 * number of this run of the switch: after a restart no earlier code is good, so that what was used
 * before needs no memory on disk. What was made and used in the last two minutes is remembered
 * here; a code that was not made here is none.
 *
 * A code of eight a minute differs from its sisters only in its MAC: over the card's number, the
 * minute, and which one it is. */
#include "serve/code.h"

#include "serve/api.h"

#include <onecard/module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX      "oc2:"
#define MAC_LEN     10
#define MINUTE_MS   60000
#define WAITING_MAX 65536 /* cards with codes that are still good */
#define NAME_LEN    48

struct use {
    char terminal[LEDGER_ID];
    int64_t request; /* 0: not numbered */
    bool used;
};
/* One card's codes of one minute. */
struct minted {
    struct list link; /* in codes.order, the oldest first */
    char name[NAME_LEN];
    int64_t minute;
    unsigned made;
    struct use uses[CODE_A_MINUTE];
};
struct codes {
    uint8_t key[32], run[16];
    struct map by_name;
    struct list order;
    unsigned count;
};

static int64_t minute_now(const struct serve *s)
{
    return serve_now_ms(s) / MINUTE_MS;
}

static void drop(struct codes *b, struct minted *m)
{
    (void)map_del_str(&b->by_name, m->name);
    list_del(&m->link);
    b->count--;
    free(m);
}

static void forget_old(struct serve *s)
{
    struct codes *b = s->codes;
    while (!list_empty(&b->order)) {
        struct minted *m = CONTAINER_OF(b->order.next, struct minted, link);
        if (m->minute + 1 >= minute_now(s))
            return;
        drop(b, m);
    }
}

static const char *name_of(int64_t card, int64_t minute, char out[NAME_LEN])
{
    (void)snprintf(out, NAME_LEN, "%lld.%lld", (long long)card, (long long)minute);
    return out;
}

static int mac_of(struct serve *s, const struct card_row *card, int64_t minute, unsigned which,
                  uint8_t ret[MAC_LEN])
{
    char text[NAME_LEN + sizeof card->number];
    uint8_t key[SHA256_LEN], mac[SHA256_LEN];
    const struct codes *b = s->codes;
    const struct bytes whose[] = {{card->issuer, sizeof card->issuer},
                                  {card->serial, sizeof card->serial},
                                  {b->run, sizeof b->run}};
    int n =
        snprintf(text, sizeof text, PREFIX "%s.%lld.%u", card->number, (long long)minute, which);
    int rc = mac_hmac_sha256_parts(s->crypto, (struct bytes){b->key, sizeof b->key}, whose,
                                   ARRAY_LEN(whose), key);
    if (rc == 0)
        rc = mac_hmac_sha256(s->crypto, (struct bytes){key, sizeof key},
                             (struct bytes){text, n > 0 ? (size_t)n : 0}, mac);
    secret_wipe(key, sizeof key);
    if (rc == 0)
        memcpy(ret, mac, MAC_LEN);
    return rc;
}

/* ---- making ---- */

static int minted_of(struct serve *s, int64_t card, int64_t minute, struct minted **ret)
{
    char name[NAME_LEN];
    struct codes *b = s->codes;
    forget_old(s);
    *ret = map_get_str(&b->by_name, name_of(card, minute, name));
    if (*ret)
        return 0;
    if (b->count >= WAITING_MAX)
        return OC_EBUSY;
    struct minted *m = calloc(1, sizeof *m);
    if (!m)
        return OC_ENOMEM;
    memcpy(m->name, name, sizeof m->name);
    m->minute = minute;
    int rc = map_put_str(&b->by_name, m->name, m);
    if (rc != 0) {
        free(m);
        return rc;
    }
    list_add_tail(&b->order, &m->link);
    b->count++;
    *ret = m;
    return 0;
}

int code_make(struct serve *s, const struct card_row *card, char ret[CODE_TEXT],
              int64_t *ret_until_ms)
{
    uint8_t mac[MAC_LEN];
    char hex[2 * MAC_LEN + 1];
    struct minted *m;
    int64_t minute = minute_now(s);
    int rc = minted_of(s, card->id, minute, &m);
    if (rc == 0 && m->made >= CODE_A_MINUTE)
        rc = OC_ELIMIT;
    if (rc == 0)
        rc = mac_of(s, card, minute, m->made, mac);
    if (rc != 0)
        return rc;
    m->made++;
    (void)snprintf(ret, CODE_TEXT, PREFIX "%s.%lld.%s", card->number, (long long)minute,
                   hex_encode(mac, sizeof mac, hex));
    *ret_until_ms = (minute + 2) * MINUTE_MS;
    return 0;
}

/* ---- taking ---- */

struct parts {
    char number[24];
    int64_t minute;
    uint8_t mac[MAC_LEN];
};

static bool read_parts(const char *text, struct parts *ret)
{
    const char *dot = strchr(text, '.');
    char *end = NULL;
    size_t len = dot ? (size_t)(dot - text) : 0;
    if (len == 0 || len >= sizeof ret->number || dot[1] < '0' || dot[1] > '9')
        return false;
    memcpy(ret->number, text, len);
    ret->number[len] = '\0';
    ret->minute = strtoll(dot + 1, &end, 10);
    return *end == '.' && strlen(end + 1) == 2 * (size_t)MAC_LEN &&
           hex_decode(end + 1, ret->mac, MAC_LEN) == 0;
}

/* Which of the minute's codes it is; CODE_A_MINUTE: none. */
static unsigned which_of(struct serve *s, const struct card_row *card, const struct minted *m,
                         const uint8_t mac[MAC_LEN])
{
    unsigned found = CODE_A_MINUTE;
    uint8_t ours[MAC_LEN];
    for (unsigned i = 0; i < m->made; i++)
        if (mac_of(s, card, m->minute, i, ours) == 0 && secret_equal(ours, mac, sizeof ours))
            found = i;
    return found;
}

static const char *take(struct serve *s, const struct card_row *card, const struct parts *p,
                        struct txn_request *r)
{
    char name[NAME_LEN];
    forget_old(s);
    struct minted *m = map_get_str(&s->codes->by_name, name_of(card->id, p->minute, name));
    if (!m)
        return "the code is too old, or was never made: show a new one";
    unsigned i = which_of(s, card, m, p->mac);
    if (i == CODE_A_MINUTE)
        return "the code is not genuine";
    struct use *u = &m->uses[i];
    bool again = u->used && u->request > 0 && u->request == r->request_no &&
                 strcmp(u->terminal, r->terminal) == 0;
    if (u->used && !again)
        return "the code was used already: show a new one";
    u->used = true;
    u->request = r->request_no;
    memcpy(u->terminal, r->terminal, sizeof u->terminal);
    r->strength = OC_STRENGTH_CODE;
    return NULL;
}

static bool dynamic(const struct txn_request *r)
{
    return r->presented == PRESENTED_CODE &&
           strncmp(r->presented_text, PREFIX, sizeof PREFIX - 1) == 0;
}

const char *code_take(struct serve *s, const struct card_row *card, struct txn_request *r)
{
    struct parts p;
    if (!dynamic(r))
        return NULL;
    if (!read_parts(r->presented_text + sizeof PREFIX - 1, &p) ||
        strcmp(card->number, p.number) != 0)
        return "this is no code of ours";
    return take(s, card, &p, r);
}

const char *code_co_take(struct serve *s, struct txn_request *r)
{
    struct parts p;
    if (!dynamic(r))
        return NULL;
    if (!read_parts(r->presented_text + sizeof PREFIX - 1, &p))
        return "this is no code of ours";
    struct card_row *card = arena_alloc(flow_arena(), sizeof *card);
    if (!card || ledger_co_card_find(s->ledger, p.number, card) != 0)
        return "the code's card is not known";
    return code_take(s, card, r);
}

void code_explain(const char *why, struct txn_result *r)
{
    bool of_code = r->reason == OC_R_PARAMETER || r->reason == OC_R_NEEDS_PRESENCE;
    if (why && r->outcome == OC_REFUSED && of_code && !r->replayed)
        (void)snprintf(r->detail, sizeof r->detail, "%s", why);
}

/* ---- the API ---- */

/* Whoever has a code counts as the holder: that one was made, for whom and by whom, is durable
 * before it is told. The code itself stands nowhere. */
static CO_FN int note_made(struct api_call *c, const struct card_row *card)
{
    struct ledger_op *op = api_op(c, LOP_EVENT);
    if (!op)
        return OC_ENOMEM;
    op->event.card = card->id;
    (void)snprintf(op->event.item.kind, sizeof op->event.item.kind, "code_made");
    (void)snprintf(op->event.item.text, sizeof op->event.item.text,
                   "dynamic code in place of card %s%s%s, by %s", card->number,
                   card->citizen[0] != '\0' ? " of citizen " : "", card->citizen, c->who);
    text_trim_utf8(op->event.item.text);
    int rc = ledger_co_submit(c->s->ledger, op);
    return rc == 0 ? 0 : api_submit_failed(c, rc, op);
}

static int post_code(struct api_call *c) CO_FN;
static int post_code(struct api_call *c)
{
    char ref[64] = "", text[CODE_TEXT];
    int64_t until = 0;
    struct card_row *card;
    const struct field fields[] = {
        {.name = "card", .kind = FIELD_TEXT, .out = ref, .size = sizeof ref, .required = true}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc == 0)
        rc = api_co_card(c, ref, &card);
    if (rc != 0)
        return rc;
    if (card->state != CARD_ACTIVE || card->deny_action != 0)
        return api_fail(c, 409, "card_state", "card %s is %s%s", card->number,
                        card_state_name((enum card_state)card->state),
                        card->deny_action != 0 ? ", on the deny list" : "");
    rc = code_make(c->s, card, text, &until);
    if (rc == OC_ELIMIT)
        return api_fail(c, 409, "too_many", "%d codes of this card were made in this minute: wait",
                        CODE_A_MINUTE);
    if (rc == OC_EBUSY)
        return api_fail(c, 503, "busy", "too many codes wait to be used");
    if (rc != 0)
        return api_failed(c, rc, "code");
    rc = note_made(c, card);
    if (rc != 0) {
        secret_wipe(text, sizeof text);
        return rc;
    }
    c->status = 201;
    c->reply = json_pack("{s:s, s:o, s:o, s:I}", "code", text, "card", json_text(card->number),
                         "until", json_time(c->s, until), "valid_s",
                         (json_int_t)((until - serve_now_ms(c->s)) / 1000));
    secret_wipe(text, sizeof text);
    return 0;
}

const struct api_route api_code_routes[] = {{"POST", "/v1/codes", post_code, NULL},
                                            {NULL, NULL, NULL, NULL}};

/* ---- its life ---- */

int codes_open(struct serve *s)
{
    struct codes *b = secret_alloc(sizeof *b);
    uint64_t seed = 0;
    if (!b)
        return OC_ENOMEM;
    s->codes = b;
    list_init(&b->order);
    int rc = crypto_random(s->crypto, &seed, sizeof seed);
    map_init(&b->by_name, seed);
    if (rc == 0)
        rc = crypto_random(s->crypto, b->run, sizeof b->run);
    return rc == 0 ? keystore_key(s->keystore, s->crypto, "code", b->key) : rc;
}

void codes_close(struct serve *s)
{
    struct codes *b = s->codes;
    if (!b)
        return;
    s->codes = NULL;
    while (!list_empty(&b->order))
        drop(b, CONTAINER_OF(b->order.next, struct minted, link));
    map_fini(&b->by_name);
    secret_free(b, sizeof *b);
}
