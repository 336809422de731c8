/* What the files of serve share: the daemon itself. Everything here belongs to the loop's thread.
 */
#ifndef SERVE_INTERNAL_H
#define SERVE_INTERNAL_H

#include "card/card.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "flow/flow.h"
#include "ledger/ledger.h"
#include "module/module.h"
#include "serve/admit.h"
#include "serve/boot.h"
#include "serve/config.h"
#include "settle/settle.h"
#include "txn/txn.h"
#include "upstream/upstream.h"

#include <jansson.h>

#define REQUEST_ID 16
#define PEERS_MAX  256

/** One at a time on a reader: whoever holds the lane has the dialogue. Desks go before gates: a
 * desk that waits takes the next card that comes (the gate leaves it alone). */
struct lane {
    struct list link;
    struct reader *reader;
    struct flow_mutex lock;
    unsigned desks; /* requests that hold or want it */
};

struct session;
struct copy_source;

/** A terminal as it stands in the ledger, and what it did last. There may be tens of thousands. */
struct station {
    struct list link;
    struct serve *serve;
    struct terminal_row row;
    struct admit_lane turn;
    struct session *session; /* connected over the network; NULL: not */
    struct list asked;       /* requests that came over the network and run, of any session */
    struct lane *lane;       /* NULL: no reader of this machine */
    struct flow *flow; /* the gate's watch; NULL: none */
    uint64_t served;   /* the last arrival that was looked at */
    bool settled;      /* a card that lay there at the start was told apart from one that comes */
    bool busy;
    struct txn_result *last; /* of a dialogue on a reader of this machine; NULL: none yet */
};

enum request_kind { REQUEST_TXN, REQUEST_PLAN, REQUEST_ISSUE };
struct request {
    struct list link; /* in requests.active or requests.done */
    struct serve *serve;
    char id[REQUEST_ID];
    enum request_kind kind;
    unsigned refs;
    struct flow *flow;
    struct lane *lane;
    struct admit_place place;
    struct txn_request req;
    struct txn_issue issue;
    struct txn_result res;
    struct buf plan;     /* REQUEST_PLAN: JSON text */
    enum txn_phase told; /* the phase that was told last */
    bool done, expired;
    int64_t lease_ms, lease_ns, wait_until_ns, done_ns;
    unsigned polls; /* long polls at work: they are the lease meanwhile */
    struct flow_cond changed;
};
struct requests {
    struct list active, done;
    unsigned active_count, done_count;
    int64_t last_id;
    struct flow_cond kick; /* a lease is new */
    struct loop_task on_stop;
};

/** What the night knows beside the ledger. */
struct night {
    int64_t offset_ms; /* wall minus monotonic at the start */
    bool jumped;       /* it was told */
    int64_t close_not_before_ns, settle_not_before_ns;
    struct flow_mutex closing; /* one closes at a time */
    bool for_a_person;         /* what is due was too much to close by itself */
    date_t forgot; /* the day on which citizens' due documents were erased last */
    date_t records; /* the day on which held records were asked anew last */
    date_t swept;  /* the day on which the missed appointments before it were counted; 0: not yet */
};

/** What somebody must look at. Shown by status and /metrics, told in the log when it begins and
 * ends. */
enum alarm_kind {
    ALARM_WAL_SIZE,      /* checkpoints do not keep up: disk slow, or a reader holds the log */
    ALARM_CHECKPOINT,    /* the last checkpoint is long ago though there was work */
    ALARM_OLD_DOUBT,     /* the oldest open transaction */
    ALARM_LOOP_STALL,    /* one flow or task held the loop */
    ALARM_STORE,         /* the ledger takes no money */
    ALARM_OUTBOX_OLD,    /* a message to an institution waits for too long */
    ALARM_OUTBOX_DEAD,   /* a message is dead: a person must look */
    ALARM_COPY_BEHIND,   /* no second copy is near enough */
    ALARM_COUNT
};
struct alarm {
    int64_t since_ms; /* 0: all is well */
    char text[160];
};

