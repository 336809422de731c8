/* What the files of upstream share. */
#ifndef UPSTREAM_INTERNAL_H
#define UPSTREAM_INTERNAL_H

#include "upstream/upstream.h"

/* A breaker, as pure data: the clock is handed in.
 *
 *            `failures` in a row                 open_ms over, one call passes
 *   CLOSED ─────────────────────► OPEN ──────────────────────────────────────► HALF_OPEN
 *     ▲                            ▲ └── others: refused                          │ │
 *     │                            └───────────────── it failed: open for longer ─┘ │
 *     └──────────────────────────────────────────────────────────── it succeeded ───┘ */
struct breaker {
    unsigned limit; /* failures in a row that open it */
    int64_t open_ms, open_max_ms;
    enum breaker_state state;
    unsigned failures, opened; /* in a row; times opened without a success between */
    int64_t until_ns;
};
/** May a call begin? When OPEN is over the first one that asks is the probe: HALF_OPEN. */
bool breaker_may(struct breaker *b, int64_t now_ns);
void breaker_good(struct breaker *b);
/** Did it open because of this? `random`: for the jitter. */
bool breaker_bad(struct breaker *b, int64_t now_ns, uint32_t random);
/** The probe ended without telling anything: the next call is one. */
void breaker_nothing(struct breaker *b);

enum outcome {
    OUT_OK,
    OUT_SERVER_ERROR,
    OUT_NOT_SENT,
    OUT_TIMED_OUT,
    OUT_LOST,
    OUT_TOO_LARGE,
    OUT_BUSY,
    OUT_COUNT
};

struct link;
struct route {
    struct list link;
    char participant[UPSTREAM_PARTICIPANT];
    uint8_t mark[SHA256_LEN]; /* of what it was made from: two that are equal are the same */
    bool kept, retired;       /* while routes change; out of the list: goes with its last call */
    char *url, *path;        /* path: inside url, "" or "/onecard" */
    struct upstream_route o; /* numbers only */
    struct breaker breaker;
    unsigned busy, waiting;
    struct flow_cond free;
    struct link *line; /* NULL with a transport of the caller's */
    int64_t calls, failed, mean_ns, last_ns, last_good_ms;
    char last_error[160];
    struct metric *m_outcome[OUT_COUNT], *m_seconds, *m_breaker, *m_busy;
};
struct upstream {
    struct upstream_opts o;
    uint8_t *seed;
    char from[UPSTREAM_PARTICIPANT];
    struct list routes, retired;
};
struct route *upstream_route_(const struct upstream *u, const char *participant);
/** A call ended: a retired route without others goes. */
void upstream_leave_(struct route *r);

/* ---- link.c ---- */
/** libcurl's side of a route. OC_EINVAL (logged), OC_ENOMEM. */
int link_new(const struct upstream *u, struct route *r, const struct upstream_route *o,
             struct link **ret) MUST_USE;
void link_free(struct link **l);
/** One exchange; why it failed goes into `why` (cap bytes) for people. */
int link_co_exchange(struct link *l, const struct upstream_exchange *e,
                     struct upstream_answer *ret, char *why, size_t cap) MUST_USE CO_FN;

#endif
