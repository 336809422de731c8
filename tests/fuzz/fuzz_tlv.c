/* TLV trees, file control information and directory records. */
#include "base/base.h"
#include "wire/wire.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tlv_reader r;
    struct tlv t;
    struct fci f;
    struct dir_record d;
    int got;
    tlv_reader_init(&r, data, size);
    while ((got = tlv_next(&r, &t)) == 1)
        CHECK(t.value >= data && t.len <= size && t.value + t.len <= data + size && r.pos <= size);
    if (got < 0)
        CHECK(tlv_check(data, size) != 0);
    static const uint32_t path[] = {0x6F, 0xA5, 0x9F0C};
    if (tlv_find_path(data, size, path, ARRAY_LEN(path), &t) == 0)
        CHECK(t.value >= data && t.value + t.len <= data + size);
    if (fci_parse(data, size, &f) == 0)
        CHECK(f.name_len <= sizeof f.name && f.issuer_len <= sizeof f.issuer);
    if (dir_record_parse(data, size, &d) == 0)
        CHECK(d.aid_len >= 1 && d.aid_len <= sizeof d.aid && strlen(d.label) < sizeof d.label);
    return 0;
}
