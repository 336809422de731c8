/* Why events and not libyaml's documents: events carry the place of each thing, and bounds hold
 * while reading, not after. Invariant: everything open is in `open[0…depth)`, outermost first. */
#include "conf/tree.h"

#include <string.h>
#include <yaml.h>

#define KEY_MAX 128

struct level {
    struct conf_node *node;
    uint32_t serial;           /* tells mappings apart in the set of keys */
    struct conf_node *pending; /* mapping: a key was read, its value comes next */
};
struct builder {
    const char *file;
    struct arena *arena;
    struct conf_errors *errors;
    struct map
        keys; /* mapping serial + key -> node: finds duplicates without comparing all pairs */
    struct level open[CONF_DEPTH_MAX];
    size_t depth;
    size_t nodes;
    uint32_t serial;
    struct conf_node *root;
    size_t documents;
    bool wrong; /* reported, but reading goes on to find more */
    int err;    /* reading stops */
};

static void complain(struct builder *b, const yaml_mark_t *at, const char *text)
{
    conf_errors_add(b->errors, b->file, (int)at->line + 1, (int)at->column + 1, "%s", text);
    b->wrong = true;
}

static void stop(struct builder *b, const yaml_mark_t *at, int err, const char *text)
{
    complain(b, at, text);
    b->err = err;
}

static struct conf_node *new_node(struct builder *b, const yaml_mark_t *at, enum conf_kind kind)
{
    if (++b->nodes > CONF_NODES_MAX) {
        stop(b, at, OC_ELIMIT, "too many values: at most 100000 in a file");
        return NULL;
    }
    struct conf_node *n = arena_alloc(b->arena, sizeof(*n));
    if (!n) {
        b->err = OC_ENOMEM;
        return NULL;
    }
    n->kind = kind;
    n->line = (int)at->line + 1;
    n->col = (int)at->column + 1;
    return n;
}

static void remember_key(struct builder *b, const yaml_mark_t *at, struct level *top,
                         struct conf_node *n)
{
    uint8_t id[4 + KEY_MAX];
    size_t len = strlen(n->key);

    put_be32(id, top->serial);
    memcpy(id + 4, n->key, len);
    struct conf_node *first = map_get(&b->keys, id, 4 + len);
    if (first) {
        conf_errors_add(b->errors, b->file, n->key_line, n->key_col,
                        "'%s' stands here a second time; the first is in line %d", n->key,
                        first->key_line);
        b->wrong = true;
        return;
    }
    int rc = map_put(&b->keys, id, 4 + len, n);
    if (rc == OC_ENOMEM)
        b->err = rc;
    else if (rc != 0)
        stop(b, at, rc, "this key is too long");
}

/* A scalar where a mapping wants a key. */
static void take_key(struct builder *b, const yaml_event_t *ev, struct level *top)
{
    size_t len = ev->data.scalar.length;
    const char *text = (const char *)ev->data.scalar.value;

    if (len > KEY_MAX || memchr(text, 0, len)) {
        stop(b, &ev->start_mark, OC_ELIMIT,
             "this key is too long or holds a NUL: at most 128 bytes");
        return;
    }
    struct conf_node *n = new_node(b, &ev->start_mark, CONF_SCALAR);
    if (!n)
        return;
    n->key = arena_strdup(b->arena, text);
    n->key_line = n->line;
    n->key_col = n->col;
    if (!n->key) {
        b->err = OC_ENOMEM;
        return;
    }
    top->pending = n;
    remember_key(b, &ev->start_mark, top, n);
}

static void add_child(struct conf_node *parent, struct conf_node *n)
{
    if (parent->last)
        parent->last->next = n;
    else
        parent->first = n;
    parent->last = n;
    parent->count++;
}

/* The node of a value that begins here, put in its place; NULL after an error. */
static struct conf_node *place(struct builder *b, const yaml_mark_t *at, enum conf_kind kind)
{
    struct level *top = b->depth ? &b->open[b->depth - 1] : NULL;
    struct conf_node *n;

