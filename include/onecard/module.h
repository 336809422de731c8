/* The module ABI, version 1.3. A module is a shared object with one exported constant,
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
#define ONECARD_ABI_MINOR 3

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
#define ONECARD_LEGS_MAX    12                  /* with the purse's own */
#define ONECARD_RECORDS_MAX 16
#define ONECARD_EVENTS_MAX  4
#define ONECARD_MESSAGES_MAX 4
#define ONECARD_DOC_MAX     2048   /* bytes of a record's document by co_record(), with NUL */
#define ONECARD_DOC_BYTES   65535  /* of a document by co_doc() and plan_doc(), as compact JSON */
#define ONECARD_DOCS_BYTES  131072 /* of all documents of a plan, messages and hold included */
#define ONECARD_ASK_DEPTH   4      /* services that ask one another for one request */

struct onecard_host;
struct onecard_conf; /* the module's checked configuration; lives as long as the module is loaded */
struct onecard_plan; /* written through the host's plan_ functions only */
/** (1.2) A JSON value: what was read, or what is being built. Belongs to the request (or, from
 * doc_load(), to the configuration) it came from and ends with it; nothing is given back. */
struct onecard_doc;

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
    OC_NEEDS_ACCOUNT = 256, /* (1.1) card->citizen_fen is read before. Modules built for 1.0 always
                               get it */
    /* since 1.2 */
    OC_NEEDS_JOURNEY = 512,  /* the journey record (CAPP) is read from the chip before: journey_int() */
    OC_NEEDS_PIN = 1024,     /* the holder's PIN was verified by the chip in this dialogue */
    OC_NEEDS_CITIZEN = 2048, /* a known citizen is meant: holder of the card, or the parameter citizen=ID
                                (list it among the parameters): request->citizen */
    OC_BY_PARTICIPANT = 4096, /* an institution may ask by itself through its own signed door: then
                                 request->institution is true, and only its own terminals are used */
    OC_ASKABLE = 8192,       /* other modules may ask it: co_ask() */
    OC_SEES_PERSON = 16384,  /* co_person() answers; each such request is listed for the citizen */
    OC_NEEDS_PRESENCE = 32768, /* a chip, or a code that was made within the last minute by its holder: a
                                  number alone does not do (with OC_TAKES_NUMBER) */
    OC_NEEDS_DOCUMENT = 65536 /* the request carries a document: request->document */
};

/** How the card was presented (1.1). A number or a code says which card is meant; that its holder is
 * there, or the card, neither proves. */
enum onecard_presented {
    OC_PRESENTED_NONE = 0,
    OC_PRESENTED_CHIP = 1,
    OC_PRESENTED_CODE = 2,
    OC_PRESENTED_NUMBER = 3
};

/** How sure it is that the holder is there (1.2, R21), weakest first. */
enum onecard_strength {
    OC_STRENGTH_NONE = 0,
    OC_STRENGTH_NUMBER = 1, /* somebody knows the number */
    OC_STRENGTH_CODE = 2,   /* a fresh dynamic code of that holder */
    OC_STRENGTH_CHIP = 3,   /* the card proved itself genuine */
    OC_STRENGTH_PIN = 4     /* and its PIN was verified */
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
    /* since 1.2 */
    enum onecard_strength strength;
    const char *citizen; /* whom it concerns; "" : nobody is known */
    const struct onecard_doc *document; /* sent with the request; NULL: none */
    const char *who;      /* operator, "terminal:ID", "participant:ID" */
    bool institution;     /* a participant's own system asks (OC_BY_PARTICIPANT) */
    const char *asked_by; /* the service that asks through co_ask(); NULL: the requester himself */
    const char *txn_hint; /* a word that is this request's alone and stays the same when it is asked
                             again: for keys of records that it makes; 31 characters */
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
    OC_ACCT_FUND = 12,           /* owner: fund; as deep as its participant's terms allow: no floor */
    OC_ACCT_PERSONAL = 13,       /* owner: citizen id (insurance personal account); floor 0 */
    OC_ACCT_DEPOSIT = 14         /* (1.2) owner: what the module chose, such as an admission; floor 0 */
};

/** (1.3) What a plan wants of the PIN on the chip. */
enum onecard_pin_job {
    OC_PIN_CHANGE = 1,  /* the request's PIN is the old one, its new PIN takes its place */
    OC_PIN_UNBLOCK = 2  /* the new PIN takes the place of a forgotten one, all tries are there again */
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

    /* ---- since 1.2 ---- */

