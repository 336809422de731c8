/* One dialogue inside txn: what the files of this folder share. Lives in the flow's arena. */
#ifndef TXN_DIALOGUE_H
#define TXN_DIALOGUE_H

#include "txn/txn.h"

/** The journey record as it lay on the chip when this presentation read it. */
enum journey_known {
    JOURNEY_UNREAD,
    JOURNEY_NONE,    /* none was ever written, or this kind of card has none */
    JOURNEY_THERE,   /* values is set */
    JOURNEY_STRANGE, /* there is one that the profile's layout cannot read: another system's, or damaged */
};
struct journey {
    uint8_t known, len;
    uint8_t bytes[CAPP_RECORD_MAX];
    struct capp_values *values; /* where it is THERE */
};

/** The card command goes within this time of the intent, or of the institution's answer: a commit that stalled longer finds the card
 *  gone or the clerk too (R4). */
#define COMMAND_WITHIN_MS 10000

struct dialogue {
    struct txn_env *env;
    struct reader *reader; /* NULL: a terminal without one */
    struct txn_request *req;
    struct txn_result *res;
    struct terminal_row *term;
    struct service *service;
    struct card_session *session; /* open while the card is at work, else NULL */
    uint64_t arrival;             /* the presentation that is or was at work */
    struct card_row *card;        /* the ledger's row, once known */
    bool has_card;
    fen_t chip_balance;
    bool has_chip_balance;
    struct plan *plan;
    struct txn_row *row;    /* scratch: an earlier or open transaction, or the intent at work */
    struct ledger_op *op;   /* scratch: one operation at a time */
    struct op_hold_plan hold; /* of the transaction at work, its documents (in the plan's arena) as the ledger keeps them … */
    struct op_doc say, expect; /* … and as the module planned them */
    const char *citizen;       /* whom the decision was about; "": nobody known */
    char tell[LEDGER_MESSAGES][LEDGER_ID]; /* … whom its messages go to */
    unsigned tell_count;
    bool op_used;           /* it is not as it was allocated any more: zeros */
    date_t business_date;   /* stamped at admission, never changes (R11) */
    struct list live;       /* in env->live while its transaction runs */
    int64_t running;        /* that transaction */
    int64_t torn;           /* this dialogue's own open transaction whose card was torn out, 0 none */
    int64_t previous;       /* an attempt of this dialogue that was voided: the next one links to it */
    bool awaited;           /* a certain card must come back: issuer and serial in res */
    bool other;             /* what lies there now is another one */
    bool resumed;           /* `torn` is of an earlier request with the same number */
    int64_t same;           /* another dialogue's transaction took this request number meanwhile, 0 none */
    bool unsure;            /* whether the number is known could not be read */
    bool answer_only;       /* the card that came is not the one that was asked for: nothing begins */
    bool proven;            /* this presentation proved itself genuine */
    bool doubted;           /* this presentation was asked for evidence */
    bool initialized;       /* … got as far as INITIALIZE for what the plan wants */
    uint8_t presented;      /* enum presented */
    bool pin_verified;      /* the chip took the holder's PIN at this presentation */
    bool pin_written;       /* the chip took the new PIN at this presentation */
    struct journey *journey; /* NULL: not read at this presentation */
    int64_t link;           /* the transaction that the plan follows, 0 none */
    struct deny_row deny;   /* the card's place on the deny list … */
    bool denied;            /* … where it has one */
    fen_t due_balance;      /* the true balance where INITIALIZE shows none (overdrawn, see chip.c) */
    bool has_due_balance;
    struct buf *show; /* only show the plan here, execute nothing */
    int64_t started_ns; /* the request was received */
    int64_t wait_began_ns, waited_ns; /* for people, terminal and card */
    int64_t intent_ns, outcome_ns;    /* waits for those commits */
};

