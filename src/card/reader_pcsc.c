/* PC/SC readers, the loop's side: what the monitor reports becomes readers and arrivals, what a
 * flow asks becomes a job of the reader's thread.
 *
 * What a reader's state is follows from two things: what the monitor last saw, and whether its
 * thread hangs.
 *
 *   seen \ thread   works          hangs over a call
 *   no card         EMPTY          EMPTY
 *   card            CARD           MUTE  (CARD again once the thread is back; no new arrival)
 *   mute card       MUTE           MUTE
 *   not listed      GONE           GONE */
#include "card/reader_pcsc.h"
#include "card/reader_pcsc_intern.h"

#include <stdlib.h>
#include <string.h>

#define STOP_NS      NS_PER_S
#define TRANSMIT_MAX APDU_MAX

struct pcsc_slot {
    struct pcsc *owner;
    struct reader *reader;
    struct pcsc_worker *worker;
    struct pcsc_job *job; /* with the thread now; a reference */
    struct flow_cond idle;
    enum reader_state seen;
    unsigned events;
    bool hangs;  /* nobody waits for the thread any more, and it has not come back */
    bool silent; /* connecting found the card mute */
};
struct pcsc {
    struct readers *readers;
    struct loop *loop;
    struct pcsc_opts opts;
    struct pcsc_monitor *monitor;
    struct pcsc_slot *slots[READERS_MAX];
    size_t count;
    bool connected;
};

const struct pcsc_api pcsc_api_system = {
    .establish = SCardEstablishContext,
    .release = SCardReleaseContext,
    .list_readers = SCardListReaders,
    .status_change = SCardGetStatusChange,
    .cancel = SCardCancel,
    .connect = SCardConnect,
    .status = SCardStatus,
    .transmit = SCardTransmit,
    .disconnect = SCardDisconnect,
};

/* ---- states ---- */
static void update(struct pcsc_slot *slot, bool new_card)
{
    enum reader_state state = slot->seen;
    if (state == READER_CARD && (slot->hangs || slot->silent))
        state = READER_MUTE;
    reader_set_state(slot->reader, state, new_card);
}

static struct pcsc_slot *find_slot(struct pcsc *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!strcmp(p->slots[i]->reader->name, name))
            return p->slots[i];
    }
    return NULL;
}

static const struct reader_ops pcsc_ops;

static int new_slot(struct pcsc *p, const char *name, struct pcsc_slot **ret)
{
    struct pcsc_slot *slot = calloc(1, sizeof(*slot));
    if (!slot)
        return OC_ENOMEM;
    slot->owner = p;
    slot->seen = READER_GONE;
    flow_cond_init(&slot->idle);
    int rc = pcsc_worker_new(p->opts.api, name, p->loop, slot, &slot->worker);
    if (!rc)
        rc = readers_add(p->readers, name, &pcsc_ops, slot, &slot->reader);
    if (rc) {
        if (slot->worker) {
            pcsc_worker_stop(slot->worker);
            pcsc_worker_put(&slot->worker, clock_mono_ns(&clock_system) + STOP_NS);
        }
        flow_cond_fini(&slot->idle);
        free(slot);
        return rc;
    }
    p->slots[p->count++] = slot;
    *ret = slot;
    return 0;
}

static void take_seen(struct pcsc *p, const struct pcsc_seen *seen)
{
    struct pcsc_slot *slot = find_slot(p, seen->name);
    if (!slot) {
        if (p->count == READERS_MAX)
            return;
        int rc = new_slot(p, seen->name, &slot);
        if (rc) {
            log_error("card", "%s: reader not used reader=%s", oc_strerror(rc), seen->name);
            return;
        }
        log_info("card", "new reader=%s", seen->name);
    }
    bool had = slot->seen == READER_CARD || slot->seen == READER_MUTE;
    bool has = seen->state == READER_CARD || seen->state == READER_MUTE;
    bool new_card = has && (!had || seen->events != slot->events);
    if (new_card || !has)
        slot->silent = false;
    if (slot->seen == READER_GONE && seen->state != READER_GONE)
        log_info("card", "reader is there reader=%s", seen->name);
    slot->seen = seen->state;
    slot->events = seen->events;
    update(slot, new_card);
}

