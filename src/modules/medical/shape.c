/* Documents from outside become documents of ours: a table says which members there are and how
 * long; what it does not know is left out, so that nothing unbounded is kept. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

const char *doc_text(const struct onecard_request *req, const struct onecard_doc *d,
                     const char *member)
{
    const char *t = req->host->doc_as_text(req->host->doc_get(d, member));
    return t ? t : "";
}

int64_t doc_int(const struct onecard_request *req, const struct onecard_doc *d, const char *member)
{
    int64_t v = 0;
    return req->host->doc_as_int(req->host->doc_get(d, member), &v) ? 0 : v;
}

bool doc_is(const struct onecard_request *req, const struct onecard_doc *d, const char *member,
            const char *text)
{
    return strcmp(doc_text(req, d, member), text) == 0;
}

struct onecard_doc *doc_new(const struct onecard_request *req, const char *resource)
{
    struct onecard_doc *d = req->host->doc_object(req);
    req->host->doc_set_text(d, "resourceType", resource);
    return d;
}

struct onecard_doc *doc_copy(const struct onecard_request *req, const struct onecard_doc *src)
{
    const char *text = src ? req->host->doc_text_of(req, src) : NULL;
    return text ? req->host->doc_parse(req, text) : NULL;
}

bool list_add(const struct onecard_request *req, struct onecard_doc *list, size_t *used,
              struct onecard_doc *item, size_t room)
{
    const char *text = item ? req->host->doc_text_of(req, item) : NULL;
    size_t len = text ? strlen(text) + 1 : 0;
    if (!text || *used + len > room) {
        return false;
    }
    *used += len;
    req->host->doc_set(list, NULL, item);
    return true;
}

static bool word_known(const char *words, const char *text)
{
    char w[32];
    while (next_word(&words, w, sizeof(w))) {
        if (strcmp(w, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool text_fits(const struct field *f, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (!text) {
        return false;
    }
    if (f->kind == F_ID) {
        return id_ok(text, (size_t)f->max);
    }
    if (f->kind == F_WORD) {
        return word_known(f->words, text);
    }
    return len >= (size_t)f->min && len <= (size_t)f->max;
}

static bool number_fits(const struct field *f, int64_t v)
{
    if (f->kind == F_DATE) {
        return date_ok(v);
    }
    if (f->kind == F_TIME) {
        return v >= 0 && v < 2400 && v % 100 < 60;
    }
    return v >= f->min && v <= f->max;
}

/* 0: copied or rightly absent. */
static int copy_field(const struct onecard_request *req, const struct field *f,
                      const struct onecard_doc *value, struct onecard_doc *dst)
{
    const struct onecard_host *h = req->host;
    int64_t v = 0;
    if (!value) {
        return f->required ? OC_EINVAL : 0;
    }
    if (f->kind == F_BOOL) {
        h->doc_set_bool(dst, f->name, h->doc_as_bool(value, false));
        return 0;
    }
    if (f->kind == F_DATE || f->kind == F_TIME || f->kind == F_INT) {
        if (h->doc_as_int(value, &v) || !number_fits(f, v)) {
            return OC_EINVAL;
        }
        h->doc_set_int(dst, f->name, v);
        return 0;
    }
    const char *text = h->doc_as_text(value);
    if (!text_fits(f, text)) {
        return OC_EINVAL;
    }
    h->doc_set_text(dst, f->name, text);
    return 0;
}

static void expected(const struct field *f, char *ret, size_t cap)
{
    switch (f->kind) {
    case F_TEXT:
        snprintf(ret, cap, "a text of at most %lld bytes", (long long)f->max);
        break;
    case F_ID:
        snprintf(ret, cap, "1 to %lld of A-Z a-z 0-9 . _ -", (long long)f->max);
        break;
    case F_DATE:
        snprintf(ret, cap, "a date as the number YYYYMMDD");
        break;
    case F_TIME:
        snprintf(ret, cap, "a time as the number HHMM");
        break;
    case F_WORD:
        snprintf(ret, cap, "one of: %s", f->words);
        break;
    default:
        snprintf(ret, cap, "a number, %lld to %lld", (long long)f->min, (long long)f->max);
    }
}

int shape_copy(const struct onecard_request *req, struct onecard_plan *plan,
               const struct onecard_doc *src, struct onecard_doc *dst, const struct field *fields,
               size_t count, const char *where)
{
    for (size_t i = 0; i < count; i++) {
        const struct onecard_doc *value = req->host->doc_get(src, fields[i].name);
        if (copy_field(req, &fields[i], value, dst)) {
            char want[64];
            expected(&fields[i], want, sizeof(want));
            return req->host->refuse(plan, OC_R_PARAMETER, "%.20s%s%.20s: %.48s", where,
                                     *where ? "." : "", fields[i].name, want);
        }
    }
    return 0;
}

int shape_copy_list(const struct onecard_request *req, struct onecard_plan *plan,
                    const char *member, const struct field *fields, size_t count, size_t most,
                    struct onecard_doc *dst)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *from = h->doc_get(req->document, member);
    struct onecard_doc *list = h->doc_array(req);
    size_t n = h->doc_count(from);
    if (n > most) {
        return h->refuse(plan, OC_R_PARAMETER, "%.16s has at most %zu items", member, most);
    }
    for (size_t i = 0; i < n; i++) {
        struct onecard_doc *item = h->doc_object(req);
        char where[40];
        snprintf(where, sizeof(where), "%.16s %zu", member, i + 1);
        int rc = shape_copy(req, plan, h->doc_at(from, i, NULL), item, fields, count, where);
        if (rc) {
            return rc;
        }
        h->doc_set(list, NULL, item);
    }
    h->doc_set(dst, member, list);
    return 0;
}
