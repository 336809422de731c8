/* The public face of txn: one request at one terminal becomes one outcome. The only place where card, ledger and module meet.
 *
 *   txn_co_run ─ wait for the card ─ auth.c who is it, is it genuine, may it ─ doubt.c settle what is open (R3)
 *              ─ module decides a plan ─ purchase.c | load.c | account.c execute it ─ outcome
 *   a number or a code in place of a chip (R21): number.c ─ module decides ─ account.c
 *   a request number that was here before: resume.c ─ the first answer again, or its doubt goes on with the card
 *
 * What is in the row at each step of a purchase or load, and what each failure leaves behind:
 *
 *   step                        row           card gone / refused            answer lost            store fails
 *   select, identify, decide    none          refused, recorded              refused, recorded      refused, store_unavailable
 *   INITIALIZE                  none          refused, recorded              refused (nothing moves) —
 *   intent commit (R2)          INTENDED      —                              —                      refused: nothing was sent
 *   MAC computed, cache filled  INTENDED      VOIDED, not sent               VOIDED, not sent       —
 *   DEBIT / CREDIT              INTENDED      VOIDED: card refused our MAC   IN_DOUBT answer_lost   —
 *   9000, MAC2 and TAC right    POSTED                                                              INTENDED: doubt, settled by
 *   9000, a proof is wrong      IN_DOUBT wrong_proof, in suspense (R5), PROVE asked at once           PROVE at the next tap
 *   other status word           IN_DOUBT unless the word says that nothing was done
 *   restart of the switch       INTENDED -> IN_DOUBT (R4), recover.c
 *
 * Where the reader is at the other end of a wire, MAC1, the journey record and DEBIT travel as one list. Then also:
 *
 *   wire gone before the intent                        none         refused, reader_unavailable, recorded without its number:
 *                                                                   asked again, it is run
 *   wire gone before the list left                     VOIDED       not sent
 *   the terminal says NOT_SENT (too late, no card)     VOIDED       not sent
 *   the cache record refused, DEBIT not sent           VOIDED       not sent
 *   list lost: the wire went while it was on its way   IN_DOUBT     answer_lost; nothing is waited for: the wire is gone
 *   the answer comes after the wire was given up       IN_DOUBT     it is dropped; the card tells at its next tap
 *   the same request again, that card on the reader    by evidence (R3): POSTED, or VOIDED and a new attempt, linked
 *   the same request again, another card               IN_DOUBT     put that card back (R8)
 *   the same request again, no card                    IN_DOUBT     the first answer again
 *   the same request again while it runs               its end; after 5 seconds IN_DOUBT, busy
 *   the same request again, for a card that has gone   what is known; a doubt may end by evidence; no new attempt
 *
 * Between the intent and the outcome the flow is shielded: nobody can cancel it. A transaction that runs here is in
 * env->live until its outcome is durable, so that a second card with the same number cannot settle it meanwhile. */
#ifndef TXN_TXN_H
#define TXN_TXN_H

#include "base/base.h"
#include "card/card.h"
#include "crypto/crypto.h"
#include "flow/flow.h"
#include "ledger/ledger.h"
#include "module/module.h"
#include "upstream/upstream.h"

/** Limits and ceilings of a site; configuration. 0: no limit. */
struct txn_policy {
    fen_t single_max, card_day_max, terminal_day_max;
    uint32_t card_day_count;
    fen_t ceiling_anonymous, ceiling_named; /* R20: 1,000 and 5,000 yuan */
    int64_t command_ms;                     /* a card command's deadline */
    char loss_bearer[LEDGER_ID]; /* who bears what a lost card's holder need not (R15) */
    uint32_t offline_days;       /* records of offline terminals older than this are too late; 0: none is (R16) */
    int64_t replacement_ms;      /* from when a loss took effect until the purse may move to a new card */
};

enum { VAULT_PERSON = 1, VAULT_DOCUMENTS = 2 };

