/* A site in one process for tests of the API: the real daemon on a thread of its own over a folder
 * of its own, asked through its real socket; two readers with software cards instead of PC/SC. */
#ifndef TESTS_SERVE_SITE_H
#define TESTS_SERVE_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>

#include "cardsim.h"
#include "reader_sim.h"
#include "serve/serve.h"

#define SITE_CARDS   3
#define SITE_READERS 2

struct site {
    char dir[64], config[96], socket[96];
    char text[2048]; /* the configuration */
    struct serve *serve;
    struct reader_sim *reader[SITE_READERS]; /* "left", "right" */
    struct cardsim *card[SITE_CARDS];
    pthread_t thread;
    sem_t ready;
    int rc;
    bool running;
    int early; /* a card that lies on the left reader before the daemon starts; -1: none */
};

/** Makes folder, key store, ledger and configuration (`extra` is appended to it), and starts. */
void site_open(struct site *s, const char *extra);
/** Stops the daemon; checks that it ended well; removes everything. */
void site_close(struct site *s);
void site_stop(struct site *s);
void site_start(struct site *s);
/** One call; the answer, which the caller gives up. NULL where it was no JSON. `body` NULL: none.
 */
json_t *site_call(struct site *s, const char *method, const char *path, const char *body,
                  int *ret_status);
/** A call that must be answered with `status`. */
json_t *site_expect(struct site *s, int status, const char *method, const char *path,
                    const char *body);
/** Sends a request and hangs up after `ms` without reading the answer. */
void site_hang_up(struct site *s, const char *path, int ms);
/** Participants bank and bus, keys, desk on "left", gate "bus" on "right" where `gate`; cards 0 and
 * 1 registered with 50 yuan each, on chip and in the books. */
void site_furnish(struct site *s, bool gate);
/** Puts card i on a reader, takes it away. */
void site_insert(struct site *s, int reader, int card);
void site_remove(struct site *s, int reader);
int64_t site_chip(struct site *s, int card);
/** Starts a request at the desk; its id. */
void site_request(struct site *s, const char *body, char ret_id[32]);
/** Polls until it is done; the result. */
json_t *site_result(struct site *s, const char *id);
/** Waits until GET `path` has `member` equal to `text` (at most 5 s). */
bool site_wait(struct site *s, const char *path, const char *member, const char *text);
const char *text_of(const json_t *j, const char *name);
int64_t number_of(const json_t *j, const char *name);

#endif
