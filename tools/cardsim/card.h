/*
 * The inside of a card: its memory, its volatile state and the functions the commands share.
 *
 * Invariants:
 * - nodes[0] is always MF; a node's parent is a used DF with a lower depth; only 2F nodes have a
 * purse.
 * - a command checks everything before it changes anything: a status other than 9000 means that
 * nothing durable changed but retry counters and what they lock.
 * - everything under "volatile" dies with the power; nothing else does.
 */
#ifndef CARDSIM_CARD_H
#define CARDSIM_CARD_H

#include "cardsim.h"

enum {
    MAX_NODES = 64,
    MAX_KEYS = 64,
    MAX_FAULTS = 16,
    MAX_CACHES = 4,
    MEMORY_BYTES = 32768, /* of file bodies */
    NONE = 0xFF,          /* no node */
};

enum {
    KIND_BINARY = 0x28,
    KIND_FIXED = 0x2A,
    KIND_VARIABLE = 0x2C,
    KIND_CYCLIC = 0x2E,
    KIND_PURSE = 0x2F,
    KIND_DF = 0x38,
    KIND_KEYS = 0x3F
};

enum {
    KEY_LOCK = 0x33,
    KEY_INTERNAL = 0x30,
    KEY_TAC = 0x34,
    KEY_UNLOCK = 0x35,
    KEY_FILE = 0x36,
    KEY_PIN_UNBLOCK = 0x37,
    KEY_PIN_RELOAD = 0x38,
    KEY_EXTERNAL = 0x39,
    KEY_PIN = 0x3A,
    KEY_OVERDRAFT = 0x3C,
    KEY_UNLOAD = 0x3D,
    KEY_PURCHASE = 0x3E,
    KEY_LOAD = 0x3F
};

enum { PROT_MAC = 0x80, PROT_ENC = 0x40 };

enum {
    SW_OK = 0x9000,
    SW_MEMORY = 0x6581,
    SW_LENGTH = 0x6700,
    SW_FILE_TYPE = 0x6981,
    SW_SECURITY = 0x6982,
    SW_BLOCKED = 0x6983,
    SW_RANDOM = 0x6984,
    SW_CONDITIONS = 0x6985,
    SW_NO_EF = 0x6986,
    SW_MAC_MISSING = 0x6987,
    SW_SM_MAC = 0x6988,
    SW_DATA = 0x6A80,
    SW_FUNCTION = 0x6A81,
    SW_NO_FILE = 0x6A82,
    SW_NO_RECORD = 0x6A83,
    SW_SPACE = 0x6A84,
    SW_P1P2 = 0x6A86,
    SW_NO_KEY = 0x6A88,
    SW_OFFSET = 0x6B00,
    SW_LE = 0x6C00,
    SW_INS = 0x6D00,
    SW_CLA = 0x6E00,
    SW_LOCKED = 0x9303,
    SW_BALANCE = 0x9401,
    SW_COUNTER = 0x9402,
    SW_KEY_INDEX = 0x9403,
    SW_NO_PROVE = 0x9406,
};

struct proof {
    uint8_t valid, type;
    uint16_t seq_before;
    uint8_t mac[4], tac[4];
};

struct purse {
    int64_t value;  /* fen; below zero by at most limit */
    uint32_t limit; /* 3 bytes on the wire */
    uint16_t online, offline;
    struct proof proofs[2]; /* last online, last offline */
};

struct node {
    uint8_t used, kind, prot, parent;
    uint16_t fid;
    uint8_t access1, access2; /* read and write; create and erase of a DF; add of a key file */
    uint8_t tail;             /* last byte of the control information; log file of a purse */
    uint8_t name_len, name[16];
    uint8_t block, unblock_failures;
    uint8_t rec_max, rec_len; /* fixed and cyclic */
    uint8_t rec_count, head;  /* written records; index of the newest in a cyclic file */
    uint16_t fill;            /* bytes used of a variable file */
    uint16_t size;
    uint8_t *body;       /* size bytes; NULL when size is 0 */
    struct purse *purse; /* 2F only */
};

struct key {
    uint8_t used, df, type, prot, id, use, change;
    uint8_t a, b; /* version and algorithm, or follow-up state and retry counter, by type */
    uint8_t len, value[16];
};

