/* Payment: goods and services paid from the purse, and everything that brings money back to a card.
 * Which account stands against the purse in each case is the table in docs/services/payment.md; whether the money
 * is there is decided elsewhere: by the chip for the purse (R1), by the ledger for accounts (R2,
 * R7). */
#include "payment.h"

#include <stdlib.h>

int payment_limit(const struct onecard_request *req, struct onecard_plan *plan, fen_t amount,
                  fen_t max)
{
    if (max && amount > max) {
        return req->host->refuse(plan, OC_R_LIMIT, "at most %lld.%02lld yuan at a time",
                                 (long long)(max / 100), (long long)(max % 100));
    }
    return 0;
}

static int purchase(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct payment *p = ctx;
    int rc = payment_limit(req, plan, req->amount_fen, p->purchase_max);
    if (rc) {
        return rc;
    }
    req->host->plan_debit(plan, req->amount_fen);
    req->host->plan_leg(plan, OC_ACCT_MERCHANT, req->terminal.participant, req->amount_fen);
    return 0;
}

static int load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx)
{
    struct payment *p = calloc(1, sizeof(*p));
    if (!p) {
        return OC_ENOMEM;
    }
    p->purchase_max = host->conf_fen(conf, "purchase_max");
    p->load_min = host->conf_fen(conf, "load_min");
    p->load_max = host->conf_fen(conf, "load_max");
    p->deposit_max = host->conf_fen(conf, "deposit_max");
    p->refund_same_participant = host->conf_bool(conf, "refund_same_participant");
    p->refundable = host->conf_text(conf, "refundable");
    p->cancel_minutes = host->conf_int(conf, "cancel_minutes");
    p->bank = host->conf_text(conf, "bank");
    *ret_ctx = p;
    return 0;
}

static const struct onecard_conf_item conf_items[] = {
    {"purchase_max", ONECARD_CONF_FEN, "0",
     "Most that one purchase may take, in yuan; 0: no limit.", 0, 0},
    {"load_min", ONECARD_CONF_FEN, "0",
     "Least that is loaded from cash or an account, in yuan; 0: no limit.", 0, 0},
    {"load_max", ONECARD_CONF_FEN, "0", "Most that is loaded at a time, in yuan; 0: no limit.", 0,
     0},
    {"deposit_max", ONECARD_CONF_FEN, "0",
     "Most that is paid into a citizen's account at a time, in yuan; 0: no limit.", 0, 0},
    {"refund_same_participant", ONECARD_CONF_BOOL, "false",
     "Refunds only at terminals of the participant that sold.", 0, 0},
    {"refundable", ONECARD_CONF_TEXT, "payment.purchase",
     "Services whose transactions may be given back.", 0, 0},
    {"cancel_minutes", ONECARD_CONF_INT, "30",
     "How long after it a purchase, or a load for cash, may be cancelled as a whole.", 0, 1440},
    {"bank", ONECARD_CONF_TEXT, NULL,
     "The participant whose bank loads cards, where a request does not name one.", 0, 31},
};

static const struct onecard_param load_params[] = {
    {"source", "where the money comes from: cash (default), pending, account or bank", false},
    {"bank", "source=bank: which participant; default: the configuration's", false},
};
static const struct onecard_param cancel_params[] = {
    {"txn", "the transaction to cancel", true},
};
static const struct onecard_param shift_open_params[] = {
    {"float", "what lies in the till at the beginning, in yuan (default 0)", false},
};
static const struct onecard_param shift_close_params[] = {
    {"counted", "what lies in the till now, in yuan", true},
};
static const struct onecard_param shift_show_params[] = {
    {"number", "a closed shift; default: the open one, as it stands now", false},
};
static const struct onecard_param bills_params[] = {
    {"utility", "the utility's participant", true},
    {"account", "the customer's number there", true},
};
static const struct onecard_param bill_pay_params[] = {
    {"utility", "the utility's participant", true},
    {"account", "the customer's number there", true},
    {"bill", "which bill, as payment.bills names it", true},
    {"source", "what pays: purse (default) or account", false},
};
static const struct onecard_param refund_params[] = {
    {"txn", "the transaction to give back", true},
    {"reason", "why, for the record", false},
};
static const struct onecard_param history_params[] = {
    {"count", "how many lines, 1 to 10 (default 10)", false},
};

