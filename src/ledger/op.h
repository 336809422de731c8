/* The writer's operations: plain data, each a change that commits whole or not at all. The journal holds every applied
 * operation in a canonical, versioned encoding (one table of fields per operation, op.c); the tables are its fold.
 * Fields marked [out] are allotted by the writer before the operation is encoded, so that replaying allots nothing. */
#ifndef LEDGER_OP_H
#define LEDGER_OP_H

#include "base/base.h"

#define LEDGER_ID       32  /* participant, terminal, citizen, bearer ids, with NUL */
#define LEDGER_SERVICE  48
#define LEDGER_LEGS     12
#define LEDGER_RECORDS  16
#define LEDGER_MESSAGES 4
#define LEDGER_EVENTS   4
#define LEDGER_CONCERNED 24 /* citizens whom a transaction concerns */
#define LEDGER_DOC_MAX  65535  /* bytes of one document */
#define LEDGER_DOCS_MAX 131072 /* of all documents of an operation */
#define LEDGER_PLAN     4096 /* the plan as JSON text, kept with the intent as evidence */
#define LEDGER_REPLY    2048
#define LEDGER_CAPP     128

enum ledger_op_type {
    LOP_SITE = 1,        /* first operation of every ledger */
    LOP_PARTICIPANT = 2, /* add or change */
    LOP_TERMINAL = 3,    /* add or change; moves the SAM with history (R10) */
    LOP_KEY = 4,
    LOP_CARD_ADD = 5,    /* issue or register, with the opening entry (R1); issues a torn issue again, same id */
    LOP_CARD_STATE = 6,
    LOP_SLOT = 7,        /* one application slot of a card: category and validity */
    LOP_DENY = 8,        /* put on or take off the deny list: a new epoch */
    LOP_CITIZEN = 9,
    LOP_INTENT = 10,     /* reserve everything; account-only plans post here */
    LOP_OUTCOME = 11,    /* INTENDED|IN_DOUBT -> POSTED|VOIDED|IN_DOUBT */
    LOP_REFUSAL = 12,    /* a refused request, recorded */
    LOP_SEEN = 13,       /* what a card showed when nothing else is written */
    LOP_EVENT = 14,      /* alarms and facts for operators */
    LOP_DAY_CLOSE = 15,  /* closes the open clearing day, opens the next (R11) */
    LOP_SETTLED = 16,    /* a day's batch was published: its manifest's hash */
    LOP_RESTORED = 17,   /* a backup was installed: all SAM sequences jump forward (R10) */
    LOP_AUTHORITY = 18,  /* the site's certificate authority: once */
    LOP_TERMINAL_KEY = 19, /* how a terminal proves itself: token, pinned key, renewal, revocation */
    LOP_HOLD = 20,       /* what an institution answered to a hold (R12): ASKED -> HELD|REFUSED|UNKNOWN */
    LOP_MESSAGE = 21,    /* what became of a message in the outbox */
    LOP_ERASED = 22,     /* a citizen's personal data or documents are forgotten, or shall be (R20) */
    LOP_PARTICIPANT_KEY = 23, /* the public key that an institution signs with */
    LOP_OFFLINE = 24,    /* a record that an offline terminal made (R16) */
    LOP_REPLACED = 25    /* a lost card's purse goes to the card that replaces it */
};

enum card_state {
    CARD_ISSUED = 1,
    CARD_ACTIVE = 2,
    CARD_SUSPENDED = 3,
    CARD_LOST = 4,
    CARD_BLOCKED = 5,
    CARD_CANCELLED = 6
};
/* A card's alarm. It ends when chip and books agree again (1); when an operator puts the card back to ACTIVE (all); 3 also when
 * the doubt ends POSTED by EV_PROVE. 2 is never replaced by another. */
enum card_alarm {
    ALARM_NONE = 0,
    ALARM_BALANCE = 1, /* balance differs without a gap */
    ALARM_COUNTER = 2, /* a counter moved without us, or back */
    ALARM_PROOF = 3,   /* 9000 with a wrong proof (R5) */
    ALARM_RESTORED = 4 /* the ledger was restored and the chip has loads that it lost: ends when they are adopted */
};
enum card_kind { CARD_ANONYMOUS = 1, CARD_NAMED = 2 };

