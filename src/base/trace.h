/* A trace id ties one dialogue together: terminal frame, log lines, journal row, upstream messages. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdint.h>

#define TRACE_TEXT 17
typedef uint64_t trace_t;
/** Sixteen lower-case hex digits; returns out. */
const char *trace_text(trace_t t, char out[TRACE_TEXT]);

#endif
