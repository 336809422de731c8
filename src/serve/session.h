/* What the files of terminals over the network share. Everything here belongs to the loop's thread.
 *
 *   terminals.c  the whole: opening, drain, lists, revocation      listener.c  doors and handshakes
 *   authority.c  the site's authority and the switch's certificate enroll.c    one token, one key
 *   session.c    one connection: frames in, and its end            session_out.c  frames out
 *   session_card.c  readers, cards, lists, scripts                 session_request.c  requests
 *   session_result.c what is told about them                       slip.c      words for people
 *   session_shift.c heartbeat, shifts, renewal                     inflow.c    bytes to messages
 *
 * A session is counted: its own flow, each of its requests and whoever writes for it hold it. Its
 * flow ends last: after every request's. */
#ifndef SERVE_SESSION_H
#define SERVE_SESSION_H

#include "serve/internal.h"
#include "serve/lines.h"
#include "wire/wire.h"

#define SESSION_READERS    FRAME_READERS_MAX
#define SESSION_OUT_MAX    (256 * 1024)
#define SESSION_OUT_FRAMES 64

struct session;

/** A list that is at the terminal. In the memory of the flow that waits for it. */
struct at_work {
    uint64_t id;
    uint64_t mark; /* the bytes handed to the socket before it; it left when more were */
    struct card_answers *ret;
    struct flow_cond answered;
    bool done;
    int rc;
};
/** One reader of a terminal. */
struct remote {
    struct session *session;
    unsigned number;
    struct reader_remote *reader;
    struct flow_mutex lane; /* one dialogue at a time */
    uint64_t arrival;       /* the card told last, by the terminal's count */
    uint64_t served; /* the last arrival a gate's dialogue dealt with, by the reader's count */
    uint64_t script; /* the Arm that stands; 0: none */
    bool now;        /* it is also for the card that lies there, which did not come with it yet */
    bool unsure;     /* a card came without it: does the terminal still have it? */
    uint8_t *armed;  /* its message */
    size_t armed_len;
    struct at_work *list; /* NULL: none is at work */
};
struct asked;
struct session {
    struct list link; /* in terminals.sessions */
    struct terminals *t;
    struct station *station;
    struct stream *stream;
    struct flow *flow;
    unsigned refs;
    uint64_t id;
    char peer[SOCK_PEER_TEXT], software[64];
    uint8_t pin[TLS_PIN_LEN];
    int64_t certificate_until_ms;
    int64_t since_ms, heard_ns, wall_off_ms;
    int64_t off_min[2], off_since_ns; /* switch_mono − terminal_mono in ms: least seen, two spans */
    uint64_t requests, frames;
    int64_t tokens_at_ns;
    int64_t tokens; /* of the bucket, in thousandths of a message */
    bool resumed, greeted, draining, told_wall;
    bool ended, mute, broken; /* it ends; the last word was said; nothing can be written */
    const char *why;          /* it ended; static */
    struct remote *readers[SESSION_READERS];
    struct list asked; /* requests of this session that run */
    unsigned asked_count;
    struct flow_cond idle; /* a request or a write ended */
    /* in */
    uint8_t *in;
    size_t in_len, in_at, in_cap;
    /* out */
    struct list dirty; /* in terminals.dirty while bytes wait that nobody writes */
    struct buf out;
    unsigned out_frames;
    size_t writing;       /* bytes that a flow writes now; 0: none */
    uint64_t handed, put; /* bytes given to the stream, bytes appended; since the beginning */
    char last_service[LEDGER_SERVICE];
    char person[LEDGER_ID]; /* signed on */
};

/** A request that came over the network. */
struct asked {
    struct list link;  /* in session.asked */
    struct list known; /* in station.asked */
    struct session *session;
    struct remote *remote; /* NULL: no chip */
    struct flow *flow;
    struct admit_place place;
    uint64_t number;
    uint64_t arrival; /* the terminal's, as the request says; 0: none */
    bool no_reader;   /* it names a reader that was not told */
    bool begun;       /* txn has it: it ends by itself when the wire has gone */
    bool cancelled;   /* by the terminal */
    bool only_answer; /* it may not begin: what became of it is asked */
    struct txn_request req;
    struct txn_result res;
};

