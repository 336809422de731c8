/* onecardctl: PINs that a clerk or a holder types: never on a command line, in no buffer of
 * stdio's, wiped. */
#ifndef ONECARDCTL_PIN_H
#define ONECARDCTL_PIN_H

#include "ctl.h"

/** Reads one line of digits from `file` ("-": standard input, or by hand without echo where that is
 * a terminal, asked for with `prompt`) and puts it into `body` as `member`. 0, or what the command
 * ends with (said). */
int pin_add(struct ctl *c, const char *file, const char *prompt, const char *member, json_t *body);
/** Gives a body back that may hold PINs, wiped. NULL is fine. */
void pin_drop_body(json_t *body);
/** onecardctl card pin change|unblock CARD. */
int pin_run(struct ctl *c, const struct cli_args *a);
/** Its options. */
extern const struct cli_option pin_options[];
#define PIN_OPTIONS 4

#endif