/** The oldest message of a kind. */
struct outbox_look {
    bool any;
    int64_t age_ms;
    char to[LEDGER_ID];
    bool route; /* else it is fetched */
};

struct peer {
    uid_t uid;
    char name[LEDGER_ID];
};

struct serve {
    struct serve_opts opts;
    struct arena arena;                /* texts that live as long as the daemon */
    struct conf_snapshot *first;       /* what was booted with; modules read its tree */
    struct conf_snapshot *snapshot;    /* in force; a reload replaces it */
    const struct serve_config *config; /* of the above: never kept across a suspension */
    const struct serve_config *fixed;  /* of `first`: what a reload must not change */
    struct metrics *metrics;
    struct loop *loop;
    struct pool *pool;
    struct keystore *keystore;
    struct crypto *crypto;
    struct seal_key seal;
    struct vault *vault; /* citizens' keys */
    struct codes *codes; /* dynamic codes */
    uint8_t search_key[32], manifest_key[32];
    struct ledger *ledger;
    struct profile_set *profiles;
    struct modules *modules;
    struct custody *custody;
    struct readers *readers;
    struct pcsc *pcsc;
    struct txn_env env;
    struct settle_env settle;
    struct upstream *upstream;
    struct http_server *http;
    struct partners *partners; /* institutions' own door; NULL: institutions.listen is not set */
    struct list lanes, stations;
    struct map by_id; /* the stations */
    struct admit admit;
    struct admit_lane own_turn; /* local gates and desks: as one terminal among the others */
    struct terminals *terminals; /* those over the network; NULL: terminals.listen is not set */
    struct requests requests;
    struct copy_source *copies; /* NULL: section copy opens no door */
    struct loop_task copies_stop;
    struct night night;
    uid_t uids[PEERS_MAX];
    gid_t gids[PEERS_MAX];
    unsigned uid_count, gid_count;
    struct peer peers[PEERS_MAX];
    unsigned peer_count;
    struct alarm alarms[ALARM_COUNT];
    uint64_t stalls_seen;
    int64_t oldest_doubt_ms;
    struct outbox_look outbox_due, outbox_dead;
    int64_t expired_ns; /* when unfetched messages were looked for last; 0: not yet */
    bool ready;
    int boot_rc;
    int64_t started_ns;
};

static inline int64_t serve_now_ms(const struct serve *s)
{
    return clock_wall_ms(s->env.clock);
}

/* ---- vault.c: secrets in and out of ledger rows ---- */
/** Derives the keys of this file from the key store. OC_ECRYPTO. */
int vault_init(struct serve *s) MUST_USE;
void vault_fini(struct serve *s);
/** Seals `plain` for the place named so, appending to `ret`; opens it again. Errors of seal.h. */
int vault_seal(struct serve *s, const char *place, struct bytes plain, struct buf *ret) MUST_USE;
int vault_unseal(struct serve *s, const char *place, struct bytes blob, struct buf *ret) MUST_USE;
/** Seals a master key into the row. */
int vault_seal_key(struct serve *s, const uint8_t key[16], struct op_key *row) MUST_USE;
/** Fills the custody from all key rows of the ledger. OC_ESEAL: another key store. Logs. */
int vault_co_fill_custody(struct serve *s) MUST_USE CO_FN;
/** The slot that a row names. */
void vault_slot(const struct op_key *row, struct custody_slot *ret);

/* ---- vault_key.c: what is sealed under citizens' own keys (R20) ---- */
int vault_keys_open(struct serve *s) MUST_USE;
void vault_keys_close(struct serve *s);
/** As txn_env wants them; `arg` is the daemon. The key is made when something is first sealed. Blobs
 * of the site's own key, from before citizens had keys, open too. */
int vault_co_seal_for(void *arg, const char *citizen, uint8_t what, struct bytes place,
                      struct bytes plain, struct buf *ret) MUST_USE CO_FN;
int vault_co_unseal_for(void *arg, const char *citizen, uint8_t what, struct bytes place,
                        struct bytes blob, struct buf *ret) MUST_USE CO_FN;
