/* Why counted: a reload must not pull the configuration from under those who are using it. */
#include "conf/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SNAPSHOT_MAX ((size_t)64 << 20)

struct conf_snapshot {
    atomic_uint holders;
    struct arena arena;
    const struct conf_schema *schema;
    struct conf_tree tree;
    void *value;
};

static struct conf_snapshot *snapshot_new(const struct conf_schema *schema)
{
    struct conf_snapshot *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    atomic_init(&s->holders, 1);
    arena_init(&s->arena, SNAPSHOT_MAX);
    s->schema = schema;
    return s;
}

static int snapshot_finish(struct conf_snapshot *s, int rc, struct conf_errors *errors,
                           struct conf_snapshot **ret_snapshot)
{
    if (rc == 0) {
        s->value = arena_alloc(&s->arena, s->schema->size);
        rc = s->value ? conf_fill(&s->tree, s->tree.root, s->schema, &s->arena, s->value, errors)
                      : OC_ENOMEM;
    }
    if (rc != 0)
        conf_snapshot_put(&s);
    else
        *ret_snapshot = s;
    return rc;
}

int conf_snapshot_open(const char *path, const struct conf_schema *schema,
                       struct conf_errors *errors, struct conf_snapshot **ret_snapshot)
{
    struct conf_snapshot *s = snapshot_new(schema);

    if (!s)
        return OC_ENOMEM;
    return snapshot_finish(s, conf_tree_read(path, &s->arena, errors, &s->tree), errors,
                           ret_snapshot);
}

int conf_snapshot_parse(const char *file, const void *text, size_t len,
                        const struct conf_schema *schema, struct conf_errors *errors,
                        struct conf_snapshot **ret_snapshot)
{
    struct conf_snapshot *s = snapshot_new(schema);

    if (!s)
        return OC_ENOMEM;
    return snapshot_finish(s, conf_tree_parse(file, text, len, &s->arena, errors, &s->tree), errors,
                           ret_snapshot);
}

struct conf_snapshot *conf_snapshot_get(struct conf_snapshot *s)
{
    atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
    return s;
}

void conf_snapshot_put(struct conf_snapshot **s)
{
    struct conf_snapshot *x = *s;

    *s = NULL;
    if (!x || atomic_fetch_sub_explicit(&x->holders, 1, memory_order_acq_rel) != 1)
        return;
    arena_fini(&x->arena);
    free(x);
}

const void *conf_snapshot_value(const struct conf_snapshot *s)
{
    return s->value;
}

const struct conf_tree *conf_snapshot_tree(const struct conf_snapshot *s)
{
    return &s->tree;
}

void conf_snapshot_dump(const struct conf_snapshot *s, struct buf *out)
{
    conf_dump(s->schema, s->value, 0, out);
}
