/* TLS 1.3 for flows: libevent watches the socket, OpenSSL owns it. Handshakes cost about 2 ms of
 * computing: their steps run on a worker pool, the loop only waits for bytes between them; reading
 * and writing is done on the loop. Both sides always speak TLS 1.3 and nothing else.
 *
 * A context is made once from certificates in memory (crypto/x509.h makes and reads them) and may
 * be replaced while connections of the old one live on: it is counted. */
#ifndef FLOW_TLS_H
#define FLOW_TLS_H

#include "base/base.h"
#include "flow/offload.h"
#include "flow/sock.h"

#define TLS_PIN_LEN 32 /* SHA-256 of a SubjectPublicKeyInfo */

struct tls_ctx;
struct tls_blob { /* DER */
    const void *bytes;
    size_t len;
};
struct tls_opts {
    bool server;
    /* Own; none: a client without one (enrolment). DER of further certificates may follow in the
     * same bytes (at most 3), each the issuer of the one before. A server adds that of its
     * authority itself where it is among `authorities`. */
    struct tls_blob certificate;
    struct tls_blob key; /* PKCS#8, unencrypted, in locked memory of the caller's; copied, wiped
                            with the context */
    const struct tls_blob *authorities; /* whom the other side's certificate must come from */
    size_t authority_count;
    /* Client, instead of `authorities`: the chain that the server sends must end in a certificate
     * whose DER has this SHA-256; the first authority_pin_len bytes of it count (16 to 32;
     * enrolment tokens give 16). NULL: none. */
    const uint8_t *authority_pin;
    size_t authority_pin_len;
    /* Protocols offered (client, in order of preference) or spoken (server), NULL-terminated. Both
     * sides must agree on one. */
    const char *const *alpn;
    /* Server: the protocol of `alpn` in which a client need not show a certificate (it is asked for
     * one all the same); NULL: none such. No tickets are given in it. A client that names no
     * protocol at all speaks the first of `alpn`. */
    const char *alpn_without_certificate;
    /* Server: 48 bytes that key session tickets, the same after a restart; NULL: no resumption.
     * Tickets of the key before stay good: ticket_key_old, may be NULL. */
    const uint8_t *ticket_key, *ticket_key_old;
    /* Server: a client of which nothing is heard for so long within its handshake is given up
     * before the deadline; 0: only the deadline counts. */
    int64_t silence_ms;
    struct metrics *metrics; /* may be NULL: onecard_tls_handshakes_total{side,result},
                                onecard_tls_handshake_seconds{side} */
};
/** OC_EINVAL: a certificate or key that makes no sense, or that do not belong together (logged),
 * OC_ECRYPTO, OC_ENOMEM. Blocks for a few milliseconds. */
int tls_ctx_new(const struct tls_opts *o, struct tls_ctx **ret) MUST_USE;
struct tls_ctx *tls_ctx_get(struct tls_ctx *c);
void tls_ctx_put(struct tls_ctx **c);

/** What the handshake proved about the other side. */
struct tls_peer {
    bool has_certificate;
    char name[64];            /* common name of the certificate; "": none, or one that could be read
                                 in two ways */
    uint8_t pin[TLS_PIN_LEN]; /* of its key: to be compared with what is pinned, also after a
                                 resumption */
    int64_t not_after_ms;     /* wall */
    char alpn[24];
    bool resumed;
};
/** Why a handshake failed, for counting and for people: static words such as "no certificate",
 * "certificate expired", "unknown authority", "protocol version", "no common protocol", "timed
 * out", "closed by peer". */
struct tls_failure {
    const char *why;
    bool alert; /* the other side said so */
};

/** Server: TLS over a socket stream that was just accepted (sock.h). `raw` is taken over in every
 * case: closed on failure. The handshake's steps run on `pool`. OC_EPERM: refused, *ret_failure
 * says why; OC_ETIMEDOUT, OC_ECANCELED, OC_ECLOSED, OC_EBUSY (the pool is full), OC_ENOMEM.
 * ret_peer, ret_failure may be NULL. */
int tls_co_accept(struct tls_ctx *c, struct pool *pool, struct stream *raw, int64_t deadline_ns,
                  struct stream **ret, struct tls_peer *ret_peer,
                  struct tls_failure *ret_failure) CO_FN MUST_USE;
/** Client: likewise; `server_name` must be among the names of the server's certificate. `session`
 * (may be NULL) holds what resumption needs between two connections to this server: taken from, and
 * filled when the server sends a ticket, which is with the first bytes read. Another own
 * certificate, other authorities or another name: it is not offered. One connection at a time may
 * use it; it may be freed before the stream. pool NULL: steps run here, about 2 ms and 20 KiB of
 * stack. OC_EINVAL: a name that makes no sense. */
struct tls_session;
int tls_co_connect(struct tls_ctx *c, struct pool *pool, struct stream *raw,
                   const char *server_name, struct tls_session *session, int64_t deadline_ns,
                   struct stream **ret, struct tls_peer *ret_peer,
                   struct tls_failure *ret_failure) CO_FN MUST_USE;
struct tls_session *tls_session_new(void);
void tls_session_free(struct tls_session **s);

/* The stream is one of sock.h's, one flow may read while another writes; read and write suspend
 * (reading also now and then when there is no need: whoever sends without end does not keep other
 * flows from their turns);
 * close sends close_notify if that is possible at once, never waits. The end of TCP without
 * close_notify is OC_ECLOSED like any other: frames say themselves when they are whole. A write
 * that failed or was given up leaves half a record: from then on OC_EIO. Reading: OC_EPERM, the
 * other side sent an alert (tls_refusal), OC_EIO, what came was no record. Memory of an idle
 * connection is released (SSL_MODE_RELEASE_BUFFERS). */
/** The descriptor beneath. */
int tls_fd(const struct stream *s);
/** Why reading or writing has failed, if it has: after OC_EPERM, what the other side gave as its
 * reason. A server's refusal of a client's certificate comes this way: in TLS 1.3 the client's
 * handshake is over before the server has seen the certificate. */
bool tls_refusal(const struct stream *s, struct tls_failure *ret);

#endif