enum acct_kind {
    ACCT_PURSE = 1,           /* the card's purse: issuer's liability (R1); in the card's row */
    ACCT_PENDING_LOAD = 2,    /* 补登: owed to the chip (R6); in the card's row */
    ACCT_CITIZEN = 3,         /* owner: citizen id */
    ACCT_MERCHANT = 4,        /* owner: participant; what we owe for goods and rides */
    ACCT_LOAD_RECEIVABLE = 5, /* owner: participant; what they owe for cash taken (R7) */
    ACCT_BEARER = 6,          /* owner: concession bearer such as "treasury" (R14) */
    ACCT_IN_TRANSIT = 7,      /* 在途: open doubts (R11) */
    ACCT_SUSPENSE = 8,        /* doubts where the card answered 9000 with a wrong proof (R5) */
    ACCT_OPENING = 9,         /* counterpart of opening entries */
    ACCT_FEE = 10,
    ACCT_RESERVE = 11,
    ACCT_FUND = 12,
    ACCT_PERSONAL = 13,
    ACCT_DEPOSIT = 14 /* owner: what a module chose, such as an admission (住院预交金) */
};
/** "purse", "pending_load", …; NULL for a number not in the table. */
const char *acct_kind_name(enum acct_kind k);
const char *card_state_name(enum card_state s);
const char *card_kind_name(enum card_kind k);

/** One leg: credit positive, debit negative; a transaction's legs sum to zero. */
struct leg {
    uint8_t kind; /* enum acct_kind */
    char owner[LEDGER_ID]; /* "" for the card's own purse and pending load */
    fen_t amount;
};

/** What the chip showed; fields count only where `has` says so. SEEN_PROVEN: the card proved itself genuine in this dialogue
 *  (internal authentication or a right MAC1, R9) or the outcome is POSTED. Without it a view never sets the purse's baseline:
 *  of a card from elsewhere (`registered`) that has none yet it changes nothing, and a refusal's view changes nothing ever. */
enum { SEEN_BALANCE = 1, SEEN_ONLINE = 2, SEEN_OFFLINE = 4, SEEN_PROVEN = 8 };
struct card_seen {
    uint8_t has;
    fen_t balance;
    uint16_t online, offline; /* counters as INITIALIZE reports them: the next transaction's */
};

/** A document inside an operation: JSON text or a sealed blob's text, without NUL; the ledger never looks into it. Not owned:
 *  it lives where the submitter keeps it until the result is there; of a decoded operation, in the bytes it was decoded from. */
struct op_doc {
    const char *text; /* not NUL-terminated; may be NULL where len is 0 */
    uint32_t len;     /* bytes, LEDGER_DOC_MAX at most */
};
/** A module record: (scope, owner, key) -> document with a version. */
struct op_record {
    char scope[16];  /* module name */
    char owner[40];  /* "card:<id>", "citizen:<id>", "terminal:<id>" or what the module chose */
    char key[40];
    uint32_t version_read; /* 0: did not exist. Checked and locked at intent, R2; another version: OC_R_STALE */
    uint32_t version_new;  /* [out] of a record that did not exist: higher than any that stood there before (version 3) */
    uint8_t remove;        /* 1: goes away when the transaction posts; no document then (version 3) */
    struct op_doc doc;
};
/** A message to a participant's system; enters the outbox in the commit that posts (version 3). */
struct op_message {
    char to[LEDGER_ID];      /* participant */
    char kind[32];           /* "confirm" and "reverse" are the ledger's own */
    char citizen[LEDGER_ID]; /* whose data it carries, or "" */
    struct op_doc doc;
};
/** What is asked of an institution after the intent is durable and before any card command (R12, version 3). */
struct op_hold_plan {
    char to[LEDGER_ID]; /* participant; "": the transaction has no hold */
    char kind[32];
    fen_t amount;
    struct op_doc doc, expect; /* what goes along; members that must come back equal */
};
/** What the card's slot of that application holds from the commit on that posts (version 3). Not reserved: of two transactions
 *  that wait the later outcome's stands. */
