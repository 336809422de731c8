/* What the two halves of the light card share. */
#ifndef LOADGEN_CHIP_INTERN_H
#define LOADGEN_CHIP_INTERN_H

#include "chip.h"

#include <openssl/des.h>

#define STATES_MAX    24
#define LEARNED_MAX   512
#define PATH_MAX_CMDS 8
#define CMD_MAX       64

struct triple {
    DES_key_schedule a, b;
};
struct learned {
    bool used;
    uint8_t state, next, cmd_len;
    uint8_t cmd[CMD_MAX];
    uint16_t len;
    int16_t serial_at; /* where the serial number stands in the answer, -1: nowhere */
    uint8_t answer[CHIP_ANSWER_MAX];
};
struct path { /* how a state is reached from power on */
    uint8_t count;
    uint8_t len[PATH_MAX_CMDS];
    uint8_t cmd[PATH_MAX_CMDS][CMD_MAX];
    bool purse; /* the application with the purse is selected */
};
struct chip_kind {
    struct chip_site site;
    struct triple master_purchase, master_load, master_tac, master_internal;
    struct cardsim *model;
    struct path states[STATES_MAX];
    unsigned state_count;
    struct learned learned[LEARNED_MAX];
    uint64_t seed;
    struct chip_count count;
};

/** Makes the card that is asked, and says whether the root has a purse. Errors of cardsim. */
int chip_learn_init(struct chip_kind *k);
/** A command whose answer hangs on what is selected and on the serial number only: from memory, or
 * from the model. */
size_t chip_plain(struct chip_kind *k, struct chip *c, const uint8_t *cmd, size_t len,
                  uint8_t *ret);

#endif
