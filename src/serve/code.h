/* Dynamic codes in place of a card (R21): "oc2:NUMBER.MINUTE.MAC". Whoever shows one holds the
 * citizen's app, or had it made at a desk, within the last two minutes. */
#ifndef SERVE_CODE_H
#define SERVE_CODE_H

#include "serve/internal.h"

#define CODE_TEXT     96
#define CODE_A_MINUTE 8 /* codes of one card in one minute */

int codes_open(struct serve *s) MUST_USE;
void codes_close(struct serve *s);
/** Makes one for a card: good in this minute and the next, once. OC_ELIMIT: CODE_A_MINUTE were made
 * in this minute; OC_EBUSY: too many codes wait; OC_ENOMEM, OC_ECRYPTO. */
int code_make(struct serve *s, const struct card_row *card, char ret[CODE_TEXT],
              int64_t *ret_until_ms) MUST_USE;
/** Takes the dynamic code of a request, if it has one: where it is good r->strength says so. The
 * same code for the same number of the same terminal is good again: that request is asked again.
 * NULL, or why the code is not good: txn refuses what needs one, and answers what it knows. Static
 * text. */
const char *code_co_take(struct serve *s, struct txn_request *r) CO_FN;
/** The same where the card is known. */
const char *code_take(struct serve *s, const struct card_row *card, struct txn_request *r);
/** Puts that reason into a result which txn refused for the code; else does nothing. */
void code_explain(const char *why, struct txn_result *r);

#endif
