/* Log lines that come in crowds: ten thousand terminals that lose their wire at one time say so ten
 * thousand times. One line a second of each reason is written, the others are counted, and a second
 * later the log says how many they were. Metrics count each one; this is about lines only. */
#ifndef SERVE_LINES_H
#define SERVE_LINES_H

#include "flow/flow.h"

#define LINES_MAX 32 /* reasons told apart; those beyond share the last one's second */

struct lines {
    struct loop *loop;
    const char *what; /* "connections were refused" */
    struct {
        const char *why;
        int64_t since_ns; /* of the last line that was written */
        unsigned more;
    } items[LINES_MAX];
    unsigned count;
    bool waiting; /* a flow will say what was counted */
};
/** On the caller's memory, which outlives the loop's flows. `what`: static, for "and 12 more
 * WHAT: WHY". */
void lines_init(struct lines *l, struct loop *loop, const char *what);
/** May a line with this reason be written now? Counts it where not. `why`: static. Never suspends;
 * inside or outside of a flow. */
bool lines_may(struct lines *l, const char *why);

#endif
