/* What the files of this folder share: messages, and how far behind a follower is. */
#ifndef COPY_INTERNAL_H
#define COPY_INTERNAL_H

#include "copy/copy.h"
#include "crypto/crypto.h"

/* ---- messages (message.c): length(4) kind(1) body; the length counts kind and body ---- */
#define COPY_VERSION     1
#define COPY_MESSAGE_MAX (LEDGER_BUNDLE_MAX + 64)
#define COPY_SMALL_MAX   512 /* what a follower may send */
#define COPY_BEAT_MS     200
#define COPY_SILENCE_MS  10000 /* nothing heard: the other side is gone */
enum copy_kind {
    COPY_HELLO = 1,   /* follower: version(1) name(1+n) row(8) mac(32) */
    COPY_WELCOME = 2, /* version(1) head(8) */
    COPY_BUNDLE = 3,  /* head(8), a bundle of ledger/follow.h */
    COPY_ACK = 4,     /* follower: row(8), on its disk */
    COPY_BEAT = 5,    /* head(8): there is nothing new; answered by COPY_ACK */
    COPY_REFUSED = 6  /* words; then the connection ends */
};
/** Begins a message in `b`, which is emptied; message_end() sets its length. */
void message_begin(struct buf *b, enum copy_kind kind);
void message_end(struct buf *b);
/** Writes a message that was ended. Errors of stream_co_write(), b->err. */
int message_co_write(struct stream *s, const struct buf *b) MUST_USE CO_FN;
/** Reads one of at most `max` bytes into `b`, to be read behind its kind. OC_EPARSE, OC_ELIMIT;
 * errors of stream_co_read(). */
int message_co_read(struct stream *s, size_t max, struct buf *b,
                    enum copy_kind *ret_kind) MUST_USE CO_FN;

struct hello {
    char name[COPY_NAME];
    int64_t row;
    uint8_t mac[32];
};
void hello_put(struct buf *b, const struct hello *h);
/** OC_EPARSE; OC_ENOTSUP: another version. */
int hello_get(struct buf *b, struct hello *ret) MUST_USE;

/* ---- how far behind (lag.c) ---- */
#define LAG_MARKS 64
/** When the journal's end was seen where: enough of it to tell how old the first row is that a
 * follower does not have. Times are monotonic. */
struct lag {
    struct lag_mark {
        int64_t row, at_ns;
    } marks[LAG_MARKS];
    unsigned count;
    int64_t grain_ns, acked;
};
void lag_init(struct lag *l, int64_t acked);
/** The journal's end is `head` now. */
void lag_head(struct lag *l, int64_t head, int64_t now_ns);
void lag_acked(struct lag *l, int64_t row);
int64_t lag_rows(const struct lag *l);
/** The age of the oldest row that is not acknowledged, 0: none. Never less than since it was seen; more by
 * 10 ms or a thirtieth of the delay at most. */
int64_t lag_ms(const struct lag *l, int64_t now_ns);

/* ---- the daemon's side ---- */
struct peer {
    struct copy_source *source; /* NULL: the place is free */
    char name[COPY_NAME], from[SOCK_PEER_TEXT];
    struct stream *stream; /* NULL: not connected */
    struct flow *flow;     /* of its connection */
    int64_t sent, since_ms;
    struct lag lag;
    struct flow_cond moved; /* it acknowledged, or its connection ended */
    bool ending;
    struct metric *m_rows, *m_ms, *m_connected;
};
struct copy_source {
    struct copy_source_opts o;
    struct tls_ctx *tls;
    uint8_t pin[X509_PIN_LEN];
    struct sock_listener *local, *remote;
    struct peer peers[COPY_PEERS];
    unsigned connections;
    int64_t started_ns;
    bool stopping;
};
/** Serves one follower, whose stream it takes over. */
void peer_co_serve(struct copy_source *s, struct stream *stream, const char *from) CO_FN;
/** Looks how far behind each is, for metrics and for who waits. */
void peers_look(struct copy_source *s);

/* ---- the follower's side ---- */
struct follower {
    const struct follower_config *c;
    struct loop *loop;
    struct pool *pool;
    struct tls_ctx *tls;
    struct ledger_copy *copy;
    int64_t row;
    uint8_t mac[32];
    int fatal; /* why it ends */
    int told;  /* the error that was logged last */
};
/** Opens the copy with the chain key of its files. Logs. */
int follower_open(struct follower *f) MUST_USE WORKER_FN;
/** Gives a bundle to the copy, on a worker; `bundle` is emptied. Errors of ledger_copy_apply(). */
int follower_co_apply(struct follower *f, struct buf *bundle, size_t at) MUST_USE CO_FN;

/** Reads the first certificate or key of a PEM file. Logs. */
int copy_read_pem(const char *path, const char *what, struct x509_bytes *ret) MUST_USE WORKER_FN;

#endif
