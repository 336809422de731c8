/*
 * Record files. A fixed file is an array; a cyclic one a ring whose newest record is number 1; a
 * variable one a row of TLV with one-byte tag and length, where a record keeps its length for ever.
 */
#include "record.h"

#include <string.h>

static uint8_t *variable_number(const struct node *n, unsigned number, size_t *ret_len)
{
    size_t at = 0;
    for (unsigned i = 1; at + 2 <= n->fill; i++) {
        size_t len = 2U + n->body[at + 1];
        if (i == number) {
            *ret_len = len;
            return n->body + at;
        }
        at += len;
    }
    return NULL;
}

uint8_t *cs_record_number(const struct node *n, unsigned number, size_t *ret_len)
{
    if (n->kind == KIND_VARIABLE)
        return variable_number(n, number, ret_len);
    if (number == 0 || number > n->rec_count)
        return NULL;
    unsigned index = number - 1;
    if (n->kind == KIND_CYCLIC)
        index = (n->head + n->rec_max - (number - 1)) % n->rec_max;
    *ret_len = n->rec_len;
    return n->body + (size_t)index * n->rec_len;
}

uint8_t *cs_record_tag(const struct node *n, uint8_t tag, size_t *ret_len)
{
    size_t len = 0;
    for (unsigned i = 1; i <= 0xFFFF; i++) {
        uint8_t *rec = cs_record_number(n, i, &len);
        if (!rec)
            return NULL;
        if (rec[0] == tag) {
            *ret_len = len;
            return rec;
        }
    }
    return NULL;
}

static bool is_record_file(const struct node *n)
{
    return n->kind == KIND_FIXED || n->kind == KIND_CYCLIC || n->kind == KIND_VARIABLE;
}

/* Whether data may become one more record, and then that it does, unless dry. */
static uint16_t append(struct cardsim *c, struct node *n, const uint8_t *data, size_t len, bool dry)
{
    if (n->kind == KIND_VARIABLE) {
        if (len < 2 || len != 2U + data[1])
            return SW_DATA;
        if (n->fill + len > n->size)
            return SW_SPACE;
        if (!dry) {
            memcpy(n->body + n->fill, data, len);
            n->fill = (uint16_t)(n->fill + len);
        }
    } else {
        if (len != n->rec_len)
            return SW_LENGTH;
        if (n->kind == KIND_FIXED && n->rec_count == n->rec_max)
            return SW_SPACE;
        if (!dry) {
            unsigned index = n->rec_count;
            if (n->kind == KIND_CYCLIC)
                n->head = (uint8_t)(index = n->rec_count ? (n->head + 1U) % n->rec_max : 0);
            if (n->rec_count < n->rec_max)
                n->rec_count++;
            memcpy(n->body + (size_t)index * n->rec_len, data, len);
        }
    }
    c->changed |= !dry;
    return SW_OK;
}

uint16_t cs_record_append(struct cardsim *c, struct node *n, const uint8_t *data, size_t len)
{
    return append(c, n, data, len, false);
}

static uint16_t replace(struct cardsim *c, const struct node *n, uint8_t *rec, size_t rec_len,
                        const uint8_t *data, size_t len, bool dry)
{
    if (!rec)
        return SW_NO_RECORD;
    if (len != rec_len)
        return SW_LENGTH;
    if (n->kind == KIND_VARIABLE && data[1] != rec[1])
        return SW_DATA;
    if (!dry) {
        memcpy(rec, data, len);
        c->changed = true;
    }
    return SW_OK;
}

static uint16_t put_number(struct cardsim *c, struct node *n, unsigned number, const uint8_t *data,
                           size_t len, bool dry)
{
    size_t rec_len = 0;
    uint8_t *rec = cs_record_number(n, number, &rec_len);
    if (!rec && n->kind == KIND_FIXED && number <= n->rec_max) {
        if (len != n->rec_len)
            return SW_LENGTH;
        if (dry)
            return SW_OK;
        n->rec_count = (uint8_t)number; /* the ones before it exist, as zeroes */
        rec = cs_record_number(n, number, &rec_len);
    }
    if (!rec && n->kind == KIND_VARIABLE &&
        (number == 1 || cs_record_number(n, number - 1, &rec_len)))
        return append(c, n, data, len, dry);
    return replace(c, n, rec, rec_len, data, len, dry);
}

