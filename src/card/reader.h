/* Readers: where cards appear and disappear. A reader is a name that a terminal is bound to; what
 * stands behind the name (PC/SC, a terminal over a wire, a simulation) is a table of functions, and
 * may come and go. The registry keeps each name once, for as long as it lives: a name may be bound
 * before its reader was ever plugged in, and stays when it is pulled out.
 *
 * All of this belongs to one loop's thread. Drivers with threads come in through loop_post(). */
#ifndef CARD_READER_H
#define CARD_READER_H

#include "base/base.h"
#include "flow/flow.h"
#include "wire/wire.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct card_list;
struct card_answers;
struct card_known;

#define READER_NAME_MAX 127 /* MAX_READERNAME of pcsc-lite, without NUL */
#define READERS_MAX     64  /* names in one registry */

enum reader_state {
    READER_GONE,  /* nothing stands behind the name now */
    READER_EMPTY, /* no card */
    READER_CARD,  /* a card */
    READER_MUTE   /* a card that does not answer, or a reader that hangs over it */
};

enum card_protocol { CARD_T0 = 0, CARD_T1 = 1 };

/** What connecting says. */
struct reader_card {
    uint8_t atr[ATR_MAX];
    size_t atr_len;
    enum card_protocol protocol;
};
/** The bytes a card answered, status word last. */
struct reader_answer {
    uint8_t bytes[APDU_ANSWER_MAX];
    size_t len;
};

struct reader;
/** What a kind of reader can do. Called by reader_co_… below only, under the dialogue lock. Results
 * as there. */
struct reader_ops {
    int (*co_connect)(struct reader *r, struct reader_card *ret, int64_t deadline_ns);
    /** NULL where there is co_run: a command is then a list of one. */
    int (*co_transmit)(struct reader *r, const uint8_t *cmd, size_t len, struct reader_answer *ret,
                       int64_t deadline_ns);
    void (*co_disconnect)(struct reader *r);
    /** Lists of commands (card/list.h), for readers at the other end of a wire. NULL: cannot. */
    int (*co_run)(struct reader *r, const struct card_list *list, struct card_answers *ret,
                  int64_t deadline_ns);
    /** The registry ends; nothing waits here any more. Frees `driver`. May be NULL. */
    void (*free)(struct reader *r);
};

struct readers;
struct reader {
    char name[READER_NAME_MAX + 1];
    enum reader_state state;
    uint64_t arrival; /* cards seen so far: goes up with each card that appears, mute ones too */
    struct flow_cond changed;     /* state or arrival changed */
    struct flow_mutex busy;       /* one dialogue at a time */
    const struct reader_ops *ops; /* NULL: only a name so far */
    void *driver;                 /* the ops' own */
    struct readers *registry;     /* NULL: it lives as its driver's owner says */
    bool closed;                  /* its wire has gone, for ever: waits end with OC_ECLOSED */
    struct card_known
        *known; /* answers that came along with the card; the next session takes them */
};

/** An empty registry. OC_ENOMEM. */
int readers_new(struct readers **ret) MUST_USE;
/** Frees it and every reader. No flow may wait on or use one of them (checked). NULL inside is
 * fine. */
void readers_free(struct readers **rs);
/** The reader of that name, made as a bare name (READER_GONE) when it is not there yet; it lives as
 * long as the registry. OC_EINVAL: empty or too long; OC_ELIMIT: over READERS_MAX; OC_ENOMEM. */
int readers_bind(struct readers *rs, const char *name, struct reader **ret) MUST_USE;
/** The same, or NULL when nobody bound or added it. */
struct reader *readers_get(const struct readers *rs, const char *name);
/** Puts a driver behind a name (bound already or not). OC_EEXIST: there is one; errors of
 * readers_bind(). */
int readers_add(struct readers *rs, const char *name, const struct reader_ops *ops, void *driver,
                struct reader **ret) MUST_USE;
/** Calls fn for each reader in the order they came; fn must not bind or add. */
void readers_each(const struct readers *rs, void (*fn)(struct reader *r, void *arg), void *arg);
/** Broadcast whenever any reader changes or a name is new. */
struct flow_cond *readers_changed(struct readers *rs);

/** "gone" "empty" "card" "mute". Static. */
const char *reader_state_name(enum reader_state s);
/** For drivers: sets the state and wakes who waits. new_card: what is there now came after what was
 * known. */
void reader_set_state(struct reader *r, enum reader_state state, bool new_card);

/** Suspends until a card is there (READER_CARD or READER_MUTE) whose arrival is greater than
 * `after`: 0 takes one that lies there already, reader->arrival only the next. Goes on waiting
 * while the reader is gone. 0, OC_ETIMEDOUT, OC_ECANCELED; OC_ECLOSED: the reader is closed, no
 * card will ever come. */
int reader_co_wait_arrival(struct reader *r, uint64_t after, int64_t deadline_ns,
                           uint64_t *ret_arrival) CO_FN MUST_USE;
/** Suspends until no card is there, or the card of `arrival` has gone (another took its place), or
 * the reader has gone. 0, OC_ETIMEDOUT, OC_ECANCELED, OC_ECLOSED. */
int reader_co_wait_empty(struct reader *r, uint64_t arrival, int64_t deadline_ns) CO_FN MUST_USE;

/* The table's functions, annotated. Under the dialogue lock (checked); session.h and transmit.h
 * call them, nobody else. */
/** Powers the card and connects, exclusively. OC_EREADER: no reader, or it is closed;
 * OC_ECARD_GONE: no card; OC_ECARD_MUTE: it does not answer, or the reader hangs (it is marked
 * READER_MUTE and comes back by itself); OC_EBUSY: another program holds it; OC_ETIMEDOUT only
 * where the deadline is nearer than the driver's own patience; OC_ECANCELED; OC_EIO (logged). */
int reader_co_connect(struct reader *r, struct reader_card *ret,
                      int64_t deadline_ns) CO_FN MUST_USE;
/** One exchange of bytes. OC_ECARD_GONE means that the command provably never left; every other
 * failure (OC_ETIMEDOUT, OC_ECARD_MUTE, OC_EIO, OC_ECARD_LOST, …) leaves open whether the card has
 * executed it. Not cancelled half-way. */
int reader_co_transmit(struct reader *r, const uint8_t *cmd, size_t len, struct reader_answer *ret,
                       int64_t deadline_ns) CO_FN MUST_USE;
/** Can it execute lists? */
bool reader_has_lists(const struct reader *r);
/** Has a list executed, not cancelled half-way. 0: `ret` says for each command what became of it.
 * OC_ECARD_GONE means that the list provably never left; every other failure leaves open which
 * commands of it the card has executed. No command is sent to the card after `deadline_ns` (R4). */
int reader_co_run(struct reader *r, const struct card_list *list, struct card_answers *ret,
                  int64_t deadline_ns) CO_FN MUST_USE;
/** Lets the card go, reset. Never fails; harmless when the card or the reader is gone. May suspend
 * a moment. */
void reader_co_disconnect(struct reader *r) CO_FN;

#endif