#define SLIP_LINES 12
#define SLIP_LINE  100 /* bytes; at most 32 columns */
struct slip {
    char lines[SLIP_LINES][SLIP_LINE];
    char *order[SLIP_LINES];
    size_t count;
};

struct terminals {
    struct serve *serve;
    const struct serve_terminals *config;
    struct pool *pool;
    struct sock_listener *listeners[SERVE_LISTEN_MAX];
    unsigned listener_count;
    struct x509_bytes authority, external; /* certificates; external.len 0: none */
    struct op_authority *sealed;
    struct tls_ctx *tls;
    struct script_book *scripts;
    struct list sessions;
    unsigned count, connections, connections_max, handshaking;
    struct flow_cond handshake_free;
    struct list dirty;
    struct flow_cond dirty_kick;
    uint64_t last_script, last_list;
    bool draining;
    struct loop_task on_stop;
    unsigned enrolling; /* connections of the enrolment protocol */
    struct lines refusals, ends;
    struct metric *m_connected, *m_frames, *m_lists;
    /* Scratch for what never suspends. */
    struct card_list list;
    struct card_answers answers;
    struct slip slip;
    struct {
        pb_command commands[FRAME_LIST_MAX], *order[FRAME_LIST_MAX];
        uint32_t accept[FRAME_LIST_MAX][CARD_ACCEPT_MAX];
    } pb;
};

/** A text of ours where protobuf-c wants one that it does not change. */
static inline char *pb_text(const char *s)
{
    union {
        const char *c;
        char *m;
    } u = {.c = s};
    return u.m;
}
#define TO_TERMINAL_INIT ONECARD__TERMINAL__V1__TO_TERMINAL__INIT
#define SAYS(kind)       ONECARD__TERMINAL__V1__TO_TERMINAL__MESSAGE_##kind

/* ---- authority.c ---- */
/** Reads the external authority's file, where one is configured. Logs. */
int authority_read_external(struct terminals *t) MUST_USE WORKER_FN;
/** Takes the site's authority from the ledger, or makes it. Logs. */
int authority_co_open(struct terminals *t) MUST_USE CO_FN;
/** A new certificate of the switch's own, and new ticket keys, in force for the next connections.
 */
int authority_server(struct terminals *t) MUST_USE;
/** A certificate for a terminal's key. OC_EPARSE, OC_ENOTSUP: the request; OC_ESEAL, OC_ECRYPTO,
 * OC_ENOMEM. */
int authority_issue(struct terminals *t, const void *csr, size_t len, const char *name,
                    struct x509_bytes *ret) MUST_USE;
/** Begins a new certificate and new ticket keys each day. */
int authority_keep(struct terminals *t) MUST_USE;
/** First 32 hex digits of the SHA-256 of the authority's certificate. */
int authority_fingerprint(struct terminals *t, char ret[33]) MUST_USE;

/* ---- listener.c ---- */
int listener_open(struct terminals *t) MUST_USE;
void listener_stop(struct terminals *t);
/** Counts and, where no like one was within the second, logs a connection that was refused. `why`:
 * static, for the metric. */
void refused(struct terminals *t, const char *from, const char *why, const char *detail);

/* ---- enroll.c ---- */
/** Serves one connection of the enrolment protocol. The stream stays the caller's. */
void enroll_co_serve(struct terminals *t, struct stream *stream, const struct tls_peer *peer,
                     const char *from) CO_FN;

/* ---- session.c ---- */
/** Serves one connection; the stream is closed. */
void session_co_serve(struct terminals *t, struct stream *stream, const struct tls_peer *peer,
                      const char *from) CO_FN;
