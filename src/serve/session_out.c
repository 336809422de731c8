/* Frames out. Whoever has something to say appends it; one flow at a time writes all that stands
 * there, so that what belongs together leaves in one TLS record: a request's flow writes when it is
 * about to wait for the terminal, and what nobody writes is written by a flow of its own a moment
 * later. The queue is bounded: a terminal that takes nothing is cut. */
#include "serve/session.h"

#include <stdlib.h>
#include <string.h>

void session_drop(struct session *se)
{
    list_del(&se->dirty);
    buf_fini(&se->out);
    buf_init(&se->out, SESSION_OUT_MAX + FRAME_MAX);
    se->out_frames = 0;
}

static void break_off(struct session *se)
{
    se->broken = true;
    session_drop(se);
    stream_shut(se->stream, true); /* whoever writes now is woken */
}

static bool room(struct session *se, size_t len)
{
    if (se->broken || se->mute)
        return false;
    if (se->out_frames < SESSION_OUT_FRAMES && se->writing + se->out.len + len <= SESSION_OUT_MAX)
        return true;
    session_end(se, "too_slow", "messages wait that you do not take");
    if (!se->broken)
        break_off(se);
    return false;
}

static void appended(struct session *se, size_t before, bool can_wait)
{
    struct terminals *t = se->t;
    if (se->out.err != 0) {
        log_error("terminal", "terminal=%s a message could not be written: %s",
                  se->station->row.t.id, oc_strerror(se->out.err));
        break_off(se);
        session_end(se, "internal", "");
        return;
    }
    se->put += se->out.len - before;
    se->out_frames++;
    if (can_wait || se->writing > 0 || !list_empty(&se->dirty))
        return; /* somebody writes, or will */
    list_add_tail(&t->dirty, &se->dirty);
    flow_cond_signal(&t->dirty_kick);
}

void session_put_frame(struct session *se, const void *frame, size_t len)
{
    size_t before = se->out.len;
    if (!room(se, len))
        return;
    buf_put(&se->out, frame, len);
    appended(se, before, false);
}

static void put(struct session *se, const pb_to_terminal *m, bool can_wait)
{
    size_t before = se->out.len;
    if (!room(se, 0))
        return;
    frame_put_to_terminal(&se->out, m);
    appended(se, before, can_wait);
}

void session_put(struct session *se, const pb_to_terminal *m)
{
    put(se, m, false);
}

void session_put_later(struct session *se, const pb_to_terminal *m)
{
    put(se, m, true);
}

/* One write of all that stands there. */
static CO_FN int write_all(struct session *se)
{
    struct buf b = se->out;
    buf_init(&se->out, SESSION_OUT_MAX + FRAME_MAX);
    se->out_frames = 0;
    se->writing = b.len;
    se->handed += b.len;
    flow_shield(); /* a frame is never cut in two by whoever is cancelled while it leaves */
    int rc = stream_co_write(se->stream, b.data, b.len, flow_deadline_ms(se->t->config->write_ms));
    flow_unshield();
    se->writing = 0;
    buf_fini(&b);
    return rc;
}

void session_co_flush(struct session *se)
{
    list_del(&se->dirty);
    while (!se->broken && se->writing == 0 && se->out.len > 0) {
        int rc = write_all(se);
        if (rc == 0 || se->broken)
            continue;
        break_off(se);
        session_end(se, rc == OC_ETIMEDOUT ? "too_slow" : "closed", "");
    }
    flow_cond_broadcast(&se->idle);
}

/* ---- what nobody writes ---- */

static int write_flow(void *arg) CO_FN;
static int write_flow(void *arg)
{
    struct session *se = arg;
    session_co_flush(se);
    session_put_ref(se);
    return 0;
}

static int dirty_flow(void *arg) CO_FN;
static int dirty_flow(void *arg)
{
    struct terminals *t = arg;
    int rc = 0;
    flow_set_background(true);
    while (rc != OC_ECANCELED) {
        struct list *at;
        while ((at = list_pop(&t->dirty)) != NULL) {
            struct session *se = session_get(CONTAINER_OF(at, struct session, dirty));
            if (flow_start(t->serve->loop, "terminal out", write_flow, se, NULL) == 0)
                continue;
            break_off(se);
            session_end(se, "internal", "");
            session_put_ref(se);
        }
        rc = flow_co_wait(&t->dirty_kick, FLOW_FOREVER);
    }
    return rc;
}

int out_start(struct terminals *t)
{
    return flow_start(t->serve->loop, "terminals out", dirty_flow, t, NULL);
}
