/* What a module must be before anything in it runs: plain comparisons of its tables, so that a
 * wrong module is refused at the start with a sentence and not at the gate with a crash. */
#include "module/internal.h"

#include <stdio.h>
#include <string.h>

#define WHY 512

static int why_not(char *why, int rc, const char *fmt, ...) PRINTF_FN(3, 4);
static int why_not(char *why, int rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, WHY, fmt, ap);
    va_end(ap);
    return rc;
}

static bool word_ok(const char *s, size_t len, size_t max)
{
    for (size_t i = 0; i < len; i++) {
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_')) {
            return false;
        }
    }
    return len > 0 && len <= max;
}

static int check_abi(const struct onecard_module *m, char *why)
{
    if (m->abi_major != ONECARD_ABI_MAJOR || m->abi_minor > ONECARD_ABI_MINOR) {
        return why_not(why, OC_EABI, "built for module ABI %u.%u; this program has %d.%d",
                       m->abi_major, m->abi_minor, ONECARD_ABI_MAJOR, ONECARD_ABI_MINOR);
    }
    if (m->size < sizeof(struct onecard_module)) {
        return why_not(why, OC_EABI, "its onecard_module says %zu bytes; ABI %d.%d needs %zu",
                       m->size, ONECARD_ABI_MAJOR, ONECARD_ABI_MINOR,
                       sizeof(struct onecard_module));
    }
    return 0;
}

static int check_service_name(const struct onecard_module *m, const char *name, char *why)
{
    size_t len = strlen(m->name);
    if (strncmp(name, m->name, len) != 0 || name[len] != '.' ||
        !word_ok(name + len + 1, strlen(name + len + 1), SERVICE_NAME_MAX - len - 1)) {
        return why_not(why, OC_EMODULE,
                       "the service name \"%.60s\" is not \"%s.\" and a word of a-z 0-9 _", name,
                       m->name);
    }
    return 0;
}

static int check_params(const struct onecard_service *s, char *why)
{
    if (s->param_count > PARAM_COUNT_MAX || (s->param_count && !s->params)) {
        return why_not(why, OC_EMODULE, "the service %s has no table for its %zu parameters",
                       s->name, s->param_count);
    }
    for (size_t i = 0; i < s->param_count; i++) {
        if (!s->params[i].name || !*s->params[i].name) {
            return why_not(why, OC_EMODULE, "parameter %zu of the service %s has no name", i + 1,
                           s->name);
        }
    }
    return 0;
}

static int check_service(const struct onecard_module *m, size_t i, char *why)
{
    const struct onecard_service *s = m->services[i];
    if (!s || s->size < sizeof(struct onecard_service)) {
        return why_not(why, OC_EABI, "service %zu is missing or too short for ABI %d.%d", i + 1,
                       ONECARD_ABI_MAJOR, ONECARD_ABI_MINOR);
    }
    if (!s->name || !s->title_en || !s->title_zh || !s->decide) {
        return why_not(why, OC_EMODULE, "service %zu lacks its name, a title or decide()", i + 1);
    }
    int rc = check_service_name(m, s->name, why);
    if (rc) {
        return rc;
    }
    for (size_t j = 0; j < i; j++) {
        if (strcmp(m->services[j]->name, s->name) == 0) {
            return why_not(why, OC_EEXIST, "the service %s is there twice", s->name);
        }
    }
    unsigned chip = OC_NEEDS_BALANCE | OC_NEEDS_LOG;
    if (m->abi_minor >= 2) {
        chip |= OC_NEEDS_JOURNEY | OC_NEEDS_PIN;
        if ((s->needs & OC_ASKABLE) && (s->needs & OC_BLOCKING)) {
            return why_not(why, OC_EMODULE, "the service %s blocks: it cannot be asked by others",
                           s->name);
        }
        if ((s->needs & (OC_NEEDS_JOURNEY | OC_NEEDS_PIN)) && !(s->needs & OC_NEEDS_CARD)) {
            return why_not(why, OC_EMODULE, "the service %s needs a chip and asks for no card",
                           s->name);
        }
    }
    if ((s->needs & OC_TAKES_NUMBER) && (s->needs & chip)) {
        return why_not(why, OC_EMODULE,
                       "the service %s takes a card by its number and needs what only a chip tells",
                       s->name);
    }
    return check_params(s, why);
}

static int check_conf(const struct onecard_module *m, char *why)
{
    if (m->conf_count > 256 || (m->conf_count && !m->conf_items)) {
        return why_not(why, OC_EMODULE, "there is no table for its %zu configuration items",
                       m->conf_count);
    }
    for (size_t i = 0; i < m->conf_count; i++) {
        const struct onecard_conf_item *c = &m->conf_items[i];
        if (!c->key || !*c->key || !c->help || (int)c->type < ONECARD_CONF_TEXT ||
            (int)c->type > ONECARD_CONF_MAP) {
            return why_not(why, OC_EMODULE,
                           "configuration item %zu lacks its key or help, or has an unknown type",
                           i + 1);
        }
    }
    return 0;
}

int module_check(const struct onecard_module *m, char *why)
{
    int rc = check_abi(m, why);
    if (rc) {
        return rc;
    }
    if (!m->name || !word_ok(m->name, strlen(m->name), MODULE_NAME_MAX)) {
        return why_not(why, OC_EMODULE, "the module's name is not 1 to %d of a-z 0-9 _",
                       MODULE_NAME_MAX);
    }
    if (!m->version || !m->title_en || !m->title_zh || !m->services || m->service_count == 0 ||
        m->service_count > 256) {
        return why_not(why, OC_EMODULE, "the module lacks its version, a title or its services");
    }
    for (size_t i = 0; i < m->service_count; i++) {
        rc = check_service(m, i, why);
        if (rc) {
            return rc;
        }
    }
    return check_conf(m, why);
}
