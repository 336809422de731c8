/* What enrolment lends to others of this folder. */
#ifndef SERVE_ENROLL_H
#define SERVE_ENROLL_H

#include "serve/session.h"

/** Ends every connection of this terminal as revoked, also those that have not said Hello yet:
 * whoever passed the door before the key went must not come in after it. */
void enroll_end_sessions(struct terminals *t, const struct station *st, const char *message);

#endif
