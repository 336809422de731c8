/* Cards are data: everything in which one kind of card differs from another, read from
 * conf/profiles/<name>.yaml. After loading a profile is plain, immutable data: matching and reading
 * are pure functions, nothing here sends a command. What a number means stands beside it in the
 * YAML with its source. Card bytes are written there in hexadecimal, offsets and lengths in
 * decimal. */
#ifndef CARD_PROFILE_H
#define CARD_PROFILE_H

#include "base/base.h"
#include "conf/conf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_NAME_MAX     32
#define PROFILE_IDENTITY_MAX 64 /* bytes of file 0015 we look at, at most */
#define PROFILE_PIECES_MAX   12
#define PROFILE_LEVELS_MAX   2 /* levels of diversification below the master key */
#define PROFILE_PATTERN_MAX  64
#define CAPP_RECORD_MAX      96 /* bytes of a journey record, at most */
#define CAPP_FIELDS_MAX      26
#define CARD_NUMBER_TEXT     24

/** `length` bytes at `offset` of some file; length 0: not there. */
struct profile_slice {
    uint8_t offset, length;
};

/* ---- how such a card is found
 * ------------------------------------------------------------------------------- */
struct profile_match {
    struct conf_bytes_list
        aids; /* to SELECT by name, in this order; the first that answers is the application */
    const char
        *atr; /* pattern over the historical bytes of the ATR, "" for any; see profile_pattern */
    const char *identity; /* pattern over file 0015 from its first byte, "" for any */
    uint16_t adf;         /* file id to SELECT where SELECT by name fails; 0: none */
    uint8_t priority;     /* smaller is tried first */
};

/* ---- cards without file 0015: an image put together
 * ---------------------------------------------------------------------------------------- */
/** One value of a record with tag and length (a byte each), or bytes of the ATR. Laid one behind
 * the other, pieces make the image that slices are then taken from, as if it were a file. */
struct profile_piece {
    uint16_t
        fid; /* SELECTed before, unless the piece before named it too; 0: P2 has the short id */
    uint8_t record, p2; /* READ RECORD; record 00: the tag is P1 */
    uint8_t tag;        /* what the record begins with */
    uint8_t length;     /* of its value, exactly */
    uint8_t historical; /* no record but the last so many historical bytes of the ATR */
};

/* ---- file 0015: who the card is
 * ----------------------------------------------------------------------------- */
struct profile_identity_file {
    const struct profile_piece
        *pieces;        /* instead of a file; with them sfi and fid mean nothing … */
    size_t piece_count; /* … and min_len, max_len are their sum */
    uint8_t sfi;        /* 15: READ BINARY with P1 = 80|sfi */
    uint16_t fid;
    uint8_t min_len, max_len;    /* lengths of the answer that are taken: 30…43 (facts §6.1) */
    struct profile_slice issuer; /* 8 bytes */
    struct profile_slice serial; /* 10 bytes: the application serial number (R9) */
    struct profile_slice number; /* the number printed on the card: its hexadecimal digits … */
    uint8_t number_skip;         /* … without the first so many (T-Union: 1) … */
    bool number_ascii;           /* … or the text that stands there */
    int8_t app_flag;             /* offset of the application type flag; -1: none, always enabled */
    struct conf_bytes app_enabled; /* its values that mean "enabled" */
    uint8_t version;               /* offset */
    uint8_t start, expiry;         /* offsets of 4 bytes of BCD each */
    struct profile_slice category; /* length 0: this kind of card has none */
    struct conf_map
        categories;        /* hexadecimal value -> name: student elder disabled veteran adult … */
    int8_t category_until; /* offset of 4 bytes of BCD: the category's last day; -1: none */
};
/** File 0016. Reading is optional everywhere: real cards protect it with the PIN. */
struct profile_holder_file {
    bool present;
    const struct profile_piece *pieces; /* as in the identity; min_len is their sum */
    size_t piece_count;
    bool pin; /* readable only after VERIFY PIN */
    uint8_t sfi;
    uint16_t fid;
    uint8_t min_len;
    struct profile_slice type, staff, name, id, id_type;
};

