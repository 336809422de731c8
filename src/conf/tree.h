/* YAML text as a tree that remembers where everything stood. A subset, bounded, because it comes
 * from outside: one document of at most 1 MiB, 32 levels, 100,000 nodes; keys are plain scalars; no
 * anchors, aliases, tags or duplicate keys. Nothing recurses deeper than the bound. Nodes live in
 * the caller's arena. */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "conf/error.h"
#include <stdbool.h>
#include <stddef.h>

#define CONF_TEXT_MAX  ((size_t)1 << 20)
#define CONF_DEPTH_MAX 32
#define CONF_NODES_MAX 100000

enum conf_kind { CONF_SCALAR, CONF_MAPPING, CONF_SEQUENCE };

struct conf_node {
    enum conf_kind kind;
    bool quoted;     /* scalar: written in quotes or as a block */
    int line, col;   /* of the value, from 1 */
    const char *key; /* inside a mapping: its key; else NULL */
    int key_line, key_col;
    const char *text; /* scalar: its text, NUL-terminated, no NUL inside; else NULL */
    size_t count;     /* number of children */
    struct conf_node *first, *last, *next;
};
struct conf_tree {
    const char *file; /* in the arena */
    struct conf_node *root;
};

/** Parses `len` bytes; `file` names them in messages. An empty document is an empty mapping.
 *  OC_EPARSE or OC_ELIMIT (messages in `errors`), OC_ENOMEM. */
int conf_tree_parse(const char *file, const void *text, size_t len, struct arena *arena,
                    struct conf_errors *errors, struct conf_tree *ret_tree) MUST_USE;
/** The same from a file. Also OC_ENOENT, OC_EIO. Blocks. */
int conf_tree_read(const char *path, struct arena *arena, struct conf_errors *errors,
                   struct conf_tree *ret_tree) MUST_USE WORKER_FN;
/** The child of a mapping by its key, or NULL (also when `node` is NULL or no mapping). */
const struct conf_node *conf_child(const struct conf_node *node, const char *key);
/** The node at a dotted path such as "modules.transit", or NULL. */
const struct conf_node *conf_subtree(const struct conf_tree *tree, const char *path);
/** Whether a scalar says "nothing": empty, ~ or null, unquoted. */
bool conf_is_null(const struct conf_node *node);

#endif
