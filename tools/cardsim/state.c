/*
 * The card's memory as bytes and as a file: magic with version, the memory, SHA-256 of both.
 * Loading checks all of it before the card changes; a file is replaced by rename, never written in
 * place.
 */
#include "card.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[] = "CARDSIM1";
enum { MAGIC = 8, DIGEST = 32, STATE_MAX = 131072 };

struct stream { /* writes when `out`, else reads; the first failure sticks */
    uint8_t *out;
    const uint8_t *in;
    size_t at, cap;
    bool failed;
};

static void bytes(struct stream *s, void *p, size_t len)
{
    if (s->failed || len > s->cap - s->at) {
        s->failed = true;
        return;
    }
    if (len && s->out)
        memcpy(s->out + s->at, p, len);
    else if (len)
        memcpy(p, s->in + s->at, len);
    s->at += len;
}

static void u8(struct stream *s, uint8_t *v)
{
    bytes(s, v, 1);
}

static void flag(struct stream *s, bool *v)
{
    uint8_t b = *v;
    u8(s, &b);
    *v = b != 0;
}

static void u16(struct stream *s, uint16_t *v)
{
    uint8_t b[2];
    cs_put16(b, *v);
    bytes(s, b, 2);
    if (!s->out && !s->failed)
        *v = (uint16_t)cs_get16(b);
}

static void u32(struct stream *s, uint32_t *v)
{
    uint8_t b[4];
    cs_put32(b, *v);
    bytes(s, b, 4);
    if (!s->out && !s->failed)
        *v = cs_get32(b);
}

static void s64(struct stream *s, int64_t *v)
{
    uint32_t hi = (uint32_t)((uint64_t)*v >> 32), lo = (uint32_t)*v;
    u32(s, &hi);
    u32(s, &lo);
    *v = (int64_t)((uint64_t)hi << 32 | lo);
}

static void put_options(struct stream *s, struct cardsim_options *o)
{
    uint8_t profile = (uint8_t)o->profile, suffix = (uint8_t)o->suffix,
            atr_len = (uint8_t)o->atr_len;
    u8(s, &profile);
    u8(s, &suffix);
    u8(s, &atr_len);
    flag(s, &o->t0);
    flag(s, &o->prove_before);
    flag(s, &o->prove_tac_first);
    flag(s, &o->capp_zero_moves);
    flag(s, &o->has_security_code);
    u16(s, &o->sw_mac);
    u16(s, &o->sw_state);
    bytes(s, o->security_code, sizeof o->security_code);
    bytes(s, o->atr, sizeof o->atr);
    if (profile >= CARDSIM_PROFILES || suffix > CARDSIM_SUFFIX_ALL || atr_len > CARDSIM_ATR_MAX)
        s->failed = true;
    if (s->failed)
        return;
    o->profile = (enum cardsim_profile)profile;
    o->suffix = (enum cardsim_suffix)suffix;
    o->atr_len = atr_len;
}

static void put_key(struct stream *s, struct key *k)
{
    uint8_t *const all[] = {&k->used, &k->df,     &k->type, &k->prot, &k->id,
                            &k->use,  &k->change, &k->a,    &k->b,    &k->len};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        u8(s, all[i]);
    bytes(s, k->value, sizeof k->value);
    if (k->len > sizeof k->value || (k->used && (k->df >= MAX_NODES || k->len == 0)))
        s->failed = true;
}

static void put_purse(struct stream *s, struct purse *p)
{
    s64(s, &p->value);
    u32(s, &p->limit);
    u16(s, &p->online);
    u16(s, &p->offline);
    for (size_t i = 0; i < 2; i++) {
        struct proof *proof = &p->proofs[i];
        u8(s, &proof->valid);
        u8(s, &proof->type);
        u16(s, &proof->seq_before);
        bytes(s, proof->mac, 4);
        bytes(s, proof->tac, 4);
    }
    if (p->value > INT64_C(0x7FFFFFFF) || p->limit > 0xFFFFFF || p->value < -(int64_t)p->limit)
        s->failed = true;
}

/* What the code relies on without asking again. */
static bool node_sound(const struct node *n)
{
    if (n->used != 1 || n->name_len > sizeof n->name || n->block > 2 || n->fill > n->size ||
        n->parent >= MAX_NODES)
        return false;
    if (n->kind == KIND_FIXED || n->kind == KIND_CYCLIC)
        return n->rec_max >= 2 && n->rec_len >= 1 && n->size == n->rec_max * n->rec_len &&
               n->rec_count <= n->rec_max && n->head < n->rec_max;
    bool body = n->kind == KIND_BINARY || n->kind == KIND_VARIABLE;
    bool none = n->kind == KIND_DF || n->kind == KIND_KEYS || n->kind == KIND_PURSE;
    return (body && n->size > 0) || (none && n->size == 0);
}

static bool records_sound(const struct node *n)
{
    size_t at = 0;
    while (n->kind == KIND_VARIABLE && at < n->fill) {
        if (at + 2 > n->fill)
            return false;
        at += 2U + n->body[at + 1];
    }
    return at <= n->fill;
}