/* ---- what applications on the card say of their holder
 * --------------------------------------------------------------------------------------
 */
#define PROFILE_SLOTS_MAX       8
#define PROFILE_SLOT_RECORD_MAX 64
/** The place of one application's slot: what the issuer's word about the holder (category and its
 * days) looks like on the chip, for gates that know the chip only. The ledger's slot of the same
 * name is that word itself. */
struct profile_slot {
    const char *app;  /* name of the slot: "transit" */
    bool in_identity; /* the category's code stands in file 0015 (identity.category) as well */
    uint8_t sfi;      /* file of the record; 0: there is none, the chip has no place for days */
    uint8_t tag;      /* the record's tag, by which it is read and written */
    uint8_t length;   /* of the record, with tag and length byte */
    struct profile_slice category;
    uint8_t from, until;        /* offsets of 4 bytes of BCD; zeros: open */
    struct conf_map categories; /* hexadecimal code -> name; empty: those of the identity */
};

/* ---- the holder's PIN (VERIFY 00 20 00 kid)
 * -----------------------------------------------------------------------------------------------
 */
enum profile_pin_form {
    PROFILE_PIN_BCD,  /* digits packed as typed; an odd one is filled with F */
    PROFILE_PIN_ASCII /* a byte a digit */
};
struct profile_pin {
    bool present; /* this kind of card has one */
    uint8_t kid;
    uint8_t min, max; /* digits */
    enum profile_pin_form form;
    uint8_t pad_to;      /* bytes of the command's data; 0: as many as the digits need */
};

/* ---- keys
 * ---------------------------------------------------------------------------------------------------
 */
/** One diversification factor of 8 bytes: prefix, then a slice of file 0015, then suffix. */
struct profile_factor {
    struct conf_bytes prefix;
    struct profile_slice from;
    bool digits; /* the slice's hexadecimal digits as text: twice as many bytes */
    struct conf_bytes suffix;
};
enum profile_auth { PROFILE_AUTH_NEVER, PROFILE_AUTH_IF_KEY, PROFILE_AUTH_REQUIRED };
struct profile_keys {
    const struct profile_factor *factors; /* outer level (city, issuer) first, card last */
    size_t levels;                        /* 0…PROFILE_LEVELS_MAX */
    enum profile_auth internal;           /* INTERNAL AUTHENTICATE: proves the card genuine (R9) */
    uint8_t internal_kid, internal_p1;
    enum profile_auth external; /* EXTERNAL AUTHENTICATE in the application before reading */
    uint8_t external_kid;
    bool external_session; /* the challenge is one more factor; the key of that enciphers 8 bytes of
                              ours, which go along (facts §8) */
    struct conf_bytes external_suffix; /* what then follows them */
};

/* ---- the purse
 * ---------------------------------------------------------------------------------------------- */
enum profile_balance {
    PROFILE_BALANCE_PLAIN, /* GET BALANCE P1 = balance_p1 */
    PROFILE_BALANCE_TUNION /* value of P1 03; where that is zero, minus the value of P1 02
                              (overdraft used) */
};
enum profile_counter {
    PROFILE_COUNTER_AFTER,
    PROFILE_COUNTER_BEFORE
}; /* relative to the transaction's increment */
enum profile_prove_order { PROFILE_PROVE_ANY, PROFILE_PROVE_MAC_TAC, PROFILE_PROVE_TAC_MAC };
struct profile_purse {
    bool present;                   /* else a card without money: nothing below counts */
    uint8_t p2;                     /* 02 EP, 01 ED */
    uint8_t kid_load, kid_purchase; /* key indexes of INITIALIZE */
    uint8_t type_load, type_purchase, type_capp; /* transaction types in MACs, TACs and logs */
    enum profile_balance balance;
    uint8_t balance_p1;
    uint8_t balance_used_p1; /* PROFILE_BALANCE_TUNION: the code of "overdraft used" */
    uint32_t balance_mask;   /* ANDed onto each balance of the card (top bit is a flag on some) */
    bool overdraft;          /* the card may go below zero */
    bool security_code;      /* 80 CA 00 00 09 must be asked; its 9 bytes end MAC1 … */
    bool code_in_purchase, code_in_capp; /* … of these */
    struct conf_bytes_list
        refused_sw; /* 2 bytes each: after CREDIT/DEBIT "MAC rejected, nothing moved" (R5) */
    enum profile_counter prove_counter;
    enum profile_prove_order prove_order;
    bool prove; /* GET TRANSACTION PROVE exists */
};
/** The card's own log. */
struct profile_log {
    uint8_t sfi, load_sfi; /* load_sfi 0: loads stand in the same file */
    uint8_t record_length, records;
    bool newest_first; /* record 1 is the newest (cyclic file) */
    enum profile_counter counter;
    struct profile_slice seq, overdraft, amount, type, sam, date, time;
};

