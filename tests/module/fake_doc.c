/* Documents of the fake host: jansson's values behind the ABI's opaque type. A document that stands
 * by itself is counted twice, so that one which is part of another (counted once, by that) can be
 * told from it. */
#include "fake_inside.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <yaml.h>

#define ALONE 2
#define DEPTH 32

struct kept {
    struct kept *next;
    json_t *doc; /* NULL: memory follows */
    _Alignas(16) char mem[];
};
struct place {
    struct place *next;
    const json_t *v;
    char text[160];
};
static struct kept *kept;
static struct place *places; /* of documents that were loaded: they stay */
static bool spoilt;

static struct kept *keep_new(size_t size)
{
    struct kept *k = calloc(1, sizeof(*k) + size);
    if (!k) {
        abort();
    }
    k->next = kept;
    kept = k;
    return k;
}

void *fake_alloc(size_t size)
{
    return keep_new(size)->mem;
}

char *fake_strdup(const char *s)
{
    char *copy = fake_alloc(strlen(s) + 1);
    memcpy(copy, s, strlen(s) + 1);
    return copy;
}

void fake_reset(void)
{
    while (kept) {
        struct kept *next = kept->next;
        if (kept->doc) {
            json_decref(kept->doc);
            json_decref(kept->doc);
        }
        free(kept);
        kept = next;
    }
}

bool fake_doc_spoilt(void)
{
    bool was = spoilt;
    spoilt = false;
    return was;
}

/* The ABI's constant documents are jansson's, whose readers take no const. */
json_t *fake_json(const struct onecard_doc *d)
{
    union {
        const struct onecard_doc *c;
        json_t *m;
    } p = {.c = d};
    return p.m;
}

static struct onecard_doc *doc_of(json_t *v)
{
    return (struct onecard_doc *)(void *)v;
}

struct onecard_doc *fake_doc_take(json_t *v)
{
    if (v) {
        keep_new(0)->doc = json_incref(v);
    }
    return doc_of(v);
}

static bool depth_ok(const char *json)
{
    int depth = 0;
    bool text = false;
    for (const char *c = json; *c; c++) {
        if (text) {
            c += *c == '\\' && c[1] ? 1 : 0;
            text = *c != '"';
        } else if (*c == '"') {
            text = true;
        } else if ((*c == '{' || *c == '[') && ++depth > DEPTH) {
            return false;
        } else if (*c == '}' || *c == ']') {
            depth--;
        }
    }
    return true;
}

struct onecard_doc *fake_doc_new(const char *json)
{
    if (!json || !depth_ok(json)) {
        return NULL;
    }
    /* true, false and null are jansson's own, never counted: they do for reading */
    return fake_doc_take(json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL));
}

char *fake_dump(const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    char *copy = text ? fake_strdup(text) : NULL;
    free(text);
    return copy;
}

const char *fake_doc_text(struct onecard_plan *p, const struct onecard_doc *d, const char *what)
{
    const json_t *v = fake_json(d);
    if (!json_is_object(v)) {
        fake_mistake(p, what);
        return NULL;
    }
    const char *text = fake_dump(v);
    if (text && strlen(text) > ONECARD_DOC_BYTES) {
        fake_mistake(p, "a document is longer than 65,535 bytes");
    }
    return text;
}

static struct onecard_doc *h_parse(const struct onecard_request *req, const char *json)
{
    (void)req;
    return fake_doc_new(json);
}

static struct onecard_doc *h_object(const struct onecard_request *req)
{
    (void)req;
    return fake_doc_take(json_object());
}

static struct onecard_doc *h_array(const struct onecard_request *req)
{
    (void)req;
    return fake_doc_take(json_array());
}

static struct onecard_doc *h_get(const struct onecard_doc *d, const char *member)
{
    return doc_of(json_object_get(fake_json(d), member));
}

static size_t h_count(const struct onecard_doc *d)
{
    const json_t *v = fake_json(d);
    return json_is_object(v) ? json_object_size(v) : json_is_array(v) ? json_array_size(v) : 0;
}

static struct onecard_doc *h_at(const struct onecard_doc *d, size_t i, const char **ret_name)
{
    json_t *v = fake_json(d);
    if (json_is_array(v)) {
        return doc_of(json_array_get(v, i));
    }
    if (!json_is_object(v)) {
        return NULL;
    }
    const char *key;
    json_t *member;
    json_object_foreach(v, key, member)
    {
        if (i-- == 0) {
            if (ret_name) {
                *ret_name = key;
            }
            return doc_of(member);
        }
    }
    return NULL;
}

static const char *h_as_text(const struct onecard_doc *d)
{
    return d ? json_string_value(fake_json(d)) : NULL;
}

static int h_as_int(const struct onecard_doc *d, int64_t *ret)
{
    if (!d) {
        return OC_ENOENT;
    }
    if (!json_is_integer(fake_json(d))) {
        return OC_EINVAL;
    }
    *ret = (int64_t)json_integer_value(fake_json(d));
    return 0;
}

