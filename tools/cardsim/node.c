/*
 * The tree of files: rights, SELECT, CREATE FILE and ERASE DF (FMCOS 2.0, "file system", "security
 * attributes"). A right XY is a range of the current directory's security state, 0Y is a lower
 * bound of MF's, X below Y is never. A directory without a key file asks no rights until it is
 * left.
 */
#include "card.h"

#include <stdlib.h>
#include <string.h>

static const char ddf_name[] = "1PAY.SYS.DDF01";
static const char ddf_name_contactless[] = "2PAY.SYS.DDF01";

bool cs_access(const struct cardsim *c, uint8_t right)
{
    unsigned hi = right >> 4, lo = right & 15U;
    if (c->open)
        return true;
    if (hi == 0)
        return c->mf_state >= lo;
    return c->df_state >= lo && c->df_state <= hi;
}

uint8_t cs_find_child(const struct cardsim *c, uint8_t df, uint16_t fid)
{
    for (uint8_t i = 1; i < MAX_NODES; i++)
        if (c->nodes[i].used && c->nodes[i].parent == df && c->nodes[i].fid == fid)
            return i;
    return NONE;
}

uint8_t cs_find_sfi(const struct cardsim *c, uint8_t sfi)
{
    if (sfi == 0)
        return c->ef;
    uint8_t at = cs_find_child(c, c->df, sfi);
    return at == NONE ? cs_find_child(c, c->df, (uint16_t)(0xEF00 | sfi)) : at;
}

bool cs_has_key_file(const struct cardsim *c, uint8_t df)
{
    for (uint8_t i = 1; i < MAX_NODES; i++)
        if (c->nodes[i].used && c->nodes[i].parent == df && c->nodes[i].kind == KIND_KEYS)
            return true;
    return false;
}

static size_t memory_used(const struct cardsim *c)
{
    size_t sum = 0;
    for (size_t i = 0; i < MAX_NODES; i++)
        if (c->nodes[i].used)
            sum += c->nodes[i].size;
    return sum;
}

uint8_t cs_node_add(struct cardsim *c, uint8_t parent, const struct node *what)
{
    uint8_t at = 0;
    while (at < MAX_NODES && c->nodes[at].used)
        at++;
    if (at == MAX_NODES || memory_used(c) + what->size > MEMORY_BYTES)
        return NONE;
    struct node *n = &c->nodes[at];
    *n = *what;
    n->body = what->size ? calloc(1, what->size) : NULL;
    n->purse = what->kind == KIND_PURSE ? calloc(1, sizeof *n->purse) : NULL;
    if ((what->size && !n->body) || (what->kind == KIND_PURSE && !n->purse)) {
        free(n->body);
        free(n->purse);
        memset(n, 0, sizeof *n);
        return NONE;
    }
    n->used = 1;
    n->parent = parent;
    c->changed = true;
    return at;
}

static void node_drop(struct cardsim *c, uint8_t at)
{
    free(c->nodes[at].body);
    free(c->nodes[at].purse);
    memset(&c->nodes[at], 0, sizeof c->nodes[at]);
}

void cs_node_erase_below(struct cardsim *c, uint8_t df)
{
    for (uint8_t i = 1; i < MAX_NODES; i++) {
        if (!c->nodes[i].used || c->nodes[i].parent != df)
            continue;
        if (c->nodes[i].kind == KIND_DF)
            cs_node_erase_below(c, i);
        node_drop(c, i);
    }
    for (size_t i = 0; i < MAX_KEYS; i++)
        if (c->keys[i].used && c->keys[i].df == df)
            memset(&c->keys[i], 0, sizeof c->keys[i]);
    c->changed = true;
}

void cs_enter(struct cardsim *c, uint8_t df)
{
    c->df = df;
    c->ef = NONE;
    c->df_state = df == 0 ? c->mf_state : 0;
    c->open = !cs_has_key_file(c, df);
}