/* ---- txn.c ---- */
/** Notes a refusal; the row is written at the end of the dialogue. Returns OC_EREFUSED. */
int dialogue_refuse(struct dialogue *d, enum oc_reason reason, const char *fmt, ...) PRINTF_FN(3, 4);
/** A cleared scratch operation of that type, `who` filled. */
struct ledger_op *dialogue_op(struct dialogue *d, enum ledger_op_type type);
/** Submits the scratch operation; counts the time. Errors of ledger_co_submit. */
int dialogue_co_submit(struct dialogue *d) MUST_USE CO_FN;
/** Notes what a card command's failure means where nothing can have moved: CARD_REMOVED, CARD_MUTE, CARD_ERROR …
 *  `what` names the command for people. Returns OC_EREFUSED, or OC_ECANCELED as it came. */
int dialogue_card_failed(struct dialogue *d, int rc, const char *what);
/** Notes what an operation's failure means: the ledger's reason, or STORE. Returns OC_EREFUSED. */
int dialogue_ledger_failed(struct dialogue *d, int rc);
/** Adds a settled doubt to the result. */
void dialogue_settled(struct dialogue *d, const struct txn_row *row, uint8_t state, uint8_t evidence);

/** Another phase; whoever wants to know is told. */
void dialogue_phase(struct dialogue *d, enum txn_phase phase);
/** Is that transaction at work in another dialogue of this process? */
bool dialogue_runs_elsewhere(const struct dialogue *d, int64_t txn);

/* ---- hold.c ---- */
struct hold_answer {
    uint8_t to;            /* enum hold_state: HELD, REFUSED or UNKNOWN */
    enum oc_reason reason; /* OC_R_NONE: it stands, as expected; else why the transaction ends here */
    char reference[64];
    char note[128];
};
/** What an institution's answer to a hold means. */
void hold_read_answer(const struct op_hold_plan *h, int status, const char *text, size_t len, struct hold_answer *ret);
/** Is there a route for it? Refuses where not: before the intent. */
int hold_check(struct dialogue *d, const struct op_hold_plan *h) MUST_USE;
/** After the intent: 0, there is no hold to ask for, or it stands durably. OC_EREFUSED: the transaction has ended, as the result
 *  says; nothing may go to the card. */
int hold_co_ask(struct dialogue *d, int64_t txn) MUST_USE CO_FN;
/** Plans without a card command: asks, then posts. 0 whatever became of it: the result says. */
int hold_co_execute(struct dialogue *d, const struct op_intent *in) MUST_USE CO_FN;

/** The transaction at work has ended: the outbox looks for what it left. */
void hold_tell_outbox(const struct dialogue *d);

/* ---- deliver.c ---- */
void outbox_fini(struct txn_env *env);

/* ---- recover.c ---- */
/** Is this a row without a card command that nobody works on any more? */
bool recover_may_void(const struct txn_env *env, const struct txn_row *row);
/** Ends it. Errors of ledger_co_submit. */
int recover_co_void(struct txn_env *env, const struct txn_row *row) MUST_USE CO_FN;

/* ---- vault_doc.c: citizens' documents, sealed in the ledger ---- */
/** Seals what d->plan writes for citizens, in place. 0, OC_EREFUSED (noted), OC_ECANCELED. */
int vault_doc_co_seal_plan(struct dialogue *d) MUST_USE CO_FN;
/** Seals one record's document in place where its owner is a citizen. OC_ENOTSUP: no vault; OC_ESTATE: erased; OC_ELIMIT. */
int vault_doc_co_seal(const struct txn_env *env, const char *scope, const char *owner, const char *key, struct arena *a,
                      struct fact_text *doc) MUST_USE CO_FN;
/** A record's document as its module wrote it. OC_ESEAL, OC_ESTATE: erased. */
int vault_doc_co_open(const struct txn_env *env, const char *scope, const char *owner, const char *key, struct bytes text,
                      struct arena *a, struct fact_text *ret) MUST_USE CO_FN;
/** The same of a message. */
int vault_doc_co_message(const struct txn_env *env, const struct message_row *row, struct arena *a, const char **ret_text,
                         size_t *ret_len) MUST_USE CO_FN;

/* ---- facts.c: what modules may ask while they decide; `arg` is the dialogue ---- */
extern const struct decide_facts txn_facts;

