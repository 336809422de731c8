/* The public face of upstream: questions and messages to the systems of institutions (hospitals,
 * the bureau, banks), over HTTPS with mutual TLS and JSON, each message signed. docs/UPSTREAM.md is
 * the protocol.
 *
 * A caller waits in its flow; what it must know afterwards is whether the message may have arrived.
 * Every error says so: either nothing was sent, or the outcome is unknown. Nothing is repeated
 * here: who repeats keeps the idempotency key (the outbox does).
 *
 *   upstream_co_post ─ breaker.c may we? ─ a free lane ─ link.c libcurl on the loop ─ what it means
 *
 * Per participant one route, with its own connections: nothing is shared between institutions.
 * Loop thread only. */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "flow/flow.h"

#define UPSTREAM_ANSWER_MAX  ((size_t)1024 * 1024) /* bytes of an answer's body */
#define UPSTREAM_PARTICIPANT 32                    /* with NUL */

struct upstream;

struct upstream_answer {
    int status; /* of HTTP */
    char *body; /* JSON text as it came, NUL-terminated beyond its len bytes; not parsed yet */
    size_t len;
};

/** One route. Texts are copied; 0 is the default in brackets. */
struct upstream_route {
    const char *participant;
    const char *url;                    /* https://host[:port][/path] */
    const char *ca, *certificate, *key; /* PEM texts; certificate and key both or none */
    int64_t connect_ms;                 /* name, TCP and TLS [3,000] */
    int64_t timeout_ms;                 /* the whole call, the wait for a lane apart [8,000] */
    int64_t lane_wait_ms;               /* [1,000] */
    int64_t slow_ms;                    /* an answer that took longer counts as a failure [5,000] */
    unsigned lanes;                     /* calls at one time [4] */
    unsigned failures;                  /* in a row that open the breaker [5] */
    int64_t open_ms, open_max_ms;       /* how long it opens first, and at most [2,000; 60,000] */
    unsigned attempts;                  /* an outbox message refused so often is dead [20] */
    int64_t retry_ms, retry_max_ms; /* between its attempts, first and at most [1,000; 300,000] */
};

/** What one exchange is; for transports. */
struct upstream_exchange {
    const char *from, *participant; /* who signs, and for whom */
    const char *path; /* of the request line, "/onecard/hold" */
    const char *key, *date, *signature;
    const char *json;
    size_t len;
    int64_t deadline_ns;
    struct arena *arena; /* where the answer's body goes */
};

struct upstream_opts {
    struct loop *loop;
    const struct clock *clock; /* wall time of signatures */
    struct metrics *metrics;   /* may be NULL */
    struct crypto *crypto;
    const struct rng *rng; /* jitter */
    const uint8_t *seed;   /* 32 bytes: this site's Ed25519 key; kept in locked memory */
    const char *from;      /* this site's name in messages, at most 31 characters; copied */
    const struct upstream_route *routes;
    size_t route_count;
    /** Instead of libcurl (simulators, tests): suspends; results as upstream_co_post, but for
     * OC_ENOENT and OC_EBUSY. Routes then need no certificates. */
    int (*co_exchange)(void *arg, const struct upstream_exchange *e, struct upstream_answer *ret);
    void *arg;
};

/** Opens; connects nowhere yet. OC_EINVAL: a route, certificate or key makes no sense (logged with
 * the participant), OC_ENOMEM. */
int upstream_open(const struct upstream_opts *o, struct upstream **ret) MUST_USE;
/** Ends; before loop_free, with no flow inside (flows that the loop dropped are forgotten). NULL is
 * fine. */
void upstream_close(struct upstream **u);
/** Makes these the routes. Those that read the same go on as they are, with their connections and
 * breaker; others begin anew; calls at work on a route that goes end as they are. All of them or,
 * with an error of upstream_open, none. Never suspends. */
int upstream_change(struct upstream *u, const struct upstream_route *routes,
                    size_t count) MUST_USE;
/** Is there a route? False for u == NULL. */
bool upstream_has(const struct upstream *u, const char *participant);

/** POSTs `len` bytes of `json` to the participant's route + "/" + path. `path`: letters, digits and
 * _ - . / ("hold", "ask/balance"); the key: 1 to 64 letters, digits and _ - . :
 * 0: an HTTP answer of any status with a JSON body, which is in `a`.
 * Nothing was sent: OC_ENOENT no route (or u NULL); OC_EBUSY breaker open, or all lanes taken for
 * lane_wait_ms; OC_EIO could not connect; OC_EINVAL path or key; OC_ENOMEM; OC_ECRYPTO.
 * Sent, outcome unknown: OC_ETIMEDOUT; OC_ECLOSED (also: the answer is no JSON); OC_ELIMIT the
 * answer is too large. OC_ECANCELED: unknown, unless the caller was shielded, who is never
 * cancelled here. Suspends. */
int upstream_co_post(struct upstream *u, const char *participant, const char *path,
                     const char *idempotency_key, const char *json, size_t len, int64_t deadline_ns,
                     struct arena *a, struct upstream_answer *ret) MUST_USE CO_FN;
/** Was nothing sent, if upstream_co_post says so? */
bool upstream_unsent(int rc);

/* ---- looking ---- */
enum breaker_state { BREAKER_CLOSED = 0, BREAKER_OPEN = 1, BREAKER_HALF_OPEN = 2 };
/** "closed" "open" "half_open". Static. */
const char *breaker_state_name(enum breaker_state s);

struct upstream_state {
    const char *participant, *url;
    enum breaker_state breaker;
    int64_t open_ms;                         /* until a probe may pass */
    unsigned lanes, busy, waiting, failures; /* failures: in a row */
    int64_t calls, failed;
    int64_t mean_us, last_us; /* mean: of the last calls, the older the less */
    int64_t last_good_ms;     /* wall; 0: never */
    const char *last_error;   /* "" : none since the last good one */
};
/** The i-th route's state; false at the end. Texts live as long as `u`. */
bool upstream_state_at(const struct upstream *u, size_t i, struct upstream_state *ret);
/** How messages go there. False: no route. */
struct upstream_delivery {
    unsigned lanes, attempts;
    int64_t retry_ms, retry_max_ms;
};
bool upstream_delivery(const struct upstream *u, const char *participant,
                       struct upstream_delivery *ret);
/** How long its breaker refuses calls; some while a probe is on its way. 0: it does not, or there
 * is no route. */
int64_t upstream_rest_ms(const struct upstream *u, const char *participant);
/** Why an exchange with that participant failed last, for people: "" where none did. */
const char *upstream_why(const struct upstream *u, const char *participant);

/** How long to wait before the next attempt: doubles from `first_ms` with each try, `max_ms` at
 * most, then up to a quarter more or less by `random`. */
int64_t upstream_backoff_ms(unsigned tries, int64_t first_ms, int64_t max_ms, uint32_t random);

#endif