struct op_slot_plan {
    char app[16];      /* "transit"; "": the slot stays as it is */
    char category[24]; /* "": none any more */
    date_t from, to;   /* 0: open */
};
/** A citizen (version 4). */
struct op_concerned {
    char citizen[LEDGER_ID];
};
struct op_event_item {
    char kind[32];   /* "category_mismatch", "balance_mismatch", … */
    char text[160];  /* JSON object text or a sentence */
};

/** Limits, checked and counted in the intent's commit; 0 means no limit. */
struct op_limits {
    fen_t single_max;
    fen_t card_day_max;
    uint32_t card_day_count;
    fen_t terminal_day_max;
};

struct op_site {
    char name[64];
    uint8_t shard;
    int16_t city_offset_min;
    date_t first_day;
};
struct op_participant {
    char id[LEDGER_ID];
    char name[96];
    fen_t load_quota; /* 代充额度: how deep the load receivable may go */
    uint8_t closed;
};
struct op_terminal {
    char id[LEDGER_ID];
    char kind[12]; /* desk bus metro hall pos */
    char participant[LEDGER_ID];
    uint8_t sam[OC_SAM_LEN];
    char reader[128];
    char services[256]; /* comma separated; "payment.*", "*" */
    char gate[LEDGER_SERVICE]; /* service run once per arrival, or "" */
    char params[512]; /* JSON object of strings */
    uint8_t closed;
};
struct op_key {
    uint8_t purpose, alg, version; /* enums of crypto/custody.h */
    uint8_t issuer[OC_ISSUER_LEN]; /* all zero: any issuer */
    uint8_t kcv[3];
    uint8_t sealed[128];
    uint8_t sealed_len;
    uint8_t revoked;
};
struct op_card_add {
    int64_t card; /* [out] */
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    char number[24]; /* as printed on the card */
    char profile[32];
    uint8_t kind;  /* enum card_kind */
    uint8_t state; /* CARD_ISSUED or CARD_ACTIVE */
    uint8_t registered; /* 1: personalised elsewhere; 0: issued here */
    uint8_t fresh; /* 1: the serial was only counted up and must be free; 0: a torn issue of it is issued again */
    date_t valid_from, valid_to; /* 0: not known */
    char citizen[LEDGER_ID]; /* "" for none */
    fen_t ceiling, floor;
    fen_t opening;
    struct card_seen seen;
    char category[24];
    date_t category_to;
};
struct op_card_state {
    int64_t card;
    uint8_t to;
    char why[64];
    int64_t effective_ms; /* [in] when loss is borne by the issuer (R15); 0 where it does not apply */
};
struct op_slot {
    int64_t card;
    char app[16]; /* "transit" */
    char category[24];
    date_t from, to;
    uint8_t closed;
    struct op_record record; /* written with it, as an intent's; scope "": none (version 4) */
};
struct op_deny {
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    uint8_t action; /* 1 refuse, 2 lock */
    uint8_t remove;
    char why[64];
    int64_t epoch; /* [out] */
};
struct op_citizen {
    char id[LEDGER_ID];
    uint8_t sealed[512]; /* personal data, sealed */
    uint16_t sealed_len;
    uint8_t search[16];  /* keyed hash of the personal number; all zero: none */
};

/** The site's own authority for terminals' certificates (version 2). Replaced never: terminals know it. */
struct op_authority {
    uint8_t cert[1024]; /* DER */
    uint16_t cert_len;
    uint8_t sealed[512]; /* its private key, sealed */
    uint16_t sealed_len;
};
/** What happens to a terminal's identity (version 2).
 *   TOKEN    a one-time token may enrol it until token_until_ms; a later one replaces it; revocation ends with it
 *   PIN      enrolled: the token is used up (must be the one that waits, not expired), the key is pinned alone
 *   RENEW    next_pin is good as well as `pin`, which must be the pinned one
 *   CONFIRM  the renewed key was seen: it is pinned alone; `pin` must be the one that waits
 *   REVOKE   no key is good and no token waits
 *  A refusal names the reason OC_R_NOT_OPEN (revoked) or OC_R_PARAMETER (token or pin is not the one). */