/* ---- timing.c ---- */
/** The request's clock begins. */
void timing_begin(struct dialogue *d);
/** The step was reached now. A dialogue that only waits for its torn card marks nothing but outcomes. */
void timing_mark(struct dialogue *d, enum step step);
/** Another attempt: what it will reach was not reached yet. */
void timing_again(struct dialogue *d);
/** A wait for people, terminal or card begins; it ends, of the card's time where `card`. */
void timing_wait(struct dialogue *d);
void timing_waited(struct dialogue *d, bool card);
/** The same around a card command; gives its result back. */
#define AT_CARD(d, call) (timing_wait(d), timing_card((d), (call)))
int timing_card(struct dialogue *d, int rc);
/** The result's times, and the service's histograms and counters. */
void timing_end(struct dialogue *d);
void timing_fini(struct txn_env *env);

/* ---- resume.c: a request number that was here before ---- */
/** d->row is of this request number. 1: the result is its answer; 0: its doubt is this dialogue's now, go on; OC_EREFUSED: another
 *  content, noted; OC_ECANCELED while it ran elsewhere. */
int resume_co_known(struct dialogue *d) MUST_USE CO_FN;
/** Another dialogue with this number was faster (d->same): its end is the answer. */
void resume_co_same(struct dialogue *d) CO_FN;
/** What became of this number is not known: refused might be a lie. */
void resume_later(struct dialogue *d, const char *why);

/* ---- number.c: a card presented by number or code (R21) ---- */
/** Is it? Then no chip is asked. */
bool number_presented(const struct dialogue *d);
/** Finds the card in the ledger and looks at its standing. 0, OC_EREFUSED, OC_ECANCELED. */
int number_co_present(struct dialogue *d) MUST_USE CO_FN;

/* ---- intent.c: the last moment before something moves ---- */
/** Fills what every intent carries: service, terminal, SAM, dates, legs, records, limits, plan text. */
int intent_fill(struct dialogue *d, struct op_intent *in, uint8_t card_type) MUST_USE;
/** The same for a note of our own in `service`'s name (its first record is filled already), which takes none of the terminal's numbers. */
int intent_fill_note(struct dialogue *d, struct op_intent *in, const char *service) MUST_USE;
/** Makes d->op's intent durable. Until it calls the ledger the dialogue can be cancelled; from then on the flow is
 *  shielded and the transaction live until intent_end(). *ret: the intent with what the ledger allotted, without legs,
 *  records, events and the plan's text, in d->row until that is used again.
 *  0; OC_EREFUSED (noted; no shield), OC_ECANCELED. */
int intent_co_write(struct dialogue *d, struct op_intent **ret) MUST_USE CO_FN;
/** The outcome is written: notes what is still in doubt, lets the flow be cancelled again. */
void intent_end(struct dialogue *d);

/** Done, and nothing is to be said but that. */
void dialogue_posted(struct dialogue *d);

/* ---- present.c: what happens while a card is there ---- */
/** Waits for the card, lets it do what was asked, waits for it again when it is torn out. Result in d->res; 0,
 *  OC_EREFUSED (noted), OC_ECANCELED. */
int present_co_answer(struct dialogue *d) MUST_USE CO_FN;
/** Decides and executes the plan by its kind; also for services without a card. Decided on records that another transaction has
 *  changed meanwhile, it is decided anew, a few times. */
int present_co_decide(struct dialogue *d) MUST_USE CO_FN;

/* ---- chip.c: what the chip holds ---- */
/** To be asked before INITIALIZE: cards whose INITIALIZE shows 0 when overdrawn tell the truth here. 0, OC_EREFUSED, … */
int chip_co_before(struct dialogue *d) MUST_USE CO_FN;
/** Notes the balance from INITIALIZE's answer; returns the four bytes that the TAC of a load continues from. */
uint32_t chip_balance(struct dialogue *d, fen_t raw);
/** The view of the chip for the ledger: balance and one counter, marked where the card proved itself. */
struct card_seen chip_seen(const struct dialogue *d, unsigned counter_bit, uint16_t counter);
/** Reads the journey record as it lies on the card: *ret_known 1 none yet, 2 and the hash's beginning, 0 unreadable. */
int chip_co_record(struct dialogue *d, uint8_t *ret, size_t *ret_len, uint8_t *ret_known, uint8_t ret_hash[8]) MUST_USE CO_FN;

