/* Where a site keeps its things, from its configuration file where that can be read. */
#ifndef ONECARDCTL_SITE_H
#define ONECARDCTL_SITE_H

#include "ctl.h"

struct site_paths {
    char dir[CTL_PATH], config[CTL_PATH], socket[CTL_PATH], ledger[CTL_PATH], keystore[CTL_PATH],
        settlement[CTL_PATH], passphrase_file[CTL_PATH]; /* the last: "" where none is named */
};

/** Finds the site of --dir, ONECARD_DIR or /etc/onecard. CTL_USAGE or CTL_FAILED: it was said why.
 */
int site_find(struct ctl *c, struct site_paths *ret) MUST_USE;
/** The chain key of a site's ledger. `passphrase_file` NULL: the configured one. CTL_FAILED: it was
 * said why. The caller wipes. Blocks. */
int site_chain_key(struct ctl *c, const struct site_paths *s, const char *passphrase_file,
                   uint8_t ret[32]) MUST_USE WORKER_FN;
/** The first line of a file, as a passphrase. CTL_FAILED: it was said why, and `ret` holds
 * nothing; else the caller wipes. Blocks. */
int site_passphrase(struct ctl *c, const char *file, char *ret, size_t cap) MUST_USE WORKER_FN;
/** Says that nobody may be at work on the ledger when somebody is: CTL_FAILED. */
int site_at_rest(struct ctl *c, const struct site_paths *s, const char *what) MUST_USE;
/** Does `what` with the site's paths and gives its status; or what site_find() said. */
int site_with(struct ctl *c, const struct cli_args *a,
              int (*what)(struct ctl *c, const struct site_paths *s, const struct cli_args *a)) MUST_USE;

#endif
