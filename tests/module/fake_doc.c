/* Documents of the fake host: jansson's values behind the ABI's opaque type. A document that stands
 * by itself is counted twice, so that one which is part of another (counted once, by that) can be
 * told from it. */
#include "fake_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALONE 2

struct kept {
    struct kept *next;
    json_t *doc; /* NULL: memory follows */
    _Alignas(16) char mem[];
};
static struct kept *kept;
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
        } else if ((*c == '{' || *c == '[') && ++depth > FAKE_DEPTH) {
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
    if (!value || (!(json_is_boolean(v) || json_is_null(v)) && v->refcount != ALONE)) {
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
    h->doc_load = fake_doc_load;
    h->doc_place = fake_doc_place;
    h->folder_at = fake_folder_at;
}
