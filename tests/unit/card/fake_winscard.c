/* See fake_winscard.h. Its calls come from the monitor's and the readers' threads. */
#include "fake_winscard.h"

#include <string.h>
#include <time.h>

#define PNP "\\\\?PnP?\\Notification"

struct fake_winscard fake = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};

void fake_plug(int i, bool there)
{
    FAKE(fake.slots[i].there = there);
}

void fake_put(int i, bool present)
{
    FAKE({
        fake.slots[i].present = present;
        fake.slots[i].events++;
    });
}

void fake_reset(void)
{
    static const char *const names[SLOTS] = {"Reader A 00 00", "Reader B 00 00", "Reader C 00 00"};
    FAKE({
        memset(fake.slots, 0, sizeof(fake.slots));
        for (int i = 0; i < SLOTS; i++)
            fake.slots[i].name = names[i];
        fake.up = true;
        fake.cancelled = false;
        fake.generation++;
        fake.transmits = 0;
    });
}

/* ---- the API ---- */
static bool alive(long ctx)
{
    return fake.up && ctx == fake.generation;
}

static struct fake_slot *slot_named(const char *name)
{
    for (int i = 0; i < SLOTS; i++) {
        if (fake.slots[i].there && !strcmp(fake.slots[i].name, name))
            return &fake.slots[i];
    }
    return NULL;
}

