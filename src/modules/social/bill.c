/* A hospital's bill from its document. Everything in it is checked before anything is computed: a
 * line that cannot be right refuses the bill and says which one it is. */
#include "settle.h"

#include <stdlib.h>
#include <string.h>

static int wrong(struct settlement *t, const char *what)
{
    return t->req->host->refuse(t->plan, OC_R_PARAMETER, "bill: %.80s", what);
}

static int wrong_line(struct settlement *t, size_t line, const char *what)
{
    return t->req->host->refuse(t->plan, OC_R_PARAMETER, "bill, line %zu: %.60s", line + 1, what);
}

/* The place of the member's word in a list that ends with NULL; 0 where absent; -1: none of them.
 */
static int word(const struct settlement *t, const struct onecard_doc *d, const char *member,
                const char *const *words)
{
    const char *text = get_text(t->req, d, member, words[0]);
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

static int read_level(struct settlement *t, const struct onecard_doc *d)
{
    const struct social_book *b = &t->s->book;
    const struct social_hospital *known = book_hospital(b, t->hospital);
    if (!known && b->hospital_count > 0) {
        return t->req->host->refuse(t->plan, OC_R_NOT_ELIGIBLE,
                                    "%.31s is not designated for insured persons (定点)",
                                    t->hospital);
    }
    int64_t level = known ? known->level : get_int(t->req, d, "level", 0);
    t->bill.level = known && level == 0 ? 1 : (int)level; /* pharmacies count as level 1 */
    return level < 0 || level > SPLIT_LEVELS ? wrong(t, "level is 1, 2 or 3") : 0;
}

static int read_head(struct settlement *t, const struct onecard_doc *d)
{
    static const char *const kinds[] = {"outpatient", "inpatient", "chronic", NULL};
    static const char *const referrals[] = {"local", "referred", "unreferred", "emergency", NULL};
    const char *id = get_text(t->req, d, "id", "");
    int64_t date = get_int(t->req, d, "date", t->req->business_date);
    int kind = word(t, d, "kind", kinds), referral = word(t, d, "referral", referrals);
    if (!*id || strlen(id) >= sizeof(t->bill_id)) {
        return wrong(t, "id: the hospital's number of it, at most 63 bytes");
    }
    if (kind < 0) {
        return wrong(t, "kind is outpatient, inpatient or chronic");
    }
    if (referral < 0) {
        return wrong(t, "referral is local, referred, unreferred or emergency");
    }
    if (date_check(date) || date > t->req->business_date) {
        return wrong(t, "date is a day, YYYYMMDD, not after today");
    }
    strcpy(t->bill_id, id);
    t->date = (int32_t)date;
    t->bill.kind = (enum split_kind)kind;
    t->bill.referral = (enum split_referral)referral;
    return read_level(t, d);
}

/* The catalogue outranks the hospital's word; what neither classes is class C. */
static int class_of(struct settlement *t, const struct onecard_doc *d, struct split_line *l,
                    int64_t quantity)
{
    static const char *const classes[] = {"C", "A", "B", NULL};
    static const enum split_class values[] = {SPLIT_CLASS_C, SPLIT_CLASS_A, SPLIT_CLASS_B};
    const char *code = get_text(t->req, d, "code", "");
    const struct social_catalogue *list = book_catalogue(&t->s->book, t->date);
    const struct social_item *item = catalogue_item(list, code);
    l->limit = -1;
    if (item) {
        l->cls = item->cls;
        l->own_first = item->own_first;
        l->limit = item->limit < 0 ? -1 : item->limit * quantity;
        return 0;
    }
    int cls = word(t, d, "class", classes);
    if (cls < 0) {
        return OC_EINVAL;
    }
    l->cls = values[cls];
    l->own_first = list && l->cls == SPLIT_CLASS_B ? list->class_b : 0;
    return 0;
}

static int read_line(struct settlement *t, const struct onecard_doc *d, size_t i)
{
    struct split_line *l = &t->lines[i];
    int64_t quantity = get_int(t->req, d, "quantity", 1);
    l->amount = get_int(t->req, d, "amount_fen", 0);
    if (l->amount <= 0 || l->amount > ONECARD_AMOUNT_MAX) {
        return wrong_line(t, i, "amount_fen is above zero, at most 10,000,000 yuan");
    }
    if (quantity < 1 || quantity > 100000) {
        return wrong_line(t, i, "quantity is from 1 to 100000");
    }
    return class_of(t, d, l, quantity) ? wrong_line(t, i, "class is A, B or C") : 0;
}

int bill_read(struct settlement *t)
{
    const struct onecard_host *h = t->req->host;
    const struct onecard_doc *d = h->doc_parse(t->req, t->bill_text);
    const struct onecard_doc *lines = h->doc_get(d, "lines");
    size_t n = h->doc_count(lines);
    int rc = d ? read_head(t, d) : wrong(t, "no JSON");
    if (rc == 0 && (n == 0 || n > SPLIT_LINES_MAX)) {
        rc = wrong(t, "1 to 200 lines");
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = read_line(t, h->doc_at(lines, i, NULL), i);
    }
    t->bill.lines = t->lines;
    t->bill.line_count = n;
    const char *admission = get_text(t->req, d, "admission", "");
    if (rc == 0 && strlen(admission) >= sizeof(t->admission.name)) {
        rc = wrong(t, "admission: at most 63 bytes");
    }
    if (rc == 0) {
        strcpy(t->admission.name, t->bill.kind == SPLIT_INPATIENT ? admission : "");
        if (t->bill.kind == SPLIT_INPATIENT && !*admission) {
            rc = wrong(t, "an inpatient bill names its admission");
        }
    }
    return rc;
}
