/*
 * cardsim: a whole citizen card in software, an independent second reading of the purse card that
 * the switch talks to (PBOC 2.0 EP/ED, MOHURD city card, T-Union). Nothing of the switch is linked
 * here, so an error of the switch's own cryptography cannot hide behind the same error on the
 * card's side.
 *
 * A card is created blank and personalised with the chip maker's commands (see README.md), or made
 * ready at once by cardsim_personalise(). One struct is one card; there is no state outside it.
 * Nothing here blocks or starts threads; one card must not be used by two threads at a time.
 *
 * Errors are 0 or a negative enum cardsim_err. Output parameters are written on success only.
 */
#ifndef CARDSIM_H
#define CARDSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cardsim_err {
    CARDSIM_OK = 0,
    CARDSIM_ENOMEM = -1,  /* no memory */
    CARDSIM_EINVAL = -2,  /* an argument or a line cannot be understood */
    CARDSIM_EIO = -3,     /* a file cannot be read or written */
    CARDSIM_EFORMAT = -4, /* not a state file, another version, or damaged */
    CARDSIM_EOFF = -5,    /* the card has no power */
    CARDSIM_EFULL = -6,   /* the answer does not fit, or too many files, keys or faults */
    CARDSIM_TORN = -7,    /* the card left the field; power_on brings it back */
    CARDSIM_MUTE = -8,    /* the card does not answer; power_on or reset brings it back */
};

enum cardsim_profile {
    CARDSIM_PBOC,
    CARDSIM_MOHURD,
    CARDSIM_TUNION,
    CARDSIM_SSC,    /* social security card: no purse, identity in records, a PIN */
    CARDSIM_HEALTH, /* resident health card: no purse, identity in records */
    CARDSIM_PROFILES
};

/* Which ordinary and compound purchases append the 9-byte security code to MAC1. */
enum cardsim_suffix {
    CARDSIM_SUFFIX_PROFILE,
    CARDSIM_SUFFIX_NONE,
    CARDSIM_SUFFIX_CAPP,
    CARDSIM_SUFFIX_ALL
};

enum { CARDSIM_ATR_MAX = 33, CARDSIM_RESPONSE_MAX = 258, CARDSIM_SECURITY_CODE = 9 };

/* What the chip and its mask are, as opposed to what is written to it. Zeroed = the defaults. */
struct cardsim_options {
    enum cardsim_profile
        profile; /* MOHURD: security code and load log 1A; T-Union: balance codes; SSC and health:
                    external authentication under a session key, an ATR of its own */
    bool t0;     /* 61xx and GET RESPONSE instead of data at once */
    bool prove_before;    /* PROVE asked with the counter before the increment */
    bool prove_tac_first; /* PROVE answers TAC‖MAC instead of MAC‖TAC */
    bool capp_zero_moves; /* a compound purchase of nothing counts and is logged */
    uint16_t sw_mac;      /* status of a wrong MAC in CREDIT/DEBIT; 0 = 9302 */
    uint16_t sw_state;    /* CREDIT/DEBIT without its INITIALIZE; 0 = 6901 */
    enum cardsim_suffix suffix;
    bool has_security_code; /* else 85 and twice the last four bytes of the serial number */
    uint8_t security_code[CARDSIM_SECURITY_CODE];
    uint8_t atr[CARDSIM_ATR_MAX]; /* atr_len 0 = the default */
    size_t atr_len;
};

/* Fills `len` random bytes; `ctx` is the caller's. */
typedef void cardsim_random_fn(void *ctx, uint8_t *out, size_t len);

struct cardsim;

/* A blank card with no power. `options` may be NULL; it is copied. Errors: ENOMEM, EINVAL. */
int cardsim_new(struct cardsim **ret_card, const struct cardsim_options *options);
/* Frees *card and sets it to NULL; NULL is allowed. Keys are wiped. */
void cardsim_free(struct cardsim **card);
/* Takes challenges from `fn`; NULL returns to getrandom(2). */
void cardsim_set_random(struct cardsim *card, cardsim_random_fn *fn, void *ctx);
/* Takes challenges from a reproducible sequence. */
void cardsim_set_seed(struct cardsim *card, uint64_t seed);
/* The options in force, to be changed in place between commands. */
struct cardsim_options *cardsim_options(struct cardsim *card);

/* Cold start: all volatile state is lost, MF is selected. Faults with a command number count anew.
 */
void cardsim_power_on(struct cardsim *card);
/* Warm reset: the same as power_on for all that the card keeps. */
void cardsim_reset(struct cardsim *card);
void cardsim_power_off(struct cardsim *card);
bool cardsim_powered(const struct cardsim *card);
/* Copies the answer to reset (2..33 bytes) to `atr`, room for CARDSIM_ATR_MAX; returns its length.
 */
size_t cardsim_atr(const struct cardsim *card, uint8_t *atr);

/*
 * One command APDU, `len` bytes; the answer with its status word (2..258 bytes) goes to `resp`,
 * `cap` bytes, its length to *ret_len. Malformed commands get a status word, not an error. Errors:
 * EOFF, EFULL (cap under CARDSIM_RESPONSE_MAX and the answer longer; the command was done), TORN,
 * MUTE.
 */
int cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *resp,
                     size_t cap, size_t *ret_len);