/* ---- the journey record of a CAPP purchase
 * ------------------------------------------------------------------ */
enum capp_encoding {
    CAPP_CONST,        /* the default's bytes, always */
    CAPP_BE,           /* unsigned, big-endian; text: decimal */
    CAPP_BCD,          /* decimal digits, packed, right-aligned; text: decimal digits */
    CAPP_BCD_DATETIME, /* 7 bytes; text: YYYYMMDDHHMMSS */
    CAPP_BCD_DATE,     /* 4 bytes; text: YYYYMMDD */
    CAPP_BCD_TIME,     /* 3 bytes; text: HHMMSS */
    CAPP_HEX,          /* bytes; text: hexadecimal, shorter is right-aligned after zeros */
    CAPP_ASCII,        /* printable characters, left-aligned, zeros after */
    CAPP_CRC16         /* 2 bytes over what stands before them */
};
struct capp_field {
    const char *name; /* of capp_field_names() */
    uint8_t offset, length;
    enum capp_encoding encoding;
    struct conf_bytes dflt; /* bytes when no value is given; empty: zeros */
};
struct capp_crc {
    uint16_t poly, init, xorout;
    bool reflect; /* bits of each byte and of the result */
    bool little;  /* low byte first in the record */
    uint8_t from; /* first byte covered; the last is the one before the field */
};
struct profile_capp {
    bool present; /* this kind of card can do CAPP */
    uint8_t sfi;
    uint8_t update_p1, update_p2;
    struct conf_bytes_list
        reads;      /* P1 P2 of READ RECORD to see the record again, tried in this order */
    uint8_t length; /* of the record */
    struct conf_bytes
        head; /* what each record begins with (tag, length); a record that does not is not ours */
    bool zero_moves_counter; /* a zero amount moves the offline counter (R3, R16) */
    const struct capp_field *fields;
    size_t field_count;
    struct capp_crc crc;
};

/* ---- offline records and personalisation
 * -------------------------------------------------------------------- */
