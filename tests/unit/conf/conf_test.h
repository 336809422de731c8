/* What the tests of this folder share: parsing a text and comparing the whole list of mistakes. */
#ifndef CONF_TEST_H
#define CONF_TEST_H

#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct fixture {
    struct arena arena;
    struct conf_errors errors;
    struct conf_tree tree;
    struct buf text;
};

static inline void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 0);
    conf_errors_init(&f->errors);
    buf_init(&f->text, 0);
}

static inline void fixture_fini(struct fixture *f)
{
    arena_fini(&f->arena);
    conf_errors_fini(&f->errors);
    buf_fini(&f->text);
}

static inline int parse(struct fixture *f, const char *text)
{
    return conf_tree_parse("x.yaml", text, strlen(text), &f->arena, &f->errors, &f->tree);
}

static inline const char *mistakes(struct fixture *f)
{
    buf_reset(&f->text);
    conf_errors_print(&f->errors, &f->text);
    return buf_cstr(&f->text);
}

#endif
