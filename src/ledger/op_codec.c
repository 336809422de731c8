/* The canonical encoding of operations: version, type, at_ms, who, then the fields of the type's
 * table. Canonical: one operation has one encoding, so that equal bytes mean equal operations;
 * decoding refuses what encoding would not write. */
#include "ledger/op_table.h"
#include <string.h>

#define DOC_MAX_V2 2047 /* of a record, before version 3 */

static uint64_t load_number(const void *p, size_t size)
{
    uint64_t v8 = 0;
    uint32_t v4;
    uint16_t v2;
    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        memcpy(&v2, p, 2);
        return v2;
    case 4:
        memcpy(&v4, p, 4);
        return v4;
    default:
        CHECK(size == 8);
        memcpy(&v8, p, 8);
        return v8;
    }
}

static void store_number(void *p, size_t size, uint64_t v)
{
    uint32_t v4 = (uint32_t)v;
    uint16_t v2 = (uint16_t)v;
    switch (size) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        memcpy(p, &v2, 2);
        break;
    case 4:
        memcpy(p, &v4, 4);
        break;
    default:
        CHECK(size == 8);
        memcpy(p, &v, 8);
    }
}

static void put_number(struct buf *b, uint64_t v, size_t size)
{
    for (size_t i = size; i > 0; i--)
        buf_put_u8(b, (uint8_t)(v >> (8 * (i - 1))));
}

static uint64_t get_number(struct buf *b, size_t size)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++)
        v = (v << 8) | buf_get_u8(b);
    return v;
}

static void put_text(struct buf *b, const char *s, size_t cap)
{
    size_t len = strnlen(s, cap);
    CHECK(len < cap); /* ours: every text in an operation ends inside its field */
    buf_put_u16(b, (uint16_t)len);
    buf_put(b, s, len);
}

static void bad(struct buf *b)
{
    if (!b->err)
        b->err = OC_EPARSE;
}

static void get_text(struct buf *b, char *ret, size_t cap)
{
    size_t len = buf_get_u16(b);
    if (len >= cap) {
        bad(b);
        return;
    }
    const uint8_t *p = buf_take(b, len);
    if (!p || len == 0)
        return;
    if (memchr(p, 0, len)) {
        bad(b);
        return;
    }
    memcpy(ret, p, len);
    ret[len] = '\0';
}

static void put_doc(struct buf *b, const struct op_doc *d)
{
    CHECK(d->len <= LEDGER_DOC_MAX);
    buf_put_u32(b, d->len);
    buf_put(b, d->text, d->len);
}

/* Not copied: what is decoded points into what it is decoded from. */
static void get_doc(struct buf *b, struct op_doc *ret, unsigned version)
{
    size_t len = version < 3 ? buf_get_u16(b) : buf_get_u32(b);
    if (len > (version < 3 ? DOC_MAX_V2 : LEDGER_DOC_MAX)) {
        bad(b);
        return;
    }
    const uint8_t *p = buf_take(b, len);
    if (!p || len == 0)
        return;
    if (memchr(p, 0, len)) {
        bad(b);
        return;
    }
    ret->text = (const char *)p;
    ret->len = (uint32_t)len;
}

static void put_fields(struct buf *b, const struct op_fields *t, const uint8_t *s);

static void put_field(struct buf *b, const struct op_field *f, const uint8_t *s)
{
    const uint8_t *p = s + f->offset;
    uint64_t n = f->count_size ? load_number(s + f->count_offset, f->count_size) : 0;
    switch (f->type) {
    case OPF_NUMBER:
    case OPF_SIGNED:
        put_number(b, load_number(p, f->size), f->size);
        break;
    case OPF_TEXT:
        put_text(b, (const char *)p, f->size);
        break;
    case OPF_FIXED:
        buf_put(b, p, f->size);
        break;
    case OPF_BYTES:
        CHECK(n <= f->size);
        buf_put_u16(b, (uint16_t)n);
        buf_put(b, p, (size_t)n);
        break;
    case OPF_DOC:
        put_doc(b, (const struct op_doc *)(const void *)p);
        break;
    case OPF_STRUCT:
        put_fields(b, f->nested, p);
        break;
    case OPF_ARRAY:
        CHECK(n <= f->max);
        buf_put_u8(b, (uint8_t)n);
        for (size_t i = 0; i < n; i++)
            put_fields(b, f->nested, p + i * f->size);
        break;
    }
}

static void put_fields(struct buf *b, const struct op_fields *t, const uint8_t *s)
{
    for (size_t i = 0; i < t->count; i++)
        put_field(b, &t->fields[i], s);
}

static void get_fields(struct buf *b, const struct op_fields *t, uint8_t *s, unsigned version);

static void get_bytes(struct buf *b, const struct op_field *f, uint8_t *s)
{
    size_t n = buf_get_u16(b);
    if (n > f->size) {
        bad(b);
        return;
    }
    buf_get(b, s + f->offset, n);
    store_number(s + f->count_offset, f->count_size, n);
}