struct session *session_get(struct session *se);
void session_put_ref(struct session *se);
/** Ends it: tells why where it can, and wakes its flow. The first call counts. `code`: static. */
void session_end(struct session *se, const char *code, const char *message);
/** An error about a request (number 0: none) that does not end the session. */
void session_error(struct session *se, const char *code, const char *message, uint64_t number);
/** Between requests of a session that drains: its end. */
void session_drained(struct session *se);
/** Now on the terminal's own monotonic clock, never later than it is there; -1: not known. */
int64_t session_terminal_ms(const struct session *se, int64_t switch_ns);
/** Learns from a stamp of the terminal's monotonic clock. */
void session_clock(struct session *se, uint64_t mono_ms);
/* ---- inflow.c ---- */
/** Reads whole messages off a stream: gives the next one, whose bytes live until the next call, which
 * wipes them. For enrolment and sessions. OC_EPARSE, OC_ELIMIT: no frame of ours; errors of stream_co_read(). */
struct inflow {
    struct stream *stream;
    uint8_t *data;
    size_t len, at, cap;
    size_t given; /* bytes before `at` that the caller looks at */
};
int inflow_co_next(struct inflow *in, const uint8_t **ret, size_t *ret_len,
                   int64_t deadline_ns) CO_FN MUST_USE;
void inflow_fini(struct inflow *in);

/* ---- session_out.c ---- */
int out_start(struct terminals *t) MUST_USE;
/** Appends a message; it leaves soon, together with others. Never waits. A session that takes
 * nothing any more ends. */
void session_put(struct session *se, const pb_to_terminal *m);
/** The same for what must not go alone: it leaves with the next message, which the caller's
 * dialogue is about to send. */
void session_put_later(struct session *se, const pb_to_terminal *m);
/** The same with a frame that stands there already. */
void session_put_frame(struct session *se, const void *frame, size_t len);
/** Forgets what waits and was not written. */
void session_drop(struct session *se);
/** Writes what waits, unless another flow does so already. */
void session_co_flush(struct session *se) CO_FN;

/* ---- session_card.c ---- */
int card_on_readers(struct session *se, pb_reader **readers, size_t n) MUST_USE;
/** Errors end the session. */
void card_on_card(struct session *se, const pb_card *c);
void card_on_removed(struct session *se, const pb_card_removed *c);
void card_on_answers(struct session *se, const pb_list_answers *a);
struct remote *card_remote(struct session *se, uint32_t number);
/** Sends the script for the next card; `now`: for the one that lies there, too. */
void card_arm(struct remote *rm, bool now);
/** After a dialogue: what the next card, or the next purchase with this one, begins with. */
void card_arm_next(struct remote *rm);
/** Before what waits to be written is dropped: lists that never left say so. True: there were some.
 */
bool card_take_back(struct session *se);
/** The wire has gone: readers say so, lists that wait fail. */
void card_close(struct session *se);
void card_free(struct session *se);

/* ---- session_request.c ---- */
void request_on_request(struct session *se, const pb_request *m);
void request_on_cancel(struct session *se, const pb_cancel *m);
/** The switch ends: those that still wait for a card or a place are cancelled. */
void request_drain(struct session *se);
/** The wire has gone: those that have not begun are cancelled. */
void request_close(struct session *se);

/* ---- session_result.c ---- */
void asked_put_busy(struct session *se, uint64_t number, uint32_t retry_ms);
/** The result; a conflict is told as an error. */
void asked_put_result(struct asked *a);
void asked_put_progress(struct asked *a, enum txn_phase phase);
/** Fills the result of a request that txn was not asked about. */
void asked_refuse(struct asked *a, enum oc_reason reason, const char *detail);

/* ---- session_shift.c ---- */
void shift_on_heartbeat(struct session *se, const pb_heartbeat *m);
void shift_co_on_sign_on(struct session *se, const pb_sign_on *m) CO_FN;
void shift_co_on_sign_off(struct session *se, const pb_sign_off *m) CO_FN;
void shift_co_on_renew(struct session *se, const pb_renew *m) CO_FN;
/** May a person's name from a terminal stand in a row? */
bool shift_person_ok(const char *person);

/* ---- slip.c ---- */
/** What a receipt says of this result. */
void slip_write(const struct serve *s, const struct txn_result *r, struct slip *ret);

#endif
