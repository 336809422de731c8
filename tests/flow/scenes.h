/* Dialogues that are run again and again while something fails in them, and what must be true of
 * each whatever failed: what the requester hears, the chip, the card's row, the next dialogue
 * (R1-R4, R8). */
#ifndef TESTS_FLOW_SCENES_H
#define TESTS_FLOW_SCENES_H

#include "city.h"

struct scene {
    const char *name;
    void (*before)(void); /* leaves the request in scene_request */
};
extern const struct scene scenes[];
extern const size_t scene_count;

extern struct txn_request scene_request;
extern struct txn_result scene_result;

/** The city whose card 0 they are about, with some 4,000 yuan on it. */
void scenes_open(struct city *c, enum cardsim_profile kind, const char *profile);
void scenes_close(void);
/** Card 0 is put down anew. */
void scene_lay(void);
/** A transaction of 1.00 whose card is torn at `spec`: its doubt, which is what scene_wrong() looks
 * at. */
int64_t scene_torn(const char *spec, const char *service, const char *term);

/** Prepares one run; then whatever is to fail is armed. */
void scene_begin(const struct scene *s);
void scene_run(void);
/** After whatever failed was disarmed. NULL: all is well; else what is not. */
const char *scene_wrong(void);
/** Fails the test, with what was told. */
void scene_fail(const struct scene *s, const char *how, unsigned n, const char *wrong);

#endif