struct profile_offline {
    enum profile_counter counter; /* which counter a record from a terminal carries (R16) */
};
/** One file to create. FMCOS: 80 E0 fid 07 type size2 read write x y. */
struct profile_file {
    const char *name; /* for people */
    uint16_t fid;
    uint8_t type;  /* 28 binary, 2A fixed records, 2C variable records, 2E cyclic, 2F purse; +80
                      writes carry a  MAC, +C0 and are enciphered */
    uint16_t size; /* the two size bytes as sent (2A, 2E: number of records, length of one) */
    uint8_t read, write; /* access bytes */
    uint8_t b6, b7;      /* the last two bytes: FF FF; a purse: FF and the SFI of its log */
    bool in_mf;          /* in the MF, not in the application */
    const char *content; /* what is written first: "identity", "holder" or "" */
    struct conf_bytes_list
        records; /* appended first, each filled with zeros to record_length; where
                    that is 0 as they stand. Values of pieces are laid over them */
    uint8_t record_length;
};
/** One key to write. FMCOS: 80 D4 01 kid Lc type use change b4 b5 key16. */
struct profile_key {
    const char *name;    /* for people */
    const char *purpose; /* which master key it comes from: purchase load tac internal maintenance
                            unlock … */
    uint8_t type, kid, use, change;
    bool versioned; /* b4 b5 are the master key's version and algorithm */
    uint8_t b4, b5; /* else these: state or FF, tries */
    bool in_mf;
    bool diversified; /* the card's key; else the master key itself */
};
struct profile_personalise {
    bool present;
    struct conf_bytes transport_key; /* of a blank card: 16 bytes, published by the maker */
    uint8_t transport_kid;
    bool erase; /* 80 0E the MF first */
    uint16_t mf, adf;
    struct conf_bytes aid; /* name of the application's DF */
    uint16_t adf_size;
    uint8_t adf_create, adf_erase,
        adf_app_id;                 /* access bytes; the byte that tells FCI's file (95) */
    uint16_t mf_key_size, key_size; /* of the key files 0000 */
    uint8_t mf_key_app, key_app;    /* their third byte: 01 in the MF, 95 in the application */
    uint8_t mf_key_add, key_add;    /* access byte for adding keys */
    const struct profile_file *files;
    size_t file_count;
    const struct profile_key *keys;
    size_t key_count;
    struct conf_bytes
        identity;        /* template of file 0015; issuer, serial and dates are laid over it */
    uint8_t valid_years; /* expiry = start + so many years */
};

struct card_profile {
    const char *name; /* file name without .yaml */
    const char *title, *title_zh;
    struct profile_match match;
    struct profile_identity_file identity;
    struct profile_holder_file holder;
    const struct profile_slot *slots;
    size_t slot_count;
    struct profile_pin pin;
    struct profile_keys keys;
    struct profile_purse purse;
    struct profile_log log;
    struct profile_capp capp;
    struct profile_offline offline;
    struct profile_personalise personalise;
};

/* ---- loading
 * ------------------------------------------------------------------------------------------------
 */
struct profile_set;

/** Loads each *.yaml of a folder, in the order of names. Mistakes of all files go to `errors`, and
 * then the whole set is refused. OC_EINVAL, OC_ENOENT (no folder or no profile in it), OC_EIO,
 * OC_ENOMEM. The caller owns *ret_set: profile_set_free. Blocks. */
int profile_set_load(const char *dir, struct conf_errors *errors,
                     struct profile_set **ret_set) MUST_USE WORKER_FN;
/** Makes an empty set. NULL: no memory. */
struct profile_set *profile_set_new(void) MUST_USE;
/** Adds one profile from YAML text; `file` names it in messages. OC_EPARSE, OC_ELIMIT, OC_EINVAL,
 * OC_EEXIST (a profile of that name is there), OC_ENOMEM. */
int profile_set_add(struct profile_set *set, const char *file, const void *text, size_t len,
                    struct conf_errors *errors) MUST_USE;
/** Frees the set and every profile in it. NULL inside is fine. */
void profile_set_free(struct profile_set **set);
/** By name, or NULL. Lives as long as the set. */
const struct card_profile *profile_get(const struct profile_set *set, const char *name);
size_t profile_count(const struct profile_set *set);
/** The i-th in the order of trying (priority, then name), or NULL. */
const struct card_profile *profile_at(const struct profile_set *set, size_t i);

/* ---- matching (pure)
 * ---------------------------------------------------------------------------------------- */
/** What is known of a card so far; what is not yet known is empty. */
struct card_evidence {
    const uint8_t *historical; /* historical bytes of the ATR or ATS */
    size_t historical_len;
    const uint8_t *aid; /* the name SELECT succeeded with, or the FCI's tag 84 */
    size_t aid_len;
    const uint8_t *identity; /* file 0015 as read */
    size_t identity_len;
};
/** The i-th profile (i from 0) that nothing known speaks against, in the order of trying; NULL at
 * the end. Empty evidence contradicts nothing, so before SELECT these are the profiles worth
 * trying. Several kinds of card share an AID: once the card is found in the ledger, the profile
 * registered there wins if it is among these. */
