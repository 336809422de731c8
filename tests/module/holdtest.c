/* A module for tests of holds and messages (R12): what it plans is what its parameters say. Not
 * installed.
 *
 *   holdtest.load  credits the chip from institution `to`, a hold there
 *   holdtest.buy   debits the chip, a hold at `to`
 *   holdtest.pay   accounts only, a hold at `to`
 *   holdtest.note  nothing moves; messages to `to`, a hold where hold=yes
 *   holdtest.ask   asks `to` a question and answers its answer
 *
 * Each leaves `messages` messages (default 1) to `tell` (default `to`). expect=no plans no
 * expectation. */
#include <onecard/module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *param(const struct onecard_request *req, const char *name, const char *dflt)
{
    const char *v = req->host->param_text(req, name);
    return v != NULL && v[0] != '\0' ? v : dflt;
}

static void add_hold(const struct onecard_request *req, struct onecard_plan *plan, const char *kind)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = h->doc_object(req), *expect = NULL;
    h->doc_set_text(doc, "card", req->card != NULL ? req->card->number : "");
    h->doc_set_int(doc, "asked_fen", req->amount_fen);
    if (strcmp(param(req, "expect", "yes"), "yes") == 0) {
        expect = h->doc_object(req);
        h->doc_set_int(expect, "amount_fen", req->amount_fen);
    }
    h->plan_hold(plan, param(req, "to", "bank"), kind, req->amount_fen, doc, expect);
}

static void add_messages(const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    int count = atoi(param(req, "messages", "1"));
    for (int i = 0; i < count && i < ONECARD_MESSAGES_MAX; i++) {
        struct onecard_doc *doc = h->doc_object(req);
        h->doc_set_int(doc, "number", i + 1);
        h->doc_set_text(doc, "word", param(req, "word", "done"));
        h->plan_message(plan, param(req, "tell", param(req, "to", "bank")), "done",
                        param(req, "about", ""), doc);
    }
}

static int load_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_credit(plan, req->amount_fen);
    req->host->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, param(req, "to", "bank"), -req->amount_fen);
    add_hold(req, plan, "load");
    add_messages(req, plan);
    return 0;
}

static int buy_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_debit(plan, req->amount_fen);
    req->host->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, req->amount_fen);
    add_hold(req, plan, "settle");
    add_messages(req, plan);
    return 0;
}

static int pay_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    (void)ctx;
    h->plan_account(plan, req->amount_fen);
    h->plan_leg(plan, OC_ACCT_LOAD_RECEIVABLE, param(req, "to", "bank"), -req->amount_fen);
    h->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, req->amount_fen);
    add_hold(req, plan, "bill");
    add_messages(req, plan);
    h->plan_reply_text(plan, "paid", "yes");
    return 0;
}

static int note_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = NULL;
    uint32_t version = 0;
    (void)ctx;
    int rc = h->co_doc(req, "notes", "last", &version, &doc);
    if (rc != 0 && rc != OC_ENOENT)
        return rc;
    h->plan_note(plan);
    doc = h->doc_object(req);
    h->doc_set_text(doc, "word", param(req, "word", "done"));
    h->plan_doc(plan, "notes", "last", version, doc);
    if (strcmp(param(req, "hold", "no"), "yes") == 0)
        add_hold(req, plan, "place");
    add_messages(req, plan);
    return 0;
}

static int ask_decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *doc = h->doc_object(req), *answer = NULL;
    (void)ctx;
    h->doc_set_text(doc, "word", param(req, "word", "done"));
    int rc = h->co_call(req, param(req, "to", "bank"), "question", doc, &answer);
    if (rc == OC_EREFUSED)
        return h->refuse(plan, OC_R_UPSTREAM_REFUSED, "it refused");
    if (rc == OC_ENOENT || rc == OC_EBUSY || rc == OC_ETIMEDOUT || rc == OC_EIO)
        return h->refuse(plan, OC_R_UPSTREAM_AWAY, "it does not answer");
    if (rc == 0)
        h->plan_reply_doc(plan, "answer", answer);
    return rc;
}

static const struct onecard_param params[] = {
    {"to", "institution of the hold", false}, {"tell", "whom messages go to", false},
    {"messages", "how many", false},          {"expect", "yes or no", false},
    {"word", "stands in messages", false},    {"hold", "yes or no", false},
    {"about", "citizen of messages", false},
};
#define SERVICE(word, flags, fn)                                                                   \
    static const struct onecard_service word##_service = {                                         \
        .size = sizeof(struct onecard_service),                                                    \
        .name = "holdtest." #word,                                                                 \
        .title_en = #word,                                                                         \
        .title_zh = #word,                                                                         \
        .needs = (flags),                                                                          \
        .params = params,                                                                          \
        .param_count = sizeof params / sizeof params[0],                                           \
        .decide = fn,                                                                              \
    }
SERVICE(load, OC_NEEDS_CARD | OC_NEEDS_AMOUNT, load_decide);
SERVICE(buy, OC_NEEDS_CARD | OC_NEEDS_AMOUNT, buy_decide);
SERVICE(pay, OC_NEEDS_AMOUNT, pay_decide);
SERVICE(note, 0, note_decide);
SERVICE(ask, 0, ask_decide);

static const struct onecard_service *const services[] = {&load_service, &buy_service, &pay_service,
                                                         &note_service, &ask_service};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "holdtest",
    .version = "1",
    .title_en = "Holds, for tests",
    .title_zh = "测试",
    .services = services,
    .service_count = sizeof services / sizeof services[0],
};
