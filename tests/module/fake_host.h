/* A host for tests of modules: the whole of <onecard/module.h> without the switch, so that a
 * module's decisions are tested as what they are, functions from a request to a plan. It stands
 * alone (libc only): a module that is built elsewhere may take these two files along. Not for
 * threads. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <onecard/module.h>

#define FAKE_PAIRS 24

struct fake_pair {
    const char *name, *value; /* ends with a NULL name */
};
struct fake_leg {
    int account;
    char owner[32];
    fen_t amount;
};
/** What decide() left. */
struct onecard_plan {
    int kind; /* enum oc_plan_kind; -1: set twice */
    fen_t amount, gross;
    bool refund;
    struct fake_leg legs[ONECARD_LEGS_MAX];
    size_t leg_count;
    struct {
        char name[16], text[40];
    } capp[FAKE_PAIRS];
    size_t capp_count;
    struct {
        char owner[40], key[40], doc[ONECARD_DOC_MAX];
        uint32_t version_read;
    } records[ONECARD_RECORDS_MAX];
    size_t record_count;
    struct {
        char kind[32], text[160];
    } events[ONECARD_EVENTS_MAX];
    size_t event_count;
    struct {
        char key[32], value[2048];
    } reply[FAKE_PAIRS];
    size_t reply_count;
    enum oc_reason refused;
    char detail[96];
    bool overrun; /* more of something than the ABI allows */
};
/** A module's configuration: its table's defaults, and what a test writes over them. */
struct onecard_conf {
    const struct onecard_module *module;
    struct fake_pair values[FAKE_PAIRS]; /* "fare" "3.00"; of maps "concessions.student" "50%" */
};
/** A request with everything it may point to. Fill `req`, `card`, `original`, then fake_decide().
 */
struct fake {
    struct onecard_request req;
    struct onecard_card card;
    struct onecard_original original;
    struct fake_pair params[FAKE_PAIRS], terminal_params[FAKE_PAIRS];
    const char *record_doc; /* what co_record() gives; NULL: there is none */
    uint32_t record_version;
    struct onecard_plan plan;
};

/** An ordinary desk terminal of participant "shop", a named card of citizen "c1" with 50.00 yuan,
 * 2026-11-21 08:30. */
void fake_init(struct fake *f);
/** Loads the module with this configuration (NULL: defaults). Its load()'s result. */
int fake_load(const struct onecard_module *module, const struct onecard_conf *conf, void **ret_ctx);
/** Asks the service of that name, with f->card as the card. Result of decide(); OC_ENOENT: no such
 * service. */
int fake_decide(const struct onecard_module *module, void *ctx, const char *service,
                struct fake *f);
/** Sum of all legs, with the purse's that the plan implies: 0 in any sound plan. */
fen_t fake_sum(const struct onecard_plan *p);
/** Sum of the legs on that account. */
fen_t fake_leg(const struct onecard_plan *p, int account, const char *owner);
/** Text of a journey value or a member of the reply; NULL: not there. */
const char *fake_capp(const struct onecard_plan *p, const char *name);
const char *fake_reply(const struct onecard_plan *p, const char *key);
const struct onecard_host *fake_host(void);

#endif
