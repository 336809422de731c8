/* YAML files for modules' load(), by the fake host: jansson's values, each with its place. */
#include "fake_inside.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct place {
    struct place *next;
    const json_t *v;
    char text[160];
};
static struct place *places; /* of documents that were loaded: they stay */

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
    if (depth > FAKE_DEPTH) {
        return wrong(l, &e->start_mark, "nested too deep");
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT: {
        json_t *v = scalar(e);
        /* true and false are one value each in jansson: they have no place */
        return json_is_boolean(v) ? v : placed(l, &e->start_mark, v);
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
struct onecard_doc *fake_doc_load(const struct onecard_conf *conf, const char *path,
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
    return (struct onecard_doc *)(void *)root;
}

const char *fake_doc_place(const struct onecard_doc *d)
{
    for (const struct place *p = places; p && d; p = p->next) {
        if (p->v == fake_json(d) && p->text[0]) {
            return p->text;
        }
    }
    return "";
}

const char *fake_folder_at(const struct onecard_conf *conf, const char *folder, const char *suffix,
                           size_t i)
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
