/* The thread that watches all PC/SC readers: appearing, disappearing, cards coming and going, pcscd
 * itself restarting. Invariants: it reports the whole of what is there, and only when that changed;
 * every wait is bounded and ends on stop. */
#include "card/reader_pcsc_intern.h"

#include <stdlib.h>
#include <string.h>

#define PNP_NAME  "\\\\?PnP?\\Notification"
#define NAMES_MAX (READERS_MAX * (READER_NAME_MAX + 1) + 1)

/** What the last wait told of a reader, to be handed back to the next. */
struct known {
    char name[READER_NAME_MAX + 1];
    DWORD state;
};
struct pcsc_monitor {
    struct pcsc_opts opts;
    atomic_uint refs;
    struct pcsc *owner; /* the loop's */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct loop *loop; /* NULL: nobody listens any more */
    bool stop, exited;
    bool has_ctx; /* under the lock, because of cancel */
    SCARDCONTEXT ctx;
    /* the thread's own */
    char names[NAMES_MAX];                     /* as listed; states[].szReader point in here */
    SCARD_READERSTATE states[READERS_MAX + 1]; /* the last is the hot-plug notification */
    size_t count;
    struct known known[READERS_MAX];
    size_t known_count;
    struct pcsc_seen fresh[READERS_MAX];
    struct pcsc_seen seen[READERS_MAX];
    size_t seen_count;
    bool connected, reported;
};

