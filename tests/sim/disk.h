/* A disk in memory under the real SQLite, which loses power on order.
 *
 * What was written is seen by everybody at once and survives the death of the daemon, as in an
 * operating system's cache. What was synced survives the loss of power. Of what was not, each
 * sector of 512 bytes is by itself old, new, or torn, as the seed has it; bytes that nobody wrote
 * since the last sync are never damaged, and the disk says so (POWERSAFE_OVERWRITE). A file is in
 * its folder for good after its first sync. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "base/base.h"
#include "rand.h"

struct sim_disk;

/** What the disk does before an operation; writes and syncs are counted from 1 a disk. */
enum disk_op { DISK_WRITE, DISK_SYNC };
enum disk_fate {
    DISK_GOOD,
    DISK_FAILS,
    DISK_FULL,    /* takes only what lies within a file */
    DISK_FULL_ALL /* copies on write: takes nothing */
};
struct sim_disk_hooks {
    /** Decides about the operation that comes; may take a picture of the disk (sim_disk_survivor).
     */
    enum disk_fate (*before)(void *arg, enum disk_op op, uint64_t nth);
    void *arg;
};

/** Makes this disk the one that SQLite opens files on; NULL: none. Once at first a process
 * registers the VFS and SQLite's settings: before anything else uses SQLite. */
void sim_disk_mount(struct sim_disk *d);
/** An empty disk. */
struct sim_disk *sim_disk_new(uint64_t seed, const struct sim_disk_hooks *hooks);
/** What is left of it: after the loss of power, or (`power` false) after the daemon alone died. */
struct sim_disk *sim_disk_survivor(struct sim_disk *d, bool power);
/** No file of it may be open. */
void sim_disk_free(struct sim_disk **d);
/** From now on its hooks are not asked any more: whatever is still written there goes nowhere. */
void sim_disk_forsake(struct sim_disk *d);
/** SQLite's own generator starts anew from here. */
void sim_disk_seed_sqlite(uint64_t seed);

struct sim_disk_stats {
    uint64_t writes, syncs, bytes;
    unsigned open;
    uint64_t lost_sectors, torn_sectors; /* of those not synced, at the survivors taken of it */
};
void sim_disk_stats(const struct sim_disk *d, struct sim_disk_stats *ret);

#endif
