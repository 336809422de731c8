/* A request that waits for a card, from its creation to its outcome. */
#ifndef ONECARDCTL_RUN_H
#define ONECARDCTL_RUN_H

#include "ctl.h"

/** Creates the request at `path` with `body`, says on `err` what is awaited, and waits for the end.
 * SIGINT and SIGTERM cancel it once; when that is too late the true outcome still comes.
 * *ret_result is the result object in every case but CTL_USAGE (for a failure that the daemon did
 * not answer: one made here, with the same members). Returns the exit status that the outcome
 * means: CTL_DOUBT also where the outcome could not be learned. Blocks. */
int run_request(struct ctl *c, const char *path, const json_t *body, json_t **ret_result) MUST_USE;
/** Prints a result for people, or its JSON. */
void run_print(struct ctl *c, const json_t *result);

#endif