/** Reads the journey record by the profile's layout into d->journey, once a presentation; nothing is asked of a card whose profile
 *  has none. 0; OC_EREFUSED (noted): the card failed; OC_ECANCELED. */
int chip_co_journey(struct dialogue *d) MUST_USE CO_FN;
/** A value of it by its field name, or NULL. Lives as long as the dialogue. */
const char *chip_journey_text(const struct dialogue *d, const char *field);
/** Has the chip verify the holder's PIN from the request, once a presentation; the digits are wiped as soon as they may have left.
 *  Everything that is read from the chip is better read before: what comes along with a card ends here. 0: d->pin_verified;
 *  OC_EREFUSED (noted: PIN_WRONG with the tries left, PIN_BLOCKED, …); OC_ECANCELED. */
int chip_co_pin(struct dialogue *d) MUST_USE CO_FN;

/** What a VERIFY or CHANGE PIN that failed means: notes it with the tries that are left, records that the PIN is blocked. `what`
 *  names the command. Returns OC_EREFUSED, or OC_ECANCELED as it came. */
int chip_pin_co_refused(struct dialogue *d, int rc, unsigned left, const char *what) CO_FN;

/* ---- chip_pin.c: the PIN, changed or unblocked ---- */
/** Has the chip do what the plan wants of the PIN, once a presentation, and adds to the plan that it was done. 0, also where it wants
 *  nothing; OC_EREFUSED (noted); OC_ECANCELED. */
int chip_pin_co_execute(struct dialogue *d) MUST_USE CO_FN;
/** No tries are left: a record and an event say so. */
void chip_pin_co_blocked(struct dialogue *d) CO_FN;

/* ---- chip_slot.c: what applications on the card say of their holder ---- */
#define SLOT_TRANSIT "transit" /* the ledger keeps it for every card, whatever its profile names */
/** The slot that the plan changes is one that cards of this profile have. 0 or OC_EREFUSED (noted). */
int chip_slot_named(struct dialogue *d) MUST_USE;
/** Adds to a plan that changes a slot that the chip is due; nothing where the chip has no place for it. 0, OC_EREFUSED (noted). */
int chip_slot_co_mark(struct dialogue *d) MUST_USE CO_FN;
/** At a desk, after the request is answered: what is due is written to the chip that lies there, a difference is reported; the
 *  reply gets the member chip_<slot>. The answer itself stays as it is. */
void chip_slot_co_follow(struct dialogue *d) CO_FN;

/* ---- auth.c ---- */
/** Opens the session, identifies the card, finds it in the ledger, proves it genuine (R9). 0, OC_EREFUSED, OC_ECANCELED. */
int auth_co_identify(struct dialogue *d) MUST_USE CO_FN;
/** The card's row and its place on the deny list, in one look. 0, OC_ENOENT (the deny list was looked at), errors of reads. */
int auth_co_look(struct dialogue *d) MUST_USE CO_FN;
/** Standing: states, deny list, application flag, dates. After doubts were settled (R15), on what was looked up last: who is put on
 *  the list after that is refused by the intent. 0 or OC_EREFUSED. */
int auth_co_standing(struct dialogue *d) MUST_USE CO_FN;
/** What the row alone says: state, dates; `from` and `to` narrow them (0: they do not). 0 or OC_EREFUSED. */
int auth_row_standing(struct dialogue *d, date_t from, date_t to);
/** Names the card to the custody for one purpose: the version INITIALIZE reported where there is such a key, else the
 *  only one of that purpose. OC_ENOKEY. */
int auth_key(struct dialogue *d, enum key_purpose purpose, uint8_t version, uint8_t alg, struct custody_card *ret) MUST_USE;
/** The same of any card, present or not. */
int auth_key_of(struct custody *custody, const struct card_profile *p, const struct card_identity *id, enum key_purpose purpose,
                uint8_t version, uint8_t alg, struct custody_card *ret) MUST_USE;

