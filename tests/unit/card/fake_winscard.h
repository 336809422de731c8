/* A fake winscard: three readers that are plugged in, hang, tear and are mute on order. */
#ifndef FAKE_WINSCARD_H
#define FAKE_WINSCARD_H

#include "card/card.h"

#include <pthread.h>

#define SLOTS 3

enum mode { MODE_ANSWER, MODE_HANG, MODE_TEAR };
struct fake_slot {
    const char *name;
    bool there, present, mute, hang_connect;
    enum mode transmit;
    unsigned events, connects, disconnects;
};
/* One fake pcscd; the C API has no place for a pointer to it. */
struct fake_winscard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool up, cancelled;
    long generation;
    unsigned transmits;
    struct fake_slot slots[SLOTS];
};
extern struct fake_winscard fake;
extern const struct pcsc_api fake_api;

/* Does something to it that its callers notice. */
#define FAKE(stmt)                                                                                 \
    do {                                                                                           \
        pthread_mutex_lock(&fake.lock);                                                            \
        stmt;                                                                                      \
        pthread_cond_broadcast(&fake.changed);                                                     \
        pthread_mutex_unlock(&fake.lock);                                                          \
    } while (0)

void fake_plug(int i, bool there);
/* A card is put on a reader or taken away. */
void fake_put(int i, bool present);
/* Three readers, none plugged in, a fresh pcscd. */
void fake_reset(void);

#endif
