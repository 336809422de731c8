/* Short APDUs as bytes: the frame, ISO basic commands, and secure messaging's shape. No IO:
 * transmit owns 61xx and 6Cxx. Invariant: a `struct apdu` made here is always a well-formed short
 * APDU of at most APDU_MAX bytes. */
#ifndef WIRE_APDU_H
#define WIRE_APDU_H

#include "base/base.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APDU_DATA_MAX   255
#define APDU_MAX        (5 + APDU_DATA_MAX + 1)
#define APDU_ANSWER_MAX (256 + 2)
#define APDU_NO_LE      (-1)

struct apdu {
    uint8_t bytes[APDU_MAX];
    size_t len;
};
struct apdu_head {
    uint8_t cla, ins, p1, p2;
};
#define APDU_HEAD(cla, ins, p1, p2)                                                                \
    ((struct apdu_head){(uint8_t)(cla), (uint8_t)(ins), (uint8_t)(p1), (uint8_t)(p2)})

/** A command taken apart; `data` points into the bytes that were parsed. */
struct apdu_view {
    struct apdu_head head;
    const uint8_t *data;
    size_t lc; /* 0: none */
    int le;    /* APDU_NO_LE, or 1..256 */
};
/** An answer taken apart; `data` points into the bytes that were parsed. */
struct apdu_answer {
    const uint8_t *data;
    size_t len;
    uint16_t sw;
};

/** Builds a short APDU from header, `lc` bytes of data (0: none; data may be NULL) and `le`
 * (APDU_NO_LE: none; 0 and 256 both ask for 256). OC_EINVAL: lc over 255, le over 256. ISO 7816-3
 * §12.1.3. */
int apdu_make(struct apdu *ret, struct apdu_head head, const void *data, size_t lc,
              int le) MUST_USE;
/** Takes a short command of `len` bytes apart. OC_EPARSE: shorter than 4, Lc and length disagree,
 * or extended length. */
int apdu_parse(const uint8_t *bytes, size_t len, struct apdu_view *ret) MUST_USE;
/** Splits an answer of `len` bytes into data and status word. OC_ECARD_DATA: under 2 or over 258
 * bytes. */
int apdu_answer_split(const uint8_t *bytes, size_t len, struct apdu_answer *ret) MUST_USE;
/** Puts `le` (1..256) into a command that has or can have one; APDU_NO_LE removes it (T=0 sends
 * case 4 without). For the 6Cxx repetition and for T=0. */
void apdu_set_le(struct apdu *a, int le);
/** GET RESPONSE 00 C0 00 00 le (1..256). */
void apdu_get_response(struct apdu *ret, int le);

/* Basic commands, facts §1.1. `le` as in apdu_make. Those that return int say OC_EINVAL for a
 * length they cannot carry. */
/** SELECT by file id: 00 A4 00 00 02 FID, Le 00. */
void apdu_select_fid(struct apdu *ret, uint16_t fid);
/** SELECT by name: 00 A4 04 00 len AID, Le 00. OC_EINVAL: not 1–16 bytes. */
int apdu_select_aid(struct apdu *ret, const void *aid, size_t len) MUST_USE;
/** READ BINARY of file `sfi` (1–30) at `offset`. */
void apdu_read_binary_sfi(struct apdu *ret, uint8_t sfi, uint8_t offset, int le);
/** READ BINARY of the selected file at `offset` (under 32768). */
void apdu_read_binary(struct apdu *ret, uint16_t offset, int le);
/** READ RECORD number `record` (1: the newest of a cyclic file) of file `sfi`: P2 = SFI<<3 | 4. */
void apdu_read_record(struct apdu *ret, uint8_t sfi, uint8_t record, int le);
/** READ RECORD with P1 and P2 as they stand (by tag, as health and MOHURD cards want it). */
void apdu_read_record_p2(struct apdu *ret, uint8_t p1, uint8_t p2, int le);
/** GET CHALLENGE of `len` bytes (4, 8 or 16). */
void apdu_get_challenge(struct apdu *ret, uint8_t len);
/** EXTERNAL AUTHENTICATE 00 82 00 kid with `len` bytes of cryptogram. OC_EINVAL. */
int apdu_external_auth(struct apdu *ret, uint8_t kid, const void *cryptogram, size_t len) MUST_USE;
/** INTERNAL AUTHENTICATE 00 88 p1 kid (p1: 00 encrypt, 01 decrypt, 02 MAC). OC_EINVAL. */
int apdu_internal_auth(struct apdu *ret, uint8_t p1, uint8_t kid, const void *data,
                       size_t len) MUST_USE;
/** VERIFY PIN 00 20 00 kid, the PIN as packed BCD of `len` bytes. OC_EINVAL: not 2–6 bytes. The
 * caller wipes. */
int apdu_verify_pin(struct apdu *ret, uint8_t kid, const void *pin, size_t len) MUST_USE;

/** CHANGE PIN 80 5E 01 kid: the old PIN, FF, the new one, each 2–6 bytes without filling. OC_EINVAL.
 * The caller wipes. */
int apdu_change_pin(struct apdu *ret, uint8_t kid, const uint8_t *old_pin, size_t old_len,
                    const uint8_t *new_pin, size_t new_len) MUST_USE;
/** PIN UNBLOCK 84 24 00 kid with the enciphered new PIN, without its MAC: open, MAC, close.
 * OC_EINVAL: not 8 to 32 bytes. */
int apdu_unblock_pin(struct apdu *ret, uint8_t kid, const void *cipher, size_t len) MUST_USE;

/* Secure messaging, facts §4.4: open, compute the MAC over bytes[0..len), close. */
/** Turns a command into the MAC's input: sets the low nibble of CLA to 4, adds 4 to Lc, takes Le
 * away. OC_EINVAL: no room for the MAC. */
int apdu_sm_open(struct apdu *a) MUST_USE;
/** Appends the 4 bytes of MAC and `le` to an opened command. */
void apdu_sm_close(struct apdu *a, const uint8_t mac[4], int le);

#endif
