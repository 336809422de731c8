/* Text from outside that was cut to fit, or never was UTF-8. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/** Makes valid UTF-8 of s in place: a character cut at the end goes, other bytes that are none become '?'. Returns s. */
char *text_trim_utf8(char *s);

#endif
