/* Words that the switch, its modules and its tools share: amounts, kinds, states, reasons.
 * Numbers in this file are durable (they stand in ledgers): they are never renumbered. */
#ifndef ONECARD_TYPES_H
#define ONECARD_TYPES_H

#include <stdint.h>

/** Integer fen (0.01 yuan). */
typedef int64_t fen_t;

#define OC_ISSUER_LEN 8   /* issuer id, file 0015 bytes 0–7 */
#define OC_SERIAL_LEN 10  /* application serial number, file 0015 bytes 10–19 */
#define OC_SAM_LEN 6      /* terminal number inside MACs and TACs: the SAM's (R10) */

/** What the chip is asked to do for a transaction. */
enum oc_plan_kind {
    OC_PLAN_NONE = 0,    /* nothing moves (balance, history) */
    OC_PLAN_DEBIT = 1,   /* purse debit: purchase, or CAPP purchase where a record travels with it */
    OC_PLAN_CREDIT = 2,  /* purse credit: load */
    OC_PLAN_ACCOUNT = 3, /* accounts only: no card command */
    OC_PLAN_NOTE = 4     /* nothing moves; records are written or messages left */
};

/** Durable transaction states; allowed moves in docs/LEDGER.md. */
enum oc_txn_state {
    OC_TXN_INTENDED = 1,
    OC_TXN_POSTED = 2,
    OC_TXN_VOIDED = 3,
    OC_TXN_IN_DOUBT = 4,
    OC_TXN_REFUSED = 5
};

/** What a requester is told. */
enum oc_outcome { OC_POSTED = 1, OC_REFUSED = 2, OC_IN_DOUBT = 3, OC_VOIDED = 4 };

