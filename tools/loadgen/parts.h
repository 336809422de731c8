/* What the parts can do alone, on this machine, now: the ceilings that the switch is measured
 * against (docs/PERFORMANCE.md). */
#ifndef LOADGEN_PARTS_H
#define LOADGEN_PARTS_H

#include <stdint.h>

/** Bare TLS 1.3 round trips over libevent, both sides, on `connections` sockets at once. */
struct parts_tls {
    unsigned connections, out, in; /* bytes of a request and of its answer */
    double seconds;
};
struct parts_tls_result {
    double per_second, core_us; /* of both sides, a round trip */
};
/** memory_bio: OpenSSL between memory BIOs and the sockets read and written here; else it has the
 * sockets. 0 or -1 (told). */
int parts_tls(const struct parts_tls *w, int memory_bio, struct parts_tls_result *ret);

/** The statements of a purchase, by SQLite's own functions, on a copy of a ledger that nobody has
 * open. */
struct parts_sql {
    const char *path;
    int64_t cards, terminals;
    unsigned batch; /* operations a commit: half of them intents, half outcomes */
    unsigned intent_bytes, outcome_bytes;
    double seconds;
};
struct parts_sql_result {
    double per_second, core_us; /* a purchase */
    double commits_per_second;
    double pair_p50_ms, pair_p99_ms; /* two commits one after the other */
};
int parts_sql(const struct parts_sql *w, struct parts_sql_result *ret);

/** Core time of one DES block, one key schedule, and the SHA-256 HMAC of `bytes`. */
struct parts_cipher_result {
    double block_us, schedule_us, hmac_us;
};
int parts_cipher(unsigned hmac_bytes, struct parts_cipher_result *ret);

#endif