enum terminal_key_action {
    TERMINAL_KEY_TOKEN = 1,
    TERMINAL_KEY_PIN = 2,
    TERMINAL_KEY_RENEW = 3,
    TERMINAL_KEY_CONFIRM = 4,
    TERMINAL_KEY_REVOKE = 5
};
struct op_terminal_key {
    char terminal[LEDGER_ID];
    uint8_t action; /* enum terminal_key_action */
    uint8_t token_hash[32];
    int64_t token_until_ms;
    uint8_t pin[32], next_pin[32]; /* SHA-256 of the key, as crypto/x509.h has it */
    int64_t not_after_ms;          /* of the certificate, 0: not known */
    char why[64];
};

/** When each step of a dialogue was reached, in microseconds since the request was received (version 2); 0: not, or not yet. */
enum step {
    STEP_ADMITTED,  /* a place at work was free */
    STEP_CARD,      /* the card was there, recognised and found in the ledger */
    STEP_GENUINE,   /* proven, doubts settled, in good standing */
    STEP_DECIDED,   /* the module's plan stood */
    STEP_INIT,      /* INITIALIZE answered; for plans without a card command as STEP_DECIDED */
    STEP_INTENT,    /* the intent was durable */
    STEP_SENT,      /* DEBIT or CREDIT was handed to the reader */
    STEP_ANSWERED,  /* its answer was there, or known to be lost */
    STEP_OUTCOME,   /* the outcome went to the ledger; its commit's end is in the histograms */
    STEP_COUNT
};
struct timeline {
    int64_t received_us; /* wall, microseconds since 1970 UTC; 0: no timeline */
    uint32_t at_us[STEP_COUNT];
};
/** "admitted", "card", …. Static. */
const char *step_name(enum step s);

/** How the card was presented (R21). */
enum presented { PRESENTED_NONE = 0, PRESENTED_CHIP = 1, PRESENTED_CODE = 2, PRESENTED_NUMBER = 3 };

#define REQUEST_NONE (-1)
struct op_intent {
    int64_t txn;      /* [out] */
    trace_t trace;
    char service[LEDGER_SERVICE];
    uint8_t plan_kind; /* enum oc_plan_kind: DEBIT, CREDIT, ACCOUNT or NOTE */
    uint8_t card_type; /* type in MACs: 02 load, 06 purchase, 09 CAPP; 0 account */
    int64_t card;      /* 0: none */
    char terminal[LEDGER_ID], participant[LEDGER_ID];
    uint8_t sam[OC_SAM_LEN];
    uint32_t terminal_seq; /* [out] allotted for DEBIT (R10) */
    int64_t request_no;    /* the terminal's own ascending number; 0: the writer allots [out]. A note may be REQUEST_NONE: beside a
                              request of the terminal's, taking none of its numbers; [out] 0 */
    uint8_t request_hash[16];
    date_t business_date; /* stamped at admission (R11) */
    date_t clearing_date; /* [out] for plans that post at once: ACCOUNT and NOTE without a hold */
    date_t card_day, terminal_day; /* [out] whose sums count this: the business date, or a later day already counted (R2) */
    uint8_t card_date[4], card_time[3]; /* host's, packed BCD */
    fen_t amount, gross;  /* what the chip moves; what the service costs in all (R14) */
    uint8_t reckoned;     /* [out] 1: `counted`, `concerned` and the day of records were reckoned; 0 in rows before version 4, which
                             count `amount` at the terminal and nothing on the card but what the chip moves */
    fen_t counted;        /* [out] what limits are about and the day's sums count (limits.c, version 4) */
    uint16_t counter;     /* online for CREDIT, offline for DEBIT, as INITIALIZE reported */
    uint8_t key_version, alg, random[4];
    uint32_t raw_balance; /* the balance as INITIALIZE's four bytes had it: the load's MAC1 and TAC are over them */
    struct card_seen seen;
    uint8_t capp_len, capp[LEDGER_CAPP];
    uint8_t capp_before_known; /* CAPP purchase of nothing: what the record was before is known, 1 none, 2 some … */
    uint8_t capp_before[8];    /* … with this beginning of its SHA-256 (R3) */
    uint8_t leg_count;
    struct leg legs[LEDGER_LEGS];
    uint8_t record_count;
    struct op_record records[LEDGER_RECORDS];
    uint8_t event_count;
    struct op_event_item events[LEDGER_EVENTS];
    int64_t link;      /* the transaction this one follows: refund of, retry of; 0 none */
    uint8_t refund;    /* 1: amount is taken from what is left of `link` (R6) */
    struct op_limits limits;
    char plan[LEDGER_PLAN];
    char reply[LEDGER_REPLY]; /* ACCOUNT plans: final reply */
    uint8_t presented;        /* enum presented (version 2) */
    struct timeline timeline; /* up to the intent (version 2) */
    uint8_t message_count;
    struct op_message messages[LEDGER_MESSAGES]; /* (version 3) */
    struct op_hold_plan hold;                    /* (version 3) */
    struct op_slot_plan slot;                    /* of `card` (version 3) */
    /* Whom it was asked for, the submitter's word: at most one. [out] and the owners of accounts and records that it touches and those
     * whom its messages are about (version 4). */
    uint8_t concerned_count;
    struct op_concerned concerned[LEDGER_CONCERNED];
};