/** That key's row was deleted: the clear one goes too. */
void vault_forget(struct serve *s, const char *citizen, uint8_t what);
/** A document for the record at scope, owner and key of `where`, as it stands there; *ret lives in
 * the flow's arena. OC_ESTATE: erased; OC_ELIMIT. */
int vault_co_doc_seal(struct serve *s, const char *citizen, const struct op_record *where,
                      const char *text, struct op_doc *ret) MUST_USE CO_FN;
/** Opens it again, appending to `ret`; a document that is not sealed stays as it is. OC_ESEAL,
 * OC_ESTATE. */
int vault_co_doc_open(struct serve *s, const char *citizen, const struct op_record *where,
                      struct bytes text, struct buf *ret) MUST_USE CO_FN;

/* ---- vault_citizen.c ---- */
/** What a citizen's row holds, sealed. Wipe it. "" and 0: not known. */
struct holder {
    char name[128], id[33], phone[32]; /* id: the personal number */
    char sex[8], address[121], resident[4]; /* resident: "yes" or "no" */
    date_t born;
};
/** Seals a holder's data into a citizen row and writes it; fills the citizen's id. One personal
 * number is one citizen, whatever number of cards; one who is known keeps the data given first,
 * unless `change`: then what is given replaces it. Who was erased and comes again is a new citizen.
 * Errors of ledger_co_submit; the op's words are in *op. OC_ELIMIT: too long together. */
int vault_co_citizen(struct serve *s, const struct holder *h, const char *who, struct ledger_op *op,
                     char ret_id[LEDGER_ID]) MUST_USE CO_FN;
int vault_co_citizen_change(struct serve *s, const char *id, const struct holder *h,
                            const char *who, struct ledger_op *op) MUST_USE CO_FN;
/** The keyed hash that a personal number is found by. */
int vault_search(struct serve *s, const char *number, uint8_t ret[SEAL_HASH_LEN]) MUST_USE;
/** Opens a row. OC_ESTATE: erased; OC_ESEAL. The caller wipes. */
int vault_co_person(struct serve *s, const struct citizen_row *row, struct holder *ret) MUST_USE CO_FN;

/* ---- copies.c: the second copy ---- */
/** 0 where section copy opens no door. Logs. */
int copies_open(struct serve *s) MUST_USE WORKER_FN;
int copies_start(struct serve *s) MUST_USE;
/** How far the nearest copy is behind; 0 where none is wanted. */
int64_t copies_behind_ms(const struct serve *s);
void copies_close(struct serve *s);

/* ---- station.c ---- */
/** The lane of the reader of that name. OC_EINVAL, OC_ELIMIT, OC_ENOMEM. */
int lane_get(struct serve *s, const char *reader, struct lane **ret) MUST_USE;
/** Reads every terminal and starts the gates. */
int stations_co_start(struct serve *s) MUST_USE CO_FN;
/** A row was added or changed. */
int station_update(struct serve *s, const struct terminal_row *row) MUST_USE;
/** Starts the gates' watches that could not be started before. */
void stations_watch_again(struct serve *s);
/** That SAM is in this terminal now: no other has it (R10). */
void stations_sam_moved(struct serve *s, const struct op_terminal *to);
struct station *station_get(struct serve *s, const char *id);
/** Keeps what a dialogue on a reader of this machine came to. */
void station_remember(struct station *st, const struct txn_result *r);
void stations_free(struct serve *s);
/** A number among a terminal's parameters; `dflt` where there is none. */
int64_t station_param_ms(const struct station *st, const char *name, int64_t dflt);

/* ---- terminals.c: terminals over the network ---- */
/** Prepares what blocks: files, threads. 0 where terminals.listen is not set. Logs. */
int terminals_open(struct serve *s) MUST_USE WORKER_FN;
/** Makes the authority where there is none, and opens the doors. 0 where terminals.listen is not
 * set. */