static bool name_matches(const struct node *n, const struct apdu *a)
{
    if (a->lc == 0 || a->lc > n->name_len)
        return false;
    return cs_equal(n->name, a->data, a->lc) && (a->lc == n->name_len || a->lc >= 5);
}

static uint8_t find_by_name(const struct cardsim *c, const struct apdu *a)
{
    size_t len = sizeof ddf_name_contactless - 1;
    if (a->lc == len && cs_equal(a->data, (const uint8_t *)ddf_name_contactless, len) &&
        cs_equal(c->nodes[0].name, (const uint8_t *)ddf_name, len))
        return 0;
    for (uint8_t i = 0; i < MAX_NODES; i++)
        if (c->nodes[i].used && c->nodes[i].kind == KIND_DF && name_matches(&c->nodes[i], a))
            return i;
    return NONE;
}

/* FCI of a directory: 6F{84 name, A5{88 01 SFI}} for a DDF, A5{9F0C file 0015} for an application.
 */
static void emit_fci(const struct cardsim *c, uint8_t df, struct out *o)
{
    const struct node *n = &c->nodes[df];
    uint8_t sfi = n->tail & 0x1F, issuer_len = 0;
    uint8_t ef = cs_find_child(c, df, sfi);
    bool adf = (n->tail & 0xE0) == 0x80;
    uint8_t own[2 + 3 + 0x1E] = {0xA5};
    if (!adf) {
        memcpy(own + 1, (uint8_t[]){3, 0x88, 1, sfi}, 4);
    } else if (ef != NONE && c->nodes[ef].kind == KIND_BINARY) {
        issuer_len = (uint8_t)(c->nodes[ef].size < 0x1E ? c->nodes[ef].size : 0x1E);
        memcpy(own + 1, (uint8_t[]){(uint8_t)(3 + issuer_len), 0x9F, 0x0C, issuer_len}, 4);
        memcpy(own + 5, c->nodes[ef].body, issuer_len);
    }
    uint8_t head[4] = {0x6F, (uint8_t)(2 + n->name_len + 2 + own[1]), 0x84, n->name_len};
    cs_emit(o, head, 4);
    cs_emit(o, n->name, n->name_len);
    cs_emit(o, own, (size_t)own[1] + 2);
}

static uint16_t select_df(struct cardsim *c, uint8_t df, struct out *o)
{
    cs_enter(c, df);
    emit_fci(c, df, o);
    return c->nodes[df].block ? SW_FUNCTION : SW_OK;
}

uint16_t cs_cmd_select(struct cardsim *c, const struct apdu *a, struct out *o)
{
    if (a->p1 == 4) {
        uint8_t df = find_by_name(c, a);
        return df == NONE ? SW_NO_FILE : select_df(c, df, o);
    }
    if ((a->p1 != 0 && a->p1 != 2) || a->p2 != 0)
        return SW_P1P2;
    if (a->lc == 0)
        return select_df(c, 0, o);
    if (a->lc != 2)
        return SW_LENGTH;
    uint16_t fid = (uint16_t)cs_get16(a->data);
    if (fid == 0x3F00)
        return select_df(c, 0, o);
    uint8_t at = cs_find_child(c, c->df, fid);
    if (at == NONE && fid == c->nodes[c->df].fid)
        at = c->df;
    if (at == NONE && c->df != 0) { /* a directory at the same level */
        at = cs_find_child(c, c->nodes[c->df].parent, fid);
        if (at != NONE && c->nodes[at].kind != KIND_DF)
            at = NONE;
    }
    if (at == NONE)
        return SW_NO_FILE;
    if (c->nodes[at].kind == KIND_DF)
        return select_df(c, at, o);
    c->ef = at;
    return SW_OK;
}

static unsigned depth(const struct cardsim *c, uint8_t df)
{
    unsigned d = 1;
    for (; df != 0; df = c->nodes[df].parent)
        d++;
    return d;
}

