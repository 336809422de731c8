/* The n-th allocation, or the n-th call of the system, fails. What is linked with faults.c has its
 * malloc, open, pwrite, fsync … there; nothing fails until faults_arm() was called, and nothing is
 * counted that the C library does for itself. Any number of threads may call what fails. */
#ifndef TESTS_LIB_FAULTS_H
#define TESTS_LIB_FAULTS_H

#include <stdbool.h>

enum {
    FAULTS_OWN = 1,    /* memory that code of this project asks for: the program, its modules */
    FAULTS_MEMORY = 2, /* memory that anybody asks for, libraries too */
    FAULTS_FILES = 4,  /* open, read, write, sync, rename, map …; files only */
    FAULTS_NET = 8     /* sockets */
};

struct faults {
    unsigned kinds;
    unsigned long at; /* the first call of these kinds that fails, from 1 */
    bool on;          /* and each one after it */
};
struct faults_seen {
    unsigned long calls;  /* of these kinds since faults_arm() */
    unsigned long struck; /* so many of them failed */
};

/** From now on; modules loaded later do not count as own. One at a time. */
void faults_arm(const struct faults *f);
/** No more; what happened. */
struct faults_seen faults_disarm(void);
/** This thread's calls neither count nor fail between the two; may be nested. */
void faults_hold(void);
void faults_release(void);
/** Where the first one struck, on stderr: addresses for addr2line. */
void faults_print(void);

#endif
