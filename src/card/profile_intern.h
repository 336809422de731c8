/* What the profile_*.c files share. Not for others. */
#ifndef CARD_PROFILE_INTERN_H
#define CARD_PROFILE_INTERN_H

#include "card/profile.h"

extern const struct conf_schema profile_table; /* fills a struct card_profile */

/* Check hooks of the table's sections: what single rows cannot say. */
void profile_check_match(const struct conf_check *c, void *value);
void profile_check_identity(const struct conf_check *c, void *value);
void profile_check_holder(const struct conf_check *c, void *value);
void profile_check_piece(const struct conf_check *c, void *value);
void profile_check_slot(const struct conf_check *c, void *value);
/** What a slot says of its profile: codes as long as their place, no slot twice. */
void profile_check_slots(const struct conf_check *c, const struct card_profile *p);
void profile_check_pin(const struct conf_check *c, void *value);
void profile_check_factor(const struct conf_check *c, void *value);
void profile_check_purse(const struct conf_check *c, void *value);
void profile_check_log(const struct conf_check *c, void *value);
void profile_check_field(const struct conf_check *c, void *value);
void profile_check_capp(const struct conf_check *c, void *value);
void profile_check_file(const struct conf_check *c, void *value);
void profile_check_key(const struct conf_check *c, void *value);
void profile_check_personalise(const struct conf_check *c, void *value);
void profile_check_all(const struct conf_check *c, void *value);

/** The record that is written last on a card whose identity is pieces: without it the card is not
 * one yet. NULL: the profile has none. */
const struct conf_bytes *profile_mark(const struct card_profile *p);
/** Does this piece stand in that file? */
bool profile_piece_in(const struct profile_piece *piece, const struct profile_file *f);
/** The piece that this record of the file holds, as its index + 1; 0: none. */
size_t profile_piece_of(const struct profile_piece *pieces, size_t count,
                        const struct profile_file *f, const struct conf_bytes *record);

#endif
