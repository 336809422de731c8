/* Issuing a card: its row first, in state ISSUED, then the chip, then ACTIVE. A card torn while it is written leaves a row
 * that was never active; put down again it goes on as the card of that row, or, still blank, becomes another one. */
#include "txn/txn.h"

#include <string.h>

#define SERIAL_TRIES 1000

struct issue {
    struct txn_env *env;
    const struct txn_issue *what;
    struct txn_result *res;
    const struct card_profile *profile;
    struct ledger_op *op;
    struct personalise_data data;
    uint8_t pin[12], pin_len; /* digits */
    bool chosen; /* the serial number is given: by the clerk, or by a card that was torn out while it was written */
    int64_t card;
};

static int refuse(struct issue *i, enum oc_reason why, const char *fmt, ...) PRINTF_FN(3, 4);
static int refuse(struct issue *i, enum oc_reason why, const char *fmt, ...)
{
    va_list ap;
    i->res->outcome = OC_REFUSED;
    i->res->reason = why;
    va_start(ap, fmt);
    vsnprintf(i->res->detail, sizeof i->res->detail, fmt, ap);
    va_end(ap);
    text_trim_utf8(i->res->detail);
    return OC_EREFUSED;
}

static struct ledger_op *begin(struct issue *i, enum ledger_op_type type)
{
    memset(i->op, 0, sizeof *i->op);
    i->op->type = (uint8_t)type;
    memcpy(i->op->who, i->what->who, sizeof i->op->who);
    return i->op;
}

/* 0000 and the year in front make numbers that a clerk can read; the rest counts. */
static void make_serial(date_t today, uint64_t number, uint8_t ret[OC_SERIAL_LEN])
{
    char digits[32];
    snprintf(digits, sizeof digits, "0000%04u%012llu", (unsigned)today / 10000 % 10000,
             (unsigned long long)(number % 1000000000000ULL));
    CHECK(hex_decode(digits, ret, OC_SERIAL_LEN) == 0); /* 20 digits */
}

static int identity_of(struct issue *i, struct card_identity *ret)
{
    struct card_identity from = {0};
    uint8_t bytes[PROFILE_IDENTITY_MAX];
    size_t len = 0;
    memcpy(from.issuer, i->data.issuer, sizeof from.issuer);
    memcpy(from.serial, i->data.serial, sizeof from.serial);
    from.start = i->data.start;
    from.expiry = i->data.expiry;
    from.category = i->data.category;
    from.category_until = i->data.category_until;
    int rc = profile_identity_make(i->profile, &from, bytes, &len);
    return rc != 0 ? rc : profile_identity(i->profile, bytes, len, ret);
}

static CO_FN int add_row(struct issue *i, bool fresh)
{
    const struct txn_issue *w = i->what;
    struct card_identity id;
    int rc = identity_of(i, &id);
    if (rc != 0)
        return refuse(i, OC_R_PARAMETER, "cards of profile %s have no category \"%s\"", w->profile, w->category);
    struct op_card_add *a = &begin(i, LOP_CARD_ADD)->card_add;
    memcpy(a->issuer, i->data.issuer, sizeof a->issuer);
    memcpy(a->serial, i->data.serial, sizeof a->serial);
    memcpy(a->number, id.number, sizeof a->number);
    memcpy(a->profile, w->profile, sizeof a->profile);
    memcpy(a->citizen, w->citizen, sizeof a->citizen);
    memcpy(a->category, w->category, sizeof a->category);
    a->kind = w->kind;
    a->fresh = fresh; /* a counted number is nobody's yet; a chosen one may be a torn issue that goes on */
    a->state = CARD_ISSUED;
    a->valid_from = id.start;
    a->valid_to = id.expiry;
    a->category_to = w->category[0] != '\0' ? id.category_until : 0;
    a->ceiling = w->kind == CARD_NAMED ? i->env->policy.ceiling_named : i->env->policy.ceiling_anonymous;
    if (i->profile->purse.present) /* a new purse is empty; a card without one has nothing to be seen */
        a->seen = (struct card_seen){.has = SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE};
    rc = ledger_co_submit(i->env->ledger, i->op);
    i->card = i->op->card_add.card;
    memcpy(i->res->card, id.number, sizeof i->res->card);
    return rc;
}

