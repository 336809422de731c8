/* The two templates the switch reads from cards: file control information and directory records
 * (facts §1.1). Cards differ in what they leave out; only what is there must be well-formed. */
#include "wire/tlv.h"

#include "base/base.h"
#include <string.h>

enum {
    TAG_FCI = 0x6F,
    TAG_NAME = 0x84,
    TAG_PROPRIETARY = 0xA5,
    TAG_SFI = 0x88,
    TAG_VERSION = 0x9F08,
    TAG_ISSUER = 0x9F0C
};
enum { TAG_ENTRY = 0x61, TAG_AID = 0x4F, TAG_LABEL = 0x50, TAG_RECORD = 0x70 };

static int fci_proprietary(struct tlv in, struct fci *f)
{
    struct tlv_reader r;
    struct tlv t;
    int got;
    tlv_reader_init(&r, in.value, in.len);
    while ((got = tlv_next(&r, &t)) == 1) {
        if (t.tag == TAG_SFI && t.len == 1) {
            f->sfi = t.value[0];
        } else if (t.tag == TAG_VERSION && t.len >= 1 && t.len <= 2) {
            f->version = t.len == 2 ? be16(t.value) : t.value[0];
        } else if (t.tag == TAG_ISSUER) {
            if (t.len > sizeof f->issuer)
                return OC_ECARD_DATA;
            memcpy(f->issuer, t.value, t.len);
            f->issuer_len = t.len;
        }
    }
    return got ? OC_ECARD_DATA : 0;
}

int fci_parse(const uint8_t *data, size_t len, struct fci *ret)
{
    struct fci f = {0};
    struct tlv fci, part;
    if (tlv_find(data, len, TAG_FCI, &fci))
        return OC_ECARD_DATA;
    int err = tlv_find(fci.value, fci.len, TAG_NAME, &part);
    if (err == 0) {
        if (part.len > sizeof f.name)
            return OC_ECARD_DATA;
        memcpy(f.name, part.value, part.len);
        f.name_len = part.len;
    } else if (err != OC_ENOENT) {
        return OC_ECARD_DATA;
    }
    err = tlv_find(fci.value, fci.len, TAG_PROPRIETARY, &part);
    if (err == 0)
        err = fci_proprietary(part, &f);
    else if (err == OC_ENOENT)
        err = 0;
    if (err)
        return OC_ECARD_DATA;
    *ret = f;
    return 0;
}

int dir_record_parse(const uint8_t *data, size_t len, struct dir_record *ret)
{
    struct dir_record d = {0};
    struct tlv entry, part;
    if (tlv_find(data, len, TAG_ENTRY, &entry) &&
        tlv_find_path(data, len, (const uint32_t[]){TAG_RECORD, TAG_ENTRY}, 2, &entry))
        return OC_ECARD_DATA;
    if (tlv_find(entry.value, entry.len, TAG_AID, &part) || part.len < 1 || part.len > sizeof d.aid)
        return OC_ECARD_DATA;
    memcpy(d.aid, part.value, part.len);
    d.aid_len = part.len;
    int err = tlv_find(entry.value, entry.len, TAG_LABEL, &part);
    if (err == 0) {
        if (part.len >= sizeof d.label)
            return OC_ECARD_DATA;
        memcpy(d.label, part.value, part.len);
    } else if (err != OC_ENOENT) {
        return OC_ECARD_DATA;
    }
    *ret = d;
    return 0;
}
