/* A second copy of the ledger, kept all the time: the daemon's side, which gives its journal to
 * followers, and the follower's, which makes a ledger of it on another disk or another host.
 *
 *     onecardd                                              onecard-copy
 *       writer ─ commit ─► source ── Bundle(rows, MACs) ──►  proves each MAC, folds, one commit
 *                             ◄──────── Ack(row) ──────────  when it is on its disk
 *
 * The journal is the only buffer: a follower that is slow, away or new asks for what comes after
 * its own last row, and nothing is kept for it here. So it never holds up the switch, unless the
 * site wants answers to wait for it (`wait`). Four bundles may be on their way at one time.
 *
 * Over a Unix socket (another disk of this host) or mutual TLS 1.3 with both keys known beforehand.
 */
#ifndef COPY_COPY_H
#define COPY_COPY_H

#include "base/base.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "flow/flow.h"
#include "ledger/ledger.h"

#define COPY_NAME  32 /* a follower's name, with NUL */
#define COPY_PEERS 4  /* followers that are remembered */
#define COPY_ALPN  "onecard-copy/1"
#define COPY_HOST  "onecard-copy" /* the name in the daemon's certificate */

/* ---- the daemon's side ---- */
struct copy_source;
struct copy_source_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct metrics *metrics;
    struct pool *pool;             /* handshakes */
    const char *socket;            /* path of a Unix socket, mode 0600; NULL: none */
    const char *host;              /* numeric address to listen on with TLS; NULL: none */
    int port;                      /* 0: any, see copy_source_port() */
    const char *certificate, *key; /* PEM files of this side */
    const char *authority;         /* PEM file: whom the follower's certificate must come from */
    const char *follower;          /* PEM file of the one certificate whose key is let in */
    int64_t wait_ms;               /* answers wait so long for a follower; 0: they do not */
};
/** Reads the files; logs what is wrong with them. OC_ENOENT, OC_EPARSE, OC_EINVAL, OC_ENOMEM.
 * Blocks. */
int copy_source_new(const struct copy_source_opts *o, struct copy_source **ret) MUST_USE WORKER_FN;
/** Opens the doors. Loop thread. Errors of sock.h (logged). */
int copy_source_start(struct copy_source *s) MUST_USE;
/** Takes nobody new, ends what is at work; the flows end when the loop does. */
void copy_source_stop(struct copy_source *s);
/** After the loop's flows have ended. NULL is fine. */
void copy_source_free(struct copy_source **s);
int copy_source_port(const struct copy_source *s);

struct copy_state {
    char name[COPY_NAME], peer[SOCK_PEER_TEXT];
    bool connected;
    int64_t since_ms; /* wall: connected, or gone, since */
    int64_t row;      /* acknowledged; -1: it was never here since the start */
    int64_t behind_rows, behind_ms;
};
/** Followers that were here since the start, into room for COPY_PEERS; the number. */
unsigned copy_source_list(const struct copy_source *s, struct copy_state *rows);
/** How far the nearest follower is behind, in ms; counted from the start while there was none. */
int64_t copy_source_behind_ms(const struct copy_source *s);

/* ---- the follower ---- */
struct follower_config {
    const char *name, *connect, *ledger;
    const char *keystore, *passphrase_file, *chain;
    const char *certificate, *key, *authority;
    char host[64]; /* of `connect`; "": it is the path of a Unix socket */
    int port;
    struct follower_log {
        enum log_level level;
    } log;
};
const struct conf_schema *follower_config_schema(void);
/** Follows until SIGTERM or SIGINT: 0; else what ends it for good (logged): OC_ECHAIN,
 * OC_EINTERNAL, OC_ENOTSUP, OC_EDB…, OC_EBUSY, errors of files. `ready` (may be NULL) is called
 * once when the copy is open. Blocks. */
int follower_run(const struct follower_config *c, void (*ready)(int64_t row)) MUST_USE WORKER_FN;
/** Makes the file that holds the chain key for a follower, under a key store of its own. Errors of
 * keystore.h and file.h. Blocks. */
int follower_chain_write(const char *path, const struct keystore *ks,
                         const uint8_t chain_key[32]) MUST_USE WORKER_FN;

#endif
