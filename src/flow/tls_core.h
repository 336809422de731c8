/* What the TLS files share. Private to this folder.
 *
 * A stream is counted, because a handshake's step on a worker may outlive the flow that waited for
 * it: whoever lets go last frees the SSL and closes the descriptor, on whatever thread that is.
 * While a step runs, `ssl` and what the BIO touches are the step's alone; `sock`, which belongs to
 * the loop, is not used by the BIO before `established`. */
#ifndef FLOW_TLS_CORE_H
#define FLOW_TLS_CORE_H

#include "flow/socket.h"
#include "flow/tls.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>

#define TLS_ALPN_MAX   8
#define TLS_TRUST_LEN  32
#define TLS_TICKET_LEN 48

/** How handshakes end: the label of the counter and the word for people. */
enum tls_word {
    TLS_OK,
    TLS_RESUMED,
    TLS_NO_CERTIFICATE,
    TLS_EXPIRED,
    TLS_NOT_YET_VALID,
    TLS_UNKNOWN_AUTHORITY,
    TLS_WRONG_NAME,
    TLS_WRONG_PURPOSE,
    TLS_BAD_CERTIFICATE,
    TLS_VERSION,
    TLS_NO_PROTOCOL,
    TLS_NOT_TLS,
    TLS_TIMED_OUT,
    TLS_CLOSED,
    TLS_CANCELLED,
    TLS_BUSY,
    TLS_ALERT,
    TLS_FAILED,
    TLS_WORDS
};
const char *tls_word_text_(enum tls_word w);

struct tls_ticket_key {
    uint8_t name[16], cipher[32], mac[32];
};

struct tls_ctx {
    atomic_uint refs;
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    bool server;
    char alpn[TLS_ALPN_MAX][24];
    unsigned alpn_count;
    int alpn_open;                /* which of them needs no certificate, -1: none */
    int64_t silence_ns;           /* within a handshake; 0: no limit of its own */
    uint8_t trust[TLS_TRUST_LEN]; /* digest of whom it trusts and, of a client, who it is:
                                     resumption crosses no change of either */
    uint8_t pin[32];
    size_t pin_len;                 /* 0: authorities */
    struct tls_ticket_key *tickets; /* two: the present one and the one before; secret_alloc */
    unsigned ticket_count;
    EVP_CIPHER *ticket_cipher;
    struct metric *m_result[TLS_WORDS], *m_seconds;
};

struct tls_session {
    atomic_uint refs;
    SSL_SESSION *ssl;
    uint8_t trust[TLS_TRUST_LEN];
};
struct tls_session *tls_session_get_(struct tls_session *s);

struct tls_stream {
    struct stream s;
    atomic_uint refs;
    SSL *ssl;
    struct tls_ctx *ctx;
    struct tls_session *session; /* client: where the next ticket goes, NULL: nowhere */
    struct sock *sock;           /* the loop's */
    int fd;
    int err; /* errno of the last failed call beneath */
    bool eof, established, broken;
    bool starved;   /* the last call beneath found nothing to read */
    unsigned reads; /* since the flow that reads has last let others run */
    uint8_t word;   /* why it broke, enum tls_word; TLS_OK: it did not */
    bool alert;
    uint8_t trust[TLS_TRUST_LEN]; /* with the server's name */
};

/** A stream over `raw`, which is taken over: released from its sock, closed on failure. OC_ENOMEM.
 */
int tls_stream_new_(struct tls_ctx *c, struct stream *raw, struct tls_stream **ret) MUST_USE;
/** Drops a reference. Any thread, but tls_stream_unwatch_ first. */
void tls_stream_put_(struct tls_stream *t);
/** Loop: stops watching; the descriptor and the SSL stay until the last reference. */
void tls_stream_unwatch_(struct tls_stream *t);
/** Why the last call on t->ssl failed; clears the thread's queue of errors. */
enum tls_word tls_why_(const struct tls_stream *t, int ssl_error, bool *ret_alert);
BIO_METHOD *tls_bio_method_(void);
/** The tickets of a server's context. OC_ENOMEM, OC_ECRYPTO. */
int tls_tickets_init_(struct tls_ctx *c, const uint8_t *key, const uint8_t *old_key) MUST_USE;
/** Does the certificate's time include now? TLS_OK, TLS_EXPIRED, TLS_NOT_YET_VALID. */
enum tls_word tls_dates_(const X509 *cert);

#endif