static const struct onecard_service purchase_service = {
    .size = sizeof(purchase_service),
    .name = "payment.purchase",
    .title_en = "Purchase",
    .title_zh = "消费",
    .needs = OC_NEEDS_CARD | OC_NEEDS_AMOUNT,
    .decide = purchase,
};
static const struct onecard_service load_service = {
    .size = sizeof(load_service),
    .name = "payment.load",
    .title_en = "Load the purse",
    .title_zh = "圈存",
    .needs = OC_NEEDS_CARD | OC_NEEDS_ACCOUNT,
    .params = load_params,
    .param_count = sizeof(load_params) / sizeof(load_params[0]),
    .decide = payment_load,
};
static const struct onecard_service deposit_service = {
    .size = sizeof(deposit_service),
    .name = "payment.deposit",
    .title_en = "Pay cash into the citizen's account",
    .title_zh = "账户存款",
    .needs = OC_NEEDS_CARD | OC_NEEDS_AMOUNT | OC_NEEDS_OPERATOR | OC_NEEDS_ACCOUNT,
    .decide = payment_deposit,
};
static const struct onecard_service refund_service = {
    .size = sizeof(refund_service),
    .name = "payment.refund",
    .title_en = "Refund to the pending load",
    .title_zh = "退款（补登）",
    .needs = OC_NEEDS_ORIGINAL | OC_NEEDS_OPERATOR | OC_TAKES_NUMBER,
    .params = refund_params,
    .param_count = sizeof(refund_params) / sizeof(refund_params[0]),
    .decide = payment_refund,
};
static const struct onecard_service balance_service = {
    .size = sizeof(balance_service),
    .name = "payment.balance",
    .title_en = "Balance",
    .title_zh = "余额查询",
    .needs = OC_NEEDS_CARD | OC_NEEDS_BALANCE | OC_NEEDS_ACCOUNT,
    .decide = payment_balance,
};
static const struct onecard_service account_service = {
    .size = sizeof(account_service),
    .name = "payment.account",
    .title_en = "The card in the ledger",
    .title_zh = "账户查询",
    .needs = OC_NEEDS_CARD | OC_NEEDS_OPERATOR | OC_TAKES_NUMBER | OC_NEEDS_ACCOUNT,
    .decide = payment_account,
};
static const struct onecard_service history_service = {
    .size = sizeof(history_service),
    .name = "payment.history",
    .title_en = "The card's own log beside the ledger",
    .title_zh = "卡内与账内交易记录",
    .needs = OC_NEEDS_CARD | OC_NEEDS_BALANCE | OC_NEEDS_LOG,
    .params = history_params,
    .param_count = sizeof(history_params) / sizeof(history_params[0]),
    .decide = payment_history,
};
static const struct onecard_service cancel_service = {
    .size = sizeof(cancel_service),
    .name = "payment.cancel",
    .title_en = "Cancel a purchase",
    .title_zh = "消费撤销",
    .needs = OC_NEEDS_ORIGINAL | OC_NEEDS_OPERATOR | OC_TAKES_NUMBER,
    .params = cancel_params,
    .param_count = sizeof(cancel_params) / sizeof(cancel_params[0]),
    .decide = payment_cancel,
};
static const struct onecard_service unload_service = {
    .size = sizeof(unload_service),
    .name = "payment.unload",
    .title_en = "Cancel a load for cash",
    .title_zh = "圈存撤销（退现金）",
    .needs = OC_NEEDS_CARD | OC_NEEDS_ORIGINAL | OC_NEEDS_OPERATOR,
    .params = cancel_params,
    .param_count = sizeof(cancel_params) / sizeof(cancel_params[0]),
    .decide = payment_unload,
};
static const struct onecard_service shift_open_service = {
    .size = sizeof(shift_open_service),
    .name = "payment.shift_open",
    .title_en = "Open a shift",
    .title_zh = "开班",
    .needs = OC_NEEDS_OPERATOR,
    .params = shift_open_params,
    .param_count = sizeof(shift_open_params) / sizeof(shift_open_params[0]),
    .decide = payment_shift_open,
};
static const struct onecard_service shift_close_service = {
    .size = sizeof(shift_close_service),
    .name = "payment.shift_close",
    .title_en = "Close a shift",
    .title_zh = "班结",
    .needs = OC_NEEDS_OPERATOR,
    .params = shift_close_params,
    .param_count = sizeof(shift_close_params) / sizeof(shift_close_params[0]),
    .decide = payment_shift_close,
};
static const struct onecard_service shift_show_service = {
    .size = sizeof(shift_show_service),
    .name = "payment.shift_show",
    .title_en = "A shift",
    .title_zh = "班次查询",
    .needs = OC_NEEDS_OPERATOR,
    .params = shift_show_params,
    .param_count = sizeof(shift_show_params) / sizeof(shift_show_params[0]),
    .decide = payment_shift_show,
};
static const struct onecard_service bills_service = {
    .size = sizeof(bills_service),
    .name = "payment.bills",
    .title_en = "Bills of a utility",
    .title_zh = "水电燃气暖气账单查询",
    .needs = 0,
    .params = bills_params,
    .param_count = sizeof(bills_params) / sizeof(bills_params[0]),
    .decide = payment_bills,
};
static const struct onecard_service bill_pay_service = {
    .size = sizeof(bill_pay_service),
    .name = "payment.bill_pay",
    .title_en = "Pay a bill",
    .title_zh = "缴费",
    .needs = OC_NEEDS_CARD | OC_NEEDS_AMOUNT | OC_NEEDS_ACCOUNT,
    .params = bill_pay_params,
    .param_count = sizeof(bill_pay_params) / sizeof(bill_pay_params[0]),
    .decide = payment_bill_pay,
};

static const struct onecard_service *const services[] = {
    &purchase_service, &load_service,       &deposit_service,     &refund_service,
    &cancel_service,   &unload_service,     &balance_service,     &account_service,
    &history_service,  &shift_open_service, &shift_close_service, &shift_show_service,
    &bills_service,    &bill_pay_service,
};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "payment",
    .version = "1.0",
    .title_en = "Payment",
    .title_zh = "支付",
    .conf_items = conf_items,
    .conf_count = sizeof(conf_items) / sizeof(conf_items[0]),
    .load = load,
    .unload = free,
    .services = services,
    .service_count = sizeof(services) / sizeof(services[0]),
};