/** What transactions need; one a daemon, made at start. Loop thread only. */
struct txn_env {
    struct loop *loop;
    struct ledger *ledger;
    struct modules *modules;
    struct profile_set *profiles;
    struct custody *custody;
    struct crypto *crypto;
    const struct rng *rng;
    const struct clock *clock;
    struct metrics *metrics;
    int city_offset_min;
    struct txn_policy policy;
    struct upstream *upstream; /* routes to institutions; NULL: none */
    /** Seals and opens what belongs to a citizen, under a key of that citizen's own, bound to `place`. `what` is one of VAULT_….
     *  Append to `ret`. OC_ESTATE: the key was erased, OC_ESEAL: damaged or of another place; errors of ledger reads. Suspend.
     *  NULL: there is no vault, and nothing of citizens is kept or shown. */
    int (*co_seal)(void *vault, const char *citizen, uint8_t what, struct bytes place, struct bytes plain, struct buf *ret);
    int (*co_unseal)(void *vault, const char *citizen, uint8_t what, struct bytes place, struct bytes blob, struct buf *ret);
    void *vault;
    /** Asked before a request goes on whose date is after the open clearing day's: closes that day where it is due. Suspends.
     *  An error: it could not, and the request is refused for now. NULL: days close by themselves. */
    int (*co_new_day)(void *night);
    void *night;
    /* txn's own */
    struct list live;        /* dialogues between intent and outcome */
    struct flow_cond ended;  /* one of them has left it */
    struct txn_meter *meters; /* one a service, made when first used */
    struct outbox *outbox;    /* NULL: not started */
};
/** Prepares the parts that belong to txn. */
void txn_env_init(struct txn_env *env);
/** Nobody may be at work (checked). */
void txn_env_fini(struct txn_env *env);

#define TXN_PARAMS 16
struct txn_param {
    char name[32], value[128];
};
/** Where a request stands, for lists and for those who wait. */
enum txn_phase {
    TXN_PHASE_NEW,
    TXN_PHASE_WAIT_CARD,   /* waits for a card */
    TXN_PHASE_CARD,        /* reads, authenticates, decides: may still be cancelled */
    TXN_PHASE_COMMITTED,   /* the intent is or may be durable: too late to cancel */
    TXN_PHASE_WAIT_RETURN, /* the card was torn out: waits for it to come back */
    TXN_PHASE_DONE
};
const char *txn_phase_name(enum txn_phase p);

struct txn_request {
    char service[LEDGER_SERVICE]; /* full name, or a short one that only one module has */
    char terminal[LEDGER_ID];
    fen_t amount; /* 0: none given */
    struct txn_param params[TXN_PARAMS];
    unsigned param_count;
    int64_t request_no; /* the terminal's own ascending number; 0: the ledger allots */
    uint8_t request_hash[16]; /* txn_request_hash */
    char who[LEDGER_ID];
    trace_t trace;
    int64_t wait_ms;  /* for a card to come */
    int64_t retap_ms; /* for a torn card to come back; 0: not at all */
    bool gate;        /* once per arrival; a doubt from this gate is finished, not charged again (R8) */
    uint64_t arrival; /* gate: [in] the arrival this is for; a desk takes the card that lies there. [out] the last one served:
                         a torn card that came back is an arrival that has been dealt with */
    uint64_t only_arrival; /* a desk's: this card or none, 0: any. Where another one lies there, a known request is answered
                              and its doubt may end, but nothing begins */
    enum txn_phase phase; /* [out] while it runs */
    /* Called whenever `phase` has changed; must not suspend. NULL: nobody is told. */
    void (*told)(struct txn_request *req, void *arg);
    void *told_arg;
    uint8_t presented;        /* enum presented: 0 is a chip where the service needs a card */
    char presented_text[128]; /* the number as printed, or the code "oc1:" and that number (R21). Neither proves anything:
                                 a code that does (signed, dynamic) is another service's business */
    int64_t received_ns;    /* monotonic, when the request came in; 0: when txn_co_run was called */
    const char *document; /* JSON object text sent along, document_len bytes; NULL: none. The caller's, as long as the request */
    size_t document_len;
    char citizen[LEDGER_ID]; /* whom an institution means; "" : the card's holder, or nobody */
    bool institution;     /* a participant's own system asks, through its own door */
    uint8_t strength;     /* enum onecard_strength: what the caller checked of a code; 0: nothing */
    uint8_t pin[12];      /* digits as typed, pin_len of them; wiped when it was used. Never in the hash, the log or a row */
    uint8_t pin_len;
    uint8_t new_pin[12], new_pin_len; /* of services that change or unblock the PIN; likewise */
    struct script_book *scripts; /* learns what cards are asked here; NULL: nothing is learned */
};

