/* A load of work: terminals that speak the terminal protocol to a switch, each with cards, on one
 * thread. Nothing of the switch's own sessions is used, but for the frames' codec: the other side
 * of the wire is a second reading of the protocol.
 *
 *   pace.c    when which terminal begins what (closed loop, or arrivals at a fixed rate)
 *   dialogue.c one terminal: what it says and answers, and whether results agree with the card
 *   work.c    what it asks, and of which card
 *   list.c    lists of commands at its card
 *   link.c    TLS, connecting again, bytes
 *   report.c  progress, JSON */
#ifndef LOADGEN_LOAD_H
#define LOADGEN_LOAD_H

#include "hist.h"
#include "site.h"

#include "wire/wire.h"

#include <openssl/ssl.h>

enum service {
    SERVICE_PURCHASE,
    SERVICE_LOAD,
    SERVICE_BALANCE,
    SERVICE_RIDE,
    SERVICE_ENTRY,
    SERVICE_EXIT,
    SERVICE_PUSH, /* what a hospital and the bureau send before a bill can be settled */
    SERVICE_BILL,
    SERVICE_COUNT
};
extern const char *const service_names[SERVICE_COUNT];

struct load_opts {
    char host[64], port[8];
    const char *identity, *json;
    unsigned terminals, first, idle, window;
    uint64_t cards; /* of each terminal */
    unsigned mix[SERVICE_COUNT];
    double seconds, warmup, rate; /* rate 0: closed loop */
    unsigned card_ms;
    bool full_handshakes, forget, quiet, verify_only;
    double connect_wait;
};

enum phase { PHASE_DOWN, PHASE_TCP, PHASE_TLS, PHASE_HELLO, PHASE_UP };

/** What waits for its time. */
struct timer {
    int64_t at_ns;
    uint32_t place; /* in the heap, from 1; 0: not there */
    uint8_t what;
    struct term *term;
};
enum timer_what { TIMER_WORK, TIMER_BEAT };
enum work { WORK_CONNECT, WORK_HELD, WORK_AGAIN, WORK_ARM, WORK_LOOK };

struct call { /* the request that is open */
    bool open, sent, doubted;
    enum service service;
    uint64_t number, card;
    int64_t amount, intended_ns, began_ns;
    bool measured, reconnecting;
    uint32_t moves, lists, tries;
    int32_t balance;
};

struct term {
    struct load *load;
    unsigned index, pool; /* in this run; whose cards it takes, counted likewise */
    uint64_t turn;        /* where among them it goes on, for what takes them in their order */
    enum place place;
    bool idle, want_write, listed, free_listed;
    char id[16];
    enum phase phase;
    int fd;
    SSL *ssl;
    SSL_SESSION *session;
    struct x509_bytes *certificate;
    struct buf out, in;
    struct timer work, beat;
    enum work work_what;
    int64_t back_off_ms, deadline_ns;
    uint32_t heartbeat_ms;
    uint64_t last_request, arrival,
        removed; /* removed: an arrival that has left and was not told */
    bool card_on, arm_comes;
    struct chip chip;
    uint64_t arm_script; /* 0: none waits */
    pb_arm *arm;         /* in arm_arena */
    struct arena arm_arena;
    unsigned tap_commands, last_commands;
    struct call call;
    struct term *next_free;
};

struct tally {
    struct hist latency[SERVICE_COUNT], reconnecting;
    uint64_t begun, posted[SERVICE_COUNT], refused, voided, doubts, busy, replayed, errors, lost,
        doubled, disagree, unanswered;
    uint64_t dry; /* looks for something to do that found nothing */
    uint64_t lists, bytes_in, bytes_out, frames_in, frames_out, commands;
    int64_t card_ns;
};

struct waiting { /* an arrival that found no free terminal */
    int64_t intended_ns;
    enum service service;
};

