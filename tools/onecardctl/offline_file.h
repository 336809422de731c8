/* The file of offline terminals' records that collectors bring: CSV with a heading. Reading it is
 * pure: a line is a JSON item for the API, or a column and a reason. docs/OFFLINE.md describes it. */
#ifndef ONECARDCTL_OFFLINE_FILE_H
#define ONECARDCTL_OFFLINE_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define OFFLINE_COLUMNS 14

struct offline_file {
    int column[OFFLINE_COLUMNS]; /* of the heading: which field stands there */
    int columns;                 /* 0: the heading was not read yet */
    /* what the last line or heading was wrong about */
    int at; /* character, from 1 */
    char why[120];
};

/** Reads the heading. False: at, why. */
bool offline_file_heading(struct offline_file *f, char *line);
/** Reads a line, which is cut in place. NULL: at, why. The caller's to json_decref. */
json_t *offline_file_line(struct offline_file *f, char *line);
/** The character at which field `name` begins in the last line read; 1 where it has none. */
int offline_file_at(const struct offline_file *f, const char *line, const char *name);

#endif