/* The ledger is the judge of what is free; its count is only where the search begins. */
static CO_FN int register_row(struct issue *i)
{
    struct ledger_stats stats;
    ledger_stats(i->env->ledger, &stats);
    int rc = OC_EREFUSED;
    for (unsigned n = 1; n <= SERIAL_TRIES; n++) {
        if (!i->chosen)
            make_serial(i->data.start, (uint64_t)stats.serials + n, i->data.serial);
        rc = add_row(i, !i->chosen);
        if (rc != OC_EREFUSED || i->chosen || i->op->reason != OC_R_CARD_EXISTS)
            break;
    }
    if (rc == OC_EREFUSED && i->op->reason != OC_R_NONE && i->op->type == LOP_CARD_ADD)
        return refuse(i, (enum oc_reason)i->op->reason, "%s", i->op->detail);
    if (rc != 0 && rc != OC_EREFUSED)
        return refuse(i, OC_R_STORE, "%s", oc_strerror(rc));
    return rc;
}

static CO_FN int set_state(struct issue *i, enum card_state to, const char *why)
{
    struct op_card_state *s = &begin(i, LOP_CARD_STATE)->card_state;
    s->card = i->card;
    s->to = (uint8_t)to;
    snprintf(s->why, sizeof s->why, "%s", why);
    int rc = ledger_co_submit(i->env->ledger, i->op);
    if (rc != 0)
        log_error("txn", "card %lld: state not changed: %s", (long long)i->card, oc_strerror(rc));
    return rc;
}

static int personalise_failed(struct issue *i, int rc, uint16_t sw)
{
    switch (rc) {
    case OC_ESTATE:
        return refuse(i, OC_R_CARD_STATE, "this card is not blank: put a blank one down");
    case OC_ENOKEY:
        return refuse(i, OC_R_NO_KEY, "a key that profile %s writes is missing: see the log, and key generate", i->what->profile);
    case OC_EPROFILE:
        return refuse(i, OC_R_UNSUPPORTED_CARD, "profile %s cannot personalise cards", i->what->profile);
    case OC_ECARD_SW:
        return refuse(i, OC_R_CARD_ERROR, "the card answered %04X: %s", sw, sw_text(sw));
    case OC_ECARD_GONE:
    case OC_ECARD_LOST:
        return refuse(i, OC_R_CARD_REMOVED, "the card left: put it down again, it is written from the beginning");
    default:
        return refuse(i, OC_R_CARD_ERROR, "%s", oc_strerror(rc));
    }
}

/* A card that was torn out while it was written tells which one it was to be; it goes on as that one. */
static CO_FN int look_for_torn(struct issue *i, struct card_session *s)
{
    struct card_identity id;
    struct card_row *row = arena_alloc(flow_arena(), sizeof *row);
    if (row == NULL)
        return OC_ENOMEM;
    int rc = card_co_select(s, i->env->profiles, &id);
    if (rc != 0 || i->chosen)
        return rc == OC_ECANCELED ? rc : 0;
    rc = ledger_co_card(i->env->ledger, id.issuer, id.serial, row);
    if (rc == 0 && row->state == CARD_ISSUED && !row->registered && strcmp(row->profile, i->what->profile) == 0) {
        memcpy(i->data.issuer, id.issuer, sizeof i->data.issuer);
        memcpy(i->data.serial, id.serial, sizeof i->data.serial);
        i->chosen = true;
    }
    return rc == OC_ECANCELED ? rc : 0;
}

/* ---- the first PIN ---- */

static bool has_pin(const struct card_profile *p)
{
    for (size_t i = 0; p->pin.present && i < p->personalise.key_count; i++)
        if (strcmp(p->personalise.keys[i].purpose, "pin") == 0)
            return true;
    return false;
}

