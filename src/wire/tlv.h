/* BER-TLV as cards use it, and the two templates the switch reads: file control information and
 * directory records. Everything is bounded: tags of 3 bytes, lengths of 3 bytes (65,535), depth 8,
 * no recursion. Nothing is copied by the reader; the parsed templates are copies. */
#ifndef WIRE_TLV_H
#define WIRE_TLV_H

#include "base/base.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLV_DEPTH_MAX 8
#define TLV_AID_MAX   16

struct tlv {
    uint32_t tag; /* as it stands: 0x6F, 0x9F0C, 0xBF0C */
    bool constructed;
    const uint8_t *value; /* into the reader's bytes */
    size_t len;
};
struct tlv_reader {
    const uint8_t *data;
    size_t len, pos;
};

/** A reader over the caller's bytes, which must stay while it and what it gave are used. */
void tlv_reader_init(struct tlv_reader *r, const void *data, size_t len);
/** The next object at this level: 1 and *ret, 0 at the end, OC_EPARSE (malformed). 00 and FF
 * between objects are skipped (ISO 7816-4 §5.2.2). To go down, start a reader over a constructed
 * value. */
int tlv_next(struct tlv_reader *r, struct tlv *ret) MUST_USE;
/** The first object with `tag` at this level. OC_ENOENT, OC_EPARSE. */
int tlv_find(const void *data, size_t len, uint32_t tag, struct tlv *ret) MUST_USE;
/** Goes down `path` of `count` tags. OC_ENOENT, OC_EPARSE, OC_ELIMIT (over 8). */
int tlv_find_path(const void *data, size_t len, const uint32_t *path, size_t count,
                  struct tlv *ret) MUST_USE;
/** Looks the whole tree over. OC_EPARSE, OC_ELIMIT (deeper than 8). */
int tlv_check(const void *data, size_t len) MUST_USE;

/** SELECT's answer: 6F{84 name, A5{88 SFI, 9F08 version, 9F0C issuer's data}} (facts §1.1). Absent
 * parts have length 0. */
struct fci {
    uint8_t name[TLV_AID_MAX];
    size_t name_len;
    uint8_t issuer[255]; /* 9F0C: begins with the first bytes of file 0015 */
    size_t issuer_len;
    uint16_t version; /* 9F08, 0 when absent */
    uint8_t sfi;      /* 88: the directory file, 0 when absent */
};
/** OC_ECARD_DATA: no 6F, or parts of impossible length. */
int fci_parse(const uint8_t *data, size_t len, struct fci *ret) MUST_USE;

/** A directory record: 61{4F AID, 50 label}, bare or inside 70. */
struct dir_record {
    uint8_t aid[TLV_AID_MAX];
    size_t aid_len;
    char label[33]; /* as the card has it, NUL-terminated */
};
/** OC_ECARD_DATA: no 61 or no AID of 1–16 bytes. */
int dir_record_parse(const uint8_t *data, size_t len, struct dir_record *ret) MUST_USE;

#endif