static void get_array(struct buf *b, const struct op_field *f, uint8_t *s, unsigned version)
{
    size_t n = buf_get_u8(b);
    if (n > f->max) {
        bad(b);
        return;
    }
    store_number(s + f->count_offset, f->count_size, n);
    for (size_t i = 0; i < n; i++)
        get_fields(b, f->nested, s + f->offset + i * f->size, version);
}

static void get_field(struct buf *b, const struct op_field *f, uint8_t *s, unsigned version)
{
    uint8_t *p = s + f->offset;
    switch (f->type) {
    case OPF_NUMBER:
    case OPF_SIGNED:
        store_number(p, f->size, get_number(b, f->size));
        break;
    case OPF_TEXT:
        get_text(b, (char *)p, f->size);
        break;
    case OPF_FIXED:
        buf_get(b, p, f->size);
        break;
    case OPF_BYTES:
        get_bytes(b, f, s);
        break;
    case OPF_DOC:
        get_doc(b, (struct op_doc *)(void *)p, version);
        break;
    case OPF_STRUCT:
        get_fields(b, f->nested, p, version);
        break;
    case OPF_ARRAY:
        get_array(b, f, s, version);
        break;
    }
}

static void get_fields(struct buf *b, const struct op_fields *t, uint8_t *s, unsigned version)
{
    for (size_t i = 0; i < t->count && !b->err; i++) {
        if (t->fields[i].since <= version)
            get_field(b, &t->fields[i], s, version);
    }
}

static bool fields_valid(const struct op_fields *t, const uint8_t *s);

static bool doc_valid(const struct op_doc *d)
{
    return d->len == 0 || (d->len <= LEDGER_DOC_MAX && d->text && !memchr(d->text, 0, d->len));
}

static bool field_valid(const struct op_field *f, const uint8_t *s)
{
    const uint8_t *p = s + f->offset;
    uint64_t n = f->count_size ? load_number(s + f->count_offset, f->count_size) : 0;
    switch (f->type) {
    case OPF_TEXT:
        return memchr(p, 0, f->size) != NULL;
    case OPF_BYTES:
        return n <= f->size;
    case OPF_DOC:
        return doc_valid((const struct op_doc *)(const void *)p);
    case OPF_STRUCT:
        return fields_valid(f->nested, p);
    case OPF_ARRAY:
        for (size_t i = 0; i < n && n <= f->max; i++) {
            if (!fields_valid(f->nested, p + i * f->size))
                return false;
        }
        return n <= f->max;
    default:
        return true;
    }
}

static bool fields_valid(const struct op_fields *t, const uint8_t *s)
{
    for (size_t i = 0; i < t->count; i++) {
        if (!field_valid(&t->fields[i], s))
            return false;
    }
    return true;
}

/* Of counts that fit. */
static bool docs_fit(const struct ledger_op *op)
{
    const struct op_intent *in = &op->intent;
    if (op->type != LOP_INTENT)
        return true;
    size_t sum = (size_t)in->hold.doc.len + in->hold.expect.len;
    for (unsigned i = 0; i < in->record_count; i++)
        sum += in->records[i].doc.len;
    for (unsigned i = 0; i < in->message_count; i++)
        sum += in->messages[i].doc.len;
    return sum <= LEDGER_DOCS_MAX;
}

bool op_valid(const struct ledger_op *op)
{
    const struct op_kind *k = op_kind(op->type);
    return k && memchr(op->who, 0, sizeof op->who) &&
           fields_valid(k->fields, (const uint8_t *)op + k->offset) && docs_fit(op);
}

void op_encode(const struct ledger_op *op, struct buf *b)
{
    const struct op_kind *k = op_kind(op->type);
    CHECK(k);
    buf_put_u8(b, OP_VERSION);
    buf_put_u8(b, op->type);
    buf_put_u64(b, (uint64_t)op->at_ms);
    put_text(b, op->who, sizeof op->who);
    put_fields(b, k->fields, (const uint8_t *)op + k->offset);
}

int op_decode(const void *bytes, size_t len, struct ledger_op *ret_op)
{
    struct buf b;
    buf_from(&b, bytes, len);
    unsigned version = buf_get_u8(&b);
    if (version > OP_VERSION)
        return OC_ENOTSUP;
    uint8_t type = buf_get_u8(&b);
    const struct op_kind *k = op_kind(type);
    if (b.err || version == 0 || !k || k->since > version)
        return OC_EPARSE;
    memset(ret_op, 0, sizeof *ret_op);
    ret_op->type = type;
    ret_op->old = version < OP_VERSION ? (uint8_t)version : 0;
    ret_op->at_ms = (int64_t)buf_get_u64(&b);
    get_text(&b, ret_op->who, sizeof ret_op->who);
    get_fields(&b, k->fields, (uint8_t *)ret_op + k->offset, version);
    if (b.err || buf_left(&b) != 0 || !docs_fit(ret_op))
        return OC_EPARSE;
    return 0;
}