/* Each digit as likely as any other. */
static int draw_pin(struct issue *i)
{
    const struct profile_pin *p = &i->profile->pin;
    size_t len = p->min > 6 ? p->min : p->max < 6 ? p->max : 6;
    while (i->pin_len < len) {
        uint8_t byte;
        int rc = rng_fill(i->env->rng, &byte, 1);
        if (rc != 0)
            return rc;
        if (byte < 250)
            i->pin[i->pin_len++] = (uint8_t)('0' + byte % 10);
    }
    return 0;
}

static int choose_pin(struct issue *i)
{
    const struct profile_pin *p = &i->profile->pin;
    uint8_t bytes[6];
    size_t len;
    if (!has_pin(i->profile))
        return i->what->pin_len == 0 ? 0 : refuse(i, OC_R_PARAMETER, "cards of profile %s have no PIN", i->what->profile);
    memcpy(i->pin, i->what->pin, i->what->pin_len);
    i->pin_len = i->what->pin_len;
    if (i->pin_len == 0 && draw_pin(i) != 0)
        return refuse(i, OC_R_STORE, "no randomness for a PIN");
    int rc = profile_pin_bytes(p, i->pin, i->pin_len, bytes, &len);
    secret_wipe(bytes, sizeof bytes);
    i->data.pin = (struct bytes){i->pin, i->pin_len};
    return rc == 0 ? 0 : refuse(i, OC_R_PARAMETER, "the PIN has %u to %u digits", p->min, p->max);
}

/* A card that was torn out late has the PIN of the first attempt, which nobody was told. */
static CO_FN int settle_pin(struct issue *i, struct card_session *s)
{
    unsigned left = 0;
    if (i->pin_len == 0)
        return 0;
    int rc = ident_co_verify_pin(s, i->pin, i->pin_len, &left);
    if (rc == OC_EMAC || rc == OC_ESTATE)
        rc = ident_co_unblock_pin(s, i->env->custody, i->data.pin);
    return rc;
}

/* All was written and only the last answer was lost: such a card proves itself with the keys we gave it. */
static CO_FN bool is_finished(struct issue *i, struct card_session *s)
{
    struct card_identity id;
    return i->chosen && card_co_select(s, i->env->profiles, &id) == 0 && id.enabled &&
           memcmp(id.serial, i->data.serial, sizeof id.serial) == 0 &&
           memcmp(id.issuer, i->data.issuer, sizeof id.issuer) == 0 && card_use_profile(s, i->profile) == 0 &&
           ident_co_internal_auth(s, i->env->custody, i->env->rng) == 0;
}

static CO_FN int write_chip(struct issue *i, struct card_session *s)
{
    int rc = look_for_torn(i, s);
    if (rc == 0)
        rc = register_row(i);
    if (rc != 0)
        return rc;
    flow_shield(); /* a half-written chip helps nobody: once begun, it is finished or fails by itself */
    rc = personalise_co(s, i->profile, i->env->custody, &i->data, NULL);
    if (rc == OC_ESTATE && is_finished(i, s))
        rc = 0;
    if (rc == 0)
        rc = settle_pin(i, s);
    if (rc != 0) {
        bool torn = rc == OC_ECARD_LOST || rc == OC_ECARD_GONE;
        rc = personalise_failed(i, rc, s->sw);
        if (!torn && !i->chosen) /* a torn card comes back for its number */
            (void)set_state(i, CARD_CANCELLED, "personalisation failed");
    } else if (i->what->activate) {
        rc = set_state(i, CARD_ACTIVE, "issued");
    }
    flow_unshield();
    return rc;
}

static int check(struct issue *i)
{
    i->profile = profile_get(i->env->profiles, i->what->profile);
    if (i->profile == NULL)
        return refuse(i, OC_R_PARAMETER, "there is no card profile \"%s\"", i->what->profile);
    if (!i->profile->personalise.present)
        return refuse(i, OC_R_UNSUPPORTED_CARD, "profile %s cannot personalise cards", i->what->profile);
    return choose_pin(i);
}