/* X(NAME, number, code, English, Chinese) */
#define OC_REASONS(X)                                                                                        \
    X(NONE, 0, "none", "done", "成功")                                                                      \
    X(UNKNOWN_CARD, 1, "unknown_card", "this card is not in the ledger", "卡未登记")                         \
    X(UNSUPPORTED_CARD, 2, "unsupported_card", "no card profile fits this card", "不支持的卡")               \
    X(APP_NOT_ENABLED, 3, "app_not_enabled", "the application on the card is not enabled", "应用未启用")     \
    X(NOT_ACTIVE, 4, "not_active", "the card has not been activated", "卡未激活")                            \
    X(SUSPENDED, 5, "suspended", "the card is suspended", "卡已暂停")                                        \
    X(LOST, 6, "lost", "the card was reported lost", "卡已挂失")                                             \
    X(BLOCKED, 7, "blocked", "the card is blocked", "卡已锁定")                                              \
    X(CANCELLED, 8, "cancelled_card", "the card was returned or replaced", "卡已注销")                       \
    X(NOT_YET_VALID, 9, "not_yet_valid", "the card is not valid yet", "卡未到启用日期")                      \
    X(EXPIRED, 10, "expired", "the card has expired", "卡已过期")                                            \
    X(DENIED, 11, "denied", "the card stands on the deny list", "卡在黑名单")                                \
    X(INSUFFICIENT, 12, "insufficient_balance", "not enough money on the card", "余额不足")                  \
    X(OVER_CEILING, 13, "over_ceiling", "the card may not hold that much", "超过卡余额上限")                 \
    X(COUNTER_MAX, 14, "counter_at_maximum", "the card's transaction counter is used up", "交易序号已满")    \
    X(LOAD_MAC1, 15, "load_mac1_wrong", "the card's MAC1 for the load is wrong: not genuine", "圈存MAC1错误") \
    X(CARD_MAC, 16, "card_rejected_mac", "the card rejected our MAC: nothing moved", "卡片拒绝MAC")          \
    X(SAM_UNKNOWN, 17, "sam_unknown", "the SAM number is unknown or revoked", "SAM未登记")                   \
    X(TERMINAL_UNKNOWN, 18, "terminal_unknown", "no such terminal", "终端未登记")                            \
    X(TERMINAL_MAY_NOT, 19, "terminal_may_not", "this terminal may not run this service", "终端无此权限")    \
    X(UNKNOWN_SERVICE, 20, "unknown_service", "no such service", "无此服务")                                 \
    X(LIMIT, 21, "limit", "over the limit for this card, terminal or service", "超过限额")                   \
    X(NOT_GENUINE, 22, "not_genuine", "the card could not prove itself genuine", "卡片认证失败")             \
    X(NO_KEY, 23, "no_key", "no key of the version the card asks for", "无对应密钥")                         \
    X(CARD_REMOVED, 24, "card_removed", "the card left before anything moved", "卡片过早移开")               \
    X(CARD_ERROR, 25, "card_error", "the card answered with an error", "卡片应答错误")                       \
    X(CARD_MUTE, 26, "card_mute", "the card does not answer", "卡片无应答")                                  \
    X(NO_CARD, 27, "no_card", "no card was presented in time", "未放卡")                                     \
    X(OTHER_CARD, 28, "other_card", "another card is awaited: put that one back", "请放回原卡")              \
    X(DOUBT_OPEN, 29, "doubt_open", "an earlier transaction of this card is still in doubt", "存在未决交易") \
    X(FUNDS, 30, "no_funds", "the account that pays has not enough money", "账户资金不足")                   \
    X(LOAD_QUOTA, 31, "load_quota", "the participant's load quota is used up", "代充额度不足")               \
    X(ORIGINAL_UNKNOWN, 32, "original_unknown", "the original transaction is unknown or was not posted", "原交易不存在") \
    X(OVER_ORIGINAL, 33, "over_original", "more than what is left of the original transaction", "超过原交易金额") \
    X(AMOUNT, 34, "amount", "the amount is missing or not allowed", "金额无效")                              \
    X(PARAMETER, 35, "parameter", "a parameter is missing or not allowed", "参数无效")                       \
    X(SAME_CARD, 36, "same_card_again", "the same card again too soon", "重复刷卡")                          \
    X(MODULE, 37, "module_failed", "the service failed", "服务故障")                                         \
    X(BUSY, 38, "busy", "busy: try again", "系统忙")                                                         \
    X(CANCELED, 39, "cancelled", "the request was cancelled before anything moved", "已取消")                \
    X(STORE, 40, "store_unavailable", "the ledger cannot take transactions now", "账本暂停服务")             \
    X(READER, 41, "reader_unavailable", "the terminal's reader is not there", "读卡器不可用")                \
    X(SAM_MISSING, 42, "no_sam", "no SAM for purchases: a test site must switch the software SAM on", "无SAM") \
    X(WRONG_PROOF, 43, "wrong_proof", "the card answered 9000 with a wrong MAC2 or TAC", "MAC2或TAC错误")    \
    X(ANSWER_LOST, 44, "answer_lost", "the card's answer to the money command was lost", "应答丢失")         \
    X(STALE, 45, "stale_record", "a record changed meanwhile: try again", "数据已变更")                      \
    X(NOT_OPEN, 46, "terminal_closed", "the terminal is closed", "终端已停用")                               \
    X(CONFLICT, 47, "conflict", "the same request number with another content", "请求冲突")                  \
    X(RESTART, 48, "restart", "the switch restarted while the card was at work", "系统重启")                 \
    X(CARD_STATE, 49, "card_state", "the card cannot go into that state from the one it is in", "卡状态不允许") \
    X(CARD_EXISTS, 50, "card_exists", "the card is registered already", "卡已登记")                          \
    X(ANONYMOUS, 51, "anonymous", "an unnamed card cannot be reported lost", "不记名卡不挂失")                \
    X(NEEDS_CHIP, 52, "needs_chip", "the card itself must be put on the reader for this", "请使用实体卡") \
    X(NO_CITIZEN, 53, "no_citizen", "no such citizen, or none holds this card", "未登记的市民")               \
    X(NEEDS_PRESENCE, 54, "needs_presence", "the holder must be present: card or fresh code", "须本人持卡或出示动态码") \
    X(PIN_WRONG, 55, "pin_wrong", "the PIN is wrong", "密码错误")                                            \
    X(PIN_BLOCKED, 56, "pin_blocked", "the card's PIN is blocked", "密码已锁定")                             \
    X(NOT_FOUND, 57, "not_found", "there is no such document", "无此记录")                                   \
    X(WRONG_STATE, 58, "wrong_state", "it is not in the state for this", "当前状态不允许")                   \
    X(FULL, 59, "full", "nothing is left: take another one", "已约满")                                       \
    X(DUPLICATE, 60, "duplicate", "this was done already", "重复办理")                                       \
    X(TOO_EARLY, 61, "too_early", "it is too early for this", "未到办理时间")                                \
    X(TOO_LATE, 62, "too_late", "it is too late for this", "已过办理时间")                                   \
    X(NOT_ELIGIBLE, 63, "not_eligible", "not entitled to this", "不符合条件")                                \
    X(NO_CONSENT, 64, "no_consent", "only with the card present, or in a recorded emergency", "未经授权")    \
    X(UPSTREAM_REFUSED, 65, "upstream_refused", "the institution behind refused", "机构拒绝")                \
    X(UPSTREAM_AWAY, 66, "upstream_away", "the institution behind does not answer", "机构无应答")            \
    X(ASKED_AGAIN, 67, "asked_in_circle", "services asked one another in a circle", "服务循环调用")          \
    X(NO_ENTRY, 68, "no_entry", "no entry is open on this card: go to the station desk", "无进站记录")       \
    X(ENTRY_OPEN, 69, "entry_open", "an entry is still open on this card: go to the station desk", "进站未出站") \
    X(OVER_TIME, 70, "over_time", "the journey took longer than is allowed: go to the station desk", "行程超时") \
    X(ERASED, 71, "erased", "the citizen's data was erased", "数据已删除")                                    \
    X(RECORDS_LOST, 72, "records_lost", "the switch was restored and lost what this card did last: look at it, then ask once more", "系统恢复，请核对卡内最近交易后再试")

enum oc_reason {
#define OC_REASON_ENUM(name, number, code, en, zh) OC_R_##name = number,
    OC_REASONS(OC_REASON_ENUM)
#undef OC_REASON_ENUM
    OC_R_COUNT
};

/** "insufficient_balance": the stable code programs compare. "unknown" for a number not in the table. */
const char *oc_reason_code(enum oc_reason r);
/** One English sentence for people. */
const char *oc_reason_en(enum oc_reason r);
/** The same in Chinese. */
const char *oc_reason_zh(enum oc_reason r);
/** "posted" "refused" "in_doubt" "voided". */
const char *oc_outcome_name(enum oc_outcome o);
/** "intended" "posted" "voided" "in_doubt" "refused". */
const char *oc_txn_state_name(enum oc_txn_state s);

#endif
