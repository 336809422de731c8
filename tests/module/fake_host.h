/* A host for tests of modules: the whole of <onecard/module.h> without the switch, so that a
 * module's decisions are tested as what they are, functions from a request to a plan. It needs
 * libc, jansson and libyaml only: a module that is built elsewhere may take fake_*.[ch] along. Not
 * for threads.
 *
 * What a test puts in (accounts, citizens, answers of institutions …) is what the co_ functions
 * give; what decide() left is in `plan`; fake_commit() applies it, so that the next request of the
 * same store sees its records, balances and transaction. Memory lives until fake_reset(). */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <onecard/module.h>

#define FAKE_PAIRS 24
#define FAKE_CALLS 16

struct fake_store; /* records, accounts and transactions, which several requests may share */

struct fake_pair {
    const char *name, *value; /* ends with a NULL name */
};
struct fake_leg {
    int account;
    char owner[32];
    fen_t amount;
};
struct fake_record {
    char scope[16], owner[40], key[40];
    const char *doc; /* JSON text; NULL: removed */
    uint32_t version_read;
};
struct fake_message {
    char to[32], kind[32], citizen[32];
    const char *doc;
};
/** What decide() left. */
struct onecard_plan {
    int kind;       /* enum oc_plan_kind; -1: set twice */
    char scope[16]; /* the module's name: scope of its records */
    fen_t amount, gross;
    bool refund;
    struct fake_leg legs[ONECARD_LEGS_MAX];
    size_t leg_count;
    struct {
        char name[16], text[40];
    } capp[FAKE_PAIRS];
    size_t capp_count;
    struct fake_record records[ONECARD_RECORDS_MAX];
    size_t record_count;
    struct {
        char kind[32], text[160];
    } events[ONECARD_EVENTS_MAX];
    size_t event_count;
    struct {
        char key[32];
        const char *value; /* text as it is, numbers as text, documents as JSON */
        bool json;         /* the value stands in JSON as it is; else it is a text */
    } reply[FAKE_PAIRS];
    size_t reply_count;
    struct fake_message messages[ONECARD_MESSAGES_MAX];
    size_t message_count;
    struct {
        char to[32], kind[32]; /* to[0] == 0: none */
        fen_t amount;
        const char *doc, *expect; /* JSON; expect NULL: none */
    } hold;
    struct {
        char app[16], category[24]; /* app[0] == 0: none */
        int32_t from, until;
    } slot;
    enum onecard_pin_job pin_job; /* 0: none */
    char link[32];
    enum oc_reason refused;
    char detail[96];
    bool overrun;        /* more of something than the ABI allows, or another mistake */
    const char *mistake; /* which one, where it is known */
};
/** A module's configuration: its table's defaults, and what a test writes over them. */
struct onecard_conf {
    const struct onecard_module *module;
    struct fake_pair values[FAKE_PAIRS]; /* "fare" "3.00"; of maps "concessions.student" "50%";
                                            "*folder": where relative paths count from, else "." */
};
/** What a participant's system answers to co_call(). */
struct fake_call {
    const char *participant, *kind; /* kind NULL: any */
    int result;                     /* 0, OC_ETIMEDOUT, OC_EBUSY, OC_EREFUSED, … */
    const char *answer;             /* JSON; NULL: none */
};
/** Who answers co_ask(): a module, or a canned reply. */
struct fake_ask {
    const char *service;
    const struct onecard_module *module; /* NULL: the canned reply */
    void *ctx;
    enum oc_reason refused; /* canned: it refuses */
    const char *reply;      /* canned: JSON object */
};
/** A request with everything it may point to. Fill `req`, `card`, `original` …, then fake_decide().
 */
struct fake {
    struct onecard_request req;
    struct onecard_card card;
    struct onecard_original original;
    struct fake_pair params[FAKE_PAIRS], terminal_params[FAKE_PAIRS];
    const char *record_doc; /* what co_record() gives whatever is asked; NULL: what the store has */
    uint32_t record_version;
    const char *document; /* JSON: request->document; NULL: as req.document stands */
    struct fake_store *store;
    struct fake_pair holders[FAKE_PAIRS];  /* printed card number, citizen */
    struct fake_pair citizens[FAKE_PAIRS]; /* citizen, personal data as JSON object (NULL: {}) */
    struct fake_pair slots[FAKE_PAIRS];    /* app, JSON object */
    struct fake_pair totals[FAKE_PAIRS];   /* terminal, JSON of co_totals() */
    const char *history;                   /* JSON array; NULL: [] */
    struct fake_pair txns[FAKE_PAIRS];     /* id, JSON object; beside those of the store */
    struct fake_pair journey[FAKE_PAIRS];  /* field, text; none: the record was never written */
    struct fake_call calls[FAKE_CALLS];    /* the first that fits answers; none: OC_ENOENT */
    struct fake_ask asks[FAKE_CALLS];      /* none: OC_ENOENT */
    /* what was asked of the host: */
    unsigned called, asked, persons_seen;
    const char *called_doc; /* JSON of the last co_call() */
    char committed[32];     /* id of the last plan that fake_commit() took */
    struct onecard_plan plan;
};

/** An ordinary desk terminal of participant "shop", a named card of citizen "c1" with 50.00 yuan,
 * 2026-11-21 08:30, an empty store of its own. For another request at the same city let its `store`
 * be that of the first. */
void fake_init(struct fake *f);
/** Loads the module with this configuration (NULL: defaults). Its load()'s result. */
int fake_load(const struct onecard_module *module, const struct onecard_conf *conf, void **ret_ctx);
/** Asks the service of that name, with f->card as the card. Result of decide(); OC_ENOENT: no such
 * service. */
int fake_decide(const struct onecard_module *module, void *ctx, const char *service,
                struct fake *f);
/** Commits f->plan as a posted transaction: records (versions checked first), legs into balances,
 * the transaction for co_txn(), the slot into f->slots and f->card. OC_ECONFLICT: a record moved meanwhile, nothing was done: the
 * switch says stale_record. OC_ESTATE: the plan was refused, is none, or has a mistake. */
int fake_commit(struct fake *f);
/** Sum of all legs, with the purse's that the plan implies: 0 in any sound plan. */
fen_t fake_sum(const struct onecard_plan *p);
/** Sum of the legs on that account. */
fen_t fake_leg(const struct onecard_plan *p, int account, const char *owner);
/** Text of a journey value or a member of the reply; NULL: not there. */
const char *fake_capp(const struct onecard_plan *p, const char *name);
const char *fake_reply(const struct onecard_plan *p, const char *key);
/** The document that the plan writes there; NULL: none, or it is removed. */
const char *fake_record(const struct onecard_plan *p, const char *owner, const char *key);
const char *fake_message(const struct onecard_plan *p, const char *to, const char *kind);

/** The store: what is there before, what is there now. `doc` NULL removes. */
void fake_put(struct fake *f, const char *scope, const char *owner, const char *key,
              const char *doc);
const char *fake_get(const struct fake *f, const char *scope, const char *owner, const char *key);
void fake_account(struct fake *f, int account, const char *owner, fen_t holds);
fen_t fake_holds(const struct fake *f, int account, const char *owner);

/** A value inside a JSON text: path "lines.0.amount_fen". Text as it is, numbers as text, true and
 * false; objects and arrays as JSON. NULL: not there. */
const char *fake_at(const char *json, const char *path);
/** Gives back everything that was made; for loops over many requests. Call fake_init() after it.
 * What load() got from doc_load() stays. */
void fake_reset(void);
const struct onecard_host *fake_host(void);

#endif
