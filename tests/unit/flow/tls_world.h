/* A small world of certificates for tests of TLS, made by OpenSSL directly, and one client and one
 * server flow that talk over TCP. */
#ifndef TLS_WORLD_H
#define TLS_WORLD_H

#include "flow_test.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define PROTO  "onecard/1"
#define ENROL  "onecard-enrol/1"
#define SERVER "switch.test"

enum identity_kind { AUTHORITY, END_SERVER, END_CLIENT };
struct identity {
    EVP_PKEY *key;
    X509 *cert;
    struct tls_blob der, key_der;
    uint8_t fingerprint[32];
};
/** Valid from from_s to to_s, seconds from now. issuer NULL: self-signed. Aborts on failure. */
void identity_make(struct identity *i, const char *name, const struct identity *issuer,
                   enum identity_kind kind, long from_s, long to_s);
void identity_free(struct identity *i);

/* What most tests need: made once. */
struct world {
    struct identity authority, stranger; /* two authorities */
    struct identity server, terminal, expired, foreign;
    uint8_t ticket_key[48], other_key[48];
};
extern struct world w;
int world_set_up(void **state);
int world_tear_down(void **state);

extern const char *const both_protocols[];
extern const char *const main_protocol[];
extern const char *const enrol_protocol[];
struct tls_opts server_opts(void);
struct tls_opts client_opts(const struct identity *who);
struct tls_ctx *ctx_of(struct tls_opts o);

/* One connection: the server echoes until the client closes; the client says "ping" `rounds` times.
 */
struct talk {
    struct loop *loop;
    struct pool *pool;
    struct tls_ctx *server, *client;
    struct tls_session *session;
    const char *name;                                     /* expected of the server; NULL: SERVER */
    int (*co_client)(struct talk *t, struct stream *raw); /* NULL: the usual one */
    int64_t timeout_ms;                                   /* of handshakes; 0: 20 s */
    unsigned rounds;                                      /* 0: 1 */
    struct sock_listener *listener;
    int server_rc, client_rc;                 /* of the handshakes */
    int server_end, talk_rc;                  /* how the echo ended; of the ping */
    struct tls_peer server_peer, client_peer; /* as seen by server, by client */
    struct tls_failure server_why, client_why, talk_why;
};
/** Makes a loop where none is given and runs both sides to their ends. */
void talk_run(struct talk *t);
/** The same on a loop that is kept, in the flow that calls. */
int talk_co_run(struct talk *t) CO_FN;

#endif
