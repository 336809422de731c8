/* Parameters from outside: one flat JSON object, turned into texts once, checked against the
 * service's own table before the module sees anything. */
#include "module/internal.h"

#include <string.h>

static const char *value_text(const struct onecard_doc *v, struct arena *a, size_t max)
{
    switch ((enum doc_kind)v->kind) {
    case DOC_TEXT:
        return strlen(v->text) <= max ? arena_strdup(a, v->text) : NULL;
    case DOC_INT:
        return arena_printf(a, "%lld", (long long)v->number);
    case DOC_TRUE:
        return "true";
    case DOC_FALSE:
        return "false";
    default:
        return NULL;
    }
}

int params_from_doc(const struct onecard_doc *d, size_t text_max, struct arena *a,
                    struct params *ret, const char **ret_why)
{
    if (d && d->kind != DOC_OBJECT) {
        *ret_why = "not a JSON object";
        return OC_EPARSE;
    }
    if (doc_count(d) > PARAM_COUNT_MAX) {
        *ret_why = "too many parameters";
        return OC_EPARSE;
    }
    struct params p = {arena_alloc(a, (doc_count(d) + 1) * sizeof(struct param)), 0};
    if (!p.items) {
        return OC_ENOMEM;
    }
    for (uint32_t i = 0; i < doc_count(d); i++) {
        const struct onecard_doc *v = d->items[i];
        if (v->kind == DOC_NULL) {
            continue;
        }
        struct param *item = &p.items[p.count++];
        item->name = arena_strdup(a, v->name);
        item->text = value_text(v, a, text_max);
        if (!item->name || !item->text) {
            *ret_why = arena_printf(
                a, "%.40s is neither a text of at most %zu bytes nor an integer nor a boolean",
                v->name, text_max);
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
    const char *why = NULL;
    *ret_why = "not a JSON object";
    struct onecard_doc *d = doc_read(a, text, strlen(text), &why);
    if (!d) {
        *ret_why = why && strcmp(why, "nested too deep") == 0 ? "JSON nested too deep" : *ret_why;
        return OC_EPARSE;
    }
    return params_from_doc(d, PARAM_TEXT_MAX, a, ret, ret_why);
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
