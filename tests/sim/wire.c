/* What lies between a terminal and the switch: two streams in memory that carry frames, and what
 * befalls them on the way. As behind TLS, bytes come in order or not at all; towards the switch
 * whole frames are lost, doubled and turned round as well, which a bad program at the other end may
 * do. */
#include "city.h"

#include <stdlib.h>
#include <string.h>

#define WAY_NS   (6 * NS_PER_MS)
#define LATE_NS  (3 * NS_PER_S)
#define READ_MAX 4096

struct chunk {
    struct chunk *next;
    int64_t due_ns;
    size_t len, at;
    uint8_t bytes[];
};
struct half { /* what is on its way to one end */
    struct chunk *first;
    int64_t due_ns; /* of the last one */
    struct flow_cond ready;
    bool ended;
};
struct end {
    struct stream stream;
    struct sim_wire *wire;
    int side; /* 0: the switch's */
};
struct sim_wire {
    struct city *city;
    struct half to[2];
    struct end ends[2];
    unsigned open;
};

static struct end *end_of(struct stream *s)
{
    return CONTAINER_OF(s, struct end, stream);
}

static void drop(struct half *h)
{
    while (h->first) {
        struct chunk *next = h->first->next;
        free(h->first);
        h->first = next;
    }
}

void wire_cut(struct sim_wire *w)
{
    for (int i = 0; i < 2; i++) {
        drop(&w->to[i]);
        w->to[i].ended = true;
        flow_cond_broadcast(&w->to[i].ready);
    }
}

/* ---- on the way ---- */

static void carry(struct sim_wire *w, int to, const uint8_t *bytes, size_t len, int64_t late_ns,
                  bool round)
{
    struct half *h = &w->to[to];
    struct chunk *k = malloc(sizeof *k + len), **at = &h->first;
    CHECK(k);
    int64_t now = w->city->machine.now_ns;
    int64_t due = now + sim_range(&w->city->machine.rand, 1, WAY_NS) + late_ns;
    h->due_ns = due > h->due_ns ? due : h->due_ns;
    *k = (struct chunk){.due_ns = h->due_ns, .len = len};
    memcpy(k->bytes, bytes, len);
    while (*at && !(round && !(*at)->next && (*at)->at == 0))
        at = &(*at)->next;
    k->next = *at;
    *at = k;
    flow_cond_broadcast(&h->ready);
}

enum fate { GOES, LATE, LOST, DOUBLED, ROUND, CUT };

static enum fate fate_of(struct sim_wire *w, int to)
{
    static const enum fate up[] = {LATE, LOST, DOUBLED, ROUND, CUT, CUT},
                           down[] = {LATE, LOST, CUT, CUT};
    struct city *c = w->city;
    if (c->calm || !c->wire_one_in || !sim_chance(&c->fault, 1, c->wire_one_in))
        return GOES;
    c->cuts++;
    return to == 0 ? up[sim_pick(&c->fault, ARRAY_LEN(up))]
                   : down[sim_pick(&c->fault, ARRAY_LEN(down))];
}

static int send_frame(struct sim_wire *w, int to, const uint8_t *bytes, size_t len)
{
    static const char *const names[] = {"", "late", "lost", "doubled", "turned round", "cut"};
    enum fate fate = fate_of(w, to);
    int64_t late = fate == LATE ? sim_range(&w->city->fault, NS_PER_MS, LATE_NS) : 0;
    if (fate != GOES)
        sim_trace_put(&w->city->trace, w->city->machine.now_ns, "a frame to the %s is %s",
                      to == 0 ? "switch" : "terminal", names[fate]);
    if (fate == CUT) {
        if (sim_chance(&w->city->fault, 1, 2)) /* it may have come through */
            carry(w, to, bytes, len, 0, false);
        else
            drop(&w->to[to]);
        w->to[0].ended = w->to[1].ended = true;
        drop(&w->to[1 - to]);
        flow_cond_broadcast(&w->to[0].ready);
        flow_cond_broadcast(&w->to[1].ready);
        return OC_ECLOSED;
    }
    if (fate != LOST)
        carry(w, to, bytes, len, late, fate == ROUND);
    if (fate == DOUBLED)
        carry(w, to, bytes, len, 0, false);
    return 0;
}

/* ---- as a stream ---- */

static CO_FN int wire_co_write(struct stream *s, const void *buf, size_t len, int64_t deadline_ns)
{
    struct end *e = end_of(s);
    const uint8_t *at = buf;
    (void)deadline_ns;
    while (len > 0) {
        size_t head = 0, body = 0;
        if (e->wire->to[1 - e->side].ended)
            return OC_ECLOSED;
        int rc = frame_peek(at, len, &head, &body);
        size_t n = rc == 0 ? head + body : len;
        rc = send_frame(e->wire, 1 - e->side, at, n);
        if (rc != 0)
            return rc;
        at += n;
        len -= n;
    }
    return 0;
}

static CO_FN int wire_co_read(struct stream *s, void *buf, size_t cap, size_t *ret_len,
                              int64_t deadline_ns)
{
    struct end *e = end_of(s);
    struct half *h = &e->wire->to[e->side];
    struct city *c = e->wire->city;
    while (!h->first || h->first->due_ns > c->machine.now_ns) {
        if (!h->first && h->ended)
            return OC_ECLOSED;
        int64_t due = h->first ? h->first->due_ns : FLOW_FOREVER;
        int rc = flow_co_wait(&h->ready, due < deadline_ns ? due : deadline_ns);
        if (rc != 0 && (rc != OC_ETIMEDOUT || deadline_ns <= c->machine.now_ns))
            return rc;
    }
    struct chunk *k = h->first;
    size_t n = k->len - k->at < cap ? k->len - k->at : cap;
    memcpy(buf, k->bytes + k->at, n);
    k->at += n;
    if (k->at == k->len) {
        h->first = k->next;
        free(k);
    }
    *ret_len = n;
    return 0;
}

static void wire_shut(struct stream *s, bool both)
{
    struct end *e = end_of(s);
    for (int i = 0; i < 2; i++) {
        if (i == e->side && !both)
            continue;
        e->wire->to[i].ended = true;
        flow_cond_broadcast(&e->wire->to[i].ready);
    }
    if (both)
        drop(&e->wire->to[e->side]);
}

static void wire_close(struct stream *s)
{
    struct sim_wire *w = end_of(s)->wire;
    wire_shut(s, true);
    if (--w->open > 0)
        return;
    for (int i = 0; i < 2; i++) {
        drop(&w->to[i]);
        flow_cond_fini(&w->to[i].ready);
    }
    free(w);
}

static const struct stream_ops ops = {
    .co_read = wire_co_read, .co_write = wire_co_write, .close = wire_close, .shut = wire_shut};

struct sim_wire *wire_new(struct city *c, struct stream **ret_switch, struct stream **ret_terminal)
{
    struct sim_wire *w = calloc(1, sizeof *w);
    CHECK(w);
    w->city = c;
    w->open = 2;
    for (int i = 0; i < 2; i++) {
        flow_cond_init(&w->to[i].ready);
        w->ends[i] = (struct end){.stream = {&ops}, .wire = w, .side = i};
    }
    *ret_switch = &w->ends[0].stream;
    *ret_terminal = &w->ends[1].stream;
    return w;
}