static bool h_as_bool(const struct onecard_doc *d, bool absent)
{
    const json_t *v = fake_json(d);
    return d && json_is_boolean(v) ? json_is_true(v) : absent;
}

static bool is_constant(const json_t *v)
{
    return json_is_boolean(v) || json_is_null(v);
}

/* Takes v. */
static void put(struct onecard_doc *d, const char *member, json_t *v)
{
    json_t *to = fake_json(d);
    int rc = !d || !v                       ? -1
             : member && json_is_object(to) ? json_object_set(to, member, v)
             : !member && json_is_array(to) ? json_array_append(to, v)
                                            : -1;
    spoilt = spoilt || rc != 0;
    json_decref(v);
}

static void h_set(struct onecard_doc *d, const char *member, struct onecard_doc *value)
{
    json_t *v = fake_json(value);
    if (!value || (!is_constant(v) && v->refcount != ALONE)) {
        spoilt = true;
        return;
    }
    put(d, member, json_incref(v));
}

static void h_set_text(struct onecard_doc *d, const char *member, const char *value)
{
    put(d, member, value ? json_string(value) : NULL);
}

static void h_set_int(struct onecard_doc *d, const char *member, int64_t value)
{
    put(d, member, json_integer(value));
}

static void h_set_bool(struct onecard_doc *d, const char *member, bool value)
{
    put(d, member, json_boolean(value));
}

static void h_remove(struct onecard_doc *d, const char *member)
{
    if (d) {
        json_object_del(fake_json(d), member);
    }
}

static const char *h_text_of(const struct onecard_request *req, const struct onecard_doc *d)
{
    (void)req;
    return d ? fake_dump(fake_json(d)) : NULL;
}

/* ---- YAML ------------------------------------------------------------------------------------ */

struct loading {
    yaml_parser_t parser;
    const char *path;
    char why[256];
};

static json_t *read_event(struct loading *l, const yaml_event_t *e, unsigned depth);

static void *wrong(struct loading *l, const yaml_mark_t *m, const char *what)
{
    if (!l->why[0]) {
        snprintf(l->why, sizeof(l->why), "%s:%zu:%zu: %s", l->path, m->line + 1, m->column + 1,
                 what);
    }
    return NULL;
}

static json_t *placed(struct loading *l, const yaml_mark_t *m, json_t *v)
{
    struct place *p = calloc(1, sizeof(*p));
    if (!p || !v) {
        abort();
    }
    p->next = places;
    p->v = v;
    snprintf(p->text, sizeof(p->text), "%s:%zu:%zu", l->path, m->line + 1, m->column + 1);
    places = p;
    return v;
}

static json_t *scalar(const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    char *end;
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return json_string(text);
    }
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return json_boolean(strcmp(text, "true") == 0);
    }
    const char *digits = *text == '-' ? text + 1 : text;
    bool whole = *digits && strspn(digits, "0123456789") == strlen(digits) &&
                 strlen(digits) <= 18 && (*digits != '0' || !digits[1]);
    return whole ? json_integer(strtoll(text, &end, 10)) : json_string(text);
}

static bool next(struct loading *l, yaml_event_t *e)
{
    if (!yaml_parser_parse(&l->parser, e)) {
        wrong(l, &l->parser.problem_mark, l->parser.problem ? l->parser.problem : "no YAML");
        return false;
    }
    return true;
}

static json_t *sequence(struct loading *l, const yaml_mark_t *m, unsigned depth)
{
    json_t *v = placed(l, m, json_array());
    for (;;) {
        yaml_event_t e;
        if (!next(l, &e)) {
            break;
        }
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        json_t *item = end ? NULL : read_event(l, &e, depth);
        yaml_event_delete(&e);
        if (item) {
            json_array_append_new(v, item);
        } else {
            break;
        }
    }
    return v;
}

static bool member(struct loading *l, json_t *v, const yaml_event_t *key, unsigned depth)
{
    yaml_event_t e;
    const char *name = (const char *)key->data.scalar.value;
    if (json_object_get(v, name)) {
        wrong(l, &key->start_mark, "this key is there twice");
        return false;
    }
    if (!next(l, &e)) {
        return false;
    }
    json_t *item = read_event(l, &e, depth);
    yaml_event_delete(&e);
    return item && json_object_set_new(v, name, item) == 0;
}

static json_t *mapping(struct loading *l, const yaml_mark_t *m, unsigned depth)
{
    json_t *v = placed(l, m, json_object());
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!next(l, &e)) {
            break;
        }
        if (e.type == YAML_SCALAR_EVENT) {
            more = member(l, v, &e, depth);
        } else {
            more = false;
            if (e.type != YAML_MAPPING_END_EVENT) {
                wrong(l, &e.start_mark, "a key is one word");
            }
        }
        yaml_event_delete(&e);
    }
    return v;
}

