/* A hash map from short byte strings to pointers; keys are copied, hashed with a seed per map. Not for threads. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/role.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot;
struct map {
    struct map_slot *slots;
    size_t count, cap;
    uint64_t seed;
};

/** Makes an empty map. `seed`: any number; random where keys come from outside. */
void map_init(struct map *m, uint64_t seed);
/** Frees the map, not what the values point to. */
void map_fini(struct map *m);
/** Sets key -> value (value not NULL). OC_ENOMEM, OC_ELIMIT (key over 255 bytes). */
int map_put(struct map *m, const void *key, size_t key_len, void *value) MUST_USE;
/** The value, or NULL. */
void *map_get(const struct map *m, const void *key, size_t key_len);
/** Takes the key out; returns its value or NULL. */
void *map_del(struct map *m, const void *key, size_t key_len);
int map_put_str(struct map *m, const char *key, void *value) MUST_USE;
void *map_get_str(const struct map *m, const char *key);
void *map_del_str(struct map *m, const char *key);
/** Iterates: start with *cursor = 0; the next value or NULL at the end. The map must not change meanwhile. */
void *map_next(const struct map *m, size_t *cursor);
/** Forgets everything, keeps the memory. */
void map_clear(struct map *m);

#endif
