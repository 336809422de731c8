/*
 * Reading and writing in common (rights, then line protection by key 36), and binary files.
 * The control byte of a file names the keys: bits 4-3 for reading, 2-1 for writing, 11 is key 00.
 */
#include "card.h"

#include <string.h>

static struct key *line_key(struct cardsim *c, const struct node *n, unsigned shift)
{
    unsigned bits = (unsigned)n->tail >> shift & 3U;
    return cs_key_find(c, c->df, KEY_FILE, (uint8_t)(3U - bits));
}

uint16_t cs_write_begin(struct cardsim *c, const struct apdu *a, const struct node *n,
                        struct out *plain)
{
    plain->len = 0;
    if (!cs_access(c, n->access2))
        return SW_SECURITY;
    if (a->lc == 0)
        return SW_LENGTH;
    if (!(a->cla & 4)) {
        if (n->prot)
            return SW_MAC_MISSING;
        cs_emit(plain, a->data, a->lc);
        return SW_OK;
    }
    struct key *k = line_key(c, n, 0);
    if (!k)
        return SW_NO_KEY;
    uint16_t sw = cs_sm_open(c, a, k, (n->prot & PROT_ENC) != 0, plain);
    return sw == SW_OK && plain->len == 0 ? SW_LENGTH : sw;
}

uint16_t cs_read_begin(struct cardsim *c, const struct apdu *a, const struct node *n)
{
    if (!cs_access(c, n->access1))
        return SW_SECURITY;
    if (!(a->cla & 4)) {
        if (!(n->tail & 0x80))
            return SW_MAC_MISSING;
        return a->lc ? SW_LENGTH : SW_OK;
    }
    struct key *k = line_key(c, n, 2);
    return k ? cs_sm_check(c, a, k) : SW_NO_KEY;
}

uint16_t cs_read_end(struct cardsim *c, const struct apdu *a, const struct node *n, struct out *o)
{
    if (!(a->cla & 4))
        return SW_OK;
    struct key *k = line_key(c, n, 2);
    uint8_t mac[4];
    if (!k || o->len > 240)
        return SW_LENGTH;
    if (n->prot & PROT_ENC) {
        uint8_t block[256] = {(uint8_t)o->len};
        size_t len = (o->len + 1 + 7) / 8 * 8;
        memcpy(block + 1, o->buf, o->len);
        if (len > o->len + 1)
            block[o->len + 1] = 0x80;
        cs_ecb(k->value, k->len, true, block, o->buf, len);
        o->len = len;
    }
    cs_mac_retail(k->value, k->len, c->iv, o->buf, o->len, mac);
    cs_emit(o, mac, 4);
    return SW_OK;
}

/* The file and the offset that P1 P2 mean; NONE when they mean nothing. */
static uint16_t locate(const struct cardsim *c, const struct apdu *a, uint8_t *ret_node,
                       size_t *ret_off)
{
    uint8_t at = c->ef;
    size_t off = (size_t)a->p1 << 8 | a->p2;
    if (a->p1 & 0x80) {
        if ((a->p1 & 0xE0) != 0x80)
            return SW_P1P2;
        at = cs_find_sfi(c, a->p1 & 0x1F);
        off = a->p2;
        if (at == NONE)
            return SW_NO_FILE;
    }
    if (at == NONE)
        return SW_NO_EF;
    if (c->nodes[at].kind != KIND_BINARY)
        return SW_FILE_TYPE;
    *ret_node = at;
    *ret_off = off;
    return SW_OK;
}

uint16_t cs_cmd_read_binary(struct cardsim *c, const struct apdu *a, struct out *o)
{
    uint8_t at = NONE;
    size_t off = 0;
    uint16_t sw = locate(c, a, &at, &off);
    if (sw != SW_OK)
        return sw;
    const struct node *n = &c->nodes[at];
    sw = cs_read_begin(c, a, n);
    if (sw != SW_OK)
        return sw;
    if (off >= n->size)
        return SW_OFFSET;
    size_t left = n->size - off, want = a->has_le ? a->le : 256;
    if (want > left) {
        if (want != 256 || (c->opt.t0 && a->has_le))
            return (uint16_t)(SW_LE | (left & 0xFF));
        want = left;
    }
    cs_emit(o, n->body + off, want);
    c->ef = at;
    return cs_read_end(c, a, n, o);
}

uint16_t cs_cmd_update_binary(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    uint8_t at = NONE;
    size_t off = 0;
    struct out plain;
    uint16_t sw = locate(c, a, &at, &off);
    if (sw != SW_OK)
        return sw;
    struct node *n = &c->nodes[at];
    sw = cs_write_begin(c, a, n, &plain);
    if (sw != SW_OK)
        return sw;
    if (off + plain.len > n->size)
        return SW_OFFSET;
    memcpy(n->body + off, plain.buf, plain.len);
    c->ef = at;
    c->changed = true;
    return SW_OK;
}