    if (top && top->node->kind == CONF_MAPPING) {
        n = top->pending;
        if (!n) {
            stop(b, at, OC_EPARSE, "a key must be a single word, not a list or a section");
            return NULL;
        }
        top->pending = NULL;
        n->kind = kind;
        n->line = (int)at->line + 1;
        n->col = (int)at->column + 1;
    } else {
        n = new_node(b, at, kind);
        if (!n)
            return NULL;
    }
    if (top)
        add_child(top->node, n);
    else
        b->root = n;
    return n;
}

static void begin(struct builder *b, const yaml_event_t *ev, enum conf_kind kind)
{
    struct conf_node *n = place(b, &ev->start_mark, kind);

    if (!n)
        return;
    if (b->depth == CONF_DEPTH_MAX) {
        stop(b, &ev->start_mark, OC_ELIMIT, "nested too deep: at most 32 levels");
        return;
    }
    b->open[b->depth++] = (struct level){.node = n, .serial = ++b->serial};
}

static void refuse_extras(struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor)
        complain(b, &ev->start_mark, "anchors (&name) are not taken here: write the value out");
    if (tag)
        complain(b, &ev->start_mark, "tags (!name) are not taken here");
}

static void take_scalar(struct builder *b, const yaml_event_t *ev)
{
    struct level *top = b->depth ? &b->open[b->depth - 1] : NULL;
    const char *text = (const char *)ev->data.scalar.value;
    size_t len = ev->data.scalar.length;

    refuse_extras(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
    if (top && top->node->kind == CONF_MAPPING && !top->pending) {
        take_key(b, ev, top);
        return;
    }
    struct conf_node *n = place(b, &ev->start_mark, CONF_SCALAR);
    if (!n)
        return;
    if (memchr(text, 0, len))
        complain(b, &ev->start_mark, "this text holds a NUL character");
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    char *copy = arena_alloc(b->arena, len + 1);
    if (!copy) {
        b->err = OC_ENOMEM;
        return;
    }
    memcpy(copy, text, len);
    n->text = copy;
}

static void take_alias(struct builder *b, const yaml_event_t *ev)
{
    complain(b, &ev->start_mark, "aliases (*name) are not taken here: write the value out");
    struct level *top = b->depth ? &b->open[b->depth - 1] : NULL;
    if (top && top->node->kind == CONF_MAPPING && !top->pending) {
        b->err = OC_EPARSE; /* an alias as a key: nothing sensible follows */
        return;
    }
    struct conf_node *n = place(b, &ev->start_mark, CONF_SCALAR);
    if (n)
        n->text = "";
}

static void take(struct builder *b, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            stop(b, &ev->start_mark, OC_EPARSE, "a second document begins here: a file holds one");
        break;
    case YAML_ALIAS_EVENT:
        take_alias(b, ev);
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(b, ev);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_extras(b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
        begin(b, ev, CONF_SEQUENCE);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_extras(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
        begin(b, ev, CONF_MAPPING);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        break;
    default:
        break;
    }
}

static void syntax_error(struct builder *b, const yaml_parser_t *p)
{
    const yaml_mark_t *at = &p->problem_mark;

    b->err = p->error == YAML_MEMORY_ERROR ? OC_ENOMEM : OC_EPARSE;
    if (p->error == YAML_READER_ERROR)
        conf_errors_add(b->errors, b->file, (int)p->mark.line + 1, (int)p->mark.column + 1,
                        "not readable as UTF-8 text: %s at byte %zu", p->problem,
                        p->problem_offset);
    else if (p->context)
        conf_errors_add(b->errors, b->file, (int)at->line + 1, (int)at->column + 1,
                        "not YAML: %s (%s that began in line %d)", p->problem, p->context,
                        (int)p->context_mark.line + 1);
    else
        conf_errors_add(b->errors, b->file, (int)at->line + 1, (int)at->column + 1, "not YAML: %s",
                        p->problem ? p->problem : "out of memory");
}

static void read_events(struct builder *b, yaml_parser_t *p)
{
    bool done = false;

    while (!done && !b->err) {
        yaml_event_t ev;
        if (!yaml_parser_parse(p, &ev)) {
            syntax_error(b, p);
            return;
        }
        done = ev.type == YAML_STREAM_END_EVENT;
        take(b, &ev);
        yaml_event_delete(&ev);
    }
}

static int finish(struct builder *b, struct conf_tree *ret_tree)
{
    if (b->err)
        return b->err;
    if (b->wrong)
        return OC_EPARSE;
    if (!b->root || conf_is_null(b->root)) {
        b->root = arena_alloc(b->arena, sizeof(*b->root));
        if (!b->root)
            return OC_ENOMEM;
        *b->root = (struct conf_node){.kind = CONF_MAPPING, .line = 1, .col = 1};
    }
    *ret_tree = (struct conf_tree){.file = b->file, .root = b->root};
    return 0;
}

int conf_tree_parse(const char *file, const void *text, size_t len, struct arena *arena,
                    struct conf_errors *errors, struct conf_tree *ret_tree)
{
    struct builder b = {.arena = arena, .errors = errors};
    yaml_parser_t parser;

    b.file = arena_strdup(arena, file ? file : "-");
    if (!b.file)
        return OC_ENOMEM;
    if (len > CONF_TEXT_MAX) {
        conf_errors_add(errors, b.file, 0, 0, "the file is larger than 1 MiB");
        return OC_ELIMIT;
    }
    if (!yaml_parser_initialize(&parser))
        return OC_ENOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, len ? text : (const void *)"", len);
    map_init(&b.keys, 0x6f6e656361726421u ^ (uintptr_t)arena);
    read_events(&b, &parser);
    map_fini(&b.keys);
    yaml_parser_delete(&parser);
    return finish(&b, ret_tree);
}

int conf_tree_read(const char *path, struct arena *arena, struct conf_errors *errors,
                   struct conf_tree *ret_tree)
{
    struct buf text;

    buf_init(&text, CONF_TEXT_MAX + 1);
    int rc = file_read(path, &text);
    if (rc == OC_ENOENT)
        conf_errors_add(errors, path, 0, 0, "there is no such file");
    else if (rc == OC_ELIMIT)
        conf_errors_add(errors, path, 0, 0, "the file is larger than 1 MiB");
    else if (rc != 0)
        conf_errors_add(errors, path, 0, 0, "the file cannot be read: %s", oc_strerror(rc));
    else
        rc = conf_tree_parse(path, text.data, text.len, arena, errors, ret_tree);
    buf_fini(&text);
    return rc;
}

const struct conf_node *conf_child(const struct conf_node *node, const char *key)
{
    if (!node || node->kind != CONF_MAPPING)
        return NULL;
    for (const struct conf_node *n = node->first; n; n = n->next) {
        if (strcmp(n->key, key) == 0)
            return n;
    }
    return NULL;
}

const struct conf_node *conf_subtree(const struct conf_tree *tree, const char *path)
{
    const struct conf_node *n = tree->root;
    char key[KEY_MAX + 1];

    while (n && *path) {
        size_t len = strcspn(path, ".");
        if (len > KEY_MAX)
            return NULL;
        memcpy(key, path, len);
        key[len] = '\0';
        n = conf_child(n, key);
        path += len;
        path += *path == '.';
    }
    return n;
}

bool conf_is_null(const struct conf_node *node)
{
    if (!node || node->kind != CONF_SCALAR || node->quoted)
        return false;
    return !node->text || !*node->text || strcmp(node->text, "~") == 0 ||
           strcmp(node->text, "null") == 0;
}
