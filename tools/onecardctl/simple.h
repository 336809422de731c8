/* Verbs that are a table and one call. */
#ifndef ONECARDCTL_SIMPLE_H
#define ONECARDCTL_SIMPLE_H

#include "ctl.h"

/** POSTs the options to `path` and prints the answer after a line of `done` (printf with the word
 * of member `name`). */
int simple_post(struct ctl *c, const struct cli_args *a, const char *path, const char *done,
                const char *member);

#endif