struct cache { /* UPDATE CAPP DATA CACHE, waiting for its DEBIT */
    uint8_t node, p1, by_number, len;
    uint8_t data[255];
};

enum trans_kind {
    TRANS_NONE,
    TRANS_LOAD,
    TRANS_PURCHASE,
    TRANS_CAPP,
    TRANS_CASH,
    TRANS_UNLOAD,
    TRANS_LIMIT
};

struct trans {
    enum trans_kind kind;
    uint8_t node, type, key;
    uint32_t amount;
    uint16_t seq;
    uint8_t terminal[6], random[4];
    struct cache caches[MAX_CACHES];
    size_t n_caches;
};

enum fault_kind {
    FAULT_TORN_BEFORE,
    FAULT_TORN_AFTER,
    FAULT_MUTE,
    FAULT_SW,
    FAULT_SHORT,
    FAULT_GARBAGE,
    FAULT_SLOW,
    FAULT_MAC1,
    FAULT_MAC2,
    FAULT_TAC,
    FAULT_NO_PROVE
};

struct fault {
    enum fault_kind kind;
    bool sticky;
    int ins;      /* -1: any */
    unsigned nth; /* of the matching commands; 0: of all commands since power came, in `arg` */
    unsigned arg; /* command number, milliseconds, status word */
    unsigned seen;
};

struct cardsim {
    struct cardsim_options opt;
    struct node nodes[MAX_NODES];
    struct key keys[MAX_KEYS];
    bool card_blocked;
    /* volatile */
    bool powered, mute;
    uint8_t df, ef; /* node numbers; ef may be NONE */
    uint8_t mf_state, df_state;
    bool open;            /* the DF had no key file when it was entered: rights are not asked */
    uint8_t challenge[8]; /* for the next command */
    size_t challenge_len;
    uint8_t iv[8]; /* the challenge the running command may use */
    size_t iv_len;
    struct trans trans;
    uint8_t pending[256]; /* for GET RESPONSE */
    size_t pending_len;
    uint16_t pending_sw;
    unsigned commands;
    /* of the simulation */
    struct fault faults[MAX_FAULTS + 1]; /* the last holds the one just taken */
    size_t n_faults;
    unsigned delay_ms;
    bool changed;
    cardsim_random_fn *random;
    void *random_ctx;
    uint64_t seed;
};

struct apdu {
    uint8_t cla, ins, p1, p2;
    const uint8_t *data;
    size_t lc;
    bool has_le;
    size_t le; /* 1..256 */
};

struct out {
    uint8_t buf[256];
    size_t len;
};

/* des.c: key_len 8 or 16; EDE of two keys or single DES */
void cs_ecb(const uint8_t *key, size_t key_len, bool encrypt, const uint8_t *in, uint8_t *out,
            size_t len);
void cs_mac_des(const uint8_t key[8], const uint8_t iv[8], const uint8_t *data, size_t len,
                uint8_t out[4]);
void cs_mac_retail(const uint8_t *key, size_t key_len, const uint8_t iv[8], const uint8_t *data,
                   size_t len, uint8_t out[4]);
void cs_fold(const uint8_t *key, size_t key_len, uint8_t out[8]);
void cs_diversify(const uint8_t master[16], const uint8_t factor[8], uint8_t out[16]);
/* SM4 (algorithm 04): the same of one block; and an authentication's eight bytes, filled with zeros
 * to a block, enciphered, its halves XORed. */
enum { ALG_SM4 = 4 };
void cs_sm4_diversify(const uint8_t master[16], const uint8_t factor[8], uint8_t out[16]);
void cs_sm4_folded(const uint8_t key[16], const uint8_t data[8], uint8_t out[8]);
bool cs_equal(const uint8_t *a, const uint8_t *b, size_t len);
void cs_put16(uint8_t *p, uint32_t v);
void cs_put24(uint8_t *p, uint32_t v);
void cs_put32(uint8_t *p, uint32_t v);
uint32_t cs_get16(const uint8_t *p);
uint32_t cs_get24(const uint8_t *p);
uint32_t cs_get32(const uint8_t *p);

