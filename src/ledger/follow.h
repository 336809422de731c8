/* A second copy of a ledger, kept by its journal: the side that gives (feed.c, on the loop of the
 * ledger at work) and the side that keeps (follow.c, blocking, in another process). Part of
 * ledger.h's public face.
 *
 * What travels is a bundle: journal rows as they stand, with their MACs, and the keys of the citizens
 * these rows name. Those keys are no operations (R20), so they come along with whatever was sealed
 * under them: a key is durable before the first row that needs it, hence whoever reads the row finds
 * it; one that was erased meanwhile is not found and does not travel.
 *
 *     bundle = first(8) keys(4) key* rows(4) row*          big-endian
 *     key    = citizen(1+n) what(1) created_ms(8) sealed(2+n)
 *     row    = op(4+n) mac(32)
 *
 * The copy is a ledger: the same fold makes its tables out of the rows, so it opens, verifies and is
 * put in place like any other. It holds the lock of its file as long as it is open. */
#ifndef LEDGER_FOLLOW_H
#define LEDGER_FOLLOW_H

#include "base/base.h"

struct ledger;

#define LEDGER_BUNDLE_MAX ((size_t)2 * 1024 * 1024) /* bytes */

/* ---- the side that gives; loop thread ---- */
struct ledger_bundle {
    int64_t first, last; /* journal rows; last < first: there are none yet */
    int64_t first_ms;    /* wall: when the first of them was written */
};
/** Replaces what is in `out` by the next bundle after journal row `after`: at most 1,024 rows and somewhat more than 1 MiB.
 *  Errors of the reads of ledger.h. Suspends. */
int ledger_co_bundle(struct ledger *l, int64_t after, struct buf *out, struct ledger_bundle *ret) MUST_USE CO_FN;
/** Is journal row `seq` the one with this MAC? 0 also for seq 0. OC_ENOENT: there is no such row yet;
 *  OC_ECONFLICT: it is another. */
int ledger_co_journal_has(struct ledger *l, int64_t seq, const uint8_t mac[32]) MUST_USE CO_FN;
/** Suspends until there is a row after `seq`, but for one that a thread wrote not longer than 200 ms. OC_ETIMEDOUT, OC_ECANCELED. */
int ledger_co_grown(struct ledger *l, int64_t seq, int64_t deadline_ns) MUST_USE CO_FN;

/** From now on ledger_co_submit() answers only when a copy has the operation, or after `ms`; from then on nobody waits until the
 *  copy is near again (within 1,024 rows), so an absent copy costs one wait. 0: does not wait. */
void ledger_copy_wait(struct ledger *l, int64_t ms);
/** Of the copies that are connected the furthest has everything up to `seq` on its disk; less than before where that one has gone. */
void ledger_copied(struct ledger *l, int64_t seq);
/** No copy is connected: nobody waits. */
void ledger_copy_gone(struct ledger *l);
/** True: answers wait for the copy at present. */
bool ledger_copy_waits(const struct ledger *l);

/* ---- the side that keeps; any one thread ---- */
struct ledger_copy;
/** Opens the copy at `path`, or begins one there. A backup is a copy as well. Proves the chain's end. Errors of
 *  ledger_open(), but for the clock. Blocks. */
int ledger_copy_open(const char *path, const uint8_t chain_key[32], struct ledger_copy **ret) MUST_USE WORKER_FN;
void ledger_copy_close(struct ledger_copy **c) WORKER_FN;
/** The last row it has on its disk, 0: none, and its MAC. */
int64_t ledger_copy_head(const struct ledger_copy *c, uint8_t ret_mac[32]);
/** Proves the MAC of each row of a bundle, folds them, and commits all of it: on the disk when it returns. Rows that it has already
 *  are passed over. OC_EPARSE: not a bundle; OC_ENOENT: rows between are missing; OC_ECHAIN: a row's MAC is wrong (logged); OC_ENOTSUP: written by a
 *  newer program; OC_EINTERNAL: a row does not fit the rows before it (logged); OC_EDB…, OC_EIO. After an error the copy is as
 *  it was before. Blocks. */
int ledger_copy_apply(struct ledger_copy *c, const void *bundle, size_t len) MUST_USE WORKER_FN;

#endif
