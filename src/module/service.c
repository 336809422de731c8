/* Finding services by the names that people and terminals' rows give. */
#include "module/internal.h"

#include <string.h>

size_t module_service_count(const struct modules *set)
{
    return set->service_count;
}

struct service *module_service_at(const struct modules *set, size_t i)
{
    return i < set->service_count ? set->services[i] : NULL;
}

const char *service_name(const struct service *s)
{
    return s->abi->name;
}

const struct onecard_service *service_abi(const struct service *s)
{
    return s->abi;
}

const struct onecard_module *service_module(const struct service *s)
{
    return s->module->abi;
}

uint64_t service_slow(const struct service *s)
{
    return atomic_load_explicit(&s->slow, memory_order_relaxed);
}

bool service_disabled(const struct service *s)
{
    return atomic_load_explicit(&s->disabled, memory_order_relaxed);
}

static const char *short_name(const struct service *s)
{
    return strrchr(s->abi->name, '.') + 1;
}

static const char *ambiguous(const struct modules *set, const char *name, struct arena *a)
{
    const char *text = arena_printf(a, "%s could be", name);
    for (size_t i = 0; text && i < set->service_count; i++) {
        if (strcmp(short_name(set->services[i]), name) == 0) {
            text = arena_printf(a, "%s %s", text, set->services[i]->abi->name);
        }
    }
    return text;
}

static const char *suggestion(const struct modules *set, const char *name, struct arena *a)
{
    const char **words = arena_alloc(a, (2 * set->service_count + 1) * sizeof(*words));
    if (!words) {
        return NULL;
    }
    for (size_t i = 0; i < set->service_count; i++) {
        words[2 * i] = set->services[i]->abi->name;
        words[2 * i + 1] = short_name(set->services[i]);
    }
    const char *near = conf_nearest(name, words);
    return near ? arena_printf(a, "no service %.60s: did you mean %s?", name, near)
                : arena_printf(a, "no service %.60s", name);
}

struct service *module_service(const struct modules *set, const char *name, struct arena *a,
                               const char **ret_hint)
{
    struct service *by_short = NULL;
    size_t matches = 0;
    for (size_t i = 0; i < set->service_count; i++) {
        struct service *s = set->services[i];
        if (strcmp(s->abi->name, name) == 0) {
            return s;
        }
        if (strcmp(short_name(s), name) == 0) {
            by_short = s;
            matches++;
        }
    }
    if (matches == 1) {
        return by_short;
    }
    if (ret_hint) {
        *ret_hint = matches ? ambiguous(set, name, a) : suggestion(set, name, a);
    }
    return NULL;
}

static bool item_has(const char *item, size_t len, const char *name)
{
    if (len == 1 && item[0] == '*') {
        return true;
    }
    if (len > 2 && item[len - 1] == '*' && item[len - 2] == '.') {
        return strncmp(item, name, len - 1) == 0;
    }
    return strlen(name) == len && memcmp(item, name, len) == 0;
}

bool service_in_list(const struct service *s, const char *list)
{
    while (*list) {
        list += strspn(list, ", \t");
        size_t len = strcspn(list, ", \t");
        if (len && item_has(list, len, s->abi->name)) {
            return true;
        }
        list += len;
    }
    return false;
}
