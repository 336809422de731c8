/* onecardctl denylist: cards that are refused or locked, ours or not. An import takes every good
 * line and reports every bad one by its place in the file; nothing of a list is lost because of one
 * line. */
#include "csv.h"
#include "simple.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK    1000
#define FILE_MAX ((size_t)64 << 20)
#define FIELDS   4

static const char *const actions[] = {"refuse", "lock", NULL};
static const struct cli_option add_options[] = {
    {.name = "serial",
     .value = "HEX",
     .kind = CLI_HEX,
     .min = 1,
     .max = 20,
     .field = "serial",
     .required = true,
     .help = "application serial number"},
    {.name = "issuer",
     .value = "16HEX",
     .kind = CLI_HEX,
     .min = 16,
     .max = 16,
     .field = "issuer",
     .help = "issuer id (default: the site's)"},
    {.name = "action",
     .value = "ACTION",
     .kind = CLI_WORD,
     .words = actions,
     .field = "action",
     .required = true,
     .help = "refuse, or lock the application on the card"},
    {.name = "why", .value = "TEXT", .max = 63, .field = "why", .help = "kept with the entry"},
};
static const struct cli_option show_options[] = {CTL_PAGE_OPTIONS};

static int add_run(struct ctl *c, const struct cli_args *a)
{
    return simple_post(c, a, "/v1/denylist", "denied:", "serial");
}

static int remove_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_call(c, "DELETE", ctl_path(path, "/v1/denylist/", a->word[0], ""), NULL, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"issuer", "issuer", OUT_TEXT}, {"serial", "serial", OUT_TEXT},
        {"action", "action", OUT_TEXT}, {"why", "why", OUT_TEXT},
        {"epoch", "epoch", OUT_INT},    {"since", "time|at|since|created", OUT_TIME}};
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/denylist",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "the deny list is empty"});
}

/* ---- import ---- */

struct import {
    struct ctl *c;
    json_t *items;  /* of the chunk */
    json_t *errors; /* of the whole file */
    int64_t added;
    int line;
    int rc;
};

static void bad_line(struct import *im, int line, const char *message)
{
    (void)json_array_append_new(im->errors,
                                json_pack("{s:i, s:s}", "line", line, "message", message));
}

static void send_chunk(struct import *im)
{
    json_t *body, *j = NULL, *e;
    size_t i;
    if (json_array_size(im->items) == 0 || im->rc != CTL_DONE)
        return;
    body = json_pack("{s:O}", "items", im->items);
    im->rc = ctl_call(im->c, "POST", "/v1/denylist/import", body, 120000, &j);
    im->added += json_integer_value(json_object_get(j, "added"));
    json_array_foreach(json_object_get(j, "errors"), i, e)
    {
        const char *message = json_string_value(json_object_get(e, "message"));
        bad_line(im, (int)json_integer_value(json_object_get(e, "line")),
                 message ? message : "refused");
    }
    json_decref(body);
    json_decref(j);
    (void)json_array_clear(im->items);
}

static void take_line(struct import *im, char *s)
{
    char *f[FIELDS] = {NULL};
    static const char *const names[FIELDS] = {"issuer", "serial", "action", "why"};
    s[strcspn(s, "\r\n")] = '\0';
    if (*s == '\0' || *s == '#')
        return;
    int n = csv_cut(s, f, NULL, FIELDS);
    if (im->line == 1 && strcmp(f[0], "issuer") == 0)
        return; /* the heading */
    if (n < 3 || n > FIELDS) {
        bad_line(im, im->line, n < 0 ? "a quote is not closed" : "needs issuer,serial,action,why");
        return;
    }
    json_t *item = json_object();
    for (int i = 0; i < n; i++) {
        if (json_object_set_new(item, names[i], json_string(f[i])) == 0)
            continue;
        bad_line(im, im->line, "is not UTF-8 text");
        json_decref(item);
        return;
    }
    (void)json_object_set_new(item, "line", json_integer(im->line));
    (void)json_array_append_new(im->items, item);
    if (json_array_size(im->items) == CHUNK)
        send_chunk(im);
}

static void take_file(struct import *im, char *text)
{
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* what spreadsheets put before UTF-8 */
        text += 3;
    while (*text != '\0' && im->rc == CTL_DONE) {
        size_t len = strcspn(text, "\n");
        bool more = text[len] == '\n';
        text[len] = '\0';
        im->line++;
        take_line(im, text);
        text += len + (more ? 1 : 0);
    }
    send_chunk(im);
}

static int report(struct import *im)
{
    size_t i, bad = json_array_size(im->errors);
    json_t *e;
    if (im->c->json) {
        json_t *j = json_pack("{s:I, s:O}", "added", (json_int_t)im->added, "errors", im->errors);
        out_json(im->c->out, j);
        json_decref(j);
    } else {
        (void)fprintf(im->c->out, "%lld added, %zu bad\n", (long long)im->added, bad);
    }
    json_array_foreach(im->errors, i, e)
    {
        (void)fprintf(im->c->err,
                      "line %lld: ", (long long)json_integer_value(json_object_get(e, "line")));
        out_text(im->c->err, json_string_value(json_object_get(e, "message")) ?: "");
        (void)fputc('\n', im->c->err);
    }
    return bad > 0 ? CTL_FAILED : CTL_DONE;
}

static int import_run(struct ctl *c, const struct cli_args *a)
{
    static const char nul = '\0';
    struct import im = {.c = c, .items = json_array(), .errors = json_array()};
    struct buf b;
    ROLE_ENTER_WORKER();
    buf_init(&b, FILE_MAX);
    int rc = file_read(a->word[0], &b);
    if (rc == 0) {
        buf_put(&b, &nul, 1);
        rc = b.err;
    }
    if (rc != 0) {
        im.rc = ctl_fail(c, "%s: %s", a->word[0],
                         rc == OC_ENOENT ? "there is no such file" : oc_strerror(rc));
    } else if (memchr(b.data, '\0', b.len - 1)) {
        im.rc = ctl_fail(c, "%s holds zero bytes, as UTF-16 does: save it as CSV in UTF-8 (nothing was added)", a->word[0]);
    } else {
        take_file(&im, (char *)b.data);
        int bad = report(&im);
        im.rc = im.rc != CTL_DONE ? im.rc : bad;
    }
    buf_fini(&b);
    json_decref(im.items);
    json_decref(im.errors);
    return im.rc;
}

static const struct cli_command commands[] = {
    {.name = "show",
     .args = "",
     .summary = "Shows the deny list",
     CLI_TABLE(show_options),
     .run = show_run},
    {.name = "add",
     .args = "",
     .summary = "Denies a card, also one that is not ours",
     CLI_TABLE(add_options),
     .run = add_run,
     .more = "Example:\n  onecardctl denylist add --issuer 1020304000000001 --serial "
             "00003100000000000001 --action refuse --why stolen"},
    {.name = "remove",
     .args = "ISSUER-SERIAL",
     .summary = "Takes a card off the deny list",
     .run = remove_run},
    {.name = "import",
     .args = "FILE",
     .summary = "Adds the lines of a CSV file: issuer,serial,action,why",
     .run = import_run,
     .more = "Good lines are taken, each bad one is reported with its number; then the exit status "
             "is 1."},
};
const struct cli_noun noun_denylist =
    CLI_NOUN("denylist", "cards that are refused or locked 黑名单", commands);