static void mark_gone(struct pcsc_slot *slot)
{
    if (slot->seen == READER_GONE)
        return;
    log_info("card", "reader has gone reader=%s", slot->reader->name);
    slot->seen = READER_GONE;
    slot->silent = false;
    update(slot, false);
}

void pcsc_take_report(struct pcsc *p, const struct pcsc_report *r)
{
    if (p->connected != r->connected)
        log_info("card", r->connected ? "pcscd answers" : "pcscd does not answer: waiting for it");
    p->connected = r->connected;
    for (size_t i = 0; i < p->count; i++) {
        bool listed = false;
        for (size_t k = 0; k < r->count; k++)
            listed |= !strcmp(p->slots[i]->reader->name, r->seen[k].name);
        if (!listed)
            mark_gone(p->slots[i]);
    }
    for (size_t k = 0; k < r->count; k++)
        take_seen(p, &r->seen[k]);
}

/* ---- jobs ---- */
static void submit(struct pcsc_slot *slot, struct pcsc_job *j)
{
    CHECK(!slot->job);
    atomic_fetch_add(&j->refs, 1);
    slot->job = j;
    pcsc_worker_submit(slot->worker, j);
}

/** Has the thread let the card go; nobody waits for it. */
static void submit_disconnect(struct pcsc_slot *slot)
{
    struct pcsc_job *j = pcsc_job_new(slot->worker, PCSC_DISCONNECT);
    if (!j)
        return; /* the next connect drops it */
    j->given_up = true;
    submit(slot, j);
    pcsc_job_put(j);
}

void pcsc_job_back(struct loop_task *task)
{
    struct pcsc_job *j = CONTAINER_OF(task, struct pcsc_job, task);
    struct pcsc_slot *slot = j->worker->slot;
    j->done = true;
    if (slot) {
        if (slot->hangs)
            log_info("card", "the reader is back reader=%s", slot->reader->name);
        slot->hangs = false;
        slot->job = NULL;
        if (j->given_up && j->op != PCSC_DISCONNECT)
            submit_disconnect(slot);
        update(slot, false);
        flow_cond_broadcast(&slot->idle);
        pcsc_job_put(j); /* the slot's */
    }
    flow_cond_broadcast(&j->cond);
    pcsc_job_put(j); /* the thread's */
}

static void mark_hanging(struct pcsc_slot *slot)
{
    if (slot->hangs || !slot->job)
        return;
    log_warn("card", "hangs: marked mute until it comes back reader=%s", slot->reader->name);
    slot->hangs = true;
    update(slot, false);
}

/** Waits for a job: 0 when it is back. */
static CO_FN int wait_job(struct pcsc_slot *slot, struct pcsc_job *j, int64_t deadline_ns)
{
    while (!j->done) {
        int rc = flow_co_wait(&j->cond, deadline_ns);
        if (rc && !j->done) {
            j->given_up = true;
            if (rc == OC_ETIMEDOUT)
                mark_hanging(slot);
            return rc;
        }
    }
    return 0;
}

