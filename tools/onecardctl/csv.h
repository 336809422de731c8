/* One line of CSV as files from banks, bureaus and operators have it. Knows nothing else. */
#ifndef ONECARDCTL_CSV_H
#define ONECARDCTL_CSV_H

/** Cuts a line at its commas, in place; a cell may stand in quotes, "" in there is one (RFC 4180,
 * inside one line). At most `cap` cells come back, with the byte of the line at which each begins,
 * from 1 (`at` may be NULL). How many there are: cap + 1 where there are more; -1: a quote is not
 * closed. */
int csv_cut(char *line, char *cell[], long at[], int cap);

#endif
