/* What the files of this folder share. Everything here belongs to the loop's thread; the store's
 * thread and the workers see copies only.
 *
 *        reader ── lane.c ──┐                     ┌── local.c ── clerk's software, page
 *        (PC/SC)            ├── request.c ────────┤
 *   switch ── link*.c ──────┘     │               └── event.c ── who listens
 *                              store.c (durable before it is sent) */
#ifndef TERMINAL_INTERNAL_H
#define TERMINAL_INTERNAL_H

#include "card/card.h"
#include "crypto/crypto.h"
#include "flow/flow.h"
#include "terminal/config.h"
#include "terminal/identity.h"
#include "terminal/store.h"
#include "terminal/terminal.h"
#include "wire/wire.h"

#include <jansson.h>

#define SOFTWARE         "onecard-terminal " ONECARD_VERSION
#define TERMINAL_ID      64
#define TEXT_LEN         200
#define TOKEN_LEN        43   /* base64url of 32 bytes, without NUL */
#define REQUEST_GRACE_MS 2000 /* beyond a request's own wait for a card */

struct agent;

/* ---- the link to the switch (link.c, link_dial.c, link_in.c, renew.c) ---- */

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP, LINK_DRAINING };
struct link {
    struct flow *flow;
    enum link_state state;
    uint64_t epoch; /* counts connections: what came on another one is void (R4) */
    struct stream *stream;
    struct buf out;
    struct flow_cond wake_out, changed;
    bool ended;         /* the connection is over: everybody leaves */
    unsigned failures;  /* in a row */
    size_t at;          /* address in use */
    char why[TEXT_LEN]; /* the last trouble, for people; "" while up */
    char fatal[32];     /* code of the fatal error that ended it */
    bool refused;       /* by TLS */
    bool good;          /* it held for a while */
    int64_t since_ms;   /* wall: in this state */
    int64_t up_ns;      /* when Welcome came */
    int64_t drain_ms;
    /* from Welcome */
    char terminal[TERMINAL_ID], kind[16], gate_service[STORE_SERVICE], software[TEXT_LEN];
    int64_t heartbeat_ms, until_ms, clock_offset_ms;
    int32_t utc_offset_min;
    unsigned max_requests, minor;
    uint64_t session;
    /* TLS */
    struct tls_session *sessions[ADDRESSES_MAX];
    bool use_next;             /* the renewed identity is tried */
    struct identity *renewing; /* its key waits for a certificate */
    int64_t renew_again_ns;
};
int link_start(struct agent *a) MUST_USE;
void link_fini(struct agent *a);
/** Is a welcomed connection there on which new requests may begin? */
bool link_up(const struct agent *a);
/** Welcomed, perhaps draining. */
bool link_talks(const struct agent *a);
/** Queues a message; false: there is no connection (nothing is queued), or the switch takes nothing
 * any more (it is cut). */
bool link_send(struct agent *a, pb_to_switch *m);
/** Queues a frame made earlier. */
bool link_send_frame(struct agent *a, const uint8_t *frame, size_t len);
/** Ends this connection; the link goes on with the next. */
void link_cut(struct agent *a, const char *why);
void link_send_readers(struct agent *a);
/** Fills what Hello and Readers say. */
struct reader_list {
    pb_reader items[LANES_MAX];
    pb_reader *pointers[LANES_MAX];
    size_t count;
};
void link_fill_readers(struct agent *a, struct reader_list *ret);
/** One message from the switch. OC_EPARSE: one that makes no sense; the connection is cut. */
int link_take(struct agent *a, const pb_to_terminal *m) CO_FN MUST_USE;
extern const struct agent_dial link_dial_tls; /* arg: struct agent */
const char *link_state_name(enum link_state s);

/** Asks for a new certificate where it is time. */
void renew_look(struct agent *a);
int renew_co_take(struct agent *a, const pb_renewed *m) CO_FN MUST_USE;
/** After a Welcome: the renewed identity works, the old one goes. */
void renew_co_worked(struct agent *a) CO_FN;
/** After a refusal: the other identity is tried next. */
void renew_refused(struct agent *a);

/* ---- lanes (lane.c, lane_run.c) ---- */

