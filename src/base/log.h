/* The log: one line an event, `time LEVEL area: text key=value …`, to stderr (journald takes it from there) or a file.
 * It is the one thing here that belongs to the process. Never give it a key, a PIN or a full card number: card_mask(). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/role.h"
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/** Lines above `level` are dropped. Thread-safe. */
void log_set_level(enum log_level level);
/** Where lines go from now on; NULL: stderr. The caller keeps the stream open. */
void log_set_stream(FILE *stream);
/** "error" "warn" "info" "debug" to a level. OC_EINVAL. */
int log_level_parse(const char *s, enum log_level *ret_level) MUST_USE;
/** Warnings and errors that one place in the source may write within a second; the rest is counted and told. */
#define LOG_BURST 50
/** One line. Control characters are escaped, so that outside text cannot forge lines; 2 KiB at most. Thread-safe. */
void log_line(enum log_level level, const char *area, const char *fmt, ...) PRINTF_FN(3, 4);

#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...)  log_line(LOG_WARN, area, __VA_ARGS__)
#define log_info(area, ...)  log_line(LOG_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_line(LOG_DEBUG, area, __VA_ARGS__)

#endif
