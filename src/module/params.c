/* Parameters from outside: one flat JSON object, turned into texts once, checked against the
 * service's own table before the module sees anything. */
#include "module/internal.h"

#include "flow/flow.h"

#include <jansson.h>
#include <string.h>

static const char *value_text(const json_t *v, struct arena *a)
{
    if (json_is_string(v)) {
        return json_string_length(v) <= PARAM_TEXT_MAX ? arena_strdup(a, json_string_value(v))
                                                       : NULL;
    }
    if (json_is_integer(v)) {
        return arena_printf(a, "%lld", (long long)json_integer_value(v));
    }
    if (json_is_boolean(v)) {
        return json_is_true(v) ? "true" : "false";
    }
    return NULL;
}

static int read_members(json_t *root, struct arena *a, struct params *ret, const char **ret_why)
{
    if (json_object_size(root) > PARAM_COUNT_MAX) {
        *ret_why = "too many parameters";
        return OC_EPARSE;
    }
    struct params p = {arena_alloc(a, (json_object_size(root) + 1) * sizeof(struct param)), 0};
    if (!p.items) {
        return OC_ENOMEM;
    }
    const char *key;
    json_t *v;
    json_object_foreach(root, key, v)
    {
        if (json_is_null(v)) {
            continue;
        }
        struct param *item = &p.items[p.count++];
        item->name = arena_strdup(a, key);
        item->text = value_text(v, a);
        if (!item->name || !item->text) {
            *ret_why = arena_printf(
                a, "%.40s is neither a text of at most %d bytes nor an integer nor a boolean", key,
                PARAM_TEXT_MAX);
            return OC_EPARSE;
        }
    }
    *ret = p;
    return 0;
}

int params_parse(const char *text, struct arena *a, struct params *ret, const char **ret_why)
{
    if (!text || !*text) {
        *ret = (struct params){0};
        return 0;
    }
    size_t len = strlen(text);
    *ret_why = "not a JSON object";
    if (!text_depth_ok(text, len, TEXT_DEPTH_MAX)) {
        *ret_why = "JSON nested too deep";
        return OC_EPARSE;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    int rc = json_is_object(root) ? read_members(root, a, ret, ret_why) : OC_EPARSE;
    json_decref(root);
    return rc;
}

const char *params_get(const struct params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->items[i].name, name) == 0) {
            return p->items[i].text;
        }
    }
    return NULL;
}

static const struct onecard_param *row_of(const struct onecard_service *s, const char *name)
{
    for (size_t i = 0; i < s->param_count; i++) {
        if (strcmp(s->params[i].name, name) == 0) {
            return &s->params[i];
        }
    }
    return NULL;
}

static const char *unknown_param(const struct onecard_service *s, const char *name, struct arena *a)
{
    const char **words = arena_alloc(a, (s->param_count + 1) * sizeof(*words));
    for (size_t i = 0; words && i < s->param_count; i++) {
        words[i] = s->params[i].name;
    }
    const char *near = words ? conf_nearest(name, words) : NULL;
    return near
               ? arena_printf(a, "%s has no parameter %.40s: did you mean %s?", s->name, name, near)
               : arena_printf(a, "%s has no parameter %.40s", s->name, name);
}

int params_check(const struct params *p, const struct onecard_service *s, struct arena *a,
                 const char **ret_why)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!row_of(s, p->items[i].name)) {
            *ret_why = unknown_param(s, p->items[i].name, a);
            return OC_EREFUSED;
        }
    }
    for (size_t i = 0; i < s->param_count; i++) {
        if (s->params[i].required && !params_get(p, s->params[i].name)) {
            *ret_why = arena_printf(a, "the parameter %s is missing", s->params[i].name);
            return OC_EREFUSED;
        }
    }
    return 0;
}
