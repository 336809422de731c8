/* Putting a copy in the ledger's place: one way for backups and for the copy that followed. */
#ifndef ONECARDCTL_RESTORE_H
#define ONECARDCTL_RESTORE_H

#include "ledger/ledger.h"
#include "site.h"

/** The options of the commands that restore, and what their help says further. */
extern const struct cli_option restore_options[3];
extern const char restore_more[];
/** Verifies `from` and makes it the ledger of the site that the options name, at rest; says what
 * came of it. */
int restore_site(struct ctl *c, const struct cli_args *a, const char *from) MUST_USE;
/** A proof as JSON; NULL: no memory. */
json_t *restore_report(struct ledger_report *r) MUST_USE;

#endif
