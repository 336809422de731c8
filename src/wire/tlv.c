/* A bounded BER-TLV reader. Invariant: r->pos <= r->len, and every value given lies within the
 * reader's bytes. Only definite lengths of at most two length bytes: an APDU holds 256 bytes, a
 * file a few thousand. */
#include "wire/tlv.h"

#include "base/base.h"

void tlv_reader_init(struct tlv_reader *r, const void *data, size_t len)
{
    *r = (struct tlv_reader){.data = data, .len = len};
}

static int read_tag(struct tlv_reader *r, struct tlv *t)
{
    uint8_t first = r->data[r->pos++];
    t->constructed = (first & 0x20) != 0;
    t->tag = first;
    if ((first & 0x1F) != 0x1F)
        return 0;
    for (int more = 0; more < 2; more++) {
        if (r->pos == r->len)
            return OC_EPARSE;
        uint8_t b = r->data[r->pos++];
        t->tag = (t->tag << 8) | b;
        if (!(b & 0x80))
            return 0;
    }
    return OC_EPARSE;
}

static int read_len(struct tlv_reader *r, struct tlv *t)
{
    if (r->pos == r->len)
        return OC_EPARSE;
    uint8_t first = r->data[r->pos++];
    if (first < 0x80) {
        t->len = first;
        return 0;
    }
    unsigned count = first & 0x7F;
    if (count < 1 || count > 2 || r->len - r->pos < count)
        return OC_EPARSE;
    t->len = 0;
    while (count--)
        t->len = (t->len << 8) | r->data[r->pos++];
    return 0;
}

int tlv_next(struct tlv_reader *r, struct tlv *ret)
{
    while (r->pos < r->len && (r->data[r->pos] == 0x00 || r->data[r->pos] == 0xFF))
        r->pos++;
    if (r->pos == r->len)
        return 0;
    struct tlv t = {0};
    if (read_tag(r, &t) || read_len(r, &t) || t.len > r->len - r->pos)
        return OC_EPARSE;
    t.value = r->data + r->pos;
    r->pos += t.len;
    *ret = t;
    return 1;
}

int tlv_find(const void *data, size_t len, uint32_t tag, struct tlv *ret)
{
    struct tlv_reader r;
    struct tlv t;
    int got;
    tlv_reader_init(&r, data, len);
    while ((got = tlv_next(&r, &t)) == 1) {
        if (t.tag == tag) {
            *ret = t;
            return 0;
        }
    }
    return got ? got : OC_ENOENT;
}

int tlv_find_path(const void *data, size_t len, const uint32_t *path, size_t count, struct tlv *ret)
{
    struct tlv t = {.value = data, .len = len, .constructed = true};
    if (count > TLV_DEPTH_MAX)
        return OC_ELIMIT;
    for (size_t i = 0; i < count; i++) {
        if (!t.constructed)
            return OC_ENOENT;
        int err = tlv_find(t.value, t.len, path[i], &t);
        if (err)
            return err;
    }
    *ret = t;
    return 0;
}

int tlv_check(const void *data, size_t len)
{
    struct tlv_reader stack[TLV_DEPTH_MAX];
    size_t depth = 1;
    tlv_reader_init(&stack[0], data, len);
    while (depth) {
        struct tlv t;
        int got = tlv_next(&stack[depth - 1], &t);
        if (got < 0)
            return got;
        if (got == 0) {
            depth--;
        } else if (t.constructed) {
            if (depth == TLV_DEPTH_MAX)
                return OC_ELIMIT;
            tlv_reader_init(&stack[depth++], t.value, t.len);
        }
    }
    return 0;
}