static json_t *read_event(struct loading *l, const yaml_event_t *e, unsigned depth)
{
    if (depth > DEPTH) {
        return wrong(l, &e->start_mark, "nested too deep");
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT: {
        json_t *v = scalar(e);
        /* true and false are one value each in jansson: they have no place */
        return is_constant(v) ? v : placed(l, &e->start_mark, v);
    }
    case YAML_SEQUENCE_START_EVENT:
        return sequence(l, &e->start_mark, depth + 1);
    case YAML_MAPPING_START_EVENT:
        return mapping(l, &e->start_mark, depth + 1);
    default:
        return wrong(l, &e->start_mark, "aliases and tags are not taken");
    }
}

static json_t *load_stream(struct loading *l)
{
    json_t *root = NULL;
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!next(l, &e)) {
            break;
        }
        if (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
            e.type == YAML_MAPPING_START_EVENT) {
            root = root ? (wrong(l, &e.start_mark, "more than one document"), root)
                        : read_event(l, &e, 1);
        }
        more = e.type != YAML_STREAM_END_EVENT && !l->why[0];
        yaml_event_delete(&e);
    }
    return root ? root : json_object();
}

static const char *path_in(const struct onecard_conf *conf, const char *path)
{
    char full[1024];
    const char *folder = conf ? fake_find(conf->values, "*folder") : NULL;
    snprintf(full, sizeof(full), "%s/%s", folder ? folder : ".", path);
    return *path == '/' ? path : fake_strdup(full);
}

/* What was loaded must outlast fake_reset(): it is counted once and kept by its places. */
static struct onecard_doc *h_load(const struct onecard_conf *conf, const char *path,
                                  const char **ret_why)
{
    struct loading l = {.path = path_in(conf, path)};
    FILE *in = fopen(l.path, "rb");
    json_t *root = NULL;
    if (!in) {
        snprintf(l.why, sizeof(l.why), "%s: there is no such file, or it may not be read", l.path);
    } else {
        yaml_parser_initialize(&l.parser);
        yaml_parser_set_input_file(&l.parser, in);
        root = load_stream(&l);
        yaml_parser_delete(&l.parser);
        fclose(in);
    }
    if (l.why[0]) {
        *ret_why = fake_strdup(l.why);
        return NULL;
    }
    struct place *owner = calloc(1, sizeof(*owner));
    if (!owner) {
        abort();
    }
    *owner = (struct place){.next = places, .v = root};
    places = owner;
    return doc_of(root);
}

static const char *h_place(const struct onecard_doc *d)
{
    for (const struct place *p = places; p && d; p = p->next) {
        if (p->v == fake_json(d) && p->text[0]) {
            return p->text;
        }
    }
    return "";
}

static const char *h_folder_at(const struct onecard_conf *conf, const char *folder,
                               const char *suffix, size_t i)
{
    const char *dir = path_in(conf, folder);
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    const char *found = NULL;
    for (int j = 0; j < n; j++) {
        size_t len = strlen(names[j]->d_name), tail = strlen(suffix);
        if (names[j]->d_name[0] != '.' && len >= tail &&
            strcmp(names[j]->d_name + len - tail, suffix) == 0 && i-- == 0) {
            char full[1300];
            snprintf(full, sizeof(full), "%s/%s", dir, names[j]->d_name);
            found = fake_strdup(full);
        }
        free(names[j]);
    }
    free(names);
    return found;
}

const char *fake_at(const char *json, const char *path)
{
    struct onecard_doc *root = fake_doc_new(json);
    const json_t *v = fake_json(root);
    char word[64];
    while (v && *path) {
        size_t len = strcspn(path, ".");
        snprintf(word, sizeof(word), "%.*s", (int)len, path);
        v = json_is_array(v) ? json_array_get(v, strtoul(word, NULL, 10))
                             : json_object_get(v, word);
        path += path[len] ? len + 1 : len;
    }
    return !v ? NULL : json_is_string(v) ? json_string_value(v) : fake_dump(v);
}

void fake_doc_table(struct onecard_host *h)
{
    h->doc_parse = h_parse;
    h->doc_object = h_object;
    h->doc_array = h_array;
    h->doc_get = h_get;
    h->doc_count = h_count;
    h->doc_at = h_at;
    h->doc_as_text = h_as_text;
    h->doc_as_int = h_as_int;
    h->doc_as_bool = h_as_bool;
    h->doc_set = h_set;
    h->doc_set_text = h_set_text;
    h->doc_set_int = h_set_int;
    h->doc_set_bool = h_set_bool;
    h->doc_remove = h_remove;
    h->doc_text_of = h_text_of;
    h->doc_load = h_load;
    h->doc_place = h_place;
    h->folder_at = h_folder_at;
}