int terminals_co_start(struct serve *s) MUST_USE CO_FN;
/** Ends the threads of handshakes. Blocks. */
void terminals_stop(struct serve *s) WORKER_FN;
/** At the end; no flow runs any more. */
void terminals_free(struct serve *s);
/** A station's row becomes `is`: a session that cannot go on with it ends. */
void terminals_changed(struct station *st, const struct op_terminal *is);
/** What lists and operators see of a session. */
struct session_info {
    char terminal[LEDGER_ID], peer[SOCK_PEER_TEXT], software[64];
    int64_t since_ms, heard_ms; /* wall: connected, last message */
    int64_t certificate_until_ms;
    bool resumed;        /* the handshake was shortened by a ticket */
    int64_t wall_off_ms; /* its wall clock minus ours */
    unsigned readers, open; /* readers it has; requests at work */
    uint64_t requests, frames, session;
};
/** At most `cap` sessions in the order of their ids' arrival, after the first `skip`; the number. */
unsigned sessions_list(const struct serve *s, unsigned skip, struct session_info *rows,
                       unsigned cap);
/** False: it is not connected. */
bool session_of(const struct serve *s, const char *terminal, struct session_info *ret);
/** The authority's certificate; NULL: none yet (terminals.listen was never set). */
const struct x509_bytes *terminals_authority(const struct serve *s);
/** Makes a one-time token for a terminal and writes it to the ledger: "ID.SECRET.FINGERPRINT" into
 * `ret`, until *ret_until_ms. Errors of ledger_co_submit (words in op); OC_ESTATE: there is no
 * authority. The caller wipes. */
#define TERMINAL_TOKEN_TEXT 128
int terminals_co_token(struct serve *s, const char *id, const char *who, struct ledger_op *op,
                       char ret[TERMINAL_TOKEN_TEXT], int64_t *ret_until_ms) MUST_USE CO_FN;

/* ---- request.c ---- */
void requests_init(struct serve *s);
void requests_free(struct serve *s);
int requests_start(struct serve *s) MUST_USE;
/** A zeroed request of a new id, not begun. NULL: no memory. */
struct request *request_new(struct serve *s, enum request_kind kind) MUST_USE;
/** Starts it; the registry keeps it. OC_EBUSY: too many at work; OC_ENOMEM, OC_ELIMIT. The caller's
 * reference is given up in any case. */
int request_start(struct request *r, int64_t wait_ms, int64_t lease_ms) MUST_USE;
/** NULL: unknown or forgotten. The caller has a reference: request_put. */
struct request *request_find(struct serve *s, const char *id);
void request_put(struct request *r);
/** Waits until it is done or another phase than the one told last, or until the deadline; the lease
 * is renewed. OC_ECANCELED: whoever polls has gone: it is disarmed at once. */
int request_co_poll(struct request *r, int64_t deadline_ns) MUST_USE CO_FN;
/** Cancels where nothing can have moved; waits for what became of it. Says whether it was
 * cancelled. */
bool request_co_cancel(struct request *r) CO_FN;
const char *request_state(const struct request *r);

/* ---- result.c: rows and results as JSON ---- */
/** "2026-11-21T08:30:05+08:00"; null for 0. */
json_t *json_time(const struct serve *s, int64_t ms);
json_t *json_date(date_t d);
json_t *json_hex(const void *bytes, size_t len);
/** null for 0. */
json_t *json_txn_id(int64_t txn);
/** A text of a row or a driver as JSON: what is no UTF-8 in it (a character cut in two) is
 * replaced. Never NULL. */
json_t *json_text(const char *text);
/** The same; null for "" and NULL. */
json_t *json_text_or_null(const char *text);
/** A JSON object text as JSON; {} where it is none. */
json_t *json_raw(const char *text);
json_t *result_json(const struct serve *s, const struct txn_result *r);
json_t *txn_json(const struct serve *s, const struct txn_row *row, bool full);
json_t *card_json(const struct serve *s, const struct card_row *c);

