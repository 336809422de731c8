/* A payment list of the bureau as a file, CSV or JSON: what it declares, its lines, and what is
 * wrong with each of them before anybody is asked. Knows no daemon. */
#ifndef ONECARDCTL_BENEFIT_LIST_H
#define ONECARDCTL_BENEFIT_LIST_H

#include "base/base.h"

#include <jansson.h>

#define BENEFIT_WHY 160

/** How a list names people. */
enum benefit_by { BENEFIT_BY_CITIZEN, BENEFIT_BY_CARD, BENEFIT_BY_NUMBER };

struct benefit_line {
    int place;      /* line of the file; of JSON: which of "lines", from 1 */
    int64_t number; /* the list's own: the same line has the same number whenever it is sent */
    char *who;      /* citizen id, a card's printed number, or a citizen's personal number */
    fen_t fen;
    uint8_t by; /* enum benefit_by */
    bool amount_known;
    char outcome[16];      /* "" while it is good and unpaid; bad, paid, before, unknown */
    char why[BENEFIT_WHY]; /* of a bad or unknown one */
    char txn[32];
};
struct benefit_list {
    char batch[40], program[40], fund[40];
    fen_t total, real_total; /* declared; sum of all amounts that can be read */
    int64_t count;           /* declared */
    struct benefit_line *lines;
    size_t line_count, cap;
    char why[BENEFIT_WHY]; /* why the file as a whole cannot be taken */
};

/** Reads the file. 0, also with bad lines; OC_EPARSE: list->why says what and where; OC_ENOENT … of
 * the file. benefit_list_fini in every case. Blocks. */
int benefit_list_read(struct benefit_list *list, const char *path) WORKER_FN MUST_USE;
void benefit_list_fini(struct benefit_list *list);
/** Marks a line as bad, the first reason holds. */
void benefit_line_bad(struct benefit_line *l, const char *fmt, ...) PRINTF_FN(2, 3);
/** Counts lines with this outcome, and their sum. */
size_t benefit_list_count(const struct benefit_list *list, const char *outcome, fen_t *ret_sum);
/** Writes place, line, citizen, amount, outcome, why and transaction of each line as CSV. OC_EIO.
 * Blocks. */
int benefit_list_write(const struct benefit_list *list, const char *path) WORKER_FN MUST_USE;

#endif
