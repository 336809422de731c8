/* Bodies and queries by tables: what is missing, misspelt or of the wrong kind is named. */
#include "serve/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 32

const char *api_hint(const char *wrong, const char *const *words)
{
    const char *near = conf_nearest(wrong, words);
    const char *text = near ? arena_printf(flow_arena(), ": did you mean \"%s\"?", near) : "";
    return text ? text : "";
}

static int unknown_field(struct api_call *c, const char *where, const char *name,
                         const struct field *fields, size_t count)
{
    const char *names[FIELDS_MAX + 1];
    size_t n = 0;
    for (; n < count && n < FIELDS_MAX; n++)
        names[n] = fields[n].name;
    names[n] = NULL;
    return api_fail(c, 400, "unknown_field", "unknown field \"%.60s\"%s%s%s", name,
                    where ? " in " : "", where ? where : "", api_hint(name, names));
}

static int wrong(struct api_call *c, const struct field *f, const char *wants)
{
    return api_fail(c, 400, "bad_field", "\"%s\" must be %s", f->name, wants);
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static int read_text(struct api_call *c, const struct field *f, const json_t *v)
{
    char wants[80];
    const char *s = json_string_value(v);
    if (!s || json_string_length(v) != strlen(s) || has_control(s))
        return wrong(c, f, "a text without control characters");
    if (strlen(s) >= f->size || (f->required && *s == '\0')) {
        (void)snprintf(wants, sizeof wants, "a text of %d to %zu bytes", f->required ? 1 : 0,
                       f->size - 1);
        return wrong(c, f, wants);
    }
    memcpy(f->out, s, strlen(s) + 1);
    return 0;
}

static int read_int(struct api_call *c, const struct field *f, const json_t *v)
{
    char wants[96];
    int64_t n = json_integer_value(v);
    if (json_is_integer(v) && n >= f->min && n <= f->max) {
        memcpy(f->out, &n, sizeof n);
        return 0;
    }
    (void)snprintf(wants, sizeof wants, "a whole number from %lld to %lld", (long long)f->min,
                   (long long)f->max);
    return wrong(c, f, wants);
}

static int read_date(struct api_call *c, const struct field *f, const json_t *v)
{
    date_t d;
    if (!json_is_string(v) || date_parse(json_string_value(v), &d) != 0)
        return wrong(c, f, "a date such as \"2026-11-21\"");
    memcpy(f->out, &d, sizeof d);
    return 0;
}

static int read_hex(struct api_call *c, const struct field *f, const json_t *v)
{
    char wants[64];
    if (json_is_string(v) && hex_decode(json_string_value(v), f->out, f->size) == 0)
        return 0;
    (void)snprintf(wants, sizeof wants, "%zu hexadecimal digits", 2 * f->size);
    return wrong(c, f, wants);
}

static int read_json(struct api_call *c, const struct field *f, json_t *v)
{
    if (f->kind == FIELD_OBJECT && !json_is_object(v))
        return wrong(c, f, "an object: {…}");
    if (f->kind == FIELD_ARRAY && !json_is_array(v))
        return wrong(c, f, "a list: […]");
    memcpy(f->out, &v, sizeof(json_t *));
    return 0;
}

static int read_field(struct api_call *c, const struct field *f, json_t *v)
{
    bool yes = json_is_true(v);
    switch (f->kind) {
    case FIELD_TEXT:
        return read_text(c, f, v);
    case FIELD_INT:
        return read_int(c, f, v);
    case FIELD_DATE:
        return read_date(c, f, v);
    case FIELD_HEX:
        return read_hex(c, f, v);
    case FIELD_BOOL:
        if (!json_is_boolean(v))
            return wrong(c, f, "true or false");
        memcpy(f->out, &yes, sizeof yes);
        return 0;
    default:
        return read_json(c, f, v);
    }
}

static bool is_known(const char *name, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return true;
    return false;
}

int api_object_fields(struct api_call *c, json_t *object, const char *where,
                      const struct field *fields, size_t count)
{
    const char *name;
    json_t *v;
    CHECK(count <= FIELDS_MAX);
    for (size_t i = 0; i < count; i++) /* also where the reading ends early */
        if (fields[i].present)
            *fields[i].present = false;
    json_object_foreach(object, name, v)
    {
        if (!is_known(name, fields, count))
            return unknown_field(c, where, name, fields, count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct field *f = &fields[i];
        v = json_object_get(object, f->name);
        if (json_is_null(v))
            v = NULL;
        if (f->present && v)
            *f->present = true;
        if (!v && f->required)
            return api_fail(c, 400, "missing_field", "\"%s\"%s%s is missing", f->name,
                            where ? " of " : "", where ? where : "");
        int rc = v ? read_field(c, f, v) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int api_fields(struct api_call *c, const struct field *fields, size_t count)
{
    return api_object_fields(c, c->body, NULL, fields, count);
}

/* ---- the query ---- */

static bool is_one_of(const char *name, const char *const *known)
{
    for (; known && *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

int api_query_known(struct api_call *c, const char *const *known)
{
    static const char *const none[] = {NULL};
    const char *name, *other;
    for (size_t i = 0; (name = http_query_name(c->req, i)) != NULL; i++) {
        if (!is_one_of(name, known))
            return api_fail(c, 400, "bad_query", "unknown query member \"%.60s\"%s", name,
                            api_hint(name, known ? known : none));
        for (size_t k = 0; k < i && (other = http_query_name(c->req, k)) != NULL; k++)
            if (strcmp(name, other) == 0)
                return api_fail(c, 400, "bad_query", "?%.60s= is there twice", name);
    }
    return 0;
}

int api_query_int(struct api_call *c, const char *name, int64_t dflt, int64_t *ret)
{
    const char *text = http_query(c->req, name);
    char *end;
    *ret = dflt;
    if (!text || *text == '\0')
        return 0;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || v < 0)
        return api_fail(c, 400, "bad_query", "?%s= must be a whole number", name);
    *ret = v;
    return 0;
}

int api_limit(struct api_call *c, unsigned *ret_limit)
{
    int64_t v;
    int rc = api_query_int(c, "limit", API_LIMIT, &v);
    if (rc == 0 && (v < 1 || v > API_LIMIT_MAX))
        rc = api_fail(c, 400, "bad_query", "?limit= must be 1 to %d", API_LIMIT_MAX);
    if (rc == 0)
        *ret_limit = (unsigned)v;
    return rc;
}

int api_query_txn(struct api_call *c, const char *name, int64_t *ret)
{
    const char *text = http_query(c->req, name);
    *ret = 0;
    if (!text || *text == '\0')
        return 0;
    if (ident_parse(text, ret) != 0)
        return api_fail(c, 400, "bad_query", "?%s= must be a transaction id of 13 characters",
                        name);
    return 0;
}

json_t *api_page(json_t *list, json_t *next)
{
    return json_pack("{s:o, s:o}", "items", list, "next", next);
}

bool api_id_ok(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len < LEDGER_ID && id[0] != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

struct ledger_op *api_op(struct api_call *c, enum ledger_op_type type)
{
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    if (!op) {
        (void)api_no_memory(c);
        return NULL;
    }
    op->type = (uint8_t)type;
    (void)snprintf(op->who, sizeof op->who, "%s", c->who);
    return op;
}
