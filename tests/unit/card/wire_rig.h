/* A remote reader whose link answers as it is told. */
#ifndef WIRE_RIG_H
#define WIRE_RIG_H

#include "card_test.h"

struct wire {
    struct rig *r;
    struct reader_remote *remote;
    int rc;        /* the link's */
    int count_off; /* added to the number of answers */
    const char *
        says[4]; /* for each command: "9000" hex of an answer, "NOT_SENT", "SKIPPED", "LOST", "?" */
    unsigned runs, releases;
    struct card_list last;
    int64_t last_deadline;
    uint64_t last_arrival, last_release;
    void (*meanwhile)(struct wire *w);
};

static const uint8_t atr[] = {0x3B, 0x00};

static inline struct wire *wire_of(struct rig *r)
{
    return (struct wire *)(uintptr_t)r->arg;
}

static inline void answer(const char *says, struct card_answer *a)
{
    memset(a, 0, sizeof(*a));
    if (!strcmp(says, "NOT_SENT"))
        a->state = CARD_NOT_SENT;
    else if (!strcmp(says, "LOST"))
        a->state = CARD_LOST_ANSWER;
    else if (!strcmp(says, "?"))
        a->state = (enum card_answer_state)7;
    else if (strcmp(says, "SKIPPED") != 0) {
        a->state = CARD_ANSWERED;
        if (hex_decode_any(says, a->bytes, sizeof(a->bytes), &a->len))
            a->len = 0;
    }
}

static inline CO_FN int wire_co_run(void *arg, uint64_t arrival, const struct card_list *list,
                                    struct card_answers *ret, int64_t deadline_ns)
{
    struct wire *w = arg;
    w->runs++;
    w->last = *list;
    w->last_arrival = arrival;
    w->last_deadline = deadline_ns;
    if (w->meanwhile)
        w->meanwhile(w);
    if (w->rc)
        return w->rc;
    for (unsigned i = 0; i < list->count; i++)
        answer(w->says[i] ? w->says[i] : "6F00", &ret->items[i]);
    ret->count = (unsigned)((int)list->count + w->count_off);
    return 0;
}

static inline void wire_release(void *arg, uint64_t arrival)
{
    struct wire *w = arg;
    w->releases++;
    w->last_release = arrival;
}

static inline int tell(struct wire *w, uint64_t arrival)
{
    struct remote_card card = {.arrival = arrival, .atr = atr, .atr_len = sizeof(atr)};
    return reader_remote_card(w->remote, &card);
}

static inline struct wire *wire_new(void)
{
    struct wire *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    struct remote_link link = {.co_run = wire_co_run, .release = wire_release, .arg = w};
    w->r = rig_new();
    w->r->arg = w;
    rig_profiles(w->r);
    assert_int_equal(reader_remote_new("gate-17/1", &link, &w->remote), 0);
    w->r->reader = reader_remote_reader(w->remote);
    return w;
}

static inline void wire_free(struct wire *w)
{
    reader_remote_close(w->remote);
    reader_remote_free(&w->remote);
    rig_free(w->r);
    free(w);
}

static inline void run(int (*body)(struct rig *r))
{
    struct wire *w = wire_new();
    rig_run_bare(w->r, body);
    wire_free(w);
}

#endif
