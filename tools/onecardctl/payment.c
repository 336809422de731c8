/* Payments: what is still to be paid, and the files in which the bank says what it did (R18). A
 * file goes in portions, so that a large one is not refused because of one line. */
#include "payment.h"
#include "bank_file.h"

#include <string.h>

#define PORTION 500
#define TIMEOUT 300000

static const struct out_column columns[] = {
    {"item", "item", OUT_TEXT},       {"state", "state", OUT_STATE},
    {"account", "account", OUT_TEXT}, {"amount", "amount_fen", OUT_FEN},
    {"paid", "paid.on", OUT_TEXT},    {"reference", "paid.reference", OUT_TEXT},
    {"back", "back.on", OUT_TEXT},    {"reason", "back.reason", OUT_TEXT},
};

int payment_list_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const query[] = {"state", "limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/settle/items",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no items"});
}

int payment_show_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const query[] = {"limit", "after", NULL};
    char path[512];
    return ctl_list(c, a,
                    &(struct ctl_list){
                        .path = ctl_path(path, "/v1/settle/items?state=all&group=", a->word[0], ""),
                        .columns = columns,
                        .column_count = ARRAY_LEN(columns),
                        .query = query,
                        .empty = "nothing to pay of it"});
}

/* ---- files ---- */

static void add_counts(json_t *all, const json_t *counts)
{
    const char *name;
    json_t *n;
    json_object_foreach((json_t *)(uintptr_t)counts, name, n)
    {
        json_int_t had = json_integer_value(json_object_get(all, name));
        (void)json_object_set_new(all, name, json_integer(had + json_integer_value(n)));
    }
}

/* Takes the body over. */
static int send(struct ctl *c, const char *path, json_t *body, struct bank_file *f, json_t *results)
{
    json_t *j = NULL;
    int rc = ctl_call(c, "POST", path, body, TIMEOUT, &j);
    if (rc == CTL_DONE) {
        add_counts(results, json_object_get(j, "results"));
        (void)json_array_extend(f->errors, json_object_get(j, "errors"));
        json_t *why = json_object_get(j, "why"); /* of the whole, with the last portion */
        if (json_is_string(why))
            (void)json_array_append_new(f->errors, json_pack("{s:O}", "message", why));
    }
    json_decref(body);
    json_decref(j);
    return rc;
}

/* The portion from `at` on. */
static json_t *portion(const struct bank_file *f, size_t at)
{
    json_t *items = json_array();
    for (size_t i = at; i < json_array_size(f->items) && i < at + PORTION; i++)
        (void)json_array_append(items, json_array_get(f->items, i));
    return items;
}

static void print_errors(struct ctl *c, const char *path, const json_t *errors)
{
    size_t i;
    json_t *e;
    json_array_foreach(errors, i, e)
    {
        json_t *column = json_object_get(e, "column"), *line = json_object_get(e, "line");
        (void)fprintf(c->err, "%s:", path);
        if (line)
            (void)fprintf(c->err, "%lld:", (long long)json_integer_value(line));
        if (column)
            (void)fprintf(c->err, "%lld:", (long long)json_integer_value(column));
        (void)fputc(' ', c->err);
        out_text(c->err, json_string_value(json_object_get(e, "message")) ?: "");
        (void)fputc('\n', c->err);
    }
}

static void print_counts(struct ctl *c, const json_t *results, size_t bad)
{
    const char *name;
    json_t *n;
    json_object_foreach((json_t *)(uintptr_t)results, name, n)(void)
        fprintf(c->out, "%lld %s, ", (long long)json_integer_value(n), name);
    (void)fprintf(c->out, "%zu bad\n", bad);
}

static int report(struct ctl *c, const char *path, const struct bank_file *f, json_t *results,
                  int rc)
{
    size_t bad = json_array_size(f->errors);
    if (c->json) {
        json_t *j = json_pack("{s:O, s:O}", "results", results, "errors", f->errors);
        out_json(c->out, j);
        json_decref(j);
    } else {
        print_counts(c, results, bad);
    }
    print_errors(c, path, f->errors);
    return bad > 0 ? CTL_FAILED : rc;
}

static int unreadable(struct ctl *c, const char *path, const struct bank_file *f, int rc)
{
    print_errors(c, path, f->errors);
    if (rc == OC_EPARSE)
        return ctl_fail(c, "%s: %s: nothing of it was taken", path, f->why);
    return ctl_fail(c, "%s: %s", path, rc == OC_ENOENT ? "there is no such file" : oc_strerror(rc));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int payment_result_run(struct ctl *c, const struct cli_args *a)
{
    const char *path = a->word[0];
    struct bank_file f;
    ROLE_ENTER_WORKER();
    int rc = bank_file_read(&f, &bank_result_format, path);
    json_t *results = json_object();
    rc = rc ? unreadable(c, path, &f, rc) : CTL_DONE;
    bool readable = rc == CTL_DONE;
    for (size_t at = 0; at < json_array_size(f.items) && rc == CTL_DONE; at += PORTION) {
        json_t *body = json_pack("{s:s, s:o}", "file", base_name(path), "items", portion(&f, at));
        rc = send(c, "/v1/settle/result", body, &f, results);
    }
    if (readable)
        rc = report(c, path, &f, results, rc);
    json_decref(results);
    bank_file_fini(&f);
    return rc;
}

/* The last portion says so, and where an answer deducts nothing it is the only one. A line that
 * could not be read stays out of it, and the daemon then says what is missing. */
static int send_answer(struct ctl *c, const char *path, struct bank_file *f, json_t *results)
{
    int rc = CTL_DONE;
    size_t at = 0, n = json_array_size(f->items);
    do {
        json_t *h = f->heads;
        json_t *body = json_pack(
            "{s:s, s:O, s:O, s:O, s:O, s:O, s:o, s:b}", "file", base_name(path), "fund",
            json_object_get(h, "fund"), "month", json_object_get(h, "month"), "claimed_fen",
            json_object_get(h, "claimed"), "accepted_fen", json_object_get(h, "accepted"),
            "deducted_fen", json_object_get(h, "deducted"), "items", portion(f, at), "last",
            at + PORTION >= n);
        rc = body ? send(c, "/v1/settle/deduct", body, f, results) : ctl_fail(c, "out of memory");
        at += PORTION;
    } while (rc == CTL_DONE && at < n);
    return rc;
}

int payment_deduct_run(struct ctl *c, const struct cli_args *a)
{
    const char *path = a->word[0];
    struct bank_file f;
    ROLE_ENTER_WORKER();
    int rc = bank_file_read(&f, &bank_answer_format, path);
    json_t *results = json_object();
    rc = rc ? unreadable(c, path, &f, rc) : CTL_DONE;
    bool readable = rc == CTL_DONE;
    if (readable) {
        rc = send_answer(c, path, &f, results);
        rc = report(c, path, &f, results, rc);
    }
    json_decref(results);
    bank_file_fini(&f);
    return rc;
}