/** Where a hold stands (R12). Edges: hold.c. */
enum hold_state {
    HOLD_ASKED = 1,       /* the intent is durable; the institution may or may not have heard of it */
    HOLD_HELD = 2,        /* it answered; its reference is kept */
    HOLD_REFUSED = 3,     /* it refused (final) */
    HOLD_UNKNOWN = 4,     /* it was sent, no answer came; or nobody ever acknowledged how it ends and a person dropped that */
    HOLD_CONFIRM_DUE = 5, /* POSTED; the outbox says so until it is acknowledged */
    HOLD_CONFIRMED = 6,   /* (final) */
    HOLD_REVERSE_DUE = 7, /* VOIDED; likewise 冲正 */
    HOLD_REVERSED = 8     /* (final) */
};
/** "asked", "held", …; NULL for a number not in the table. */
const char *hold_state_name(enum hold_state s);
/** OC_ESTATE: the hold is not ASKED, or there is none. (version 3) */
struct op_hold {
    int64_t txn;
    uint8_t to; /* HOLD_HELD, HOLD_REFUSED or HOLD_UNKNOWN */
    char reference[64]; /* the institution's own, with HELD */
    char note[128];
};

/** SENT and DROPPED messages leave the table, the journal keeps them. */
enum message_state { MESSAGE_DUE = 1, MESSAGE_SENT = 2, MESSAGE_DEAD = 3, MESSAGE_DROPPED = 4 };
/** "due", "sent", …; NULL for a number not in the table. */
const char *message_state_name(enum message_state s);
/** DUE -> SENT|DEAD|DROPPED, DEAD -> DUE|SENT|DROPPED. OC_ENOENT: it was sent or dropped already. Of a confirm or reverse message
 *  SENT moves the hold to CONFIRMED or REVERSED, DROPPED to UNKNOWN: nobody acknowledged it. (version 3) */
struct op_message_end {
    int64_t message;
    uint8_t to; /* enum message_state */
    uint32_t tries;
    char note[128];
    uint8_t anew; /* [out] 1: it is due since this row (version 4) */
};

enum { ERASE_PERSONAL = 1, ERASE_DOCUMENTS = 2 };
/** A citizen's personal data (`what` 1) or documents (2) are forgotten: with their key everything sealed under it, in tables,
 *  journal and outbox. Refused with OC_R_WRONG_STATE while something of that citizen is open, with OC_R_TOO_EARLY before the
 *  documents' due date. (version 3) */
struct op_erased {
    char citizen[LEDGER_ID];
    uint8_t what;
    date_t due; /* documents: not before this day, and nothing is erased yet; 0: now */
    char why[64];
};
/** (version 3) */
struct op_participant_key {
    char participant[LEDGER_ID];
    uint8_t key[32]; /* Ed25519, public; zeros: none any more */
    char why[64];
};