/* ---- purchase.c, load.c, account.c: each executes d->plan ---- */
int purchase_co_execute(struct dialogue *d) MUST_USE CO_FN;
int load_co_execute(struct dialogue *d) MUST_USE CO_FN;
int account_co_execute(struct dialogue *d) MUST_USE CO_FN;

/* ---- outcome.c: the end of a transaction whose intent is durable ---- */
/** The scratch outcome operation for `txn`, state and evidence set. */
struct op_outcome *outcome_begin(struct dialogue *d, int64_t txn, enum oc_txn_state to, enum evidence ev);
/** Writes it, patiently: a store that is away for a moment is asked again. The result of the dialogue follows. */
int outcome_co_write(struct dialogue *d) MUST_USE CO_FN;
/** VOIDED: the command never left. */
int outcome_co_not_sent(struct dialogue *d, int64_t txn, enum oc_reason why, const char *note) MUST_USE CO_FN;
/** VOIDED: the card, or the wire to its terminal, had gone before the command ("debit") left. */
int outcome_co_away(struct dialogue *d, int64_t txn, const char *what) MUST_USE CO_FN;
/** VOIDED: the card refused the command with a status word that proves that nothing moved (R5). `what` names it. */
int outcome_co_card_refused(struct dialogue *d, int64_t txn, const char *what) MUST_USE CO_FN;
/** IN_DOUBT because no answer came. */
int outcome_co_lost(struct dialogue *d, int64_t txn) MUST_USE CO_FN;
/** IN_DOUBT in suspense: the card answered 9000 with a proof that is wrong (R5). mac2 NULL for loads. */
int outcome_co_wrong_proof(struct dialogue *d, int64_t txn, const uint8_t *mac2, const uint8_t *tac) MUST_USE CO_FN;
/** The same for an earlier transaction's doubt: the result of this dialogue is not touched. */
int outcome_co_write_doubt(struct dialogue *d) MUST_USE CO_FN;

/* ---- doubt.c ---- */
/** Settles the card's open transaction by evidence (R3): needs a selected session. *ret_state: POSTED, VOIDED, or IN_DOUBT
 *  where the evidence does not suffice. OC_EREFUSED: the card failed meanwhile (noted), OC_ECANCELED. */
int doubt_co_settle(struct dialogue *d, int64_t txn, enum oc_txn_state *ret_state) MUST_USE CO_FN;

/** R5: asks the card for its proof at once and keeps what it says with the doubt, which stays. */
void doubt_co_ask_proof(struct dialogue *d, const struct op_intent *in) CO_FN;

/* ---- decide.c ---- */
/** Shows the module the facts its service needs and takes its plan: d->plan. 0, OC_EREFUSED (noted), OC_ECANCELED. */
int decide_co_plan(struct dialogue *d) MUST_USE CO_FN;

/* ---- proof.c: MACs and TACs from a durable row, pure but for the custody ---- */
/** The purchase as its row says it. */
void proof_purchase(const struct op_intent *in, struct pboc_purchase *ret);
/** The load as its row says it; raw balances as they stand on the card. */
void proof_load(const struct dialogue *d, const struct op_intent *in, struct pboc_load *ret);
/** Is this the TAC of the row's transaction? 0 yes, OC_EMAC no, OC_ENOKEY, … */
int proof_tac(struct dialogue *d, const struct op_intent *in, const uint8_t tac[4]) MUST_USE;
/** Is this the MAC2 of the row's purchase? */
int proof_mac2(struct dialogue *d, const struct op_intent *in, const uint8_t mac2[4]) MUST_USE;
/** Does a proof (two halves in unknown order, by profile) prove the row? Fills tac on success. 0, OC_EMAC, … */
int proof_prove(struct dialogue *d, const struct op_intent *in, const struct prove_answer *p, uint8_t ret_tac[4]) MUST_USE;
/** Is this log record the row's transaction? */
bool proof_log_is_ours(const struct op_intent *in, const struct ep_log *log);

#endif
