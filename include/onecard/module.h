/* The module ABI, version 1.1. A module is a shared object with one exported constant,
 * `onecard_module`; it links against nothing: what the switch can do for it comes in as `struct
 * onecard_host`. docs/MODULES.md shows a complete one.
 *
 * A module decides, the switch executes: decide() turns a request into a plan and has no other
 * effect. It never sends a purse command and never touches the ledger, so a wrong module cannot
 * lose money.
 *
 * How the ABI grows: structures that carry their size only ever get members at their end, the host
 * table likewise; rows of arrays (configuration items, parameters, log entries) stay as they are
 * within a major. A newer minor loads older modules, another major is refused. Numbers are never
 * reused. */
#ifndef ONECARD_MODULE_H
#define ONECARD_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecard/err.h>
#include <onecard/types.h>

#define ONECARD_ABI_MAJOR 1
#define ONECARD_ABI_MINOR 1

/** Put before the definition of `onecard_module`: everything else may be compiled with
 * -fvisibility=hidden. */
#define ONECARD_EXPORT __attribute__((visibility("default")))

#if defined(__GNUC__)
#define ONECARD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ONECARD_PRINTF(f, a)
#endif

/** One leg moves 0.01 yuan at least and this much at most; the amount of a plan likewise. */
#define ONECARD_AMOUNT_MAX  INT64_C(1000000000) /* fen */
#define ONECARD_LEGS_MAX    8                   /* with the purse's own */
#define ONECARD_RECORDS_MAX 4
#define ONECARD_EVENTS_MAX  4
#define ONECARD_DOC_MAX     2048 /* bytes of a record's document, with NUL */

struct onecard_host;
struct onecard_conf; /* the module's checked configuration; lives as long as the module is loaded */
struct onecard_plan; /* written through the host's plan_ functions only */

/* ---- what a service is given ----------------------------------------------------------------- */

/** What the switch must have ready before decide() is called. Without a fact the request is refused
 * before. */
enum onecard_needs {
    OC_NEEDS_CARD = 1,    /* a card is presented, recognised and in good standing: request->card */
    OC_NEEDS_AMOUNT = 2,  /* the requester names an amount > 0: request->amount_fen */
    OC_NEEDS_BALANCE = 4, /* the chip's balance is read before: card->balance_fen */
    OC_NEEDS_LOG = 8,     /* the card's own log is read before: request->log */
    OC_NEEDS_ORIGINAL =
        16, /* the parameter txn=ID names an earlier posted transaction: request->original */
    OC_NEEDS_OPERATOR = 32, /* an operator asks, never a gate by itself */
    OC_BLOCKING = 64, /* decide() may block (file, network): it runs on a worker and may not call co_
                         functions */
    OC_TAKES_NUMBER = 128, /* (1.1) the card may also be presented by its printed number or by a code:
                              request->card is then what the ledger knows, without the chip's facts;
                              plans that move the chip are refused. Not with OC_NEEDS_BALANCE or
                              OC_NEEDS_LOG. Without OC_NEEDS_CARD a number may be given, or none */
    OC_NEEDS_ACCOUNT = 256 /* (1.1) card->citizen_fen is read before. Modules built for 1.0 always get
                              it */
};

/** How the card was presented (1.1). A number or a code says which card is meant; that its holder is
 * there, or the card, neither proves. */
enum onecard_presented {
    OC_PRESENTED_NONE = 0,
    OC_PRESENTED_CHIP = 1,
    OC_PRESENTED_CODE = 2,
    OC_PRESENTED_NUMBER = 3
};

/** The card at the reader. Texts are never NULL: "" where there is none. Dates are YYYYMMDD, 0
 * where there is none. */
