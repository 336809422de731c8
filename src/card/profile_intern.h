/* What the profile_*.c files share. Not for others. */
#ifndef CARD_PROFILE_INTERN_H
#define CARD_PROFILE_INTERN_H

#include "card/profile.h"

extern const struct conf_schema profile_table; /* fills a struct card_profile */

/* Check hooks of the table's sections: what single rows cannot say. */
void profile_check_match(const struct conf_check *c, void *value);
void profile_check_identity(const struct conf_check *c, void *value);
void profile_check_holder(const struct conf_check *c, void *value);
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

#endif
