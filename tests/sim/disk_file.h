/* One file of a simulated disk, between disk.c (what survives) and disk_vfs.c (what SQLite asks).
 */
#ifndef TESTS_SIM_DISK_FILE_H
#define TESTS_SIM_DISK_FILE_H

#include "disk.h"

#define SECTOR      512
#define SHM_SLOTS   8
#define SHM_REGIONS 64
#define SHM_REGION  32768

struct disk_file {
    struct disk_file *next;
    char *name;
    uint8_t *now;    /* what is written */
    uint8_t *synced; /* what survives */
    uint8_t *dirty;  /* a byte a sector: written since the last sync */
    size_t size, synced_size, cap;
    bool kept;    /* its name survives */
    bool deleted; /* it has no name any more; freed when nobody has it open */
    bool resized;
    unsigned open;
    /* locks, as SQLite's own: how many hold SHARED, who more */
    unsigned shared;
    const void *reserved, *exclusive;
    /* the shared index of a write-ahead log; not on the disk */
    void *shm[SHM_REGIONS];
    unsigned shm_shared[SHM_SLOTS];
    const void *shm_exclusive[SHM_SLOTS];
};

struct sim_disk {
    struct disk_file *files;
    struct sim_rand rand;
    uint64_t seed, generation;
    struct sim_disk_hooks hooks;
    struct sim_disk_stats stats;
};

/** NULL: there is none of that name. */
struct disk_file *disk_find(struct sim_disk *d, const char *name);
/** Makes it, empty. NULL: no memory. */
struct disk_file *disk_make(struct sim_disk *d, const char *name);
/** False: no memory. */
bool disk_write(struct disk_file *f, const void *bytes, size_t len, size_t at);
bool disk_truncate(struct disk_file *f, size_t size);
void disk_sync(struct disk_file *f);
void disk_delete(struct sim_disk *d, struct disk_file *f);
void disk_closed(struct sim_disk *d, struct disk_file *f);
/** What the hooks say. */
enum disk_fate disk_ask(struct sim_disk *d, enum disk_op op);

/** The disk that is mounted. */
struct sim_disk *disk_mounted(void);

#endif
