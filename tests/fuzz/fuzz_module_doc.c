/* Documents from outside: whatever the text, it is read or refused; what was read prints as a text
 * that reads as the same document again, and goes through a plan unharmed. */
#include "module/internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_plan(struct arena *a, const struct onecard_doc *d)
{
    struct plan *p = plan_new(a);
    struct buf out;
    CHECK(p);
    plan_init(p, a, "fuzz");
    plan_set_kind(p, OC_PLAN_NOTE, 0);
    plan_add_doc(p, "o", "k", 0, d);
    plan_add_message(p, "bank", "m", "c1", d);
    plan_set_hold(p, "bank", "h", 1, d, doc_get(d, "expect"));
    plan_add_reply_doc(p, "r", d);
    int rc = plan_finish(p);
    buf_init(&out, 0);
    plan_json(p, false, &out);
    CHECK(!out.err);
    CHECK(rc == OC_EMODULE || doc_read(a, (const char *)out.data, out.len, NULL) ||
          out.len > 65535);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct params params;
    const char *why = NULL;
    size_t len = 0, again_len = 0;
    arena_init(&a, 0);
    struct onecard_doc *d = doc_read(&a, (const char *)data, size, &why);
    CHECK(d || why);
    const char *text = d ? doc_text(d, &a, 1 << 24, &len) : NULL;
    CHECK(!d || text);
    if (text) {
        struct onecard_doc *same = doc_read(&a, text, len, &why);
        const char *again = same ? doc_text(same, &a, 1 << 24, &again_len) : NULL;
        CHECK(again && again_len == len && memcmp(text, again, len) == 0);
        CHECK(doc_copy(&a, d));
        (void)!params_from_doc(d, ONECARD_DOC_BYTES, &a, &params, &why);
        check_plan(&a, d);
    }
    arena_fini(&a);
    return 0;
}
