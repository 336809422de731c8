/* Documents: JSON values as a tree of our own in an arena, so that nothing is counted or given back
 * and a module cannot hold what has ended. Bounded, because they come from outside: DOC_DEPTH
 * levels, DOC_NODES values, ONECARD_DOC_BYTES of text. A document that was built wrongly remembers
 * it
 * (`spoilt` at its root): nothing that is sent or kept is made of it. */
#ifndef MODULE_DOC_H
#define MODULE_DOC_H

#include <onecard/module.h>

#include "base/base.h"
#include "conf/conf.h"

#define DOC_DEPTH 32
#define DOC_NODES 16384 /* values of one document that came as text */

enum doc_kind { DOC_NULL, DOC_FALSE, DOC_TRUE, DOC_INT, DOC_REAL, DOC_TEXT, DOC_ARRAY, DOC_OBJECT };

struct onecard_doc {
    uint8_t kind;        /* enum doc_kind */
    bool frozen;         /* shared by decisions (configuration): never changes */
    bool spoilt;         /* of a root: something in it went wrong */
    uint32_t count, cap; /* of arrays and objects */
    struct onecard_doc *parent;
    struct arena *arena;
    const char *name;  /* as a member of an object */
    const char *place; /* "file:line:col" of what was loaded */
    union {
        int64_t number;
        const char *text; /* of DOC_REAL: as it is written */
        struct onecard_doc **items;
    };
};

/** An empty value of that kind. NULL: no memory. */
struct onecard_doc *doc_new(struct arena *a, enum doc_kind kind);
/** Reads `len` bytes of JSON (RFC 8259), any value (doc_parse.c). NULL: no memory, no JSON, duplicate
 * members, too deep, too many values; *ret_why (may be NULL) says which in a few words. */
struct onecard_doc *doc_read(struct arena *a, const char *json, size_t len, const char **ret_why);
/** A copy, unfrozen, that stands alone. NULL: no memory, or NULL came in. */
struct onecard_doc *doc_copy(struct arena *a, const struct onecard_doc *d);
/** Appends compact JSON. OC_ELIMIT: nested too deep; OC_EINVAL: it is spoilt; and buf's errors. */
int doc_print(const struct onecard_doc *d, struct buf *out) MUST_USE;
/** The same as a text in `a`; *ret_len without NUL. NULL: as above, or over `max` bytes. */
const char *doc_text(const struct onecard_doc *d, struct arena *a, size_t max, size_t *ret_len);
bool doc_is_spoilt(const struct onecard_doc *d);

/* Reading; NULL in is "not there". As the host table's functions of these names. */
struct onecard_doc *doc_get(const struct onecard_doc *d, const char *member);
struct onecard_doc *doc_at(const struct onecard_doc *d, size_t i, const char **ret_name);
size_t doc_count(const struct onecard_doc *d);
const char *doc_as_text(const struct onecard_doc *d);
int doc_as_int(const struct onecard_doc *d, int64_t *ret_value);
bool doc_as_bool(const struct onecard_doc *d, bool absent);

/* Building. */
void doc_put(struct onecard_doc *d, const char *member, struct onecard_doc *value);
void doc_put_text(struct onecard_doc *d, const char *member, const char *value);
void doc_put_int(struct onecard_doc *d, const char *member, int64_t value);
void doc_put_bool(struct onecard_doc *d, const char *member, bool value);
void doc_drop(struct onecard_doc *d, const char *member);
/** Puts a value that stands alone, its name set, at the end of an array or object of its arena.
 * False: no memory. */
bool doc_append(struct onecard_doc *d, struct onecard_doc *value);

/** A configuration tree as a frozen document. NULL: no memory. */
struct onecard_doc *doc_from_conf(const struct conf_tree *tree, struct arena *a);

#endif
