/* A guard before recursive parsers: 1,000 nested JSON arrays (2 KB of input) overrun a 64 KiB
 * stack. */
#ifndef FLOW_DEPTH_H
#define FLOW_DEPTH_H

#include <stdbool.h>
#include <stddef.h>

/** The depth to allow on a flow's stack. */
#define TEXT_DEPTH_MAX 32

/** Do the brackets and braces outside of double-quoted strings in `len` bytes nest at most `max`
 * deep? Scans only: the text may still be malformed. */
bool text_depth_ok(const char *text, size_t len, unsigned max);

#endif
