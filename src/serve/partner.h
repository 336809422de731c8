/* The door for institutions' own systems: HTTPS, each request signed with the key that the ledger
 * has for the participant (docs/UPSTREAM.md: the same signature in both directions).
 *
 *   partner.c       the door: who asks, how much, which call     partner_ask.c  services, answers
 *   partner_box.c   messages for those who cannot be called */
#ifndef SERVE_PARTNER_H
#define SERVE_PARTNER_H

#include "serve/api.h"

struct partners;

/** One institution that has asked since the start. */
struct partner {
    char id[LEDGER_ID];
    unsigned at_once;     /* its requests at work */
    int64_t tokens_at_ns; /* of the bucket */
    int64_t tokens;       /* in thousandths of a request */
    unsigned seen;        /* reading calls of the last ten minutes that are remembered */
};
/** A call of its: `call.who` is "participant:ID". */
struct partner_call {
    struct api_call call; /* first: routes are api_routes */
    struct partner *partner;
};
static inline struct partner *partner_of(struct api_call *c)
{
    return CONTAINER_OF(c, struct partner_call, call)->partner;
}

extern const struct api_route partner_ask_routes[], partner_box_routes[];

/** Reads certificate and key. 0 where institutions.listen is not set. Logs. */
int partners_open(struct serve *s) MUST_USE WORKER_FN;
/** Opens the door. Logs. */
int partners_start(struct serve *s) MUST_USE;
/** No request may be at work any more, or the loop must still run: as http_server_close(). */
void partners_close(struct serve *s);
/** After the loop was freed. */
void partners_free(struct serve *s);

#endif
