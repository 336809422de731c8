/* Events for who listens: a ring of the last ones, so that a listener who comes back misses nothing
 * of the last minutes, and a slow one falls behind alone. */
#include "terminal/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIVE_MS 15000 /* a comment so often, so that a listener sees that we are there */
#define TAKE_MS  10000 /* a listener that takes nothing for so long goes */

void events_init(struct agent *a)
{
    a->events.next = 1;
    flow_cond_init(&a->events.changed);
}

void events_fini(struct agent *a)
{
    for (unsigned i = 0; i < EVENTS_KEPT; i++)
        free(a->events.items[i]);
    memset(a->events.items, 0, sizeof a->events.items);
}

void events_tell(struct agent *a, const char *type, json_t *body)
{
    struct events *e = &a->events;
    if (body) {
        json_object_set_new(body, "at_ms", json_integer((json_int_t)agent_wall_ms(a)));
        json_object_set_new(body, "event", json_string(type));
    }
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text) {
        log_warn("terminal", "no memory to tell of %s", type);
        return;
    }
    unsigned at = (unsigned)(e->next % EVENTS_KEPT);
    free(e->items[at]);
    e->items[at] = text;
    (void)snprintf(e->types[at], sizeof e->types[at], "%s", type);
    e->next++;
    flow_cond_broadcast(&e->changed);
}

static uint64_t begin_at(const struct events *e, struct http_req *req)
{
    const char *last = http_header(req, "Last-Event-ID");
    if (!last)
        last = http_query(req, "after");
    char *end = NULL;
    uint64_t id = last && *last >= '0' && *last <= '9' ? strtoull(last, &end, 10) : 0;
    if (!end || *end != '\0' || id >= e->next)
        return e->next;
    return id + 1;
}

/* One event, or a comment when nothing happened, to this listener. */
static CO_FN int serve_one(struct agent *a, struct http_req *req, uint64_t *at)
{
    struct events *e = &a->events;
    struct buf out;
    uint64_t oldest = e->next > EVENTS_KEPT ? e->next - EVENTS_KEPT : 1;
    buf_init(&out, 0);
    if (*at < oldest)
        *at = oldest;
    while (*at < e->next && out.len < 32768) {
        unsigned slot = (unsigned)(*at % EVENTS_KEPT);
        buf_printf(&out, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", *at, e->types[slot],
                   e->items[slot]);
        ++*at;
    }
    if (out.len == 0)
        buf_puts(&out, ": here\n\n");
    int rc = out.err != 0 ? out.err
                          : http_stream_co_write(req, out.data, out.len, flow_deadline_ms(TAKE_MS));
    buf_fini(&out);
    return rc;
}

int events_co_serve(struct agent *a, struct http_req *req)
{
    struct events *e = &a->events;
    uint64_t at = begin_at(e, req);
    int rc = http_stream_begin(req, "text/event-stream; charset=utf-8");
    flow_set_background(true);
    e->listeners++;
    while (rc == 0 && !e->closing) {
        rc = serve_one(a, req, &at);
        int64_t until = flow_deadline_ms(ALIVE_MS);
        while (rc == 0 && at >= e->next && !e->closing)
            rc = flow_co_wait(&e->changed, until);
        rc = rc == OC_ETIMEDOUT ? 0 : rc;
    }
    e->listeners--;
    http_stream_end(req);
    return rc == OC_ECLOSED || rc == OC_ECANCELED ? 0 : rc;
}