/* card.c */
void cs_random(struct cardsim *c, uint8_t *out, size_t len);
void cs_emit(struct out *o, const void *data, size_t len);
void cs_wipe(struct cardsim *c);
int cs_blank(struct cardsim *c);
void cs_own_atr(struct cardsim *c);

/* persona_record.c: cards whose identity stands in records */
void cs_record_app(const struct cardsim_personal *p, struct node *app);
void cs_record_region(const struct cardsim_personal *p, uint8_t out[8]);
int cs_record_card(struct cardsim *c, uint8_t df, const struct cardsim_personal *p);

/* node.c */
bool cs_access(const struct cardsim *c, uint8_t right);
uint8_t cs_find_child(const struct cardsim *c, uint8_t df, uint16_t fid);
uint8_t cs_find_sfi(const struct cardsim *c, uint8_t sfi);
bool cs_has_key_file(const struct cardsim *c, uint8_t df);
/* Makes a node with a zeroed body; returns its number or NONE when memory is full. */
uint8_t cs_node_add(struct cardsim *c, uint8_t parent, const struct node *what);
void cs_node_erase_below(struct cardsim *c, uint8_t df);
void cs_enter(struct cardsim *c, uint8_t df);
uint16_t cs_cmd_select(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_create(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_erase(struct cardsim *c, const struct apdu *a, struct out *o);

/* record.c */
uint8_t *cs_record_number(const struct node *n, unsigned number, size_t *ret_len);
uint8_t *cs_record_tag(const struct node *n, uint8_t tag, size_t *ret_len);
uint16_t cs_record_append(struct cardsim *c, struct node *n, const uint8_t *data, size_t len);
uint16_t cs_cmd_read_record(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_update_record(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_append_record(struct cardsim *c, const struct apdu *a, struct out *o);

/* file.c: what reading and writing have in common, and binary files */
uint16_t cs_write_begin(struct cardsim *c, const struct apdu *a, const struct node *n,
                        struct out *plain);
uint16_t cs_read_begin(struct cardsim *c, const struct apdu *a, const struct node *n);
uint16_t cs_read_end(struct cardsim *c, const struct apdu *a, const struct node *n, struct out *o);
uint16_t cs_cmd_read_binary(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_update_binary(struct cardsim *c, const struct apdu *a, struct out *o);

/* key.c */
struct key *cs_key_find(struct cardsim *c, uint8_t df, uint8_t type, uint8_t id);
int cs_key_add(struct cardsim *c, const struct key *k);
/* One failed use: lowers the counter in b. Returns what is left. */
unsigned cs_key_failed(struct cardsim *c, struct key *k);
void cs_key_succeeded(struct cardsim *c, struct key *k);
bool cs_key_locked(const struct key *k);
uint16_t cs_cmd_challenge(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_external(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_internal(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_write_key(struct cardsim *c, const struct apdu *a, struct out *o);

/* guard.c: secure messaging, PINs, blocking */
uint16_t cs_sm_check(struct cardsim *c, const struct apdu *a, struct key *k);
uint16_t cs_sm_open(struct cardsim *c, const struct apdu *a, struct key *k, bool encrypted,
                    struct out *plain);
void cs_state_set(struct cardsim *c, uint8_t state);
uint16_t cs_cmd_verify(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_pin(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_pin_unblock(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_app_block(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_app_unblock(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_card_block(struct cardsim *c, const struct apdu *a, struct out *o);

/* purse.c, money.c */
uint32_t cs_reported(const struct purse *p);
uint8_t cs_purse_node(const struct cardsim *c, uint8_t which);
void cs_security_code(const struct cardsim *c, uint8_t out[CARDSIM_SECURITY_CODE]);
uint16_t cs_cmd_initialize(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_capp_cache(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_balance(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_prove(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_security_code(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_credit(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_debit(struct cardsim *c, const struct apdu *a, struct out *o);
uint16_t cs_cmd_limit(struct cardsim *c, const struct apdu *a, struct out *o);

/* fault.c */
struct fault *cs_fault_take(struct cardsim *c, enum fault_kind kind, uint8_t ins);
void cs_fault_power(struct cardsim *c);
void cs_fault_spoil(struct cardsim *c, enum fault_kind kind, uint8_t *bytes);

#endif
