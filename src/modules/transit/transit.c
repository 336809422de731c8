/* Transit: one ride at a flat fare. What it costs is fare.c's (R17); here stands who pays, what the
 * card is told to remember, and when the same card is turned away (R8). */
#include "transit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_yes(const char *text)
{
    return text && strcmp(text, "yes") == 0;
}

/* The flat fare of this gate. */
static int gate_fare(const struct transit *t, const struct onecard_request *req,
                     struct onecard_plan *plan, fen_t *ret)
{
    const char *own = req->host->terminal_param(req, "fare");
    if (!own) {
        *ret = t->fare;
        return 0;
    }
    fen_t fare;
    if (req->host->parse_fen(own, &fare) || fare <= 0 || fare > ONECARD_AMOUNT_MAX) {
        return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT,
                                 "the terminal's fare \"%.20s\" is no amount", own);
    }
    *ret = fare;
    return 0;
}

static int gate_interval(const struct transit *t, const struct onecard_request *req,
                         struct onecard_plan *plan, int64_t *ret)
{
    const char *own = req->host->terminal_param(req, "same_card_seconds");
    if (!own) {
        *ret = t->same_card_seconds;
        return 0;
    }
    char *end;
    long seconds = strtol(own, &end, 10);
    if (end == own || *end || seconds < 0 || seconds > 86400) {
        return req->host->refuse(plan, OC_R_TERMINAL_MAY_NOT,
                                 "the terminal's same_card_seconds is no number");
    }
    *ret = seconds;
    return 0;
}

/* Whether this card took a ride here less than `seconds` ago. A clock that stepped back counts as
 * "just now". */
static bool again(const struct onecard_request *req, int64_t seconds)
{
    const struct onecard_card *c = req->card;
    return c->last_ms && strcmp(c->last_service, req->service) == 0 &&
           strcmp(c->last_terminal, req->terminal.id) == 0 &&
           req->now_ms - c->last_ms < seconds * 1000;
}

/* R8: *ret_companion, or the refusal. */
static int second_tap(const struct transit *t, const struct onecard_request *req,
                      struct onecard_plan *plan, bool *ret_companion)
{
    const char *asked = req->host->param_text(req, "companion");
    if (asked && strcmp(asked, "yes") != 0 && strcmp(asked, "no") != 0) {
        return req->host->refuse(plan, OC_R_PARAMETER, "companion is yes or no");
    }
    int64_t seconds = 0;
    int rc = gate_interval(t, req, plan, &seconds);
    if (rc) {
        return rc;
    }
    bool second = again(req, seconds);
    bool may = is_yes(asked) || (!asked && is_yes(req->host->terminal_param(req, "companion")));
    if (second && !may) {
        return req->host->refuse(plan, OC_R_SAME_CARD, "this card rode here less than %lld s ago",
                                 (long long)seconds);
    }
    *ret_companion = is_yes(asked) || second;
    return 0;
}

/* What the card shall remember. A field that this card's layout lacks is left out by the switch. */
static void journey(const struct transit *t, const struct onecard_request *req,
                    struct onecard_plan *plan, const struct fare *f)
{
    static const char *const own[] = {"line", "station", "entry_station", "city", "acquirer",
                                      "type", "aux"};
    const struct onecard_host *h = req->host;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        const char *value = h->terminal_param(req, own[i]);
        if (value) {
            h->plan_capp_text(plan, own[i], value);
        }
    }
    h->plan_capp_int(plan, "gross", f->gross);
    h->plan_capp_int(plan, "discount", f->borne);
    const char *code =
        f->applied ? h->conf_map(t->conf, "category_codes", f->applied->category) : NULL;
    if (code) {
        h->plan_capp_text(plan, "category", code);
    }
}

static void mismatch_event(const struct onecard_request *req, struct onecard_plan *plan)
{
    char text[160];
    snprintf(text, sizeof(text), "the card says %.24s until %d, the ledger %.24s from %d until %d",
             *req->card->card_category ? req->card->card_category : "nothing",
             req->card->card_category_until,
             *req->card->ledger_category ? req->card->ledger_category : "nothing",
             req->card->ledger_category_from, req->card->ledger_category_until);
    req->host->plan_event(plan, "category_mismatch", text);
}

