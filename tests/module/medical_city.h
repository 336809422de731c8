/* A small city for the tests of the medical module: hospitals h1, h2, h3, citizens c1 and c2, and a
 * social security that pays 60 % of any bill, 10 yuan from the personal account and leaves the
 * rest; with that, one request after another against the same store. */
#ifndef MEDICAL_CITY_H
#define MEDICAL_CITY_H

#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern struct fake f; /* the last request */
extern void *ctx;

int city_setup(void **state);
int city_teardown(void **state);
/** The next request stands at a terminal of this participant. */
void at(const char *participant);
/** Today, and the time as HHMM. */
void on(int32_t date, int hhmm);
/** Whose card lies there: "c1" with a card, presented as that. */
void holder(const char *citizen, enum onecard_presented how);
/** Nobody's card: the citizen is named. */
void named(const char *citizen);
/** The request's document; NULL: none. */
void document(const char *json);
/** Asks a service with pairs of parameters, NULL at the end. Its result. */
int ask(const char *service, ...) __attribute__((sentinel));
/** As ask(), and it must stand and sum to zero; then it is committed. */
void done(const char *service, ...) __attribute__((sentinel));
/** As ask(), and it must be refused with that reason. */
void refused(enum oc_reason reason, const char *service, ...) __attribute__((sentinel));
/** Commits the plan of the last ask(). */
void commit(void);
/** A value of the last reply: path "bills.0.id". */
const char *reply(const char *path);
/** A value of a record of this module's. */
const char *kept(const char *owner, const char *key, const char *path);
/** The original of the next request: the transaction that was committed last as `service`. */
void original(const char *txn, const char *service, fen_t amount, fen_t refunded);
/** Key of a hospital's document. */
const char *ref(const char *kind, const char *hospital, const char *id);

/** What social.split was asked last. */
extern struct split_asked {
    int64_t date;
    char replaces[24];
} split_asked;
/** The Invoice B1 of h1 with three lines: 100.00 A, 50.00 B, 30.00 C. */
extern const char *const invoice_b1;
/** Doctor w of department neike at h1 on 2026-11-23: 08:30 with two places, 09:00 with one; 15.00.
 */
extern const char *const schedule_w;

#endif
