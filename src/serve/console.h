/* What a person at a console does that no terminal asked for, written as a transaction that moves
 * nothing: so it stands in the journal with who and when (R20). */
#ifndef SERVE_CONSOLE_H
#define SERVE_CONSOLE_H

#include "serve/internal.h"

#define CONSOLE_TERMINAL "console"

/** A terminal of the site itself (kind system, of participant "site"), which may run `services`;
 * both are made when first needed. Errors of ledger_co_submit. `op` in heap or arena; overwritten.
 */
int site_co_terminal(struct serve *s, const char *id, const char *services, struct ledger_op *op,
                     struct terminal_row *ret) MUST_USE CO_FN;

struct console_note {
    const char *who, *service;
    const struct op_record *record; /* NULL: none; its version is the one that was read */
    const char *event, *text;       /* what operators learn; NULL: nothing */
};
/** Writes it, durable when it returns. Errors of ledger_co_submit, words of a refusal in op. `op`
 * in heap or arena; overwritten. */
int console_co_note(struct serve *s, const struct console_note *n,
                    struct ledger_op *op) MUST_USE CO_FN;

#endif
