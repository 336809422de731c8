/* What speaks against dispensing: the same substance again before the last supply has ended, and
 * pairs that the configuration lists. Looked up in the citizen's "meds" record: the last supply of
 * each substance. */
#include "medical.h"

#include <stdio.h>
#include <string.h>

static void add(const struct onecard_request *req, struct onecard_doc *list, const char *kind,
                const char *code, const struct onecard_doc *with, const char *text)
{
    const struct onecard_host *h = req->host;
    struct onecard_doc *w = h->doc_object(req);
    h->doc_set_text(w, "kind", kind);
    h->doc_set_text(w, "code", code);
    h->doc_set_text(w, "with", doc_text(req, with, "code"));
    h->doc_set_text(w, "hospital", doc_text(req, with, "hospital"));
    h->doc_set_int(w, "until", doc_int(req, with, "until"));
    h->doc_set_text(w, "text", text);
    h->doc_set(list, NULL, w);
}

static void interactions(const struct medical *m, const struct onecard_request *req,
                         const struct onecard_doc *item, const char *code, struct onecard_doc *list)
{
    const char *rule, *text;
    for (size_t i = 0; req->host->conf_map_at(m->conf, "interactions", i, &rule, &text); i++) {
        if (interaction_fits(rule, code, doc_text(req, item, "code"))) {
            add(req, list, "interaction", code, item, text);
        }
    }
}

void warn_add(const struct medical *m, const struct onecard_request *req,
              const struct onecard_doc *meds, const char *code, const char *own,
              struct onecard_doc *list)
{
    const struct onecard_host *h = req->host;
    const struct onecard_doc *items = h->doc_get(meds, "item");
    for (size_t i = 0; i < h->doc_count(items); i++) {
        const struct onecard_doc *item = h->doc_at(items, i, NULL);
        if (doc_int(req, item, "until") < req->business_date || doc_is(req, item, "key", own)) {
            continue;
        }
        if (doc_is(req, item, "code", code)) {
            add(req, list, "interval", code, item,
                "上次发药尚未用完 the last supply has not ended");
        } else {
            interactions(m, req, item, code, list);
        }
    }
}
