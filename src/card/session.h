/* A dialogue with one card: from connect to disconnect, on one reader, with nobody else on it.
 * Everything that speaks with a card takes a session.
 *
 * A session dies with the first lost answer or when its card leaves; every command after that says
 * OC_ECARD_GONE and sends nothing. To go on, close it and open another. */
#ifndef CARD_SESSION_H
#define CARD_SESSION_H

#include "card/profile.h"
#include "card/reader.h"

/* What a session asked from the beginning up to INITIALIZE FOR PURCHASE, as long as it only read:
 * scripts are made of it (card/script.h). Challenges are kept as zeros. */
#define CARD_ASKED_MAX   24
#define CARD_ASKED_BYTES 32
struct card_asked_item {
    uint8_t bytes[CARD_ASKED_BYTES];
    uint8_t len;
    uint16_t sw;
};
struct card_asked {
    struct card_asked_item items[CARD_ASKED_MAX];
    unsigned count;
    bool ended; /* nothing is added any more */
};

struct card_lists;
struct card_session {
    struct reader *reader;
    uint64_t arrival;        /* the card's: another number there is another presentation (R8) */
    struct reader_card card; /* ATR and protocol */
    struct atr atr;          /* taken apart; all zeros when it cannot be */
    const struct card_profile *profile; /* after card_co_select or card_use_profile, else NULL */
    uint8_t aid[TLV_AID_MAX];           /* the name that SELECT succeeded with */
    size_t aid_len;
    struct card_identity identity; /* file 0015 … */
    bool identified;               /* … when this is true */
    bool locked;                   /* SELECT answered 6A81: the application is blocked */
    uint16_t sw;                   /* the last status word; 0: none came */
    uint8_t ins;                   /* the last instruction sent */
    unsigned apdus;                /* commands that were handed over, GET RESPONSE included */
    int64_t command_ms;  /* patience with one command; 3,000 at the beginning, may be set */
    int64_t deadline_ns; /* no command is sent after this (R4); FLOW_FOREVER at the beginning, may
                            be set */
    bool open, dead;
    bool silent; /* it died because the card did not answer in time, not because it left */
    struct card_asked asked;
    struct card_known *known; /* answers that came along with the card and were not asked for yet */
    struct card_lists *lists; /* a list and its answers, where the reader wants lists; else NULL */
};

/** Takes the reader for this flow, connects to the card that is there and fills `s` (the caller's
 * memory, stays put until closed). `arrival`: only that card, 0: any. The caller must close it
 * after success. OC_ECARD_GONE: no card or another arrival; OC_EREADER, OC_ECARD_MUTE, OC_EBUSY,
 * OC_EIO as reader_co_connect(); OC_ENOMEM; OC_ETIMEDOUT: the reader stayed taken by another
 * dialogue, or no answer, until `deadline_ns`; OC_ECANCELED. */
int card_co_open(struct card_session *s, struct reader *reader, uint64_t arrival,
                 int64_t deadline_ns) CO_FN MUST_USE;
/** Lets card and reader go. Harmless on a session that is not open. Suspends a moment, not
 * interrupted by cancellation. */
void card_co_close(struct card_session *s) CO_FN;
/** Is the same card still there and the session usable? */
bool card_present(const struct card_session *s);

#endif