#define TXN_SETTLED 4
struct txn_settled { /* doubts of this card that were settled on the way */
    int64_t txn;
    uint8_t state; /* enum oc_txn_state */
    uint8_t evidence;
    fen_t amount;
};
struct txn_result {
    enum oc_outcome outcome;
    enum oc_reason reason;
    char detail[128]; /* what exactly, for people */
    int64_t txn;      /* 0: no row */
    char service[LEDGER_SERVICE];
    char terminal[LEDGER_ID];
    char card[CARD_NUMBER_TEXT]; /* number as printed; "" when none was read */
    int64_t card_id;
    uint8_t issuer[OC_ISSUER_LEN], serial[OC_SERIAL_LEN];
    fen_t amount, gross;
    bool has_balance;
    fen_t balance; /* the chip's, as far as known */
    date_t business_date;
    int64_t at_ms;
    struct txn_settled settled[TXN_SETTLED];
    unsigned settled_count;
    char pin[13];       /* of an issue: the PIN that was drawn for the card, to be told once and wiped; "": none */
    bool has_pin_left;  /* the chip said how many tries the PIN has left */
    uint8_t pin_left;
    char reply[PLAN_REPLY]; /* JSON object text of the module's reply, "" for none */
    bool replayed;          /* the first answer of this request number again; not where its doubt was gone on with */
    int64_t decide_ns, card_ns, ledger_ns; /* the module; card commands; commits */
    int64_t total_ns;       /* since the request was received */
    int64_t own_ns;         /* total_ns less the waits for people, terminal and card */
    struct timeline timeline;
};

/** Hash of what makes two requests the same: service, terminal, amount, parameters in order, presentation, citizen, document. Never
 *  the PIN: whoever reads a ledger could try the few PINs there are. */
int txn_request_hash(struct crypto *x, const struct txn_request *r, uint8_t ret[16]) MUST_USE;

/** Would this request be answered with a card on the reader, where there is one? The service cannot do without, or nothing else
 *  says whom it concerns. */
bool txn_wants_card(const struct service *s, const struct txn_request *req);

/** Runs one request to its end and fills `ret` whatever happens; 0, or OC_ECANCELED when it was cancelled before anything
 *  moved (ret says so too). `reader` NULL: a terminal without a reader; services that need a card are refused.
 *  A request number that is known is answered as the first time; where that one is in doubt, needs a card and there is a
 *  reader, it waits for that card (wait_ms) and settles. One that runs now is waited for: 5 seconds, then IN_DOUBT, busy.
 *  IN_DOUBT, busy is also what is said where nobody could look whether the number is known: ask again. Whoever was cancelled
 *  gets the known answer all the same.
 *  Suspends. Both structs belong to the caller and must live in heap or arena. */
int txn_co_run(struct txn_env *env, struct reader *reader, struct txn_request *req, struct txn_result *ret) MUST_USE CO_FN;

/** What `plan` would do, without doing it: JSON text of the module's plan into `out`. The card is read, nothing moves. */
int txn_co_plan(struct txn_env *env, struct reader *reader, struct txn_request *req, struct txn_result *ret,
                struct buf *out) MUST_USE CO_FN;

/** After a restart (R4): each INTENDED row whose command may have left becomes IN_DOUBT, others are VOIDED and their holds reversed
 *  (R12). Gives how many. Suspends. */
int txn_co_recover(struct txn_env *env, unsigned *ret_count) MUST_USE CO_FN;
/** While it runs: ends rows without a card command whose outcome the store did not take, minutes ago. Suspends. */
int txn_co_sweep(struct txn_env *env, unsigned *ret_count) MUST_USE CO_FN;

/** Begins to deliver what the outbox holds, to those that have a route; ends with the loop. Once, when env->upstream is set; without
 *  it does nothing. OC_ENOMEM, OC_ELIMIT. */
int txn_outbox_start(struct txn_env *env) MUST_USE;
/** The routes of env->upstream changed: those that are new get their messages, too. Before txn_outbox_start it does nothing. OC_ENOMEM, OC_ELIMIT. */
int txn_outbox_routes(struct txn_env *env) MUST_USE;
/** Is a dialogue at work on that transaction, or waits for its card to come back? Never suspends. */
bool txn_at_work(const struct txn_env *env, int64_t txn);
/** There is something new for that participant (NULL: for whoever). Never suspends. */
void txn_outbox_kick(struct txn_env *env, const char *to);
/** The same, and what waits for its next try goes at once, as if for the first time. */
void txn_outbox_retry(struct txn_env *env, const char *to);
/** What is due for institutions without a route since `age_ms` or longer is dead from now on; *ret_dead: how many (set also where it
 *  fails on the way). Errors of ledger reads and ledger_co_submit; OC_ELIMIT, OC_ENOMEM, OC_ECANCELED. Suspends. */
