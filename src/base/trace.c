/* Text of trace ids. */
#include "base/trace.h"

const char *trace_text(trace_t t, char out[TRACE_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++)
        out[i] = digits[(t >> (60 - 4 * i)) & 0xF];
    out[16] = '\0';
    return out;
}
