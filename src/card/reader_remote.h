/* A reader at the other end of a wire. Its owner (a session of serve, a test) tells it what the
 * terminal says, and gives it one function that has a list executed there. The reader is not in a
 * registry: it lives as long as its owner says. */
#ifndef CARD_READER_REMOTE_H
#define CARD_READER_REMOTE_H

#include "card/list.h"
#include "card/reader.h"

struct reader_remote;
struct remote_link {
    /** Has the list executed for the card of the terminal's arrival number. 0: `ret` holds an
     * answer for each command (count too). OC_ECARD_GONE: the list provably never left (the
     * connection was gone before). Any other failure (OC_ECLOSED, OC_ETIMEDOUT, …) leaves open what
     * was executed. The deadline travels with the list (R4): no command is sent after it; the
     * answers are waited for as much longer as the commands' own timeouts allow, then it is
     * OC_ETIMEDOUT. Not cancelled half-way: called under a shield. */
    int (*co_run)(void *arg, uint64_t arrival, const struct card_list *list,
                  struct card_answers *ret, int64_t deadline_ns);
    /** The dialogue with this arrival has ended. Sends at most, never waits. */
    void (*release)(void *arg, uint64_t arrival);
    void *arg;
};
/** A reader that is GONE until reader_remote_plugged(). `name` for logs: "gate-17/1". OC_ENOMEM. */
int reader_remote_new(const char *name, const struct remote_link *link,
                      struct reader_remote **ret) MUST_USE;
/** The wire has gone: everything fails from here on, waits on the reader end with OC_ECLOSED; call
 * before free. Then no flow may use it when it is freed (checked). */
void reader_remote_close(struct reader_remote *r);
void reader_remote_free(struct reader_remote **r);
struct reader *reader_remote_reader(struct reader_remote *r);
void reader_remote_plugged(struct reader_remote *r, bool present);

/** A card is there; reader->arrival becomes the terminal's number. `script` (may be NULL) was
 * executed on it before it was told, with these answers: a dialogue with this arrival begins with
 * them. The same arrival again (the card that lies there was asked anew): fresh answers, no new
 * arrival. Answers are forgotten as soon as another list or a release goes to the card: it is no
 * longer as they left it. Copies. */
struct remote_card {
    uint64_t arrival; /* the terminal's number */
    const uint8_t *atr;
    size_t atr_len;
    const struct card_list *script;
    const struct card_answers *answers;
};
/** OC_EINVAL: an ATR too long, arrival 0, one lower than the last or of a card that has left,
 * answers that do not fit the script, a closed reader. OC_ENOMEM. */
int reader_remote_card(struct reader_remote *r, const struct remote_card *card) MUST_USE;
/** The card of that arrival has left; ignored where another one is there. */
void reader_remote_removed(struct reader_remote *r, uint64_t arrival);

#endif
