/* The values of a journey record as small texts: a plan can hold them, print them, store them. */
#include "card/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "head",     "type",     "amount",  "balance",       "datetime", "date",     "time",
    "terminal", "line",     "station", "entry_station", "city",     "acquirer", "sam",
    "gross",    "category", "seq",     "discount",      "transfer", "crc",      "pad",
    "aux",      "rfu",      "day_sum", "month_sum",     NULL};

const char *const *capp_field_names(void)
{
    return names;
}

static const char *known_name(const char *name)
{
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return names[i];
    }
    return NULL;
}

void capp_values_init(struct capp_values *v)
{
    v->count = 0;
    v->err = 0;
}

static struct capp_value *slot(struct capp_values *v, const char *name)
{
    const char *known = known_name(name);

    if (!known) {
        v->err = OC_EINVAL;
        return NULL;
    }
    for (size_t i = 0; i < v->count; i++) {
        if (v->items[i].name == known || strcmp(v->items[i].name, known) == 0)
            return &v->items[i];
    }
    if (v->count == CAPP_FIELDS_MAX) {
        v->err = OC_ELIMIT;
        return NULL;
    }
    v->items[v->count].name = known;
    return &v->items[v->count++];
}

void capp_put(struct capp_values *v, const char *name, const char *text)
{
    size_t len = strlen(text);

    if (v->err)
        return;
    if (len >= CAPP_VALUE_TEXT) {
        v->err = OC_ELIMIT;
        return;
    }
    struct capp_value *x = slot(v, name);
    if (x)
        memcpy(x->text, text, len + 1);
}

void capp_put_number(struct capp_values *v, const char *name, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    capp_put(v, name, text);
}

void capp_put_bytes(struct capp_values *v, const char *name, const uint8_t *bytes, size_t len)
{
    char text[CAPP_VALUE_TEXT];

    if (2 * len >= sizeof(text)) {
        v->err = v->err ? v->err : OC_ELIMIT;
        return;
    }
    capp_put(v, name, hex_encode(bytes, len, text));
}

const char *capp_get(const struct capp_values *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->items[i].name, name) == 0)
            return v->items[i].text;
    }
    return NULL;
}

int capp_get_number(const struct capp_values *v, const char *name, int64_t *ret_number)
{
    const char *text = capp_get(v, name);
    size_t len = text ? strlen(text) : 0;

    if (!text)
        return OC_ENOENT;
    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return OC_EINVAL;
    *ret_number = strtoll(text, NULL, 10);
    return 0;
}