static void put_node(struct stream *s, struct node *n)
{
    u8(s, &n->used);
    if (s->failed || n->used == 0)
        return;
    uint8_t *const all[] = {
        &n->kind,    &n->prot,    &n->parent,   &n->access1, &n->access2,
        &n->tail,    &n->block,   &n->name_len, &n->head,    &n->unblock_failures,
        &n->rec_max, &n->rec_len, &n->rec_count};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        u8(s, all[i]);
    bytes(s, n->name, sizeof n->name);
    u16(s, &n->fid);
    u16(s, &n->fill);
    u16(s, &n->size);
    if (s->failed || !node_sound(n)) {
        s->failed = true;
        return;
    }
    if (!s->out) {
        n->body = n->size ? calloc(1, n->size) : NULL;
        n->purse = n->kind == KIND_PURSE ? calloc(1, sizeof *n->purse) : NULL;
        if ((n->size && !n->body) || (n->kind == KIND_PURSE && !n->purse)) {
            s->failed = true;
            return;
        }
    }
    bytes(s, n->body, n->size);
    if (n->purse)
        put_purse(s, n->purse);
    if (!s->failed && !records_sound(n))
        s->failed = true;
}

static bool tree_sound(const struct cardsim *c)
{
    if (c->nodes[0].kind != KIND_DF || !c->nodes[0].used || c->nodes[0].parent != 0)
        return false;
    for (size_t i = 1; i < MAX_NODES; i++) {
        const struct node *n = &c->nodes[i];
        unsigned steps = 0;
        for (; n->used && n != &c->nodes[0]; n = &c->nodes[n->parent])
            if (++steps > 4 || c->nodes[n->parent].kind != KIND_DF)
                return false;
        if (c->nodes[i].used && n != &c->nodes[0])
            return false;
    }
    return true;
}

static void put_card(struct stream *s, struct cardsim *c)
{
    put_options(s, &c->opt);
    flag(s, &c->card_blocked);
    for (size_t i = 0; i < MAX_KEYS; i++)
        put_key(s, &c->keys[i]);
    for (size_t i = 0; i < MAX_NODES && !s->failed; i++)
        put_node(s, &c->nodes[i]);
}

static bool digest(const uint8_t *data, size_t len, uint8_t out[DIGEST])
{
    return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1;
}

int cardsim_state_get(const struct cardsim *card, uint8_t **ret_bytes, size_t *ret_len)
{
    struct cardsim *copy =
        malloc(sizeof *copy); /* the walk is one for both ways and wants it writable */
    struct stream s = {.out = malloc(STATE_MAX), .cap = STATE_MAX - DIGEST};
    if (!copy || !s.out) {
        free(copy);
        free(s.out);
        return CARDSIM_ENOMEM;
    }
    *copy = *card;
    memcpy(s.out, magic, MAGIC);
    s.at = MAGIC;
    put_card(&s, copy);
    OPENSSL_cleanse(copy, sizeof *copy);
    free(copy);
    if (s.failed || !digest(s.out, s.at, s.out + s.at)) {
        free(s.out);
        return CARDSIM_EFORMAT;
    }
    *ret_bytes = s.out;
    *ret_len = s.at + DIGEST;
    return 0;
}

static void drop_bodies(struct cardsim *c)
{
    for (size_t i = 0; i < MAX_NODES; i++) {
        free(c->nodes[i].body);
        free(c->nodes[i].purse);
    }
}

int cardsim_state_set(struct cardsim *c, const uint8_t *data, size_t len)
{
    uint8_t sum[DIGEST];
    if (len < MAGIC + DIGEST || len > STATE_MAX || memcmp(data, magic, MAGIC) != 0 ||
        !digest(data, len - DIGEST, sum) || memcmp(sum, data + len - DIGEST, DIGEST) != 0)
        return CARDSIM_EFORMAT;
    struct cardsim *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return CARDSIM_ENOMEM;
    struct stream s = {.in = data, .at = MAGIC, .cap = len - DIGEST};
    put_card(&s, fresh);
    if (s.failed || s.at != s.cap || !tree_sound(fresh)) {
        drop_bodies(fresh);
        free(fresh);
        return CARDSIM_EFORMAT;
    }
    drop_bodies(c);
    c->opt = fresh->opt;
    c->card_blocked = fresh->card_blocked;
    memcpy(c->nodes, fresh->nodes, sizeof c->nodes);
    memcpy(c->keys, fresh->keys, sizeof c->keys);
    OPENSSL_cleanse(fresh, sizeof *fresh);
    free(fresh);
    c->changed = false;
    cardsim_power_off(c);
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return CARDSIM_EIO;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_file(const char *path, const uint8_t *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return CARDSIM_EIO;
    int err = write_all(fd, data, len);
    return close(fd) == 0 ? err : CARDSIM_EIO;
}

int cardsim_state_save(struct cardsim *c, const char *path)
{
    char tmp[4096 / 4];
    uint8_t *data = NULL;
    size_t len = 0;
    int n = snprintf(tmp, sizeof tmp, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof tmp)
        return CARDSIM_EINVAL;
    int err = cardsim_state_get(c, &data, &len);
    if (err)
        return err;
    err = write_file(tmp, data, len);
    if (!err && rename(tmp, path) != 0)
        err = CARDSIM_EIO;
    OPENSSL_cleanse(data, len);
    free(data);
    if (err)
        (void)unlink(tmp);
    else
        c->changed = false;
    return err;
}

int cardsim_state_load(struct cardsim *c, const char *path)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        return CARDSIM_EIO;
    uint8_t *data = malloc(STATE_MAX + 1);
    int err = data ? 0 : CARDSIM_ENOMEM;
    size_t len = data ? fread(data, 1, STATE_MAX + 1, f) : 0;
    if (!err && ferror(f))
        err = CARDSIM_EIO;
    (void)fclose(f);
    if (!err)
        err = cardsim_state_set(c, data, len);
    if (data)
        OPENSSL_cleanse(data, STATE_MAX + 1);
    free(data);
    return err;
}