static LONG fake_establish(DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT ctx)
{
    (void)scope, (void)r1, (void)r2;
    pthread_mutex_lock(&fake.lock);
    LONG rv = fake.up ? SCARD_S_SUCCESS : SCARD_E_NO_SERVICE;
    *ctx = fake.generation;
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_release(SCARDCONTEXT ctx)
{
    (void)ctx;
    return SCARD_S_SUCCESS;
}

static LONG fake_list(SCARDCONTEXT ctx, LPCSTR groups, LPSTR names, LPDWORD len)
{
    (void)groups, (void)len;
    size_t at = 0;
    pthread_mutex_lock(&fake.lock);
    LONG rv = alive(ctx) ? SCARD_S_SUCCESS : SCARD_E_SERVICE_STOPPED;
    for (int i = 0; i < SLOTS && !rv; i++) {
        if (!fake.slots[i].there)
            continue;
        strcpy(names + at, fake.slots[i].name);
        at += strlen(names + at) + 1;
    }
    names[at] = 0;
    pthread_mutex_unlock(&fake.lock);
    return rv ? rv : at ? rv : SCARD_E_NO_READERS_AVAILABLE;
}

/* Fills the states; whether one differs from what the caller knew. The lock is held. */
static bool look(SCARD_READERSTATE *states, DWORD count, unsigned readers)
{
    bool changed = false;
    unsigned now = 0;
    for (int i = 0; i < SLOTS; i++)
        now += fake.slots[i].there;
    for (DWORD i = 0; i < count; i++) {
        SCARD_READERSTATE *s = &states[i];
        if (!strcmp(s->szReader, PNP)) {
            changed |= now != readers;
            continue;
        }
        const struct fake_slot *slot = slot_named(s->szReader);
        if (!slot)
            s->dwEventState = SCARD_STATE_UNKNOWN;
        else
            s->dwEventState = (DWORD)slot->events << 16 |
                              (slot->present ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY) |
                              (slot->present && slot->mute ? SCARD_STATE_MUTE : 0);
        if (s->dwEventState != s->dwCurrentState) {
            s->dwEventState |= SCARD_STATE_CHANGED;
            changed = true;
        }
    }
    return changed;
}

static LONG fake_status_change(SCARDCONTEXT ctx, DWORD timeout_ms, SCARD_READERSTATE *states,
                               DWORD count)
{
    struct timespec until;
    LONG rv = SCARD_S_SUCCESS;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(timeout_ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&fake.lock);
    fake.cancelled = false;
    for (;;) {
        if (!alive(ctx))
            rv = SCARD_E_SERVICE_STOPPED;
        else if (fake.cancelled)
            rv = SCARD_E_CANCELLED;
        else if (!look(states, count, (unsigned)count - 1) && !rv) {
            if (pthread_cond_timedwait(&fake.changed, &fake.lock, &until))
                rv = SCARD_E_TIMEOUT;
            if (!rv)
                continue;
        }
        break;
    }
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_cancel(SCARDCONTEXT ctx)
{
    (void)ctx;
    FAKE(fake.cancelled = true);
    return SCARD_S_SUCCESS;
}

static LONG fake_connect(SCARDCONTEXT ctx, LPCSTR reader, DWORD share, DWORD protocols,
                         LPSCARDHANDLE card, LPDWORD protocol)
{
    (void)protocols;
    LONG rv = share == SCARD_SHARE_EXCLUSIVE ? SCARD_S_SUCCESS : SCARD_E_INVALID_VALUE;
    pthread_mutex_lock(&fake.lock);
    struct fake_slot *slot = slot_named(reader);
    while (slot && slot->hang_connect)
        pthread_cond_wait(&fake.changed, &fake.lock);
    if (!alive(ctx))
        rv = SCARD_E_INVALID_HANDLE;
    else if (!slot)
        rv = SCARD_E_UNKNOWN_READER;
    else if (!slot->present)
        rv = SCARD_E_NO_SMARTCARD;
    else if (slot->mute)
        rv = SCARD_W_UNRESPONSIVE_CARD;
    if (!rv) {
        slot->connects++;
        *card = slot - fake.slots + 1 + 16 * fake.generation;
        *protocol = SCARD_PROTOCOL_T1;
    }
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_status(SCARDHANDLE card, LPSTR name, LPDWORD name_len, LPDWORD state,
                        LPDWORD protocol, LPBYTE atr, LPDWORD atr_len)
{
    (void)card, (void)name, (void)name_len;
    *state = 0;
    *protocol = SCARD_PROTOCOL_T1;
    atr[0] = 0x3B;
    atr[1] = 0;
    *atr_len = 2;
    return SCARD_S_SUCCESS;
}

static LONG fake_transmit(SCARDHANDLE card, const SCARD_IO_REQUEST *pci, LPCBYTE cmd, DWORD len,
                          SCARD_IO_REQUEST *recv, LPBYTE answer, LPDWORD answer_len)
{
    (void)pci, (void)cmd, (void)len, (void)recv;
    LONG rv = SCARD_S_SUCCESS;
    pthread_mutex_lock(&fake.lock);
    struct fake_slot *slot = &fake.slots[card % 16 - 1];
    fake.transmits++;
    while (slot->transmit == MODE_HANG)
        pthread_cond_wait(&fake.changed, &fake.lock);
    if (card / 16 != fake.generation)
        rv = SCARD_E_INVALID_HANDLE;
    else if (!slot->present)
        rv = SCARD_W_REMOVED_CARD;
    else if (slot->transmit == MODE_TEAR) {
        slot->present = slot->there = false;
        slot->events++;
        rv = SCARD_E_NOT_TRANSACTED;
        pthread_cond_broadcast(&fake.changed);
    }
    answer[0] = 0x90;
    answer[1] = 0;
    *answer_len = 2;
    pthread_mutex_unlock(&fake.lock);
    return rv;
}

static LONG fake_disconnect(SCARDHANDLE card, DWORD disposition)
{
    (void)disposition;
    FAKE(fake.slots[card % 16 - 1].disconnects++);
    return SCARD_S_SUCCESS;
}

const struct pcsc_api fake_api = {
    .establish = fake_establish,
    .release = fake_release,
    .list_readers = fake_list,
    .status_change = fake_status_change,
    .cancel = fake_cancel,
    .connect = fake_connect,
    .status = fake_status,
    .transmit = fake_transmit,
    .disconnect = fake_disconnect,
};
