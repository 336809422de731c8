/* A reader whose card plays a script (tests/cards/NAME.card), so that a test says byte by byte what
 * must be sent:
 *
 *   # words                 a remark
 *   atr 3B 00               the card's answer to reset (before the first command; else 3B 00)
 *   protocol T0             T1 otherwise
 *   > 00A40400 .. *         the next command: `..` any byte, `*` any rest
 *   < 6F00 9000             its answer
 *   ! lost                  … or: executed, its answer lost, the card has left
 *   ! unanswered            … or: no answer until the deadline, the card stays
 *   ! removed               … or: the card had left before, the command was never sent
 *   +                       the card comes back (a new arrival)
 *
 * Anything sent that is not the next command is answered by an error and remembered with line and
 * bytes. */
#ifndef TESTS_READER_SCRIPT_H
#define TESTS_READER_SCRIPT_H

#include "card/card.h"

struct reader_script;

/** A reader with the card of a script on it. `label` names the script in diagnostics. It ends with
 * the registry. OC_EPARSE: the script is malformed (the reason goes to stderr). */
int reader_script_new(struct readers *rs, const char *name, const char *label, const char *text,
                      struct reader_script **ret) MUST_USE;
/** The same from a file. OC_ENOENT. */
int reader_script_load(struct readers *rs, const char *name, const char *path,
                       struct reader_script **ret) MUST_USE;
struct reader *reader_script_reader(const struct reader_script *s);
/** "" when the script was played to its end and nothing else was sent; else what differed first. */
const char *reader_script_verdict(struct reader_script *s);

#endif