/** Waits until the thread has nothing to do. */
static CO_FN int wait_idle(struct pcsc_slot *slot, int64_t deadline_ns)
{
    while (slot->job) {
        if (slot->hangs)
            return OC_ECARD_MUTE;
        int rc = flow_co_wait(&slot->idle, deadline_ns);
        if (rc == OC_ETIMEDOUT)
            mark_hanging(slot);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- the table ---- */
static CO_FN int run_connect(struct pcsc_slot *slot, struct reader_card *ret, int64_t deadline_ns)
{
    int rc = wait_idle(slot, deadline_ns);
    if (rc)
        return rc;
    struct pcsc_job *j = pcsc_job_new(slot->worker, PCSC_CONNECT);
    if (!j)
        return OC_ENOMEM;
    submit(slot, j);
    rc = wait_job(slot, j, deadline_ns);
    if (!rc)
        rc = j->result;
    if (!rc)
        *ret = j->card;
    pcsc_job_put(j);
    return rc;
}

static CO_FN int pcsc_co_connect(struct reader *r, struct reader_card *ret, int64_t deadline_ns)
{
    struct pcsc_slot *slot = r->driver;
    int64_t patience = flow_deadline_ms(slot->owner->opts.connect_ms);
    bool ours = patience < deadline_ns;
    int rc = run_connect(slot, ret, ours ? patience : deadline_ns);
    if (rc == OC_ECARD_MUTE && !slot->job) {
        slot->silent = true;
        update(slot, false);
    }
    return rc == OC_ETIMEDOUT && ours ? OC_ECARD_MUTE : rc;
}

static CO_FN int pcsc_co_transmit(struct reader *r, const uint8_t *cmd, size_t len,
                                  struct reader_answer *ret, int64_t deadline_ns)
{
    struct pcsc_slot *slot = r->driver;
    if (slot->job || len > TRANSMIT_MAX)
        return OC_ECARD_GONE;
    struct pcsc_job *j = pcsc_job_new(slot->worker, PCSC_TRANSMIT);
    if (!j)
        return OC_ECARD_GONE;
    memcpy(j->cmd, cmd, len);
    j->cmd_len = len;
    submit(slot, j);
    int rc = wait_job(slot, j, deadline_ns);
    if (!rc)
        rc = j->result;
    if (!rc)
        *ret = j->answer;
    pcsc_job_put(j);
    return rc;
}

static CO_FN void pcsc_co_disconnect(struct reader *r)
{
    struct pcsc_slot *slot = r->driver;
    /* A call still under way was given up: when it is back the card is let go. */
    if (!slot->job)
        submit_disconnect(slot);
}

static const struct reader_ops pcsc_ops = {
    .co_connect = pcsc_co_connect,
    .co_transmit = pcsc_co_transmit,
    .co_disconnect = pcsc_co_disconnect,
};

/* ---- beginning and end ---- */
static int or_default(int value, int dflt)
{
    return value > 0 ? value : dflt;
}

int pcsc_new(struct readers *rs, struct loop *loop, const struct pcsc_opts *o, struct pcsc **ret)
{
    static const struct pcsc_opts none;
    struct pcsc *p = calloc(1, sizeof(*p));
    if (!p)
        return OC_ENOMEM;
    if (!o)
        o = &none;
    p->readers = rs;
    p->loop = loop;
    p->opts.api = o->api ? o->api : &pcsc_api_system;
    p->opts.connect_ms = or_default(o->connect_ms, 5000);
    p->opts.retry_min_ms = or_default(o->retry_min_ms, 250);
    p->opts.retry_max_ms = or_default(o->retry_max_ms, 5000);
    p->opts.poll_ms = or_default(o->poll_ms, 2000);
    int rc = pcsc_monitor_new(&p->opts, loop, p, &p->monitor);
    if (rc) {
        free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

static void free_slot(struct pcsc_slot *slot, int64_t until_ns)
{
    slot->seen = READER_GONE;
    slot->hangs = false;
    update(slot, false);
    slot->reader->ops = NULL;
    slot->reader->driver = NULL;
    if (slot->job)
        pcsc_job_put(slot->job);
    pcsc_worker_put(&slot->worker, until_ns);
    flow_cond_fini(&slot->idle);
    free(slot);
}

void pcsc_free(struct pcsc **ret)
{
    struct pcsc *p = *ret;
    *ret = NULL;
    if (!p)
        return;
    int64_t until_ns = clock_mono_ns(&clock_system) + STOP_NS;
    for (size_t i = 0; i < p->count; i++)
        pcsc_worker_stop(p->slots[i]->worker);
    pcsc_monitor_stop(&p->monitor, until_ns);
    for (size_t i = 0; i < p->count; i++)
        free_slot(p->slots[i], until_ns);
    free(p);
}

bool pcsc_connected(const struct pcsc *p)
{
    return p->connected;
}
