/* Documents to text: equal documents are equal texts. */
#include "module/doc.h"
#include "module/plan.h"

#include <string.h>

static int print_at(const struct onecard_doc *d, unsigned depth, struct buf *out);

static int print_items(const struct onecard_doc *d, unsigned depth, struct buf *out)
{
    int rc = 0;
    buf_puts(out, d->kind == DOC_OBJECT ? "{" : "[");
    for (uint32_t i = 0; rc == 0 && i < d->count; i++) {
        buf_puts(out, i ? "," : "");
        if (d->kind == DOC_OBJECT) {
            plan_json_text(out, d->items[i]->name);
            buf_puts(out, ":");
        }
        rc = print_at(d->items[i], depth + 1, out);
    }
    buf_puts(out, d->kind == DOC_OBJECT ? "}" : "]");
    return rc;
}

static int print_at(const struct onecard_doc *d, unsigned depth, struct buf *out)
{
    switch ((enum doc_kind)d->kind) {
    case DOC_OBJECT:
    case DOC_ARRAY:
        return depth < DOC_DEPTH ? print_items(d, depth, out) : OC_ELIMIT;
    case DOC_TEXT:
        plan_json_text(out, d->text);
        break;
    case DOC_REAL:
        buf_puts(out, d->text);
        break;
    case DOC_INT:
        buf_put_dec(out, d->number);
        break;
    case DOC_TRUE:
    case DOC_FALSE:
        buf_puts(out, d->kind == DOC_TRUE ? "true" : "false");
        break;
    case DOC_NULL:
        buf_puts(out, "null");
    }
    return out->err;
}

int doc_print(const struct onecard_doc *d, struct buf *out)
{
    return doc_is_spoilt(d) ? OC_EINVAL : print_at(d, 0, out);
}

const char *doc_text(const struct onecard_doc *d, struct arena *a, size_t max, size_t *ret_len)
{
    struct buf b;
    buf_init(&b, max);
    char *text = d && doc_print(d, &b) == 0 && b.err == 0 ? arena_alloc(a, b.len + 1) : NULL;
    if (text) {
        memcpy(text, b.data, b.len);
        text[b.len] = '\0';
        *ret_len = b.len;
    }
    buf_fini(&b);
    return text;
}
