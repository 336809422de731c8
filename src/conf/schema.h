/* Configuration as tables: one row a key says its type, range, default, help and where the value
 * lies in a plain C struct. The same table fills the struct, finds misspelt keys, prints the sample
 * file and dumps what is in force.
 *
 *     struct listen { const char *host; uint16_t port; int64_t idle_ms; };
 *     static const struct conf_item listen_items[] = {
 *         {CONF_AT(struct listen, host, CONF_STRING), .dflt = "127.0.0.1", .help = "Address to
 * listen on."}, {CONF_AT(struct listen, port, CONF_INT), .min = 1, .max = 65535, .required = true,
 * .help = "Port."}, {CONF_KEY(struct listen, "idle", idle_ms, CONF_DURATION), .dflt = "30s", .help
 * = "…"},
 *     };
 *     static const struct conf_schema listen_schema = CONF_SCHEMA(struct listen, listen_items,
 * NULL);
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "conf/tree.h"
#include <stdint.h>

/* The type of a key, and in brackets that of the member. Integers may be of 1, 2, 4 or 8 bytes:
 * unsigned where min >= 0, signed where min < 0. `min` and `max` both 0: whatever the member holds
 * (0 and up). */
enum conf_type {
    CONF_STRING, /* [const char *] min…max bytes; NULL when absent without default */
    CONF_PATH, /* [const char *] a relative path counts from the folder of the configuration file */
    CONF_INT,  /* [integer] decimal, or hexadecimal after 0x */
    CONF_BOOL, /* [bool] true false yes no on off */
    CONF_FEN,  /* [fen_t] an amount in yuan: 12.50 */
    CONF_DURATION,    /* [int64_t] milliseconds, written 250ms 10s 5m 2h 2d */
    CONF_SIZE,        /* [int64_t] bytes, written 512B 64KiB 8MiB 2GiB */
    CONF_TIME_OF_DAY, /* [int] minutes after midnight, written "02:30" */
    CONF_HEX,         /* [uint8_t[n]] exactly n bytes in hexadecimal */
    CONF_HEXNUM,      /* [unsigned integer] exactly its bytes in hexadecimal, big-endian, as cards'
                         papers      write them: 0015 */
    CONF_BYTES,       /* [struct conf_bytes] min…max bytes in hexadecimal */
    CONF_BYTES_LIST,  /* [struct conf_bytes_list] a list of them; min…max bytes each */
    CONF_ENUM,        /* [enum] one of `words` */
    CONF_LIST,        /* [struct conf_list] texts; min…max of them */
    CONF_MAP,         /* [struct conf_map] text: text */
    CONF_SECTION, /* [struct of `section`], or with `optional` a pointer to it, NULL when absent */
    CONF_SECTION_MAP,  /* [struct conf_array] named sections; the element's first member is const
                          char *name */
    CONF_SECTION_LIST, /* [struct conf_array] sections in order; min…max of them */
    CONF_TREE          /* [const struct conf_node *] anything, looked at later; NULL when absent */
};

struct conf_bytes {
    const uint8_t *bytes;
    size_t len;
};
struct conf_bytes_list {
    const struct conf_bytes *items;
    size_t count;
};
struct conf_list {
    const char *const *items;
    size_t count;
};
struct conf_pair {
    const char *key, *value;
};
struct conf_map {
    const struct conf_pair *items;
    size_t count;
};
struct conf_array {
    void *items; /* of the element struct's size */
    size_t count;
};
struct conf_word {
    const char *name; /* NULL ends a list of words */
    int value;
};

struct conf_schema;
struct conf_item {
    const char *key;
    enum conf_type type;
    size_t offset, width; /* of the member */
    int64_t min, max;
    const char *dflt;                  /* as it would be written; NULL: zero */
    const char *help;                  /* one sentence for the sample file */
    const struct conf_word *words;     /* CONF_ENUM */
    const struct conf_schema *section; /* CONF_SECTION… */
    bool required;                     /* absent is a mistake */
    bool optional;                     /* CONF_SECTION: the member is a pointer */
    bool absent_zero; /* CONF_SECTION: absent leaves the member zero: no defaults, no check */
    bool secret;      /* the dump says only that it is set */
};

/** What a check hook is given. */
struct conf_check {
    const char *file;
    struct arena *arena; /* where the configuration lives */
    struct conf_errors *errors;
    /* the section's node; NULL when the section is absent (defaults) */
    const struct conf_node *node;
};
struct conf_schema {
    const struct conf_item *items;
    size_t count;
    size_t size; /* of the struct */
    /** Checks what single rows cannot, with conf_complain(); may fill derived members. Called only
     * when the rows of this section are right. May be NULL. */
    void (*check)(const struct conf_check *c, void *value);
};

#define CONF_KEY(S, name, member, kind)                                                            \
    .key = (name), .type = (kind), .offset = offsetof(S, member), .width = sizeof(((S *)0)->member)
#define CONF_AT(S, member, kind) CONF_KEY(S, #member, member, kind)
#define CONF_SCHEMA(S, rows, hook)                                                                 \
    {                                                                                              \
        .items = (rows), .count = ARRAY_LEN(rows), .size = sizeof(S), .check = (hook)              \
    }

/** Reports a mistake at the value of `key` in the checked section (at the section when `key` is
 * NULL or absent). */
void conf_complain(const struct conf_check *c, const char *key, const char *fmt, ...)
    PRINTF_FN(3, 4);
/** The same at a node. */
void conf_complain_at(const struct conf_check *c, const struct conf_node *node, const char *fmt,
                      ...) PRINTF_FN(3, 4);

/** Fills `out` (schema->size bytes, zeroed first) from `node` (NULL: defaults only). Goes on after
 * a mistake, so that all are found. Strings and lists lie in `arena`; the tree must live as long
 * when the table has CONF_TREE. OC_EINVAL: mistakes are in `errors`, `out` is half filled and must
 * not be used. OC_ENOMEM. */
int conf_fill(const struct conf_tree *tree, const struct conf_node *node,
              const struct conf_schema *schema, struct arena *arena, void *out,
              struct conf_errors *errors) MUST_USE;
/** conf_tree_read and conf_fill of the whole file. Errors of both. Blocks. */
int conf_load(const char *path, const struct conf_schema *schema, struct arena *arena, void *out,
              struct conf_errors *errors) MUST_USE WORKER_FN;

/** Bytes a member of this type takes (integers 8); 0 for CONF_SECTION and CONF_HEX, which know it
 * themselves. */
size_t conf_type_size(enum conf_type type);
/** For tables made at run time (modules): sets each row's offset and, where it is 0, its width;
 * returns the size of the struct they need. The result goes into a struct conf_schema. */
size_t conf_layout(struct conf_item *items, size_t count);
/** Where the value of `key` lies in a struct filled by this table, or NULL; *ret_item (may be NULL)
 * gets its row. */
const void *conf_value(const struct conf_schema *schema, const void *value, const char *key,
                       const struct conf_item **ret_item);

/** Appends the sample file: every key with its default, type and one sentence, indented by `indent`
 * blanks. What has a default stands there as a value, the rest as a comment; required keys say so.
 */
void conf_sample(const struct conf_schema *schema, int indent, struct buf *out);
/** Appends what is in force as YAML that would load again (secrets excepted), indented by `indent`
 * blanks. */
void conf_dump(const struct conf_schema *schema, const void *value, int indent, struct buf *out);

#endif