    /* Documents. Functions that make one return NULL where memory ends or the text is no JSON (no
     * nesting over 32); those that read take NULL for a document that is not there. */
    struct onecard_doc *(*doc_parse)(const struct onecard_request *req, const char *json);
    struct onecard_doc *(*doc_object)(const struct onecard_request *req);
    struct onecard_doc *(*doc_array)(const struct onecard_request *req);
    /** The member of an object; NULL: absent, or no object. */
    struct onecard_doc *(*doc_get)(const struct onecard_doc *d, const char *member);
    /** Members of an object or items of an array; 0 for anything else. */
    size_t (*doc_count)(const struct onecard_doc *d);
    /** The i-th; of an object *ret_name is the member's name (ret_name may be NULL). NULL: no such. */
    struct onecard_doc *(*doc_at)(const struct onecard_doc *d, size_t i, const char **ret_name);
    /** Its text; NULL: it is no string. */
    const char *(*doc_as_text)(const struct onecard_doc *d);
    /** Its number. OC_ENOENT: d is NULL, OC_EINVAL: not a whole number. */
    int (*doc_as_int)(const struct onecard_doc *d, int64_t *ret_value);
    /** Its truth; `absent` where d is NULL or neither true nor false. */
    bool (*doc_as_bool)(const struct onecard_doc *d, bool absent);
    /** Set a member (replacing it) or, where member is NULL, append to an array. A mistake (no object,
     * no memory) makes the document unfit for plan_doc(), which then fails the plan. `value` may not be
     * part of another document already. */
    void (*doc_set)(struct onecard_doc *d, const char *member, struct onecard_doc *value);
    void (*doc_set_text)(struct onecard_doc *d, const char *member, const char *value);
    void (*doc_set_int)(struct onecard_doc *d, const char *member, int64_t value);
    void (*doc_set_bool)(struct onecard_doc *d, const char *member, bool value);
    void (*doc_remove)(struct onecard_doc *d, const char *member);
    /** Compact JSON; lives as long as the document. */
    const char *(*doc_text_of)(const struct onecard_request *req, const struct onecard_doc *d);
    /** Reads a YAML file of the module's own (a fare table, rules) in load(): the same checks as the
     * daemon's configuration (size, nesting, no duplicate keys). Scalars are texts, but whole numbers
     * and true/false, which are what they are. A relative path counts from the folder of the
     * configuration file. NULL: *ret_why says what and where ("file:line:col: …"); both live as long
     * as `conf`. Blocks: in load() only. */
    struct onecard_doc *(*doc_load)(const struct onecard_conf *conf, const char *path,
                                    const char **ret_why);
    /** "file:line:col" of a value that came from doc_load(); "" else. */
    const char *(*doc_place)(const struct onecard_doc *d);
    /** The files of a folder that end in `suffix`, in order of their names: the i-th path, NULL at the
     * end. In load() only. */
    const char *(*folder_at)(const struct onecard_conf *conf, const char *folder, const char *suffix,
                             size_t i);

    /** Records with documents of up to ONECARD_DOC_BYTES. Owners that begin with "citizen:" and name a
     * citizen have theirs sealed under that citizen's own key: erasing the key erases them. Otherwise as
     * co_record() and plan_record(). */
    int (*co_doc)(const struct onecard_request *req, const char *owner, const char *key,
                  uint32_t *ret_version, struct onecard_doc **ret_doc);
    void (*plan_doc)(struct onecard_plan *plan, const char *owner, const char *key,
                     uint32_t version_read, const struct onecard_doc *doc);
    /** The record goes away with the plan. */
    void (*plan_doc_remove)(struct onecard_plan *plan, const char *owner, const char *key,
                            uint32_t version_read);
    /** The next record of that owner whose key begins with `prefix` and comes after `key` ("" : the
     * first), in order of bytes; `key` (40 bytes) is replaced. OC_ENOENT: no more. Suspends. */
    int (*co_next_doc)(const struct onecard_request *req, const char *owner, const char *prefix,
                       char key[40], uint32_t *ret_version, struct onecard_doc **ret_doc);

    /** Nothing moves, but records are written, or messages left: a registration, a booking. */
    void (*plan_note)(struct onecard_plan *plan);
    /** One upstream hold (R12), at most: asked of the participant after the intent is durable and before
     * any card command; confirmed when the transaction is posted, reversed when it is voided, until
     * acknowledged. `kind`: "load", "settle", "bill" …, 31 characters. `doc` goes along. Members of
     * `expect` (NULL: none) must come back equal in the answer's document, else everything is undone. */
    void (*plan_hold)(struct onecard_plan *plan, const char *participant, const char *kind,
                      fen_t amount, const struct onecard_doc *doc, const struct onecard_doc *expect);
    /** A message to a participant's system, sent after the commit, at least once, with an idempotency
     * key of its own. `citizen`: whose data it carries ("" : nobody's). */
    void (*plan_message)(struct onecard_plan *plan, const char *participant, const char *kind,
                         const char *citizen, const struct onecard_doc *doc);
    void (*plan_reply_doc)(struct onecard_plan *plan, const char *key, const struct onecard_doc *doc);

