/* What is on a simulated disk, and what is left of it. */
#include "disk_file.h"

#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

struct disk_file *disk_find(struct sim_disk *d, const char *name)
{
    for (struct disk_file *f = d->files; f; f = f->next)
        if (!f->deleted && strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

struct disk_file *disk_make(struct sim_disk *d, const char *name)
{
    struct disk_file *f = calloc(1, sizeof *f);
    char *copy = strdup(name);
    if (!f || !copy) {
        free(f);
        free(copy);
        return NULL;
    }
    f->name = copy;
    f->next = d->files;
    d->files = f;
    return f;
}

static void free_file(struct disk_file *f)
{
    for (size_t i = 0; i < SHM_REGIONS; i++)
        free(f->shm[i]);
    free(f->name);
    free(f->now);
    free(f->synced);
    free(f->dirty);
    free(f);
}

static void unlink_file(struct sim_disk *d, struct disk_file *f)
{
    struct disk_file **at = &d->files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free_file(f);
}

void disk_delete(struct sim_disk *d, struct disk_file *f)
{
    f->deleted = true;
    if (f->open == 0)
        unlink_file(d, f);
}

/* The last one to close takes the shared index along. */
void disk_closed(struct sim_disk *d, struct disk_file *f)
{
    CHECK(f->open > 0);
    if (--f->open > 0)
        return;
    for (size_t i = 0; i < SHM_REGIONS; i++) {
        free(f->shm[i]);
        f->shm[i] = NULL;
    }
    if (f->deleted)
        unlink_file(d, f);
}

/* ---- writing ---- */

static size_t sectors(size_t size)
{
    return (size + SECTOR - 1) / SECTOR;
}

static bool reserve(struct disk_file *f, size_t size)
{
    if (size <= f->cap)
        return true;
    size_t cap = f->cap ? f->cap : 64 * SECTOR;
    while (cap < size)
        cap *= 2;
    uint8_t *now = realloc(f->now, cap);
    if (now)
        f->now = now;
    uint8_t *synced = realloc(f->synced, cap);
    if (synced)
        f->synced = synced;
    uint8_t *dirty = realloc(f->dirty, sectors(cap));
    if (dirty)
        f->dirty = dirty;
    if (!now || !synced || !dirty)
        return false;
    memset(now + f->cap, 0, cap - f->cap);
    memset(synced + f->cap, 0, cap - f->cap);
    memset(dirty + sectors(f->cap), 0, sectors(cap) - sectors(f->cap));
    f->cap = cap;
    return true;
}

bool disk_write(struct disk_file *f, const void *bytes, size_t len, size_t at)
{
    if (!reserve(f, at + len))
        return false;
    memcpy(f->now + at, bytes, len);
    memset(f->dirty + at / SECTOR, 1, (at + len - 1) / SECTOR - at / SECTOR + 1);
    if (at + len > f->size) {
        f->size = at + len;
        f->resized = true;
    }
    return true;
}

bool disk_truncate(struct disk_file *f, size_t size)
{
    if (!reserve(f, size))
        return false;
    if (size < f->size) {
        memset(f->now + size, 0, f->size - size);
        memset(f->dirty + size / SECTOR, 1, sectors(f->size) - size / SECTOR);
    }
    f->resized |= size != f->size;
    f->size = size;
    return true;
}

void disk_sync(struct disk_file *f)
{
    size_t all = sectors(f->cap);
    for (size_t i = 0; i < all; i++) {
        uint8_t *hit = memchr(f->dirty + i, 1, all - i);
        if (!hit)
            break;
        i = (size_t)(hit - f->dirty);
        memcpy(f->synced + i * SECTOR, f->now + i * SECTOR, SECTOR);
        f->dirty[i] = 0;
    }
    f->synced_size = f->size;
    f->resized = false;
    f->kept = true;
}

enum disk_fate disk_ask(struct sim_disk *d, enum disk_op op)
{
    uint64_t nth = op == DISK_SYNC ? ++d->stats.syncs : ++d->stats.writes;
    return d->hooks.before ? d->hooks.before(d->hooks.arg, op, nth) : DISK_GOOD;
}

/* ---- the loss of power ---- */

static size_t size_left(struct sim_disk *d, const struct disk_file *f)
{
    if (!f->resized)
        return f->size;
    size_t low = f->size < f->synced_size ? f->size : f->synced_size;
    size_t high = f->size < f->synced_size ? f->synced_size : f->size;
    switch (sim_pick(&d->rand, 3)) {
    case 0:
        return f->synced_size;
    case 1:
        return f->size;
    default:
        return (size_t)sim_range(&d->rand, (int64_t)low, (int64_t)high);
    }
}

/* Bytes that are the same before and after were not written, as far as anybody can tell. */
static void tear(struct sim_disk *d, uint8_t *out, const uint8_t *old, const uint8_t *new)
{
    unsigned cut = sim_pick(&d->rand, SECTOR);
    bool garbage = sim_chance(&d->rand, 1, 4), back = sim_chance(&d->rand, 1, 4);
    for (unsigned i = 0; i < SECTOR; i++) {
        bool written = back ? i >= cut : i < cut;
        out[i] = written ? new[i] : old[i];
        if (garbage && old[i] != new[i] && sim_chance(&d->rand, 1, 8))
            out[i] = (uint8_t)sim_u64(&d->rand);
    }
}

static void sector_left(struct sim_disk *d, struct disk_file *to, const struct disk_file *f,
                        size_t i)
{
    const uint8_t *old = f->synced + i * SECTOR, *new = f->now + i *SECTOR;
    unsigned fate = sim_pick(&d->rand, 8);
    if (fate < 3) {
        memcpy(to->now + i * SECTOR, old, SECTOR);
        d->stats.lost_sectors++;
    } else if (fate < 7) {
        memcpy(to->now + i * SECTOR, new, SECTOR);
    } else {
        tear(d, to->now + i * SECTOR, old, new);
        d->stats.torn_sectors++;
    }
}

static void copy_left(struct sim_disk *d, struct disk_file *to, const struct disk_file *f,
                      bool power)
{
    size_t size = power ? size_left(d, f) : f->size;
    size_t most = f->size > f->synced_size ? f->size : f->synced_size;
    CHECK(reserve(to, most > size ? most : size));
    memcpy(to->now, power ? f->synced : f->now, most);
    for (size_t i = 0; power && i < sectors(most); i++)
        if (f->dirty[i])
            sector_left(d, to, f, i);
    if (size < most)
        memset(to->now + size, 0, most - size);
    to->size = to->synced_size = size;
    memcpy(to->synced, to->now, to->cap);
    to->kept = true;
}

struct sim_disk *sim_disk_survivor(struct sim_disk *d, bool power)
{
    struct sim_disk *left = sim_disk_new(d->seed, &d->hooks);
    left->generation = d->generation + 1;
    left->rand = d->rand;
    (void)sim_u64(&left->rand);
    for (const struct disk_file *f = d->files; f; f = f->next) {
        if (f->deleted || !f->name || (power && !f->kept && sim_chance(&d->rand, 1, 2)))
            continue;
        struct disk_file *to = disk_make(left, f->name);
        CHECK(to);
        if (f->cap)
            copy_left(d, to, f, power);
    }
    return left;
}

/* ---- the whole ---- */

struct sim_disk *sim_disk_new(uint64_t seed, const struct sim_disk_hooks *hooks)
{
    struct sim_disk *d = calloc(1, sizeof *d);
    CHECK(d);
    d->seed = seed;
    sim_rand_init(&d->rand, seed, "disk");
    if (hooks)
        d->hooks = *hooks;
    return d;
}

void sim_disk_forsake(struct sim_disk *d)
{
    d->hooks = (struct sim_disk_hooks){0};
}

void sim_disk_free(struct sim_disk **ref)
{
    struct sim_disk *d = *ref;
    *ref = NULL;
    if (!d)
        return;
    while (d->files) {
        CHECK(d->files->open == 0);
        unlink_file(d, d->files);
    }
    free(d);
}

void sim_disk_stats(const struct sim_disk *d, struct sim_disk_stats *ret)
{
    *ret = d->stats;
    for (const struct disk_file *f = d->files; f; f = f->next) {
        ret->open += f->open;
        ret->bytes += f->size;
    }
}
