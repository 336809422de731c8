/* A configuration in force: the filled struct with everything it points to, counted, so that a
 * reload can put a new one in place while those who hold the old one finish with it. A snapshot
 * never changes. */
#ifndef CONF_SNAPSHOT_H
#define CONF_SNAPSHOT_H

#include "conf/schema.h"

struct conf_snapshot;

/** Reads and checks a file. The caller holds one count. Errors of conf_load. Blocks. */
int conf_snapshot_open(const char *path, const struct conf_schema *schema,
                       struct conf_errors *errors,
                       struct conf_snapshot **ret_snapshot) MUST_USE WORKER_FN;
/** The same from text already in memory. */
int conf_snapshot_parse(const char *file, const void *text, size_t len,
                        const struct conf_schema *schema, struct conf_errors *errors,
                        struct conf_snapshot **ret_snapshot) MUST_USE;
/** One more holder; returns s. Thread-safe. */
struct conf_snapshot *conf_snapshot_get(struct conf_snapshot *s);
/** One holder less; the last one frees (and wipes). Sets *s to NULL; NULL inside is fine.
 * Thread-safe. */
void conf_snapshot_put(struct conf_snapshot **s);
/** The filled struct. Lives as long as the snapshot. */
const void *conf_snapshot_value(const struct conf_snapshot *s);
/** The tree it came from (for sections checked later, conf_subtree). Lives as long as the snapshot.
 */
const struct conf_tree *conf_snapshot_tree(const struct conf_snapshot *s);
/** Appends what is in force (conf_dump). */
void conf_snapshot_dump(const struct conf_snapshot *s, struct buf *out);

#endif
