/* A terminal at the other end of real TLS over loopback, in the test's own thread: enrols, says
 * hello, asks, executes lists against a card in software. It obeys, and misbehaves on order. */
#ifndef TESTS_SERVE_WIRE_TERMINAL_H
#define TESTS_SERVE_WIRE_TERMINAL_H

#include "site.h"

#include "crypto/crypto.h"
#include "flow/flow.h"
#include "wire/wire.h"

enum wire_cut { CUT_NEVER, CUT_AT_LIST, CUT_AFTER_LIST, CUT_LATE };

struct wire_terminal {
    struct site *site;
    struct loop *loop;
    char id[32];
    struct x509_bytes key, csr, cert, authority;
    struct tls_session *session;
    struct stream *stream;
    struct tls_peer peer;
    struct tls_failure failure;
    struct buf in;
    struct arena arena; /* of the last message */
    pb_to_terminal *m;
    struct cardsim *card; /* on reader 1; NULL: none */
    uint64_t arrival, last_request, script;
    pb_arm *arm;
    unsigned lists, welcomes, arms;
    enum wire_cut cut; /* … */
    unsigned cut_at;   /* … at the list with so many before it */
    char error[32];    /* code of the last Error */
    uint64_t error_number;
    bool fatal, drained;
    uint32_t busy_ms;
    int64_t until_ms;
};
struct wire_result {
    uint64_t number;
    int outcome; /* enum pb_outcome; -1: none came */
    char reason[32], txn[16];
    int64_t balance, amount;
    bool replayed;
    unsigned slip, lists;
};

void wt_open(struct wire_terminal *t, struct site *site, const char *id);
void wt_close(struct wire_terminal *t);
/** With a token from the API. 0, or OC_EPERM: `error` says why. */
int wt_enrol(struct wire_terminal *t);
int wt_enrol_with(struct wire_terminal *t, const char *token);
/** A token from the API; "" where it has none to give. */
void wt_token(struct wire_terminal *t, char ret[128]);
/** TLS and hello. 0; OC_EPERM, … (failure, error say why). */
int wt_connect(struct wire_terminal *t);
/** TLS only. */
int wt_dial(struct wire_terminal *t, const char *alpn);
/** Ends the connection without a word. */
void wt_hang_up(struct wire_terminal *t);
/** Puts card i on the reader; told at once where connected. */
void wt_insert(struct wire_terminal *t, struct cardsim *card);
void wt_remove(struct wire_terminal *t);
struct wire_ask {
    const char *service;
    uint64_t number; /* 0: the next */
    int64_t amount;
    bool gate, no_chip;
    uint32_t wait_ms;
    const char *card_number; /* instead of the chip */
    const char *code;        /* likewise */
    bool apart;              /* the card was told in a message of its own: wt_tell() */
    unsigned reader;         /* 0: 1 */
    uint64_t arrival;        /* only the card of this one; 0: any */
    bool only_answer;
    const char *pin, *document; /* NULL: none */
};
/** Asks and executes lists until the result, an error about it, Busy or the end of the connection.
 */
struct wire_result wt_ask(struct wire_terminal *t, struct wire_ask a);
/** Sends only. */
int wt_send_ask(struct wire_terminal *t, struct wire_ask *a);
/** Tells of the card that lies there, with what the script that stands asked it. */
int wt_tell(struct wire_terminal *t);
/** Takes what comes within `ms` that belongs to no request; a card that is to be read anew is. */
void wt_rest(struct wire_terminal *t, int ms);
int wt_cancel(struct wire_terminal *t, uint64_t number);
/** Goes on until the result of that request, or something that ends the waiting. */
struct wire_result wt_wait(struct wire_terminal *t, uint64_t number);
int wt_send(struct wire_terminal *t, const pb_to_switch *m);
int wt_send_bytes(struct wire_terminal *t, const void *bytes, size_t len);
/** The next message (t->m); OC_ETIMEDOUT, OC_ECLOSED, … */
int wt_next(struct wire_terminal *t, int ms);
/** Reads until the connection ends; the last error's code is in `error`. OC_ECLOSED. */
int wt_drain(struct wire_terminal *t, int ms);

#endif
