/* Hash maps: open addressing, linear probing. Invariants: cap is a power of two (or 0), at least a
 * quarter of the slots is free, and no free slot lies between a key's home and its slot (deletion
 * shifts followers back). */
#include "base/map.h"

#include "base/check.h"

#include <onecard/err.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MOST  255
#define CAP_FIRST 16

struct map_key {
    uint8_t len;
    uint8_t bytes[];
};

struct map_slot {
    uint64_t hash;
    struct map_key *key; /* NULL: free */
    void *value;
};

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(struct sip *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

/* SipHash-1-3: keys may be chosen by somebody outside. */
static uint64_t hash_of(uint64_t seed, const uint8_t *p, size_t len)
{
    uint64_t k1 = rotate(seed, 29) ^ UINT64_C(0x9E3779B97F4A7C15);
    struct sip s = {seed ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                    seed ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++) {
        word |= (uint64_t)p[i] << (8 * (i % 8));
        if (i % 8 == 7) {
            s.d ^= word;
            sip_round(&s);
            s.a ^= word;
            word = 0;
        }
    }
    word |= (uint64_t)len << 56;
    s.d ^= word;
    sip_round(&s);
    s.a ^= word;
    s.c ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_clear(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        free(m->slots[i].key);
        m->slots[i] = (struct map_slot){0};
    }
    m->count = 0;
}

void map_fini(struct map *m)
{
    map_clear(m);
    free(m->slots);
    m->slots = NULL;
    m->cap = 0;
}

/* The slot of the key, or the free one where it belongs. There is always a free one. */
static struct map_slot *find(const struct map *m, uint64_t hash, const void *key, size_t len)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->key)
            return s;
        if (s->hash == hash && s->key->len == len && memcmp(s->key->bytes, key, len) == 0)
            return s;
    }
}

static int grow(struct map *m)
{
    struct map bigger = *m;
    bigger.cap = m->cap ? m->cap * 2 : CAP_FIRST;
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return OC_ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        struct map_slot *s = &m->slots[i];
        if (s->key)
            *find(&bigger, s->hash, s->key->bytes, s->key->len) = *s;
    }
    free(m->slots);
    *m = bigger;
    return 0;
}

int map_put(struct map *m, const void *key, size_t key_len, void *value)
{
    CHECK(value != NULL);
    if (key_len > KEY_MOST)
        return OC_ELIMIT;
    if ((m->count + 1) * 4 > m->cap * 3) {
        int err = grow(m);
        if (err)
            return err;
    }
    uint64_t hash = hash_of(m->seed, key, key_len);
    struct map_slot *s = find(m, hash, key, key_len);
    if (!s->key) {
        s->key = malloc(sizeof(*s->key) + key_len);
        if (!s->key)
            return OC_ENOMEM;
        s->key->len = (uint8_t)key_len;
        memcpy(s->key->bytes, key, key_len);
        s->hash = hash;
        m->count++;
    }
    s->value = value;
    return 0;
}

void *map_get(const struct map *m, const void *key, size_t key_len)
{
    if (m->count == 0 || key_len > KEY_MOST)
        return NULL;
    return find(m, hash_of(m->seed, key, key_len), key, key_len)->value;
}

/* Closes the gap at `hole` by moving back every follower that may stand there. */
static void shift_back(struct map *m, size_t hole)
{
    size_t mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
}

void *map_del(struct map *m, const void *key, size_t key_len)
{
    if (m->count == 0 || key_len > KEY_MOST)
        return NULL;
    struct map_slot *s = find(m, hash_of(m->seed, key, key_len), key, key_len);
    if (!s->key)
        return NULL;
    void *value = s->value;
    free(s->key);
    m->count--;
    shift_back(m, (size_t)(s - m->slots));
    return value;
}

int map_put_str(struct map *m, const char *key, void *value)
{
    return map_put(m, key, strlen(key), value);
}

void *map_get_str(const struct map *m, const char *key)
{
    return map_get(m, key, strlen(key));
}

void *map_del_str(struct map *m, const char *key)
{
    return map_del(m, key, strlen(key));
}

void *map_next(const struct map *m, size_t *cursor)
{
    while (*cursor < m->cap) {
        const struct map_slot *s = &m->slots[(*cursor)++];
        if (s->key)
            return s->value;
    }
    return NULL;
}