struct lane {
    struct agent *agent;
    const struct lane_config *conf;
    struct reader *reader; /* NULL: no name fits yet */
    struct flow *flow;
    struct flow_cond wake;
    enum reader_state seen; /* at the last look */
    uint64_t shown;         /* the reader's arrival that is dealt with, 0: none */
    uint64_t last;          /* highest arrival dealt with */
    uint64_t told;          /* epoch on which Card was sent, 0: not */
    bool stale;             /* it lay there before: a gate does not serve it */
    bool asked;             /* gate: a request was made for it */
    bool muted;             /* told as a card that does not answer */
    char atr[2 * ATR_MAX + 1];
    /* from the switch, for the connection `epoch` */
    uint64_t epoch;
    struct card_list armed;
    uint64_t script; /* 0: none armed */
    bool now;
    struct card_list list, work;    /* wanted; executed now */
    uint64_t list_id, list_arrival; /* id 0: none */
    int64_t list_deadline_ns;
    bool release;
    uint64_t release_arrival;
    /* the card */
    struct card_session session;
    bool warm; /* something was executed since it was powered: the switch may build on it */
    bool cold; /* it was powered down after that */
    int64_t used_ns;
    int64_t retry_ns; /* another program holds the reader: try again then */
    struct card_answers answers;
    pb_answer pb_answers[CARD_LIST_MAX];
    pb_answer *pb_pointers[CARD_LIST_MAX];
};
int lanes_start(struct agent *a) MUST_USE;
void lanes_stop(struct agent *a);
void lanes_fini(struct agent *a);
struct lane *lane_get(struct agent *a, uint32_t number);
/** Everything the switch asked for is void (R4); what runs sends no further command. */
void lanes_disconnected(struct agent *a);
void lanes_wake(struct agent *a);
/** The number by which the switch knows the card that lies there, 0: none. Unique over all runs of
 * this terminal. */
uint64_t lane_arrival(const struct lane *l);
/** Does the card of this arrival lie there? */
bool lane_here(const struct lane *l);
/** One look at everything there is to do; gives when to look again. */
int64_t lane_co_turn(struct lane *l) CO_FN;
/** Powers the card where it is not. As card_co_open(). */
int lane_co_power(struct lane *l, int64_t deadline_ns) CO_FN MUST_USE;
void lane_co_power_down(struct lane *l) CO_FN;
/** Executes the waiting list and answers it. */
void lane_co_list(struct lane *l) CO_FN;
/** Executes the armed script, if any, into l->answers; gives its id, 0: none. */
uint64_t lane_co_script(struct lane *l) CO_FN;
void lane_fill_card(struct lane *l, uint64_t script, pb_card *ret);
/** A command list off the wire. OC_EPARSE; `ret` is overwritten in every case. */
int lane_read_list(pb_command *const *commands, size_t count, struct card_list *ret) MUST_USE;

/* ---- requests (request.c, request_json.c) ---- */

#define REQUEST_PIN            12 /* digits */
#define REQUEST_MINOR_NEW_PIN  3  /* … Request.new_pin */
#define REQUEST_MINOR_DOCUMENT 2  /* Welcome.minor from which on Request.pin and .document are known */
struct treq {
    struct list link;
    struct store_row row; /* frame and result point to memory of this treq */
    char txn[STORE_TXN];
    uint8_t *frame;
    char *result;
    bool durable, cancel, sent, asking;
    uint64_t sent_epoch;
    int64_t until_ns; /* a new start makes sense until then; 0: no more */
    int64_t pause_ns; /* Busy: not before */
    enum pb_phase phase;
    char en[TEXT_LEN], zh[TEXT_LEN];
    char pin[REQUEST_PIN + 1]; /* digits, until there is an answer; in no frame that is stored */
    char new_pin[REQUEST_PIN + 1]; /* likewise */
};
struct requests {
    struct list all; /* by number */
    unsigned count;
    uint64_t last_number;
    struct flow_cond changed;
};
struct request_ask {
    const char *service, *ref, *person;
    int64_t amount_fen;
    const pb_param *params;
    size_t param_count;
    const char *code, *number; /* presentations; NULL */
    const char *document;      /* JSON object text; NULL */
    char pin[REQUEST_PIN + 1]; /* "" : none; no part of the content */
    char new_pin[REQUEST_PIN + 1];
    unsigned reader;           /* 0: no card */
    uint64_t arrival;
    bool gate;
    int64_t wait_ms, retap_ms;
};
/** In the list; a copy of the row, its frame and its result. NULL: no memory. */
struct treq *treq_new(struct agent *a, const struct store_row *row) MUST_USE;
/** Out of the list. */
void treq_free(struct treq *t);
/** Lets answered ones go that need not be in memory. */
void requests_forget(struct agent *a);
void requests_init(struct agent *a);
void requests_fini(struct agent *a);
/** For store_open(). */
int requests_restore(void *agent, const struct store_row *row);
struct treq *request_get(struct agent *a, uint64_t number);
struct treq *request_by_ref(struct agent *a, const char *ref);
/** The request that waits for this card at a gate, or NULL. */
struct treq *request_of_arrival(struct agent *a, unsigned reader, uint64_t arrival);
/** A gate's request at that reader that has no answer, or NULL. */
struct treq *request_at_gate(struct agent *a, unsigned reader);
/** Without an answer. */
unsigned requests_open(const struct agent *a);
/** Without an answer at that reader. */
bool requests_need(const struct agent *a, unsigned reader);
/** Allots a number, makes the row durable. The caller sends it. OC_EEXIST: the ref; OC_ELIMIT: too
 * long. */
int request_co_new(struct agent *a, const struct request_ask *ask,
                   struct treq **ret) CO_FN MUST_USE;
