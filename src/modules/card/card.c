/* What a holder does with the card itself: the PIN on its chip. The digits go from the request to
 * the chip; no module ever sees them, and what is decided here is only that it may be done, and to
 * which card. */
#include <onecard/module.h>

#include <string.h>

/* Somebody may say which card it must be: a letter's PIN belongs to one card, whatever lies there.
 */
static int right_card(const struct onecard_request *req, struct onecard_plan *plan)
{
    const char *want = req->host->param_text(req, "card");
    const char *id = strchr(req->card->record_owner, ':');
    if (!want || !*want || strcmp(want, req->card->number) == 0 ||
        (id && want[0] == 'c' && strcmp(want + 1, id + 1) == 0)) {
        return 0;
    }
    return req->host->refuse(plan, OC_R_OTHER_CARD, "card %.24s lies on the reader, not %.40s",
                             req->card->number, want);
}

static int decide(const struct onecard_request *req, struct onecard_plan *plan,
                  enum onecard_pin_job job)
{
    int rc = right_card(req, plan);
    if (rc) {
        return rc;
    }
    req->host->plan_note(plan);
    req->host->plan_pin(plan, job);
    return 0;
}

static int pin_change(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    return decide(req, plan, OC_PIN_CHANGE);
}

static int pin_unblock(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const char *checked = req->host->param_text(req, "checked");
    size_t len = checked ? strlen(checked) : 0;
    if (len < 2 || len > 63) {
        return req->host->refuse(plan, OC_R_PARAMETER,
                                 "checked=… by what the holder was known, 2 to 63 characters");
    }
    req->host->plan_reply_text(plan, "checked", checked);
    return decide(req, plan, OC_PIN_UNBLOCK);
}

static const struct onecard_param change_params[] = {
    {"card", "the card that must lie there: its printed number, or the ledger's id such as c12",
     false},
};
static const struct onecard_param unblock_params[] = {
    {"card", "the card that must lie there: its printed number, or the ledger's id such as c12",
     false},
    {"checked", "by what the holder was known: kept with the note", true},
};

#define PARAMS(list) .params = (list), .param_count = sizeof(list) / sizeof((list)[0])
static const struct onecard_service change_service = {
    .size = sizeof(change_service),
    .name = "card.pin_change",
    .title_en = "Change the card's PIN",
    .title_zh = "修改密码",
    .needs = OC_NEEDS_CARD,
    PARAMS(change_params),
    .decide = pin_change,
};
static const struct onecard_service unblock_service = {
    .size = sizeof(unblock_service),
    .name = "card.pin_unblock",
    .title_en = "Unblock the card's PIN",
    .title_zh = "密码解锁",
    .needs = OC_NEEDS_CARD | OC_NEEDS_OPERATOR,
    PARAMS(unblock_params),
    .decide = pin_unblock,
};
static const struct onecard_service *const services[] = {&change_service, &unblock_service};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "card",
    .version = "1",
    .title_en = "The card itself",
    .title_zh = "卡片",
    .services = services,
    .service_count = sizeof(services) / sizeof(services[0]),
};