int txn_co_outbox_expire(struct txn_env *env, int64_t age_ms, unsigned *ret_dead) MUST_USE CO_FN;
/** A message's document as its receiver gets it: unsealed where it is somebody's. *ret_text lives as long as `a`. OC_ESEAL, OC_ESTATE:
 *  its citizen's key is erased, OC_ENOMEM; errors of ledger reads. Suspends. */
int txn_co_message_document(struct txn_env *env, const struct message_row *row, struct arena *a, const char **ret_text,
                            size_t *ret_len) MUST_USE CO_FN;

/** A record of an offline terminal, as the terminal's file has it (R16). */
struct txn_offline {
    struct ledger_op *op; /* LOP_OFFLINE, heap or arena: identity, amount, balance, date, time, TAC (zeros: none), key version and
                             algorithm, terminal, `who`. The rest is filled in here. The counter as the card's layout has it */
    bool again;           /* it comes from the ledger's own row: the counter is the one before the transaction already */
    bool late;            /* an operator takes it although it is too late */
};
/** Recomputes the TAC, in constant time, and lets the ledger decide: op->offline.result and op->detail. A record that is the card's
 *  open doubt ends it (R3): `result` is then OFFLINE_POSTED and `txn` that transaction. One that shows another transaction under an open
 *  doubt's counter ends that as VOIDED.
 *  OC_EREFUSED with op->reason and op->detail, nothing was kept: no key, no such transaction type for this kind of card, the
 *  transaction is at work now. OC_EINVAL; errors of the ledger. Suspends. */
int txn_co_offline(struct txn_env *env, const struct txn_offline *what) MUST_USE CO_FN;
/** Asks held records anew: those of `card`, 0: all. `ret_counts` [OFFLINE_IMPOSSIBLE + 1]: how many came to each result now. A
 *  record that cannot be asked stays as it is. Errors of ledger reads. Suspends. */
int txn_co_offline_again(struct txn_env *env, int64_t card, const char *who, unsigned *ret_counts) MUST_USE CO_FN;

/** Fills a result from a durable row (replayed requests, API). */
void txn_result_from_row(const struct txn_row *row, struct txn_result *ret);

/* ---- the switch's own records about a card: scope TXN_CARD_SCOPE, owner "card:ID" ----
 *   "slot.APP"  what became of the chip's slot: {state, category, from, until, refusals, at_ms, seen, why}; state: due, written,
 *               refused, differs
 *   "pin"       the holder's PIN on the chip: {state, at_ms, why}; state: given, changed, unblocked, blocked */
#define TXN_CARD_SCOPE "onecard" /* no module is called so */
/** The record that says that the chip is due to follow `slot`, to be committed with it; *ret without a scope where cards of that
 *  profile have no place for it. Its document lies in the flow's arena. Errors of ledger reads, OC_ENOMEM. */
int txn_co_slot_due(struct txn_env *env, const struct card_row *card, const struct op_slot *slot, struct op_record *ret)
    MUST_USE CO_FN;

/** Issues a card: personalises the blank card on the reader and registers it. */
struct txn_issue {
    char terminal[LEDGER_ID], profile[32], who[LEDGER_ID];
    uint8_t issuer[OC_ISSUER_LEN]; /* of the site */
    uint8_t serial[OC_SERIAL_LEN]; /* all zero: the next free one */
    uint8_t kind;                  /* enum card_kind */
    char citizen[LEDGER_ID], category[24];
    date_t category_to;
    date_t valid_from, valid_to; /* 0: today, and the profile's years */
    bool activate;
    char holder_name[41], holder_id[33]; /* for file 0016; wiped after use by the caller */
    uint8_t pin[12], pin_len; /* the holder's first PIN as digits; 0: drawn, and told in the result. Likewise */
    int64_t wait_ms;
};
int txn_co_issue(struct txn_env *env, struct reader *reader, const struct txn_issue *what, struct txn_result *ret)
    MUST_USE CO_FN;

#endif
