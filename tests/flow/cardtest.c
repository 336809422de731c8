/* A module for tests of what cards can do: it asks for a fact and says what it got. Linked in, not
 * installed.
 *
 *   cardtest.who   who is there, how sure it is          cardtest.pin   the same, the PIN verified
 *   cardtest.note  nothing moves, a record is written    cardtest.buy   debits the purse
 *   cardtest.grant  the card's slot "transit" (or slot=) holds category= until until=
 *   cardtest.change, cardtest.unblock  the PIN on the chip
 *   cardtest.claim  what the chip's file 0015 claims
 *   cardtest.slot   what the slot app= holds in the ledger
 *   cardtest.entry, cardtest.exit  a journey in the chip's record alone: in for nothing, out
 * for 2.00 */
#include <onecard/module.h>

#include <stdlib.h>
#include <string.h>

#define ENTRY 3
#define EXIT  4

static int who_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    (void)ctx;
    h->plan_reply_int(plan, "strength", (int64_t)req->strength);
    h->plan_reply_text(plan, "profile", req->card->profile);
    h->plan_reply_text(plan, "citizen", req->citizen);
    return 0;
}

static int note_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    uint32_t version = 0;
    char doc[64];
    (void)ctx;
    int rc = h->co_record(req, req->card->record_owner, "visits", &version, doc, sizeof doc);
    if (rc != 0 && rc != OC_ENOENT)
        return rc;
    h->plan_note(plan);
    h->plan_record(plan, req->card->record_owner, "visits", version, "{\"seen\":1}");
    h->plan_reply_int(plan, "visits", (int64_t)version + 1);
    return 0;
}

static int buy_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_debit(plan, req->amount_fen);
    req->host->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, req->amount_fen);
    return 0;
}

static int grant_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    const char *slot = h->param_text(req, "slot"), *until = h->param_text(req, "until");
    (void)ctx;
    h->plan_note(plan);
    h->plan_slot(plan, slot ? slot : "transit", h->param_text(req, "category"), 20260101,
                 until ? (int32_t)strtol(until, NULL, 10) : 0);
    return 0;
}

static int claim_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_reply_text(plan, "chip", req->card->card_category);
    return 0;
}

static int slot_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    struct onecard_doc *d = NULL;
    (void)ctx;
    int rc = req->host->co_slot(req, req->host->param_text(req, "app"), &d);
    req->host->plan_reply_int(plan, "rc", rc);
    if (rc == 0)
        req->host->plan_reply_doc(plan, "slot", d);
    return 0;
}

static int change_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_note(plan);
    req->host->plan_pin(plan, OC_PIN_CHANGE);
    return 0;
}

static int unblock_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_note(plan);
    req->host->plan_pin(plan, OC_PIN_UNBLOCK);
    return 0;
}

static bool is_in(const struct onecard_request *req)
{
    int64_t type;
    return req->host->journey_int(req, "type", &type) == 0 && type == ENTRY;
}

static int entry_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    (void)ctx;
    if (is_in(req))
        return h->refuse(plan, OC_R_ENTRY_OPEN, "in already");
    h->plan_debit(plan, 0);
    h->plan_capp_int(plan, "type", ENTRY);
    h->plan_capp_int(plan, "station", 7);
    return 0;
}

static int exit_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    int64_t station = 0;
    (void)ctx;
    if (!is_in(req) || h->journey_int(req, "station", &station) != 0)
        return h->refuse(plan, OC_R_NO_ENTRY, "not in");
    h->plan_debit(plan, 200);
    h->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, 200);
    h->plan_capp_int(plan, "type", EXIT);
    h->plan_capp_int(plan, "station", 9);
    h->plan_reply_int(plan, "from", station);
    return 0;
}

static const struct onecard_param grant_params[] = {{.name = "slot", .help_en = "slot"},
                                                    {.name = "category", .help_en = "category"},
                                                    {.name = "until", .help_en = "last day"}};
static const struct onecard_param slot_params[] = {{.name = "app", .help_en = "slot"}};
#define SERVICE_WITH(word, flags, fn, list)                                                        \
    static const struct onecard_service word##_service = {                                         \
        .size = sizeof(struct onecard_service),                                                    \
        .name = "cardtest." #word,                                                                 \
        .title_en = #word,                                                                         \
        .title_zh = #word,                                                                         \
        .needs = (flags),                                                                          \
        .params = (list),                                                                          \
        .param_count = sizeof(list) / sizeof((list)[0]),                                           \
        .decide = fn,                                                                              \
    }
#define SERVICE(word, flags, fn)                                                                   \
    static const struct onecard_service word##_service = {                                         \
        .size = sizeof(struct onecard_service),                                                    \
        .name = "cardtest." #word,                                                                 \
        .title_en = #word,                                                                         \
        .title_zh = #word,                                                                         \
        .needs = (flags),                                                                          \
        .decide = fn,                                                                              \
    }
SERVICE(who, OC_NEEDS_CARD, who_decide);
SERVICE(pin, OC_NEEDS_CARD | OC_NEEDS_PIN, who_decide);
SERVICE(note, OC_NEEDS_CARD, note_decide);
SERVICE(balance, OC_NEEDS_CARD | OC_NEEDS_BALANCE, who_decide);
SERVICE_WITH(grant, OC_NEEDS_CARD | OC_TAKES_NUMBER, grant_decide, grant_params);
SERVICE_WITH(slot, OC_NEEDS_CARD, slot_decide, slot_params);
SERVICE(change, OC_NEEDS_CARD, change_decide);
SERVICE(unblock, OC_NEEDS_CARD, unblock_decide);
SERVICE(claim, OC_NEEDS_CARD, claim_decide);
SERVICE(buy, OC_NEEDS_CARD | OC_NEEDS_AMOUNT, buy_decide);
SERVICE(entry, OC_NEEDS_CARD | OC_NEEDS_JOURNEY, entry_decide);
SERVICE(exit, OC_NEEDS_CARD | OC_NEEDS_JOURNEY, exit_decide);

static const struct onecard_service *const services[] = {
    &who_service, &pin_service,   &note_service, &balance_service,
    &buy_service, &entry_service, &exit_service, &grant_service, &slot_service,    &claim_service,
    &change_service, &unblock_service};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "cardtest",
    .version = "1",
    .title_en = "Cards, for tests",
    .title_zh = "测试",
    .services = services,
    .service_count = sizeof services / sizeof services[0],
};