static void fill_data(struct issue *i, struct ep_holder *holder)
{
    static const uint8_t none[OC_SERIAL_LEN];
    const struct txn_issue *w = i->what;
    memcpy(i->data.issuer, w->issuer, sizeof i->data.issuer);
    memcpy(i->data.serial, w->serial, sizeof i->data.serial);
    i->chosen = memcmp(w->serial, none, sizeof none) != 0;
    i->data.start = w->valid_from != 0 ? w->valid_from : city_date(clock_wall_ms(i->env->clock), i->env->city_offset_min);
    i->data.expiry = w->valid_to;
    i->data.category = w->category;
    i->data.category_until = w->category_to;
    if (w->holder_name[0] == '\0')
        return;
    snprintf(holder->name, sizeof holder->name, "%.20s", w->holder_name);
    text_trim_utf8(holder->name);
    snprintf(holder->id, sizeof holder->id, "%s", w->holder_id);
    i->data.holder = holder;
}

static CO_FN int issue(struct issue *i, struct reader *reader)
{
    uint64_t arrival = 0;
    int rc = check(i);
    if (rc != 0)
        return rc;
    if (reader == NULL)
        return refuse(i, OC_R_READER, "terminal %s has no reader", i->what->terminal);
    rc = reader_co_wait_arrival(reader, 0, flow_deadline_ms(i->what->wait_ms), &arrival);
    if (rc == OC_ETIMEDOUT)
        return refuse(i, OC_R_NO_CARD, "nobody put a card on \"%.80s\"", reader->name);
    struct card_session *s = rc == 0 ? arena_alloc(flow_arena(), sizeof *s) : NULL;
    if (rc == 0 && s == NULL)
        rc = OC_ENOMEM;
    if (rc == 0)
        rc = card_co_open(s, reader, arrival, flow_deadline_ms(5000));
    if (rc == OC_ECANCELED)
        return rc;
    if (rc != 0)
        return refuse(i, rc == OC_ECARD_MUTE ? OC_R_CARD_MUTE : OC_R_READER, "%s", oc_strerror(rc));
    rc = write_chip(i, s);
    card_co_close(s);
    return rc;
}

int txn_co_issue(struct txn_env *env, struct reader *reader, const struct txn_issue *what, struct txn_result *ret)
{
    struct ep_holder holder = {0};
    memset(ret, 0, sizeof *ret);
    ret->outcome = OC_REFUSED;
    ret->reason = OC_R_STORE;
    snprintf(ret->terminal, sizeof ret->terminal, "%s", what->terminal);
    snprintf(ret->service, sizeof ret->service, "card.issue");
    ret->business_date = city_date(clock_wall_ms(env->clock), env->city_offset_min);
    struct issue *i = arena_alloc(flow_arena(), sizeof *i);
    if (i == NULL)
        return 0;
    *i = (struct issue){.env = env, .what = what, .res = ret};
    i->op = arena_alloc(flow_arena(), sizeof *i->op);
    if (i->op == NULL)
        return 0;
    fill_data(i, &holder);
    int rc = issue(i, reader);
    secret_wipe(&holder, sizeof holder);
    ret->at_ms = clock_wall_ms(env->clock);
    if (rc == OC_ECANCELED)
        (void)refuse(i, OC_R_CANCELED, "cancelled before the card was written");
    if (rc != 0) {
        secret_wipe(i->pin, sizeof i->pin);
        return rc == OC_ECANCELED ? rc : 0;
    }
    ret->outcome = OC_POSTED;
    ret->reason = OC_R_NONE;
    ret->card_id = i->card;
    memcpy(ret->issuer, i->data.issuer, sizeof ret->issuer);
    memcpy(ret->serial, i->data.serial, sizeof ret->serial);
    ret->has_balance = i->profile->purse.present;
    if (what->pin_len == 0)
        memcpy(ret->pin, i->pin, i->pin_len);
    secret_wipe(i->pin, sizeof i->pin);
    return 0;
}