/* Gross to the operator; the citizen's part from the purse, the rest from its bearer (R14). */
static void post(const struct onecard_request *req, struct onecard_plan *plan, const struct fare *f)
{
    const struct onecard_host *h = req->host;
    h->plan_debit(plan, f->citizen);
    h->plan_gross(plan, f->gross);
    h->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, f->gross);
    if (f->borne) {
        h->plan_leg(plan, OC_ACCT_BEARER, f->applied->bearer, -f->borne);
    }
}

static struct fare fare_for(const struct transit *t, const struct onecard_request *req, fen_t gross)
{
    const struct onecard_card *c = req->card;
    struct fare_claim card = {c->card_category, 0, c->card_category_until};
    struct fare_claim ledger = {c->ledger_category, c->ledger_category_from,
                                c->ledger_category_until};
    return fare_of(&t->table, gross, &card, &ledger, req->business_date);
}

static int ride(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct transit *t = ctx;
    const struct onecard_host *h = req->host;
    fen_t gross = 0;
    bool companion = false;
    int rc = gate_fare(t, req, plan, &gross);
    rc = rc ? rc : second_tap(t, req, plan, &companion);
    if (rc) {
        return rc;
    }
    struct fare f = companion ? fare_full(gross) : fare_for(t, req, gross);
    if (f.citizen == 0 && !req->card->has_capp) {
        return h->refuse(plan, OC_R_UNSUPPORTED_CARD,
                         "this kind of card cannot carry a free journey");
    }
    post(req, plan, &f);
    if (req->card->has_capp) {
        journey(t, req, plan, &f);
    }
    if (f.mismatch) {
        mismatch_event(req, plan);
    }
    h->plan_reply_fen(plan, "gross_fen", f.gross);
    h->plan_reply_fen(plan, "borne_fen", f.borne);
    h->plan_reply_text(plan, "category", f.applied ? f.applied->category : "");
    if (companion) {
        h->plan_reply_text(plan, "companion", "yes");
    }
    return 0;
}

static const struct onecard_conf_item conf_items[] = {
    {"fare", ONECARD_CONF_FEN, "2.00",
     "Flat fare in yuan, where the terminal has no parameter fare.", 1, ONECARD_AMOUNT_MAX},
    {"same_card_seconds", ONECARD_CONF_INT, "0",
     "The same card at the same terminal within so many seconds is refused, or a companion's (R8); "
     "0: every tap is a ride.",
     0, 86400},
    {"concessions", ONECARD_CONF_MAP, NULL,
     "What the citizen pays by category: student: 50%, elder: free.", 0, 0},
    {"bearers", ONECARD_CONF_MAP, NULL, "Who bears the rest, by category: student: education.", 0,
     0},
    {"bearer", ONECARD_CONF_TEXT, "treasury", "Who bears the rest where bearers names nobody.", 1,
     31},
    {"category_codes", ONECARD_CONF_MAP, NULL,
     "What the journey record's category field holds, by category, as its card profile encodes it.",
     0, 0},
};

static const struct onecard_param ride_params[] = {
    {"companion", "yes: a companion of the card's holder rides, at full fare", false},
};

static const struct onecard_service ride_service = {
    .size = sizeof(ride_service),
    .name = "transit.ride",
    .title_en = "Ride at a flat fare",
    .title_zh = "乘车",
    .needs = OC_NEEDS_CARD,
    .params = ride_params,
    .param_count = sizeof(ride_params) / sizeof(ride_params[0]),
    .decide = ride,
};

static const struct onecard_service *const services[] = {&ride_service};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "transit",
    .version = "1.0",
    .title_en = "Public transport",
    .title_zh = "公共交通",
    .conf_items = conf_items,
    .conf_count = sizeof(conf_items) / sizeof(conf_items[0]),
    .load = transit_load,
    .unload = free,
    .services = services,
    .service_count = sizeof(services) / sizeof(services[0]),
};