struct onecard_card {
    size_t size;
    const char *record_owner; /* "card:…": the owner for records that belong to this card */
    const char *number;       /* as printed on the card */
    const char *profile;      /* "pboc-ep", … */
    bool named;               /* a citizen is known to hold it */
    bool has_balance;         /* the chip's balance was read */
    bool has_capp;            /* the profile can carry a journey record with a debit */
    fen_t balance_fen;        /* of the chip; may be negative */
    fen_t pending_load_fen;   /* what waits to be loaded (R6), free of reservations */
    fen_t ceiling_fen;        /* most the purse may hold; 0: no ceiling */
    const char *citizen;      /* citizen id, owner of the citizen's account */
    fen_t citizen_fen;        /* what that account holds, free of reservations: OC_NEEDS_ACCOUNT */
    const char
        *card_category; /* concession category as the chip says it: student elder disabled … */
    int32_t card_category_until; /* last day, 0: no end is written on the chip */
    const char *ledger_category; /* the same as the ledger's "transit" slot says it */
    int32_t ledger_category_from, ledger_category_until; /* 0: open */
    const char *last_service; /* the card's last posted or doubtful transaction */
    const char *last_terminal;
    int64_t last_ms; /* when; 0: never */
    /* since 1.1 */
    const char *state; /* in the ledger: "active" */
    bool doubt_open;   /* an earlier transaction is in doubt: a chip would have settled it */
};

/** The earlier transaction that `txn` names, posted. */
struct onecard_original {
    size_t size;
    const char *txn; /* its id, as people write it */
    const char *service;
    fen_t amount_fen;
    fen_t refunded_fen;      /* given back already, reservations included */
    const char *participant; /* whose terminal it was */
    int32_t business_date;
};

/** One line of the card's own log, the newest first. */
struct onecard_log_entry {
    uint8_t type; /* 02 load, 06 purchase, 09 CAPP purchase, … as the card writes it */
    uint16_t counter;
    fen_t amount_fen;
    const char *sam; /* terminal number, 12 hex digits */
    int32_t date;    /* YYYYMMDD, 0: none */
    int32_t time;    /* HHMMSS */
};

struct onecard_terminal {
    const char *id;
    const char *kind;        /* desk bus metro hall pos */
    const char *participant; /* who runs it: owner of MERCHANT and LOAD_RECEIVABLE */
};

/** A constant view; valid, with everything it points to, until decide() returns. */
struct onecard_request {
    size_t size;
    const struct onecard_host *host;
    const char *service;
    int64_t now_ms; /* wall time, milliseconds since 1970 UTC: the only clock a decision may use */
    int32_t business_date; /* YYYYMMDD in the city */
    int32_t city_time;     /* HHMMSS in the city */
    struct onecard_terminal terminal;
    fen_t amount_fen;                        /* 0: none was named */
    const struct onecard_card *card;         /* NULL: none presented */
    const struct onecard_original *original; /* NULL: none named */
    const struct onecard_log_entry *log;
    size_t log_count;
    const void *opaque; /* the host's own */
    /* since 1.1 */
    enum onecard_presented presented;
};

/* ---- what a plan is made of ------------------------------------------------------------------ */

/** Accounts that legs may name (and the purse, which the switch adds). Numbers are the ledger's. */
enum onecard_account {
    OC_ACCT_PURSE = 1,           /* the chip's: implied by plan_debit() and plan_credit() */
    OC_ACCT_PENDING_LOAD = 2,    /* owner "": the card's own */
    OC_ACCT_CITIZEN = 3,         /* owner: citizen id */
    OC_ACCT_MERCHANT = 4,        /* owner: participant; what is owed to them for goods and rides */
    OC_ACCT_LOAD_RECEIVABLE = 5, /* owner: participant; what they owe for cash they took */
    OC_ACCT_BEARER = 6,          /* owner: who bears a concession */
    OC_ACCT_FEE = 10,            /* owner: participant */
    OC_ACCT_FUND = 12,           /* owner: fund */
    OC_ACCT_PERSONAL = 13        /* owner: citizen id (insurance personal account) */
};

enum onecard_log_level {
    ONECARD_LOG_ERROR = 0,
    ONECARD_LOG_WARN = 1,
    ONECARD_LOG_INFO = 2,
    ONECARD_LOG_DEBUG = 3
};

