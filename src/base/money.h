/* Amounts: integer fen (0.01 yuan) everywhere; yuan only at the edge. */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include "base/role.h"
#include <onecard/types.h>

#define FEN_TEXT 32
/** "12", "12.3", "12.34" or "-0.05" yuan to fen. More decimals, other characters, over 10^13 fen: OC_EINVAL. */
int fen_parse(const char *yuan, fen_t *ret_fen) MUST_USE;
/** "1,234.50" (yuan, grouped) into out; returns out. */
const char *fen_text(fen_t fen, char out[FEN_TEXT]);
/** "1234.50" (yuan, plain, for machines) into out; returns out. */
const char *fen_plain(fen_t fen, char out[FEN_TEXT]);

#endif