/** What became of an offline terminal's record (R16); docs/LEDGER.md has the table. */
enum offline_result {
    OFFLINE_POSTED = 1,       /* (final) */
    OFFLINE_DUPLICATE = 2,    /* of a posted record or of an online transaction (final) */
    OFFLINE_CONFLICTING = 3,  /* SAM sequence or counter belong to another posted transaction */
    OFFLINE_TAC_WRONG = 4,
    OFFLINE_GREY = 5,         /* no TAC: held until the chain of counters and balances proves it */
    OFFLINE_UNKNOWN_CARD = 6,
    OFFLINE_SAM_UNKNOWN = 7,  /* or revoked */
    OFFLINE_SAM_MISMATCH = 8, /* the SAM was in another terminal than the collector says */
    OFFLINE_AFTER_DENIAL = 9, /* posted, borne by the liability rule (final) */
    OFFLINE_TOO_LATE = 10,
    OFFLINE_IMPOSSIBLE = 11
};
/** "posted", "duplicate", …; NULL for a number not in the table. */
const char *offline_result_name(enum offline_result r);
/** Nothing is asked of it any more. */
bool offline_final(enum offline_result r);

#define OFFLINE_LEGS 4
/** A debit that a terminal made by its own SAM while the switch was not asked. (version 4)
 *  Every result is told with 0. OC_EINVAL: not a possible form. OC_EREFUSED: OC_R_BUSY (it is the transaction that is at work at this
 *  moment), OC_R_DOUBT_OPEN (it is the card's open doubt: its outcome ends that). */
struct op_offline {
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    uint8_t type;     /* in the TAC */
    uint16_t counter; /* before the transaction */
    uint8_t sam[OC_SAM_LEN];
    uint32_t sam_seq;
    fen_t amount;
    uint8_t has_balance; /* 1: the layout has the balance after it */
    fen_t balance;
    uint8_t card_date[4], card_time[3]; /* the terminal's, packed BCD */
    uint8_t tac[4], tac_verdict;        /* TAC_NONE: there is none */
    uint8_t key_version, alg;
    uint8_t moves;            /* 1: such a transaction moves the counter (R16) */
    char terminal[LEDGER_ID]; /* where the collector says it is from; "": not said */
    char bearer[LEDGER_ID];   /* who bears what the card's holder need not (R15) */
    date_t oldest;            /* business dates before this are too late; 0: none is */
    uint8_t result;           /* [out] enum offline_result, as all below */
    int64_t card;             /* 0: unknown */
    int64_t txn;              /* the transaction that it made, or that has it; 0: none */
    uint8_t posts;            /* 1: it makes `txn` */
    uint8_t awaited;          /* 1: the books awaited it */
    char at_terminal[LEDGER_ID], participant[LEDGER_ID]; /* by the SAM's history (R10) */
    date_t business_date, clearing_date;
    uint8_t leg_count;
    struct leg legs[OFFLINE_LEGS];
    uint8_t unchanged; /* not encoded: it stood there like this before, nothing was written */
};

/** A lost card's purse and pending load move to the pending load of the card that replaces it (R6, R15). (version 4)
 *  OC_EREFUSED: OC_R_ANONYMOUS, OC_R_NO_CITIZEN (not the same citizen's), OC_R_CARD_STATE, OC_R_TOO_EARLY, OC_R_DOUBT_OPEN,
 *  OC_R_CONFLICT (another card replaced it). Again: what became free meanwhile; nothing: txn is 0. */
struct op_replaced {
    int64_t from, to;
    int64_t wait_ms; /* after the loss took effect */
    char why[64];
    int64_t txn; /* [out] as all below; 0: nothing was free */
    fen_t purse, pending;
    date_t business_date, clearing_date;
};

enum evidence {
    EV_NONE = 0,
    EV_ANSWER = 1,        /* the command's own answer, TAC verified */
    EV_PROVE = 2,         /* GET TRANSACTION PROVE's TAC equals ours */
    EV_LOG = 3,           /* the card's log record with that counter is ours */
    EV_CAPP_RECORD = 4,   /* zero-amount CAPP: the record reads back (R3) */
    EV_COUNTER = 5,       /* the counter is still the intent's */
    EV_COUNTER_OTHER = 6, /* the counter was used by another transaction: the log shows whose */
    EV_CARD_REFUSED = 7,  /* the card refused the command: nothing moved */
    EV_NOT_SENT = 8,      /* the command never left */
    EV_CLEARING = 9,      /* a clearing record with that counter arrived */
    EV_MANUAL = 10        /* two people decided */
};
const char *evidence_name(enum evidence e);
enum tac_verdict { TAC_NONE = 0, TAC_OK = 1, TAC_WRONG = 2 };