const struct card_profile *profile_match(const struct profile_set *set,
                                         const struct card_evidence *e, size_t i);
/** Whether one profile fits. */
bool profile_fits(const struct card_profile *p, const struct card_evidence *e);
/** The i-th different name to SELECT on a card with this evidence, over all fitting profiles in the
 * order of trying; false at the end. *ret_aid points into the profile. */
bool profile_next_aid(const struct profile_set *set, const struct card_evidence *e, size_t i,
                      struct conf_bytes *ret_aid);
/** Do both read a card's identity in the same way? Only then an image read by the one says
 * something to the other. */
bool profile_reads_alike(const struct card_profile *a, const struct card_profile *b);
/** Where a piece begins in its image. Pure. */
size_t profile_piece_offset(const struct profile_piece *pieces, size_t i);
/** Whether bytes begin with a pattern: hexadecimal digits, `x` for any digit, blanks ignored; ""
 * fits everything. */
bool profile_pattern(const char *pattern, const uint8_t *bytes, size_t len);

/* ---- reading file 0015
 * -------------------------------------------------------------------------------------- */
struct card_identity {
    uint8_t issuer[OC_ISSUER_LEN];
    uint8_t serial[OC_SERIAL_LEN];
    char number[CARD_NUMBER_TEXT]; /* as printed on the card */
    uint8_t app_flag;
    bool enabled; /* app_flag is one of those that mean so */
    uint8_t version;
    date_t start, expiry;  /* 0: none or no valid date */
    char category_code[9]; /* hexadecimal, "" without one */
    const char
        *category; /* its name; "" when the code is none of the profile's. Lives with the profile */
    date_t category_until;             /* 0: none */
    uint8_t raw[PROFILE_IDENTITY_MAX]; /* the file as read */
    uint8_t raw_len;
};
/** What is known of a card that is not there, from issuer and serial number alone: its number and its keys' factors; no dates, flag
 * or category. OC_EPROFILE: the profile takes number or factors from elsewhere in the file. */
int profile_identity_known(const struct card_profile *p, const uint8_t issuer[OC_ISSUER_LEN],
                           const uint8_t serial[OC_SERIAL_LEN],
                           struct card_identity *ret_identity) MUST_USE;
/** Reads file 0015. OC_ECARD_DATA: its length is none the profile takes. */
int profile_identity(const struct card_profile *p, const uint8_t *bytes, size_t len,
                     struct card_identity *ret_identity) MUST_USE;
/** Diversification factors of a card from its file 0015, outer level first; returns how many (0:
 * master keys are used as they are). */
unsigned profile_factors(const struct card_profile *p, const struct card_identity *id,
                         uint8_t ret_factors[PROFILE_LEVELS_MAX][8]);
/** File 0015 of a new card: the template with these laid over it. `ret` holds PROFILE_IDENTITY_MAX
 * bytes; expiry 0: start + valid_years; `category` is a name of the profile's or "". OC_EINVAL: no
 * such category. OC_EPROFILE: the profile cannot personalise. */
int profile_identity_make(const struct card_profile *p, const struct card_identity *from,
                          uint8_t *ret, size_t *ret_len) MUST_USE;

/* ---- slots (pure)
 * --------------------------------------------------------------------------------------
 */
#define SLOT_CATEGORY 24
struct slot_word {
    char category[SLOT_CATEGORY]; /* "": none */
    date_t from, until;           /* 0: open */
};
/** The slot of that application, or NULL: cards of this profile have none. */
const struct profile_slot *profile_slot(const struct card_profile *p, const char *app);
/** The code of a category; "" is what the profile calls "adult", else zeros. *ret_len bytes, 4 at
 * most. OC_EINVAL: no such category. */