/** Sends what may be sent on this connection and was not. */
void requests_pump(struct agent *a);
/** A gate's request, together with its card. */
void request_send_gate(struct agent *a, struct treq *t, pb_card *card);
void request_cancel(struct agent *a, struct treq *t);
/** Asks again about a doubt while its card is there or comes within wait_ms: the switch settles it.
 */
void request_again(struct agent *a, struct treq *t, int64_t wait_ms);
void request_result(struct agent *a, const pb_result *r);
void request_progress(struct agent *a, const pb_progress *p);
void request_busy(struct agent *a, const pb_busy *b);
/** The switch did not take it, and never will. */
void request_failed(struct agent *a, uint64_t number, const char *code, const char *text);
bool request_ended(const struct treq *t);
json_t *request_json(const struct store_row *row, const struct treq *live);
json_t *request_result_json(const pb_result *r);

/* ---- shifts (shift.c) ---- */

struct shift {
    struct store_shift now;
    struct flow_mutex lock;
    struct flow_cond answered;
    bool waiting, good;
    char trouble[TEXT_LEN];
    uint64_t first;
    int32_t business_date;
    json_t *off;
};
void shift_init(struct agent *a);
void shift_fini(struct agent *a);
/** As the local interface asks. 0: *ret is the answer; else a message in *ret. OC_ECLOSED: no
 * connection, OC_ETIMEDOUT, OC_ESTATE, OC_EPERM (the switch's words), errors of the store. */
int shift_co_on(struct agent *a, const char *person, json_t **ret) CO_FN MUST_USE;
int shift_co_off(struct agent *a, json_t **ret) CO_FN MUST_USE;
void shift_signed_on(struct agent *a, const pb_signed_on *m);
void shift_signed_off(struct agent *a, const pb_signed_off *m);
/** An Error that is about no request while a sign-on or sign-off waits. */
bool shift_error(struct agent *a, const pb_error *e);
void shift_disconnected(struct agent *a);
json_t *shift_json(const struct agent *a);

/* ---- events (event.c) ---- */

#define EVENTS_KEPT 256
struct events {
    char *items[EVENTS_KEPT]; /* JSON texts */
    char types[EVENTS_KEPT][12];
    uint64_t next; /* id of the next one, from 1 */
    struct flow_cond changed;
    unsigned listeners;
    bool closing;
};
void events_init(struct agent *a);
void events_fini(struct agent *a);
/** Takes over `body` (an object; NULL: out of memory, nothing is told). */
void events_tell(struct agent *a, const char *type, json_t *body);
/** The reply to GET /v1/events. */
int events_co_serve(struct agent *a, struct http_req *req) CO_FN MUST_USE;

/* ---- the local interface (local.c, local_request.c, guard.c) ---- */

int local_open(struct agent *a) MUST_USE;
void local_close(struct agent *a);
struct local_call {
    struct agent *agent;
    struct http_req *req;
    const char *method, *path;
    json_t *body, *reply;
    int status;
};
void local_fail(struct local_call *c, int status, const char *code, const char *fmt, ...)
    PRINTF_FN(4, 5);
/** What the body of a new request says. False: it was answered what is wrong. Texts are the body's or
 * the flow's arena's. */
bool local_read_ask(struct local_call *c, struct request_ask *ask);
void local_requests_post(struct local_call *c) CO_FN;
void local_request_get(struct local_call *c, uint64_t number) CO_FN;
void local_request_delete(struct local_call *c, uint64_t number);
void local_request_again(struct local_call *c, uint64_t number);
json_t *local_status(struct agent *a);
/** May this request pass? Over TCP: a loopback Host, our own Origin, the token. NULL, or why not
 * (static). */
const char *guard_look(const struct agent *a, const struct http_req *req, bool needs_token);
/** Reads state/local-token, or makes it. Blocks. */
int guard_token(const char *state, bool make, char ret[TOKEN_LEN + 1]) MUST_USE WORKER_FN;

/* ---- the agent (agent.c) ---- */

struct agent {
    struct agent_opts opts;
    struct conf_snapshot *snapshot;
    const struct terminal_config *config;
    struct loop *loop;
    struct pool *work;
    struct readers *readers;
    struct pcsc *pcsc;
    struct flow *watch; /* over the registry of readers */
    struct store *store;
    struct store_start start;
    int lock_fd;
    struct identity *identity, *next;
    struct link link;
    struct lane *lanes;
    unsigned lane_count;
    struct requests requests;
    struct shift shift;
    struct events events;
    struct http_server *http;
    char token[TOKEN_LEN + 1];
    uint64_t instance;
    int64_t started_ns;
    bool stopping;
    int rc; /* of the boot flow */
};

/** The loop's clock (clock.c): its monotonic time goes on while the machine sleeps. */
extern const struct clock agent_clock;

static inline int64_t agent_now_ns(const struct agent *a)
{
    return loop_now_ns(a->loop);
}
static inline int64_t agent_wall_ms(const struct agent *a)
{
    return clock_wall_ms(loop_clock(a->loop));
}

#endif
