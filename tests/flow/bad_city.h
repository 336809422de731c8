/* The city in which bad days happen: the real switch, ledger and all four modules as they are
 * installed, two cards of citizens c1 and c2, hospitals, a metro, a bureau and a bank. The
 * institutions are played by a script that keeps a book of its own, so that at the end of a day
 * both books can be laid side by side. */
#ifndef TESTS_FLOW_BAD_CITY_H
#define TESTS_FLOW_BAD_CITY_H

#include "city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H1 "hospital-1" /* of level 3 in conf/bureau */
#define H2 "hospital-2" /* of level 2 */

extern struct city c;
/** A second reader with a desk of its own. */
extern struct reader_sim *second;

int bad_setup(void **state);
/** The same, and the bureau decides the insurance "employee" by itself. */
int bad_setup_asked(void **state);
int bad_teardown(void **state);
#define BAD(test)   cmocka_unit_test_setup_teardown(test, bad_setup, bad_teardown)
#define ASKED(test) cmocka_unit_test_setup_teardown(test, bad_setup_asked, bad_teardown)

/* ---- asking ---- */

/** A request with pairs of parameters, NULL at the end. */
struct txn_request with(const char *service, const char *term, fen_t amount, ...)
    __attribute__((sentinel));
/** With the card that lies on the first reader; without any. */
const struct txn_result *chip(struct txn_request q);
const struct txn_result *bare(struct txn_request q);
/** A document of citizen `who` is pushed at that terminal; must be taken. */
void push(const char *who, const char *service, const char *term, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/** Posted, or the test fails and says why. */
const struct txn_result *good(const struct txn_result *r);
/** Refused with that reason. */
void no(enum oc_reason reason, const struct txn_result *r);
/** Two requests at one moment; each `r` is where its result stands afterwards. */
void at_once(struct city_side *a, struct city_side *b);
/** That card alone lies on the first reader. */
void lay(int card);
/** Member `name` of a reply, a number; -1: it is not there. */
fen_t told(const struct txn_result *r, const char *name);

/* ---- what there is ---- */

/** Today in the city, by the city's clock; the same as YYYYMMDD, so many days on. */
date_t today(void);
/** The clock stands still at that day and minute. */
void stop_at(date_t day, int hour, int minute);
/** c1's insurance, and money in the personal account. */
void insure(fen_t personal);
/** An invoice of c1 at `hospital` of lines of class A, 0 at the end. */
void invoice(const char *hospital, const char *id, date_t date, ...);
/** issued, balanced, cancelled. */
bool invoice_is(const char *hospital, const char *id, const char *status);
/** What the fund would pay of that much now, at level 2, on a bill of that day. */
fen_t fund_would_pay(date_t date, fen_t amount);
/** Credits less debits, posted; reserved. */
fen_t holds(enum acct_kind kind, const char *owner);
fen_t reserved(enum acct_kind kind, const char *owner);
/** Events of that kind in the ledger so far. */
unsigned events(const char *kind);

/* ---- the institutions ---- */

enum mood {
    GOOD,
    LATE,      /* it acts, but its answer comes after the time-out */
    LATE_ACTS, /* nothing happens in time; it acts after it was told to reverse */
    REFUSES
};
struct book_hold {
    char id[IDENT_TEXT], to[32], kind[32];
    fen_t amount;
    bool held, confirmed, reversed, refused_late;
    unsigned asks;
};
extern struct outside {
    enum mood hold, message;
    unsigned bad; /* so many more messages without an answer */
    struct book_hold holds[64];
    unsigned count;
    unsigned told;     /* messages that were acknowledged, each once */
    unsigned heard;    /* that arrived */
    char keys[16][80]; /* of those, each once */
    char kinds[512], last_document[4096];
    char presettle[512]; /* what the bureau answers to /ask/presettle */
} outside;
/** Opens routes to them; bad_setup() does. */
void connect_outside(void);
/** Every message and confirmation is acknowledged. */
void all_delivered(void);
uint8_t hold_state_of(int64_t txn);
struct book_hold *hold_at(const char *participant);

/* ---- at the end ---- */

/** Each transaction's legs sum to zero; all accounts and purses together do; no leg is reserved
 * any more; the file verifies; institutions and ledger agree on every hold. */
void books_close(void);
/** The same of the ledger alone. */
void books_balance(void);

#endif
