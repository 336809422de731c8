/* Reading rules files: values with their kind, and mistakes that name file, line and column. A
 * mistake is logged and counted; reading goes on, so that an author sees all of them at once. */
#ifndef SOCIAL_READ_H
#define SOCIAL_READ_H

#include "social.h"

struct reader {
    const struct onecard_host *h;
    const struct onecard_conf *conf;
    const char *path; /* of the file, where a value has no place of its own */
    unsigned mistakes;
};

/** Counts and logs "place: text". */
void read_wrong(struct reader *r, const struct onecard_doc *at, const char *fmt, ...)
    ONECARD_PRINTF(3, 4);
/** Every member of the object must be one of these words, separated by blanks. False: `d` is none.
 */
bool read_known(struct reader *r, const struct onecard_doc *d, const char *members);
/** A required or optional member: what `dflt` says where it is not there (NULL: it must be). */
void read_text(struct reader *r, const struct onecard_doc *d, const char *member, const char *dflt,
               char *to, size_t cap);
/** The place of a word in a list that ends with NULL; `dflt` where absent (-1: it must be there).
 */
int read_choice(struct reader *r, const struct onecard_doc *d, const char *member,
                const char *const *words, int dflt);
/** Yuan as 200 or "200.50"; dflt < 0: it must be there. */
fen_t read_yuan(struct reader *r, const struct onecard_doc *d, const char *member, fen_t dflt);
fen_t read_yuan_of(struct reader *r, const struct onecard_doc *value);
/** "70%" or "12.5%" in hundredths of a percent; dflt < 0: it must be there. */
int32_t read_share(struct reader *r, const struct onecard_doc *d, const char *member, int32_t dflt);
int32_t read_share_of(struct reader *r, const struct onecard_doc *value);
/** "2026-01-01" as 20260101; must be there. */
int32_t read_date(struct reader *r, const struct onecard_doc *d, const char *member);
int64_t read_int(struct reader *r, const struct onecard_doc *d, const char *member, int64_t min,
                 int64_t max, int64_t dflt);

/* One file of each kind (rules.c, lists.c); what is written into `to` counts only without mistakes.
 */
void read_insurance(struct reader *r, const struct onecard_doc *d, struct social_rules *to);
void read_catalogue(struct reader *r, const struct onecard_doc *d, struct social_catalogue *to);
void read_hospitals(struct reader *r, const struct onecard_doc *d, struct social_book *to);
void read_entitlements(struct reader *r, const struct onecard_doc *d, struct social_book *to);
/** The array with room for one more item of `size`, zeroed and counted; NULL: no memory, which is
 * counted as a mistake, and the array stays as it was. */
void *read_grow(struct reader *r, void *items, size_t *count, size_t size);

#endif