static void monitor_unref(struct pcsc_monitor *m)
{
    if (atomic_fetch_sub(&m->refs, 1) != 1)
        return;
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- reports ---- */
static void report_run(struct loop_task *task)
{
    struct pcsc_report *r = CONTAINER_OF(task, struct pcsc_report, task);
    if (r->monitor->owner)
        pcsc_take_report(r->monitor->owner, r);
    monitor_unref(r->monitor);
    free(r);
}

static bool same(const struct pcsc_monitor *m, const struct pcsc_seen *seen, size_t count,
                 bool connected)
{
    if (!m->reported || m->connected != connected || m->seen_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (seen[i].state != m->seen[i].state || seen[i].events != m->seen[i].events ||
            strcmp(seen[i].name, m->seen[i].name))
            return false;
    }
    return true;
}

/** Keeps what was seen and tells the loop. */
static void report(struct pcsc_monitor *m, const struct pcsc_seen *seen, size_t count,
                   bool connected)
{
    if (same(m, seen, count, connected))
        return;
    struct pcsc_report *r = calloc(1, sizeof(*r));
    if (!r)
        return; /* the next round tries again */
    r->task.fn = report_run;
    r->connected = connected;
    r->count = count;
    if (count)
        memcpy(r->seen, seen, count * sizeof(*seen));
    memcpy(m->seen, r->seen, sizeof(m->seen));
    m->seen_count = count;
    m->connected = connected;
    m->reported = true;
    pthread_mutex_lock(&m->lock);
    if (m->loop) {
        r->monitor = m;
        atomic_fetch_add(&m->refs, 1);
        loop_post(m->loop, &r->task);
        r = NULL;
    }
    pthread_mutex_unlock(&m->lock);
    free(r);
}

/* ---- looking ---- */
static enum reader_state state_of(DWORD event)
{
    if (event & (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_IGNORE))
        return READER_GONE;
    if (event & SCARD_STATE_MUTE)
        return READER_MUTE;
    return event & SCARD_STATE_PRESENT ? READER_CARD : READER_EMPTY;
}

static DWORD known_state(const struct pcsc_monitor *m, const char *name)
{
    for (size_t i = 0; i < m->known_count; i++) {
        if (!strcmp(m->known[i].name, name))
            return m->known[i].state;
    }
    return SCARD_STATE_UNAWARE;
}

/** Lists the readers and lines their states up behind one another, hot-plug last. */
static WORKER_FN LONG list_readers(struct pcsc_monitor *m)
{
    DWORD len = sizeof(m->names) - 2;
    memset(m->names, 0, sizeof(m->names));
    memset(m->states, 0, sizeof(m->states));
    m->count = 0;
    LONG rv = m->opts.api->list_readers(m->ctx, NULL, m->names, &len);
    if (rv == SCARD_E_NO_READERS_AVAILABLE)
        m->names[0] = 0;
    else if (rv != SCARD_S_SUCCESS)
        return rv;
    for (const char *name = m->names; *name && m->count < READERS_MAX; name += strlen(name) + 1) {
        if (strlen(name) > READER_NAME_MAX)
            continue;
        m->states[m->count].szReader = name;
        m->states[m->count++].dwCurrentState = known_state(m, name);
    }
    m->states[m->count].szReader = PNP_NAME;
    return SCARD_S_SUCCESS;
}

/** Remembers what the wait told and reports it. */
static void take_states(struct pcsc_monitor *m)
{
    m->known_count = m->count;
    for (size_t i = 0; i < m->count; i++) {
        const SCARD_READERSTATE *s = &m->states[i];
        struct pcsc_seen *to = &m->fresh[i];
        DWORD state = s->dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
        memset(to, 0, sizeof(*to));
        memcpy(to->name, s->szReader, strlen(s->szReader));
        to->state = state_of(state);
        to->events = (unsigned)(state >> 16);
        memcpy(m->known[i].name, to->name, sizeof(to->name));
        m->known[i].state = state;
    }
    report(m, m->fresh, m->count, true);
}

static bool stopping(struct pcsc_monitor *m)
{
    pthread_mutex_lock(&m->lock);
    bool stop = m->stop;
    pthread_mutex_unlock(&m->lock);
    return stop;
}

/** One look and one wait. false: the context is of no use any more. */
static WORKER_FN bool look(struct pcsc_monitor *m)
{
    LONG rv = list_readers(m);
    if (rv != SCARD_S_SUCCESS)
        return false;
    bool fresh = false;
    for (size_t i = 0; i < m->count; i++)
        fresh |= m->states[i].dwCurrentState == SCARD_STATE_UNAWARE;
    if (!m->count)
        report(m, m->fresh, 0, true);
    else if (m->count < m->known_count)
        fresh = true; /* one has gone: say so now, not after the wait */
    rv = m->opts.api->status_change(m->ctx, fresh ? 0 : (DWORD)m->opts.poll_ms, m->states,
                                    m->count + 1);
    switch (rv) {
    case SCARD_S_SUCCESS:
    case SCARD_E_TIMEOUT:
        take_states(m);
        return true;
    case SCARD_E_CANCELLED:
    case SCARD_E_UNKNOWN_READER:
    case SCARD_E_READER_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

/** Sleeps for `ms` or until stopped. */
static void pause_ms(struct pcsc_monitor *m, int ms)
{
    int64_t until = clock_mono_ns(&clock_system) + ms * NS_PER_MS;
    pthread_mutex_lock(&m->lock);
    pcsc_wait_flag(&m->lock, &m->wake, &m->stop, until);
    pthread_mutex_unlock(&m->lock);
}

static void set_context(struct pcsc_monitor *m, bool has)
{
    pthread_mutex_lock(&m->lock);
    m->has_ctx = has;
    pthread_mutex_unlock(&m->lock);
}

/** Watches as long as this pcscd lives. Gives whether it ever answered. */
static WORKER_FN bool watch(struct pcsc_monitor *m)
{
    bool answered = false;
    if (m->opts.api->establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &m->ctx) != SCARD_S_SUCCESS)
        return false;
    set_context(m, true);
    m->known_count = 0;
    while (!stopping(m) && look(m))
        answered = true;
    set_context(m, false);
    m->opts.api->release(m->ctx);
    return answered;
}

static void *monitor_main(void *arg)
{
    struct pcsc_monitor *m = arg;
    int wait_ms = m->opts.retry_min_ms;
    ROLE_ENTER_WORKER();
    while (!stopping(m)) {
        if (watch(m))
            wait_ms = m->opts.retry_min_ms;
        if (stopping(m))
            break;
        report(m, NULL, 0, false);
        pause_ms(m, wait_ms);
        wait_ms = wait_ms * 2 < m->opts.retry_max_ms ? wait_ms * 2 : m->opts.retry_max_ms;
    }
    pthread_mutex_lock(&m->lock);
    m->exited = true;
    pthread_cond_broadcast(&m->wake);
    pthread_mutex_unlock(&m->lock);
    monitor_unref(m);
    return NULL;
}

int pcsc_monitor_new(const struct pcsc_opts *o, struct loop *loop, struct pcsc *owner,
                     struct pcsc_monitor **ret)
{
    struct pcsc_monitor *m = calloc(1, sizeof(*m));
    if (!m)
        return OC_ENOMEM;
    m->opts = *o;
    m->loop = loop;
    m->owner = owner;
    atomic_init(&m->refs, 2);
    if (!pcsc_sync_init(&m->lock, &m->wake) || !pcsc_thread(monitor_main, m, "PC/SC monitor")) {
        free(m);
        return OC_EIO;
    }
    *ret = m;
    return 0;
}

void pcsc_monitor_stop(struct pcsc_monitor **ret, int64_t until_ns)
{
    struct pcsc_monitor *m = *ret;
    *ret = NULL;
    m->owner = NULL;
    pthread_mutex_lock(&m->lock);
    m->stop = true;
    m->loop = NULL;
    pthread_cond_broadcast(&m->wake);
    /* A cancel that comes just before the wait begins is lost, so it is repeated. */
    while (!m->exited && clock_mono_ns(&clock_system) < until_ns) {
        if (m->has_ctx)
            m->opts.api->cancel(m->ctx);
        pcsc_wait_flag(&m->lock, &m->wake, &m->exited,
                       clock_mono_ns(&clock_system) + 20 * NS_PER_MS);
    }
    if (!m->exited)
        log_warn("card", "left behind the PC/SC monitor: it hangs");
    pthread_mutex_unlock(&m->lock);
    monitor_unref(m);
}