/** What the switch does for a module. Functions named co_ may suspend the caller for a while; the
 * others never do. The plan_ functions keep a sticky mistake in the plan (a text too long, a ninth
 * leg): decide() need not look, the request fails with OC_EMODULE and a message in the log. Texts
 * are copied. */
struct onecard_host {
    size_t size;
    uint16_t abi_major, abi_minor;

    /* The request's words. NULL where absent; valid until decide() returns. Numbers and booleans
     * come as text. */
    const char *(*param_text)(const struct onecard_request *req, const char *name);
    const char *(*terminal_param)(const struct onecard_request *req, const char *name);
    /** "12.34" yuan to fen. OC_EINVAL. */
    int (*parse_fen)(const char *yuan, fen_t *ret_fen);

    /** The chip is debited: 0 … ONECARD_AMOUNT_MAX; 0 only with a journey record (a free ride).
     * Implies the leg PURSE -amount. */
    void (*plan_debit)(struct onecard_plan *plan, fen_t amount);
    /** The chip is credited: > 0. Implies the leg PURSE +amount. */
    void (*plan_credit)(struct onecard_plan *plan, fen_t amount);
    /** Accounts only, no card command; amount > 0 is what people are told. */
    void (*plan_account)(struct onecard_plan *plan, fen_t amount);
    /** One leg: credit positive, debit negative, never 0. With the purse's all legs sum to zero. */
    void (*plan_leg)(struct onecard_plan *plan, enum onecard_account account, const char *owner,
                     fen_t amount);
    /** What the service costs in all, where it differs from what the chip pays (R14). */
    void (*plan_gross)(struct onecard_plan *plan, fen_t gross);
    /** A value for the journey record, by the field names of card profiles: type amount balance
     * datetime terminal line station city acquirer sam gross category … The switch itself fills
     * amount, balance, datetime, date, time, terminal, sam and seq where the module did not; a
     * field that this card's layout lacks is left out. A value, any value, makes a debit a CAPP
     * purchase. Text: digits for numbers and dates, hexadecimal for bytes, 39 characters. */
    void (*plan_capp_int)(struct onecard_plan *plan, const char *field, int64_t value);
    void (*plan_capp_text)(struct onecard_plan *plan, const char *field, const char *value);
    /** Writes a record of this module with the plan; `version_read` is what co_record() gave (0:
     * there was none). When it moved meanwhile the request is refused as stale. `doc`: JSON object
     * text. Not with a plan in which nothing moves. */
    void (*plan_record)(struct onecard_plan *plan, const char *owner, const char *key,
                        uint32_t version_read, const char *doc);
    /** A fact for operators, committed with the plan. kind: 31 characters; text: 159. */
    void (*plan_event)(struct onecard_plan *plan, const char *kind, const char *text);
    /** This plan (of kind account) gives back `amount` of request->original; the ledger watches the
     * sum. */
    void (*plan_refund_of_original)(struct onecard_plan *plan);
    /** Members of the answer that the requester gets. Names that the switch uses itself (txn,
     * outcome, reason, service, card, amount_fen, balance_fen) are its own. In all: 1,024 bytes,
     * 4,096 where nothing moves. */
    void (*plan_reply_text)(struct onecard_plan *plan, const char *key, const char *value);
    void (*plan_reply_int)(struct onecard_plan *plan, const char *key, int64_t value);
    void (*plan_reply_fen)(struct onecard_plan *plan, const char *key, fen_t value);
    /** `json`: any JSON value as text; malformed text is a mistake of the plan. */
    void (*plan_reply_raw)(struct onecard_plan *plan, const char *key, const char *json);
    /** Refuses with a reason and a sentence for people (printf; 95 bytes). Returns what decide()
     * returns then. */
    int (*refuse)(struct onecard_plan *plan, enum oc_reason reason, const char *detail, ...)
        ONECARD_PRINTF(3, 4);

