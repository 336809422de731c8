/* The registry of readers and the waits on them. Invariants: a reader is never freed before its
 * registry; `state` and `arrival` change in reader_set_state() only, which wakes whoever waits; the
 * table is called under `busy` only. */
#include "card/reader.h"

#include <stdlib.h>
#include <string.h>

struct readers {
    struct reader *items[READERS_MAX];
    size_t count;
    struct flow_cond changed;
};

int readers_new(struct readers **ret)
{
    struct readers *rs = calloc(1, sizeof(*rs));
    if (!rs)
        return OC_ENOMEM;
    flow_cond_init(&rs->changed);
    *ret = rs;
    return 0;
}

static void reader_free(struct reader *r)
{
    if (r->ops && r->ops->free)
        r->ops->free(r);
    flow_cond_fini(&r->changed);
    flow_mutex_fini(&r->busy);
    free(r);
}

void readers_free(struct readers **rs)
{
    struct readers *set = *rs;
    *rs = NULL;
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        reader_free(set->items[i]);
    flow_cond_fini(&set->changed);
    free(set);
}

struct reader *readers_get(const struct readers *rs, const char *name)
{
    for (size_t i = 0; i < rs->count; i++) {
        if (!strcmp(rs->items[i]->name, name))
            return rs->items[i];
    }
    return NULL;
}

int readers_bind(struct readers *rs, const char *name, struct reader **ret)
{
    size_t len = strlen(name);
    struct reader *r = readers_get(rs, name);
    if (r) {
        *ret = r;
        return 0;
    }
    if (!len || len > READER_NAME_MAX)
        return OC_EINVAL;
    if (rs->count == READERS_MAX)
        return OC_ELIMIT;
    r = calloc(1, sizeof(*r));
    if (!r)
        return OC_ENOMEM;
    memcpy(r->name, name, len + 1);
    r->state = READER_GONE;
    r->registry = rs;
    flow_cond_init(&r->changed);
    flow_mutex_init(&r->busy);
    rs->items[rs->count++] = r;
    flow_cond_broadcast(&rs->changed);
    *ret = r;
    return 0;
}

int readers_add(struct readers *rs, const char *name, const struct reader_ops *ops, void *driver,
                struct reader **ret)
{
    struct reader *r;
    int rc = readers_bind(rs, name, &r);
    if (rc)
        return rc;
    if (r->ops)
        return OC_EEXIST;
    r->ops = ops;
    r->driver = driver;
    *ret = r;
    return 0;
}

void readers_each(const struct readers *rs, void (*fn)(struct reader *r, void *arg), void *arg)
{
    for (size_t i = 0; i < rs->count; i++)
        fn(rs->items[i], arg);
}

struct flow_cond *readers_changed(struct readers *rs)
{
    return &rs->changed;
}

const char *reader_state_name(enum reader_state s)
{
    static const char *const names[] = {"gone", "empty", "card", "mute"};
    return (unsigned)s < 4 ? names[s] : "?";
}

static bool has_card(enum reader_state s)
{
    return s == READER_CARD || s == READER_MUTE;
}

void reader_set_state(struct reader *r, enum reader_state state, bool new_card)
{
    bool arrives = has_card(state) && (new_card || !has_card(r->state));
    if (state == r->state && !arrives)
        return;
    if (state != r->state)
        log_debug("card", "reader %s: %s", r->name, reader_state_name(state));
    r->state = state;
    if (arrives)
        r->arrival++;
    flow_cond_broadcast(&r->changed);
    if (r->registry)
        flow_cond_broadcast(&r->registry->changed);
}

int reader_co_wait_arrival(struct reader *r, uint64_t after, int64_t deadline_ns,
                           uint64_t *ret_arrival)
{
    while (r->closed || !has_card(r->state) || r->arrival <= after) {
        if (r->closed)
            return OC_ECLOSED;
        int rc = flow_co_wait(&r->changed, deadline_ns);
        if (rc)
            return rc;
    }
    *ret_arrival = r->arrival;
    return 0;
}

int reader_co_wait_empty(struct reader *r, uint64_t arrival, int64_t deadline_ns)
{
    while (r->closed || (has_card(r->state) && r->arrival == arrival)) {
        if (r->closed)
            return OC_ECLOSED;
        int rc = flow_co_wait(&r->changed, deadline_ns);
        if (rc)
            return rc;
    }
    return 0;
}

int reader_co_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    CHECK(r->busy.owner == flow_self());
    if (!r->ops || r->closed || r->state == READER_GONE)
        return OC_EREADER;
    if (r->state == READER_EMPTY)
        return OC_ECARD_GONE;
    return r->ops->co_connect(r, ret, deadline_ns);
}

int reader_co_transmit(struct reader *r, const uint8_t *cmd, size_t len, struct reader_answer *ret,
                       int64_t deadline_ns)
{
    CHECK(r->busy.owner == flow_self());
    if (!r->ops || r->closed || !has_card(r->state))
        return OC_ECARD_GONE;
    CHECK(r->ops->co_transmit != NULL);
    return r->ops->co_transmit(r, cmd, len, ret, deadline_ns);
}

bool reader_has_lists(const struct reader *r)
{
    return r->ops && r->ops->co_run;
}

int reader_co_run(struct reader *r, const struct card_list *list, struct card_answers *ret,
                  int64_t deadline_ns)
{
    CHECK(r->busy.owner == flow_self());
    if (!reader_has_lists(r) || r->closed || !has_card(r->state))
        return OC_ECARD_GONE;
    return r->ops->co_run(r, list, ret, deadline_ns);
}

void reader_co_disconnect(struct reader *r)
{
    CHECK(r->busy.owner == flow_self());
    if (r->ops)
        r->ops->co_disconnect(r);
}