    /** Asks an OC_ASKABLE service of any module, for the same card and citizen. `params`: an object of
     * texts, numbers and booleans, which its params table must know (NULL: none). With `plan` it may add
     * legs, records, events, messages and the hold to this plan (never a kind); with NULL it only
     * answers. *ret_reply: what it replied. OC_EREFUSED: it refused, and with `plan` this plan is refused
     * with its words: return it. OC_ENOENT: no such service (its module is not loaded). OC_ELOOP: it
     * is being asked already, or too deep: refuse. Suspends. */
    int (*co_ask)(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                  const struct onecard_doc *params, struct onecard_doc **ret_reply);
    /** Asks a participant's system a question that changes nothing there, within the route's time-out.
     * 0: *ret_answer is its document. OC_ENOENT: no route to it, OC_ETIMEDOUT, OC_EBUSY (breaker open or
     * all lanes taken), OC_EREFUSED (*ret_answer says why, where it said so), OC_EIO. Suspends. */
    int (*co_call)(const struct onecard_request *req, const char *participant, const char *kind,
                   const struct onecard_doc *doc, struct onecard_doc **ret_answer);
    /** What an account holds, free of reservations: credits - debits - pending debits. An account that
     * never was holds 0. Suspends. */
    int (*co_account)(const struct onecard_request *req, enum onecard_account account,
                      const char *owner, fen_t *ret_fen);
    /** Which citizen holds the card of this printed number. OC_ENOENT. Suspends. */
    int (*co_holder)(const struct onecard_request *req, const char *card_number, char ret_citizen[32]);
    /** Is there such a citizen? OC_ENOENT. Suspends. */
    int (*co_citizen)(const struct onecard_request *req, const char *citizen);
    /** The citizen's personal data as one object (name, number, born YYYYMMDD, sex, address, phone, and
     * what else was registered), unsealed: OC_SEES_PERSON. OC_ENOENT: none, or erased. Suspends. */
    int (*co_person)(const struct onecard_request *req, const char *citizen,
                     struct onecard_doc **ret_person);
    /** A slot of the presented card, its holder being request->citizen, as the ledger has it: app
     * "transit", and what the card's profile names. The answer has category, from, to (0: open).
     * OC_ENOENT: it is empty; OC_EPROFILE: cards of this profile have no such slot. Suspends. */
    int (*co_slot)(const struct onecard_request *req, const char *app, struct onecard_doc **ret_slot);
    /** What a terminal did from its request number `first` on: {"services":[{"service":…,"posted":n,
     * "open":n,"amount_fen":…}],"cash_taken_fen":…,"cash_given_fen":…,"next":number after the last}.
     * Cash is what moved on the load receivable of the terminal's own participant. OC_ELIMIT: more than
     * 100,000 numbers. Suspends. */
    int (*co_totals)(const struct onecard_request *req, const char *terminal, int64_t first,
                     struct onecard_doc **ret_totals);
    /** The card's last transactions in the ledger, newest first, at most `count` (50): txn, service,
     * state, amount_fen, business_date, at_ms, terminal, counter. Suspends. */
    int (*co_history)(const struct onecard_request *req, unsigned count,
                      struct onecard_doc **ret_rows);
    /** The plan and the reply of an earlier transaction, for one that follows it: id, service, state,
     * amount_fen, refunded_fen, participant, terminal, business_date, clearing_date, link, reply (object),
     * legs. OC_ENOENT. Suspends. */
    int (*co_txn)(const struct onecard_request *req, const char *txn, struct onecard_doc **ret_txn);

    /** A field of the journey record that the chip holds now, by the layout's names (OC_NEEDS_JOURNEY).
     * OC_ENOENT: this layout lacks it, or the record was never written. */
    int (*journey_int)(const struct onecard_request *req, const char *field, int64_t *ret_value);
    int (*journey_text)(const struct onecard_request *req, const char *field, char *ret_text,
                        size_t cap);
    /** This plan follows the transaction `txn` without giving money back (a cancellation's counterpart,
     * an exit after its entry). Not with plan_refund_of_original(). */
    void (*plan_link)(struct onecard_plan *plan, const char *txn);
    /** The presented card's slot of that app ("transit": 15 characters) in the ledger holds `category`
     * (23 characters; "": none any more) from `from` to `until` (YYYYMMDD, 0: open), from the commit on
     * that posts. One a plan at most; not where nothing moves (plan_note() will do). Refused where the
     * card's profile names no such slot. The chip follows by itself, now or at the next desk where
     * the card is presented; then the reply has the member chip_<app>. */
    void (*plan_slot)(struct onecard_plan *plan, const char *app, const char *category, int32_t from,
                      int32_t until);
    /** (1.3) This will be asked for by co_doc() or co_record(), by co_account(): it is read along with the
     * next of them that has to wait, so that several cost one wait. Eight at a time; more are read
     * when they are asked for. What is found is as of that wait, and is given once. */
    void (*want_doc)(const struct onecard_request *req, const char *owner, const char *key);
    void (*want_account)(const struct onecard_request *req, enum onecard_account account,
                         const char *owner);
    /** (1.3) A note's: the chip changes or unblocks its holder's PIN before the note is written. The digits
     * come with the request and no module ever sees them; without them, or where the chip refuses, the
     * request is refused. Not for services that are asked. */
    void (*plan_pin)(struct onecard_plan *plan, enum onecard_pin_job job);
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
/* (1.2) When the operator reloads the configuration, load() is called again with the new one. Where it
 * fails the old context stays and the operator is told; else decisions that begin afterwards get the new
 * context, and the old one is unloaded when the last decision with it has ended. */

/** The one symbol that is looked up. */
extern const struct onecard_module onecard_module;

#endif