    /** Reads a record of this module into `doc` (cap bytes, ONECARD_DOC_MAX fits all). Suspends.
     * OC_ENOENT: there is none (*ret_version is 0), OC_ELIMIT: cap is too small, OC_ENOTSUP: in a
     * blocking service; others: return them. */
    int (*co_record)(const struct onecard_request *req, const char *owner, const char *key,
                     uint32_t *ret_version, char *doc, size_t cap);
    /** A member of a JSON object text. OC_ENOENT: absent, OC_EINVAL: of another kind or no JSON
     * object, OC_ELIMIT (cap). */
    int (*doc_int)(const char *doc, const char *member, int64_t *ret_value);
    int (*doc_text)(const char *doc, const char *member, char *ret_text, size_t cap);

    /** One line in the switch's log. Never a key, a PIN or a full card number. */
    void (*log)(const char *module, enum onecard_log_level level, const char *text);

    /* The module's configuration, by the keys of its own table, as that table types them; a key not
     * in the table, or of another type, is a programming error and aborts at load. Valid as long as
     * `conf`. */
    const char *(*conf_text)(const struct onecard_conf *conf, const char *key); /* or NULL */
    int64_t (*conf_int)(const struct onecard_conf *conf, const char *key);
    fen_t (*conf_fen)(const struct onecard_conf *conf, const char *key);
    bool (*conf_bool)(const struct onecard_conf *conf, const char *key);
    /** The value of `name` in a map, or NULL. */
    const char *(*conf_map)(const struct onecard_conf *conf, const char *key, const char *name);
    /** The i-th pair of a map; false at the end. */
    bool (*conf_map_at)(const struct onecard_conf *conf, const char *key, size_t i,
                        const char **ret_name, const char **ret_value);
};

/* ---- what a module exports ------------------------------------------------------------------- */

enum onecard_conf_type {
    ONECARD_CONF_TEXT = 1, /* min … max bytes, where max > 0 */
    ONECARD_CONF_INT = 2,  /* min … max; 0 and up where both are 0 */
    ONECARD_CONF_BOOL = 3,
    ONECARD_CONF_FEN = 4, /* written in yuan: 2.00; min … max in fen, where max > 0 */
    ONECARD_CONF_MAP = 5  /* text: text */
};
/** A key of the section `modules.<name>` of the daemon's configuration. */
struct onecard_conf_item {
    const char *key;
    enum onecard_conf_type type;
    const char *dflt; /* as it would be written; NULL: 0, false, no text. A map has none */
    const char *help; /* one sentence */
    int64_t min, max;
};

/** A parameter that a request may carry. One not in the table is refused before decide(). */
struct onecard_param {
    const char *name;
    const char *help_en;
    bool required;
};

struct onecard_service {
    size_t size;
    const char *name; /* "payment.purchase": module, dot, word of a-z 0-9 _; 47 characters */
    const char *title_en, *title_zh;
    unsigned needs; /* enum onecard_needs */
    const struct onecard_param *params;
    size_t param_count;
    /** Decides. 0: the plan stands; what host->refuse() returned: refused; another negative:
     * failed. May run again for one request, and concurrently for others: `ctx` is read-only. Must
     * not wait but in co_ functions. */
    int (*decide)(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
};

struct onecard_module {
    uint16_t abi_major, abi_minor;
    size_t size;      /* sizeof(struct onecard_module) */
    const char *name; /* a-z 0-9 _, 15 characters; the file is <name>.so */
    const char *version;
    const char *title_en, *title_zh;
    const struct onecard_conf_item *conf_items;
    size_t conf_count;
    /** Makes the context from the checked configuration. A negative number keeps the daemon from
     * starting; say why with host->log() before. May be NULL. */
    int (*load)(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx);
    void (*unload)(void *ctx); /* may be NULL */
    const struct onecard_service *const *services;
    size_t service_count;
};

/** The one symbol that is looked up. */
extern const struct onecard_module onecard_module;

#endif
