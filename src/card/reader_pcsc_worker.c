/* The thread of one PC/SC reader: it alone connects, transmits and disconnects there, with a
 * context of its own. Invariant: at most one job is handed over at a time; the card handle belongs
 * to the thread. */
#include "card/reader_pcsc_intern.h"

#include <stdlib.h>
#include <string.h>

/* ---- shared by both kinds of thread ---- */
bool pcsc_sync_init(pthread_mutex_t *lock, pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_mutex_init(lock, NULL))
        return false;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bool ok = !pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return ok;
}

bool pcsc_thread(void *(*fn)(void *), void *arg, const char *name)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int err = pthread_create(&thread, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    if (err)
        log_error("card", "no thread for %s: %s", name, strerror(err));
    return !err;
}

void pcsc_wait_flag(pthread_mutex_t *lock, pthread_cond_t *cond, const bool *flag, int64_t until_ns)
{
    struct timespec ts = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    while (!*flag) {
        if (pthread_cond_timedwait(cond, lock, &ts))
            return;
    }
}

/* ---- jobs ---- */
static void worker_unref(struct pcsc_worker *w)
{
    if (atomic_fetch_sub(&w->refs, 1) != 1)
        return;
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

struct pcsc_job *pcsc_job_new(struct pcsc_worker *w, enum pcsc_op op)
{
    struct pcsc_job *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    j->op = op;
    j->worker = w;
    atomic_fetch_add(&w->refs, 1);
    atomic_init(&j->refs, 1);
    j->task.fn = pcsc_job_back;
    flow_cond_init(&j->cond);
    return j;
}

void pcsc_job_put(struct pcsc_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    worker_unref(j->worker);
    secret_wipe(j, sizeof(*j));
    free(j);
}

/* ---- the library's calls ---- */
static bool service_gone(LONG rv)
{
    return rv == SCARD_E_NO_SERVICE || rv == SCARD_E_SERVICE_STOPPED ||
           rv == SCARD_E_INVALID_HANDLE || rv == SCARD_F_COMM_ERROR;
}

static int connect_error(LONG rv)
{
    switch (rv) {
    case SCARD_S_SUCCESS:
        return 0;
    case SCARD_E_NO_SMARTCARD:
    case SCARD_W_REMOVED_CARD:
        return OC_ECARD_GONE;
    case SCARD_W_UNRESPONSIVE_CARD:
    case SCARD_W_UNPOWERED_CARD:
    case SCARD_E_PROTO_MISMATCH:
        return OC_ECARD_MUTE;
    case SCARD_E_UNKNOWN_READER:
    case SCARD_E_READER_UNAVAILABLE:
    case SCARD_E_NO_SERVICE:
    case SCARD_E_SERVICE_STOPPED:
    case SCARD_E_NO_READERS_AVAILABLE:
        return OC_EREADER;
    case SCARD_E_SHARING_VIOLATION:
        return OC_EBUSY;
    default:
        return OC_EIO;
    }
}

static WORKER_FN void drop_card(struct pcsc_worker *w, DWORD disposition)
{
    if (w->has_card)
        w->api->disconnect(w->card, disposition);
    w->has_card = false;
}

static WORKER_FN void drop_context(struct pcsc_worker *w)
{
    drop_card(w, SCARD_RESET_CARD);
    if (w->has_ctx)
        w->api->release(w->ctx);
    w->has_ctx = false;
}

static WORKER_FN LONG try_connect(struct pcsc_worker *w)
{
    if (!w->has_ctx) {
        LONG rv = w->api->establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &w->ctx);
        if (rv != SCARD_S_SUCCESS)
            return rv;
        w->has_ctx = true;
    }
    LONG rv = w->api->connect(w->ctx, w->name, SCARD_SHARE_EXCLUSIVE,
                              SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &w->card, &w->protocol);
    w->has_card = rv == SCARD_S_SUCCESS;
    return rv;
}

static WORKER_FN int run_connect(struct pcsc_worker *w, struct reader_card *ret)
{
    DWORD state, protocol, len = sizeof(ret->atr);
    drop_card(w, SCARD_RESET_CARD);
    LONG rv = try_connect(w);
    if (service_gone(rv)) {
        /* pcscd was restarted: what we hold is stale. */
        drop_context(w);
        rv = try_connect(w);
    }
    if (rv == SCARD_S_SUCCESS)
        rv = w->api->status(w->card, NULL, NULL, &state, &protocol, ret->atr, &len);
    if (rv != SCARD_S_SUCCESS) {
        drop_card(w, SCARD_RESET_CARD);
        if (connect_error(rv) == OC_EIO)
            log_warn("card", "connect: %s reader=%s", pcsc_stringify_error(rv), w->name);
        return connect_error(rv);
    }
    ret->atr_len = len <= sizeof(ret->atr) ? len : sizeof(ret->atr);
    ret->protocol = w->protocol == SCARD_PROTOCOL_T0 ? CARD_T0 : CARD_T1;
    return 0;
}