/* ---- upstreams.c ---- */
/** Opens the configured routes; s->upstream is there where there are none, too. Logs. */
int upstreams_open(struct serve *s) MUST_USE WORKER_FN;
/** The routes of a configuration, which must live as long, with the contents of their files; each
 * mistake is a line in `errors`. OC_ENOMEM, OC_EPERM, errors of file_read. */
struct upstream_set;
int upstreams_read(const struct serve_config *c, struct buf *errors,
                   struct upstream_set **ret) MUST_USE WORKER_FN;
void upstreams_drop(struct upstream_set **set);
/** Puts them in force: all or, where one makes no sense (logged), none. */
int upstreams_adopt(struct serve *s, const struct upstream_set *set) MUST_USE;
/** Whether a private key's file keeps it from strangers; `place` is the configuration's. OC_EPERM:
 * everybody may read it (logged). */
int serve_check_key_file(const char *place, const char *path) MUST_USE WORKER_FN;
/** This site's name in signed messages: "site-ISSUER-SHARD". */
void site_message_name(const struct serve *s, char ret[SIGNED_NAME_MAX + 1]);
/** The public key of the one that this site signs its messages to institutions with. OC_ECRYPTO. */
int site_public_key(const struct serve *s, uint8_t ret[ED25519_LEN]) MUST_USE;

/* ---- night.c, watch.c ---- */
int night_start(struct serve *s) MUST_USE;
int watch_start(struct serve *s) MUST_USE;
/** "wal_size", "checkpoint_age", …. Static. */
const char *watch_alarm_name(unsigned kind);
/** Brings the gauges up to date. */
void watch_co_gauges(struct serve *s) CO_FN;
/** The oldest open transaction's age in milliseconds; 0: none. */
int64_t watch_co_oldest_doubt(struct serve *s) CO_FN;
/** Closes that clearing day, the open one; fills op. Errors of ledger_co_submit: OC_EREFUSED where
 * another day is open. */
int night_co_close_day(struct serve *s, date_t day, const char *who,
                       struct ledger_op *op) MUST_USE CO_FN;
/** A request came on a date after the open clearing day's: closes what is due before it goes on, so
 * that no transaction clears on a day before its own (R11). As txn_env wants it; `arg` is the
 * daemon. */
int night_co_new_day(void *arg) CO_FN MUST_USE;
/** Remembers how the wall clock stands against the monotonic one. */
void night_init(struct serve *s);
/** Does it still stand so, within ten minutes? A change of the answer is logged. */
bool night_clock_good(struct serve *s);
/** Has medical count the missed appointments of the days `from` to `to`, of the last week at most;
 * nothing where that module is not loaded. OC_EBUSY: there are more, ask again; OC_EREFUSED: it would
 * not (logged); errors of the ledger, OC_ECANCELED. */
int night_co_sweep(struct serve *s, date_t from, date_t to) MUST_USE CO_FN;
/** The latest clearing day that has begun in the city, by the date or by the cut-over. */
date_t night_latest_begun(const struct serve *s);

/* ---- reload.c ---- */
/** Sections that read otherwise than at the start and count only after a restart: static texts. */
#define RELOAD_LEFT_MAX 16
struct reload_left {
    const char *section[RELOAD_LEFT_MAX];
    unsigned count;
};
/** Puts a changed configuration in force as far as it can change; *ret names what cannot (logged).
 * `errors` (text) gets every mistake; then nothing changes. OC_EINVAL. */
int reload_co(struct serve *s, struct buf *errors, struct reload_left *ret) MUST_USE CO_FN;
/** Policy, limits and log level of the configuration in force. */
void reload_apply(struct serve *s);

/* ---- api.c ---- */
int api_open(struct serve *s) MUST_USE;
/** May this peer ask? */
bool peers_allow(void *arg, uid_t uid, gid_t gid);
/** Lets those who may ask connect to the socket that was just made. */
int peers_open_socket(struct serve *s);
/** Turns names into numbers. Unknown names are logged. Blocks. */
void peers_resolve(struct serve *s) WORKER_FN;
/** The user's name, or "uid:N". */
const char *peers_co_name(struct serve *s, uid_t uid) CO_FN;

#endif