int profile_slot_code(const struct card_profile *p, const struct profile_slot *slot,
                      const char *category, uint8_t ret[4], size_t *ret_len) MUST_USE;
/** The categories by name, hexadecimal code -> name. */
const struct conf_map *profile_slot_categories(const struct card_profile *p,
                                               const struct profile_slot *slot);
/** The record that says it: slot->length bytes. OC_EINVAL: no such category; OC_EPROFILE: the slot
 * has no record. */
int profile_slot_encode(const struct card_profile *p, const struct profile_slot *slot,
                        const struct slot_word *word,
                        uint8_t ret[PROFILE_SLOT_RECORD_MAX]) MUST_USE;
/** Takes a record apart. OC_ENOENT: only zeros behind its head: never written. OC_ECARD_DATA: it is
 * not laid out like this: another system's. */
int profile_slot_decode(const struct card_profile *p, const struct profile_slot *slot,
                        const uint8_t *record, size_t len, struct slot_word *ret) MUST_USE;

/* ---- the purse's small rules
 * -------------------------------------------------------------------------------- */
/** The purse's balance from GET BALANCE answers: `value` of balance_p1 and, for
 * PROFILE_BALANCE_TUNION, `used` of balance_used_p1 (else 0). Negative only where the profile
 * allows overdraft. */
fen_t profile_balance(const struct card_profile *p, uint32_t value, uint32_t used);
/** Whether a status word after CREDIT or DEBIT means "MAC rejected, nothing moved" (R5). */
bool profile_mac_refused(const struct card_profile *p, uint16_t sw);

/* ---- the journey record
 * ------------------------------------------------------------------------------------- */
/** A record's values: name and text each, small enough for a plan or a stack. Errors stick in
 * `err`: OC_EINVAL (no such field name), OC_ELIMIT (text too long, too many). */
#define CAPP_VALUE_TEXT 40
struct capp_value {
    const char *name; /* one of capp_field_names() */
    char text[CAPP_VALUE_TEXT];
};
struct capp_values {
    struct capp_value items[CAPP_FIELDS_MAX];
    size_t count;
    int err;
};
/** The vocabulary of layouts, NULL-terminated: head type amount balance datetime date time terminal
 * line station entry_station city acquirer sam gross category seq discount transfer crc pad aux
 * rfu day_sum month_sum. */
const char *const *capp_field_names(void);
void capp_values_init(struct capp_values *v);
/** Sets a value; one already there is replaced. Text as its field's encoding says. */
void capp_put(struct capp_values *v, const char *name, const char *text);
void capp_put_number(struct capp_values *v, const char *name, int64_t number);
void capp_put_bytes(struct capp_values *v, const char *name, const uint8_t *bytes, size_t len);
/** The text of a value, or NULL. */
const char *capp_get(const struct capp_values *v, const char *name);
/** A value that is a decimal number. OC_ENOENT, OC_EINVAL. */
int capp_get_number(const struct capp_values *v, const char *name, int64_t *ret_number) MUST_USE;

/** Builds the record: capp.length bytes into `ret` (CAPP_RECORD_MAX). A value whose field this
 * layout lacks is left out: layouts differ. OC_EINVAL (v->err, or a text its encoding does not
 * take), OC_ELIMIT (a value too large for its field), OC_EPROFILE (no CAPP). */
int profile_capp_encode(const struct card_profile *p, const struct capp_values *v,
                        uint8_t *ret) MUST_USE;
/** Takes a record apart; constants and the CRC are checked, not returned. OC_ENOENT: only zeros
 * after the head: no journey was ever written. OC_ECARD_DATA: length, head, a constant or the CRC
 * is wrong, or a BCD field is none. OC_EPROFILE: no CAPP. */
int profile_capp_decode(const struct card_profile *p, const uint8_t *record, size_t len,
                        struct capp_values *ret) MUST_USE;
/** The profile's CRC over `len` bytes. */
uint16_t capp_crc16(const struct capp_crc *c, const uint8_t *bytes, size_t len);

#endif