/* Milliseconds that `slow` faults asked for since the last call; the caller waits, if it likes. */
unsigned cardsim_take_delay_ms(struct cardsim *card);
/* A short English name of the command, for logs; never NULL. */
const char *cardsim_command_name(const uint8_t *cmd, size_t len);
/* True when the command carries a key or a PIN in clear, so that a log shows only its header. */
bool cardsim_command_secret(const uint8_t *cmd, size_t len);

/* Adds a fault (README.md, "Faults"). Errors: EINVAL, EFULL. */
int cardsim_fault_add(struct cardsim *card, const char *spec);
void cardsim_fault_clear(struct cardsim *card);
/* Faults still armed. */
unsigned cardsim_fault_count(const struct cardsim *card);

/* What a bystander may want to know; of the first application that has an electronic purse. */
struct cardsim_status {
    bool has_purse;
    int64_t balance_fen; /* negative: overdraft in use */
    uint32_t overdraft_fen;
    uint16_t online, offline;
    uint8_t serial[10]; /* 0015[10..19], zero when absent */
    bool card_blocked;
    uint8_t app_blocked; /* 0 no, 1 temporarily, 2 permanently */
    bool in_transaction; /* between INITIALIZE and CREDIT/DEBIT */
    unsigned commands;   /* since power came */
};
void cardsim_status(const struct cardsim *card, struct cardsim_status *ret_status);
/* Test's shortcut past the protocol: sets balance, overdraft limit and both counters. EINVAL: no
 * purse. */
int cardsim_purse_set(struct cardsim *card, int64_t balance_fen, uint32_t overdraft_fen,
                      uint16_t online, uint16_t offline);

/* True when something that survives power-off changed since the last save, load or call of this. */
bool cardsim_take_changed(struct cardsim *card);
/* Serialises all that survives power-off; *ret_bytes is malloced, the caller frees it. ENOMEM. */
int cardsim_state_get(const struct cardsim *card, uint8_t **ret_bytes, size_t *ret_len);
/* Replaces the card's memory; volatile state is lost. On error the card is as before. EFORMAT,
 * ENOMEM. */
int cardsim_state_set(struct cardsim *card, const uint8_t *bytes, size_t len);
/* The same to and from a file; written to a neighbour and renamed, so that it is the old or the
 * new. */
int cardsim_state_save(struct cardsim *card, const char *path);
int cardsim_state_load(struct cardsim *card, const char *path);

enum cardsim_key_use {
    CARDSIM_KEY_MAIN,        /* 39: external authentication, master key of the application */
    CARDSIM_KEY_MAINTENANCE, /* 36: secure messaging of files, application block and unblock */
    CARDSIM_KEY_PURCHASE,    /* 3E */
    CARDSIM_KEY_LOAD,        /* 3F */
    CARDSIM_KEY_TAC,         /* 34 */
    CARDSIM_KEY_UNLOAD,      /* 3D */
    CARDSIM_KEY_OVERDRAFT,   /* 3C */
    CARDSIM_KEY_INTERNAL,    /* 30: internal authentication */
    CARDSIM_KEY_PIN_UNBLOCK, /* 37 */
    CARDSIM_KEY_PIN_RELOAD,  /* 38 */
    CARDSIM_KEY_LOCK,        /* 33: MOHURD, application block */
    CARDSIM_KEY_UNLOCK,      /* 35: MOHURD, application unblock */
    CARDSIM_KEY_EXTERNAL,    /* 39: SSC id 07, health id 04: before the holder's data are read */
    CARDSIM_KEY_USES
};

struct cardsim_key {
    bool set;    /* a key with set = false is not written to the card */
    bool master; /* value is diversified with the outer factor, if any, then with serial[2..9]; on
                    SSC and health with region or city, then with the end of the ATR */
    uint8_t value[16];
    uint8_t id, version, algorithm; /* algorithm 04: SM4, for the internal key */
};

struct cardsim_personal {
    enum cardsim_profile profile;
    uint8_t issuer[8]; /* 0015[0..7] */
    uint8_t app_flag, app_version;
    uint8_t serial[10];
    uint8_t start[4], expiry[4]; /* BCD YYYYMMDD */
    uint8_t category[2];         /* 0015[28..29] */
    uint8_t aid[16];             /* aid_len 0 = the profile's */
    size_t aid_len;
    uint8_t holder[55]; /* 0016; SSC and health: name 30, identity number 18 */
    struct cardsim_key keys[CARDSIM_KEY_USES];
    bool has_outer_factor;
    uint8_t outer_factor[8]; /* city or issuer level, applied before the serial number */
    uint8_t pin[6];
    size_t pin_len;   /* 0 = no PIN */
    bool pin_to_load; /* load wants a verified PIN */
    int64_t balance_fen;
    uint32_t overdraft_fen;
    uint16_t online, offline;
};

/* Sets everything to a plausible default: dates, key ids and versions, no keys. */
void cardsim_personal_init(struct cardsim_personal *p, enum cardsim_profile profile);
/* Erases the card and makes it one of the given kind; sets options.profile. EFULL, ENOMEM, EINVAL.
 */
int cardsim_personalise(struct cardsim *card, const struct cardsim_personal *p);
/*
 * Reads a preset (README.md, "Preset") into *p and *options. On error the number of the line that
 * is wrong goes to *ret_line (0: the file itself). EIO, EINVAL.
 */
int cardsim_preset_read(const char *path, struct cardsim_personal *p,
                        struct cardsim_options *options, unsigned *ret_line);

#endif
