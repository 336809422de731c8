/* Runs the whole program in this process and keeps what it said. */
#ifndef TEST_ONECARDCTL_CTL_TEST_H
#define TEST_ONECARDCTL_CTL_TEST_H

#include "ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 32

struct said {
    int status;
    char *out, *err;
};

/** onecardctl with these words; free with said_fini. */
static inline struct said say(const char *const *words)
{
    char *argv[ARGS_MAX + 2] = {NULL};
    struct said s = {0};
    size_t out_len, err_len;
    int argc = 0;
    argv[argc++] = strdup("onecardctl");
    for (; *words && argc <= ARGS_MAX; words++)
        argv[argc++] = strdup(*words);
    FILE *out = open_memstream(&s.out, &out_len), *err = open_memstream(&s.err, &err_len);
    s.status = ctl_main(argc, argv, out, err);
    (void)fclose(out);
    (void)fclose(err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return s;
}

static inline void said_fini(struct said *s)
{
    free(s->out);
    free(s->err);
}

#define SAY(...) say((const char *const[]){__VA_ARGS__, NULL})

#endif
