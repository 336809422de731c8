/* Text from outside that was cut to fit, or never was UTF-8. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/** Makes valid UTF-8 of s in place: a character cut at the end goes, other bytes that are none become '?'. Returns s. */
char *text_trim_utf8(char *s);
/** Bytes of the character at s, of at most `max` bytes there; 0: no well-formed one begins there. */
size_t text_utf8_len(const char *s, size_t max);

#endif