struct load {
    struct load_opts o;
    struct site site;
    struct chip_kind *kind;
    int epoll;
    SSL_CTX *ctx;
    EVP_PKEY *key;
    struct term *terms;
    unsigned places[PLACE_COUNT]; /* of the terminals that work */
    unsigned term_count, up, connecting, next_connect, open_calls;
    struct timer **heap;
    unsigned heap_count;
    struct term *free_first[PLACE_COUNT], *free_last[PLACE_COUNT];
    struct waiting *ring; /* arrivals that wait */
    uint64_t ring_first, ring_count;
    int64_t now_ns, measure_ns, end_ns, next_arrival_ns, begun_ns, all_up_ns, down_since_ns,
        last_back_ms;
    bool measuring, ending, was_all_up;
    uint64_t seed, connects, resumed, connect_failures, cut;
    struct tally all, last; /* last: at the last progress line */
    uint64_t *per_second;
    unsigned seconds;
    char first_error[200];
};
#define RING_MAX (1u << 20)

/* ---- link.c ---- */
int link_init(struct load *l) MUST_USE WORKER_FN;
void link_fini(struct load *l);
/** Begins to connect where the window allows. */
void link_more(struct load *l);
void link_event(struct term *t, uint32_t events);
/** Sends what is in t->out. */
void link_flush(struct term *t);
/** Closes, and connects again after a while. */
void link_drop(struct term *t, const char *why);

/** Now, as the terminal's own monotonic clock has it. */
static inline uint64_t load_mono_ms(const struct load *l)
{
    return (uint64_t)(l->now_ns / NS_PER_MS);
}

/* ---- work.c ---- */
enum place work_place(enum service s);
/** Picks the card and the amount. False: none is there for it now. */
bool work_choose(struct term *t, enum service s, struct call *c) MUST_USE;
#define WORK_VALUE 48
/** What a request says beside its card. */
struct work_text {
    pb_param params[4], *each[4];
    char service[32], name[4][16], value[4][WORK_VALUE], document[800];
};
void work_fill(const struct term *t, struct work_text *w, pb_request *r);
/** The open call was posted. */
void work_posted(struct term *t);
/** Whether it needs no card. */
static inline bool work_cardless(const struct term *t)
{
    return t->call.service == SERVICE_PUSH;
}

/* ---- list.c ---- */
/** What the list before came to. */
struct list_answers {
    pb_answer **each;
    size_t count;
    unsigned executed;
};
extern struct list_answers list_answers;
/** `count` answers, none of them given yet. */
void list_begin(size_t count);
/** Has the card execute it. deadline 0: none. */
void list_run(struct term *t, pb_command *const *commands, size_t count, uint64_t deadline_mono_ms);
void list_not_sent(size_t count);
/** Sends what stands in t->out, after the card's time has passed. */
void list_send(struct term *t);

/* ---- dialogue.c ---- */
void dialogue_up(struct term *t);                                   /* TLS stands */
void dialogue_frame(struct term *t, const void *bytes, size_t len); /* a whole message */
void dialogue_read_end(struct term *t); /* all that came was looked at */
void dialogue_down(struct term *t);
void dialogue_timer(struct term *t, enum work what);
void dialogue_beat(struct term *t);
/** Begins a request of that service. */
void dialogue_begin(struct term *t, enum service service, int64_t intended_ns);

/* ---- result.c ---- */
void result_check(struct term *t, const pb_result *r);
void result_count(struct term *t, const pb_result *r);

/* ---- pace.c ---- */
void timer_set(struct load *l, struct timer *tm, int64_t at_ns);
void timer_stop(struct load *l, struct timer *tm);
void work_set(struct term *t, enum work what, int64_t at_ns);
/** A terminal has nothing to do. */
void pace_free(struct term *t);
/** Runs what is due; the next time something will be, INT64_MAX for never. */
int64_t pace_run(struct load *l);
uint64_t load_random(struct load *l);

/* ---- report.c ---- */
void report_progress(struct load *l);
void report_error(struct load *l, const char *fmt, ...) PRINTF_FN(2, 3);
int report_end(struct load *l) WORKER_FN;

int load_run(const struct load_opts *o) WORKER_FN;

#endif