/* MF may be described anew while nothing is in it. */
static uint16_t create_mf(struct cardsim *c, const struct node *what)
{
    for (uint8_t i = 1; i < MAX_NODES; i++)
        if (c->nodes[i].used)
            return SW_P1P2;
    if (!c->open)
        return SW_SECURITY;
    struct node *mf = &c->nodes[0];
    mf->access1 = what->access1;
    mf->access2 = what->access2;
    mf->tail = what->tail;
    size_t i = 0;
    while (i < what->name_len && what->name[i] == 0xFF)
        i++;
    if (i < what->name_len) {
        mf->name_len = what->name_len;
        memcpy(mf->name, what->name, sizeof mf->name);
    }
    c->changed = true;
    return SW_OK;
}

static uint16_t describe_df(const struct apdu *a, struct node *n)
{
    if (a->lc < 6 || a->lc > 8 + 16)
        return SW_LENGTH;
    n->tail = a->data[5];
    n->name_len = (uint8_t)(a->lc > 8 ? a->lc - 8 : 0);
    if (n->name_len)
        memcpy(n->name, a->data + 8, n->name_len);
    n->size = 0; /* the space is that of its files */
    return SW_OK;
}

static uint16_t describe_ef(const struct apdu *a, struct node *n)
{
    if (a->lc != 7)
        return SW_LENGTH;
    n->tail = a->data[6];
    switch (n->kind) {
    case KIND_FIXED:
    case KIND_CYCLIC:
        n->rec_max = a->data[1];
        n->rec_len = a->data[2];
        if (n->rec_max < 2 || n->rec_len == 0 || n->rec_len > 248)
            return SW_DATA;
        n->size = (uint16_t)(n->rec_max * n->rec_len);
        return SW_OK;
    case KIND_PURSE:
        n->access1 = a->data[3];
        n->size = 0;
        return n->fid == 1 || n->fid == 2 ? SW_OK : SW_DATA;
    case KIND_KEYS:
        n->access1 = a->data[4];
        n->size = 0;
        return SW_OK;
    case KIND_BINARY:
    case KIND_VARIABLE:
        return n->size ? SW_OK : SW_DATA;
    default:
        return SW_DATA;
    }
}

static uint16_t describe(const struct apdu *a, struct node *n)
{
    memset(n, 0, sizeof *n);
    if (a->lc < 6)
        return SW_LENGTH;
    n->fid = (uint16_t)(a->p1 << 8 | a->p2);
    n->kind = a->data[0];
    if (n->kind != KIND_DF && n->kind != KIND_KEYS) {
        n->prot = n->kind & (PROT_MAC | PROT_ENC);
        n->kind &= 0x3F;
    }
    n->size = (uint16_t)cs_get16(a->data + 1);
    n->access1 = a->data[3];
    n->access2 = a->data[4];
    return n->kind == KIND_DF ? describe_df(a, n) : describe_ef(a, n);
}

uint16_t cs_cmd_create(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct node n;
    uint16_t sw = describe(a, &n);
    if (sw != SW_OK)
        return sw;
    if (n.fid == 0x3F00)
        return n.kind == KIND_DF ? create_mf(c, &n) : SW_P1P2;
    if (!cs_access(c, c->nodes[c->df].access1))
        return SW_SECURITY;
    if (cs_find_child(c, c->df, n.fid) != NONE ||
        (n.kind == KIND_KEYS && cs_has_key_file(c, c->df)))
        return SW_P1P2;
    struct apdu by_name = {.data = n.name, .lc = n.name_len};
    if (n.name_len && find_by_name(c, &by_name) != NONE)
        return SW_P1P2;
    if (n.kind == KIND_DF && depth(c, c->df) >= 3)
        return SW_DATA;
    return cs_node_add(c, c->df, &n) == NONE ? SW_SPACE : SW_OK;
}

uint16_t cs_cmd_erase(struct cardsim *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p1 != 0 || a->p2 != 0)
        return SW_P1P2;
    if (a->lc != 0)
        return SW_LENGTH;
    if (!cs_access(c, c->nodes[c->df].access2))
        return SW_SECURITY;
    cs_node_erase_below(c, c->df);
    c->ef = NONE;
    c->open = true;
    return SW_OK;
}