struct op_outcome {
    int64_t txn;
    uint8_t to;      /* enum oc_txn_state */
    uint8_t reason;  /* enum oc_reason: why voided or in doubt */
    uint8_t evidence;
    uint8_t suspense; /* 1: the doubt stands in suspense, not in transit (R5) */
    uint16_t sw;
    uint8_t tac_verdict;
    uint8_t mac2[4], tac[4];
    struct card_seen seen;
    date_t clearing_date; /* [out] where it posts (R11) */
    char note[128];
    char reply[LEDGER_REPLY];
    uint8_t event_count;
    struct op_event_item events[LEDGER_EVENTS];
    struct timeline timeline; /* of the whole dialogue; none where another dialogue settles a doubt (version 2) */
};
struct op_refusal {
    int64_t txn; /* [out] */
    trace_t trace;
    char service[LEDGER_SERVICE];
    uint8_t reason;
    char detail[96];
    int64_t card; /* 0: not ours or not known */
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN]; /* zero: nothing read */
    char terminal[LEDGER_ID], participant[LEDGER_ID];
    int64_t request_no;
    uint8_t request_hash[16];
    date_t business_date;
    fen_t amount;
    struct card_seen seen;
    uint8_t presented;        /* enum presented (version 2) */
    struct timeline timeline; /* (version 2) */
};
struct op_seen {
    int64_t card;
    char terminal[LEDGER_ID];
    struct card_seen seen;
};
struct op_event {
    int64_t card;
    int64_t txn;
    char terminal[LEDGER_ID];
    struct op_event_item item;
};
struct op_day_close {
    date_t date; /* must be the open day */
    date_t next; /* [out] date + 1 */
};
struct op_settled {
    date_t date;
    uint8_t manifest_sha256[32];
};
struct op_restored {
    uint32_t jump;
    char from[64]; /* the backup's file name, for people */
    uint8_t behind;   /* 1: everything else that is counted jumps as well, and chips may be ahead (version 4) */
    date_t published; /* the last day whose files are known to be published, 0: none after what this ledger says (version 4) */
};

struct ledger_op {
    uint8_t type;      /* enum ledger_op_type */
    int64_t at_ms;     /* [out] max(clock, last) */
    char who[LEDGER_ID]; /* operator, "terminal:<id>", "onecardd" (R20) */
    uint8_t reason;    /* [out] enum oc_reason where the result is OC_EREFUSED; not encoded */
    char detail[96];   /* [out] what exactly, for people; not encoded */
    uint8_t old;       /* [out] version of the encoding that it was decoded from, where that is an earlier one; 0: this one's; not encoded */
    union {
        struct op_site site;
        struct op_participant participant;
        struct op_terminal terminal;
        struct op_key key;
        struct op_card_add card_add;
        struct op_card_state card_state;
        struct op_slot slot;
        struct op_deny deny;
        struct op_citizen citizen;
        struct op_intent intent;
        struct op_outcome outcome;
        struct op_refusal refusal;
        struct op_seen seen;
        struct op_event event;
        struct op_day_close day_close;
        struct op_settled settled;
        struct op_restored restored;
        struct op_authority authority;
        struct op_terminal_key terminal_key;
        struct op_hold hold;
        struct op_message_end message;
        struct op_erased erased;
        struct op_participant_key participant_key;
        struct op_offline offline;
        struct op_replaced replaced;
    };
};

/** Appends the canonical encoding of `op` (version byte first). Errors in b->err. */
void op_encode(const struct ledger_op *op, struct buf *b);
/** Reads an encoding back; every byte must be used. Documents point into `bytes`. OC_EPARSE, OC_ENOTSUP (version newer than this program). */
int op_decode(const void *bytes, size_t len, struct ledger_op *ret_op) MUST_USE;
/** "intent", "outcome", …; NULL for a number not in the table. */
const char *op_name(enum ledger_op_type t);

#endif
