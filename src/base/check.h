/* Assertions that are always compiled in: a programming error aborts. The ledger is safe against an abort anywhere. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

/** Prints what and where to stderr and aborts. */
_Noreturn void check_failed(const char *what, const char *file, int line);

#define CHECK(cond)      ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))
#define ARRAY_LEN(a)     (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