/** These three pcscd and its library find before the command goes to the driver; anything else may
 * come after it left. */
static bool provably_unsent(LONG rv)
{
    return rv == SCARD_W_REMOVED_CARD || rv == SCARD_W_RESET_CARD || rv == SCARD_E_INVALID_HANDLE;
}

static WORKER_FN int run_transmit(struct pcsc_worker *w, struct pcsc_job *j)
{
    if (!w->has_card)
        return OC_ECARD_GONE;
    const SCARD_IO_REQUEST *pci = w->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    DWORD len = sizeof(j->answer.bytes);
    LONG rv = w->api->transmit(w->card, pci, j->cmd, j->cmd_len, NULL, j->answer.bytes, &len);
    if (rv == SCARD_S_SUCCESS) {
        j->answer.len = len <= sizeof(j->answer.bytes) ? len : 0;
        return 0;
    }
    log_info("card", "transmit: %s reader=%s", pcsc_stringify_error(rv), w->name);
    return provably_unsent(rv) ? OC_ECARD_GONE : OC_EIO;
}

static WORKER_FN void run_job(struct pcsc_worker *w, struct pcsc_job *j)
{
    switch (j->op) {
    case PCSC_CONNECT:
        j->result = run_connect(w, &j->card);
        break;
    case PCSC_TRANSMIT:
        j->result = run_transmit(w, j);
        break;
    case PCSC_DISCONNECT:
        drop_card(w, SCARD_RESET_CARD);
        break;
    }
}

/* ---- the thread ---- */
/** The next job, NULL at the end. */
static struct pcsc_job *next_job(struct pcsc_worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->job && !w->stop)
        pthread_cond_wait(&w->wake, &w->lock);
    struct pcsc_job *j = w->job;
    w->job = NULL;
    pthread_mutex_unlock(&w->lock);
    return j;
}

static void give_back(struct pcsc_worker *w, struct pcsc_job *j)
{
    bool posted = false;
    pthread_mutex_lock(&w->lock);
    if (w->loop) {
        loop_post(w->loop, &j->task);
        posted = true;
    }
    pthread_mutex_unlock(&w->lock);
    if (!posted)
        pcsc_job_put(j);
}

static void *worker_main(void *arg)
{
    struct pcsc_worker *w = arg;
    struct pcsc_job *j;
    ROLE_ENTER_WORKER();
    while ((j = next_job(w))) {
        run_job(w, j);
        give_back(w, j);
    }
    drop_context(w);
    pthread_mutex_lock(&w->lock);
    w->exited = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    worker_unref(w);
    return NULL;
}

int pcsc_worker_new(const struct pcsc_api *api, const char *name, struct loop *loop,
                    struct pcsc_slot *slot, struct pcsc_worker **ret)
{
    struct pcsc_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return OC_ENOMEM;
    w->api = api;
    w->loop = loop;
    w->slot = slot;
    memcpy(w->name, name, strnlen(name, READER_NAME_MAX));
    atomic_init(&w->refs, 2);
    if (!pcsc_sync_init(&w->lock, &w->wake) || !pcsc_thread(worker_main, w, name)) {
        free(w);
        return OC_EIO;
    }
    *ret = w;
    return 0;
}

void pcsc_worker_submit(struct pcsc_worker *w, struct pcsc_job *j)
{
    atomic_fetch_add(&j->refs, 1);
    pthread_mutex_lock(&w->lock);
    CHECK(!w->job);
    w->job = j;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void pcsc_worker_stop(struct pcsc_worker *w)
{
    w->slot = NULL;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    w->loop = NULL;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void pcsc_worker_put(struct pcsc_worker **ret, int64_t until_ns)
{
    struct pcsc_worker *w = *ret;
    *ret = NULL;
    pthread_mutex_lock(&w->lock);
    pcsc_wait_flag(&w->lock, &w->wake, &w->exited, until_ns);
    bool exited = w->exited;
    pthread_mutex_unlock(&w->lock);
    if (!exited)
        log_warn("card", "left behind a thread that hangs in PC/SC reader=%s", w->name);
    worker_unref(w);
}
