/* What a card holds and what it remembers: nothing moves. */
#include "payment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 10
#define LINE_MAX  144

int payment_balance(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_card *c = req->card;
    h->plan_reply_fen(plan, "pending_load_fen", c->pending_load_fen);
    if (*c->citizen) {
        h->plan_reply_fen(plan, "account_fen", c->citizen_fen);
    }
    if (c->ceiling_fen) {
        h->plan_reply_fen(plan, "ceiling_fen", c->ceiling_fen);
    }
    return 0;
}

/* What the ledger knows of a card, for a holder who has it with her or who knows its number. A number
 * proves nobody: what lies in a citizen's account is told only where the card itself is there. */
int payment_account(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    const struct onecard_card *c = req->card;
    h->plan_reply_text(plan, "state", c->state);
    h->plan_reply_fen(plan, "pending_load_fen", c->pending_load_fen);
    h->plan_reply_raw(plan, "doubt_open", c->doubt_open ? "true" : "false");
    if (*c->citizen && req->presented == OC_PRESENTED_CHIP) {
        h->plan_reply_fen(plan, "account_fen", c->citizen_fen);
    }
    if (c->last_ms) {
        h->plan_reply_text(plan, "last_service", c->last_service);
        h->plan_reply_text(plan, "last_terminal", c->last_terminal);
        h->plan_reply_int(plan, "last_ms", c->last_ms);
    }
    return 0;
}

static const char *type_name(unsigned type)
{
    switch (type) {
    case 0x01:
    case 0x02:
        return "load";
    case 0x03:
        return "unload";
    case 0x04:
        return "withdrawal";
    case 0x05:
    case 0x06:
        return "purchase";
    case 0x07:
        return "overdraft";
    case 0x09:
        return "journey";
    default:
        return "other";
    }
}

/* How many lines were asked for, or 0 where that is no number from 1 to 10. */
static size_t lines_wanted(const char *text)
{
    if (!text) {
        return LINES_MAX;
    }
    char *end;
    long n = strtol(text, &end, 10);
    return end != text && !*end && n >= 1 && n <= LINES_MAX ? (size_t)n : 0;
}

int payment_history(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    const struct onecard_host *h = req->host;
    size_t wanted = lines_wanted(h->param_text(req, "count"));
    if (wanted == 0) {
        return h->refuse(plan, OC_R_PARAMETER, "count is 1 to %d", LINES_MAX);
    }
    char json[LINES_MAX * LINE_MAX + 4] = "[";
    size_t len = 1;
    for (size_t i = 0; i < req->log_count && i < wanted; i++) {
        const struct onecard_log_entry *e = &req->log[i];
        char line[LINE_MAX];
        int n = snprintf(
            line, sizeof(line),
            "%s{\"kind\":\"%s\",\"counter\":%u,\"amount_fen\":%lld,\"sam\":\"%.12s\","
            "\"date\":\"%04d-%02d-%02d\",\"time\":\"%02d:%02d:%02d\"}",
            i ? "," : "", type_name(e->type), e->counter, (long long)e->amount_fen,
            e->sam ? e->sam : "", e->date / 10000, e->date / 100 % 100, e->date % 100,
            e->time / 10000, e->time / 100 % 100, e->time % 100);
        if (n > 0 && (size_t)n < sizeof(line)) {
            memcpy(json + len, line, (size_t)n);
            len += (size_t)n;
        }
    }
    memcpy(json + len, "]", 2);
    h->plan_reply_raw(plan, "log", json);
    return 0;
}