uint16_t cs_record_put(struct cardsim *c, struct node *n, const struct record_place *where,
                       const uint8_t *data, size_t len, bool dry)
{
    unsigned number = where->p1 ? where->p1 : 1;
    size_t rec_len = 0;
    if (!is_record_file(n))
        return SW_FILE_TYPE;
    if (n->kind == KIND_CYCLIC) {
        bool adds = where->capp || where->mode == 2 || where->mode == 3;
        return adds ? append(c, n, data, len, dry) : SW_FILE_TYPE;
    }
    if (where->mode == 2 && where->p1 == 0)
        return append(c, n, data, len, dry);
    if (where->mode == 4 || (n->kind == KIND_FIXED && where->p1 == 0))
        return put_number(c, n, number, data, len, dry);
    if (where->mode != 0)
        return SW_P1P2;
    uint8_t *rec = cs_record_tag(n, where->p1, &rec_len);
    return replace(c, n, rec, rec_len, data, len, dry);
}

static uint16_t locate(const struct cardsim *c, const struct apdu *a, uint8_t *ret_node)
{
    uint8_t sfi = a->p2 >> 3;
    uint8_t at = cs_find_sfi(c, sfi);
    if (at == NONE)
        return sfi ? SW_NO_FILE : SW_NO_EF;
    if (!is_record_file(&c->nodes[at]))
        return SW_FILE_TYPE;
    *ret_node = at;
    return SW_OK;
}

uint16_t cs_cmd_read_record(struct cardsim *c, const struct apdu *a, struct out *o)
{
    uint8_t at = NONE;
    size_t len = 0;
    uint16_t sw = locate(c, a, &at);
    if (sw != SW_OK)
        return sw;
    const struct node *n = &c->nodes[at];
    sw = cs_read_begin(c, a, n);
    if (sw != SW_OK)
        return sw;
    const uint8_t *rec = NULL;
    if ((a->p2 & 7) == 4)
        rec = cs_record_number(n, a->p1 ? a->p1 : 1, &len);
    else if ((a->p2 & 7) == 0)
        rec = cs_record_tag(n, a->p1, &len);
    else
        return SW_P1P2;
    if (!rec)
        return SW_NO_RECORD;
    bool whole = !a->has_le || (a->le == 256 && !c->opt.t0);
    if (!(a->cla & 4) && !whole && a->le != len)
        return (uint16_t)(SW_LE | (len & 0xFF));
    cs_emit(o, rec, len);
    c->ef = at;
    return cs_read_end(c, a, n, o);
}

uint16_t cs_cmd_update_record(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    uint8_t at = NONE;
    struct out plain;
    uint16_t sw = locate(c, a, &at);
    if (sw == SW_OK)
        sw = cs_write_begin(c, a, &c->nodes[at], &plain);
    if (sw != SW_OK)
        return sw;
    struct record_place where = {.p1 = a->p1, .mode = a->p2 & 7};
    sw = cs_record_put(c, &c->nodes[at], &where, plain.buf, plain.len, false);
    if (sw == SW_OK)
        c->ef = at;
    return sw;
}

uint16_t cs_cmd_append_record(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    uint8_t at = NONE;
    struct out plain;
    if (a->p1 != 0)
        return SW_P1P2;
    uint16_t sw = locate(c, a, &at);
    if (sw == SW_OK)
        sw = cs_write_begin(c, a, &c->nodes[at], &plain);
    if (sw != SW_OK)
        return sw;
    sw = append(c, &c->nodes[at], plain.buf, plain.len, false);
    if (sw == SW_OK)
        c->ef = at;
    return sw;
}
