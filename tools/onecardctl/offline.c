/* onecardctl offline: records that offline terminals made, as collectors bring them (R16). The file
 * goes in portions, so that a large one neither waits for one answer nor is refused because of one
 * line. */
#include "offline_file.h"
#include "simple.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK     500
#define FILE_MAX  ((size_t)256 << 20)
#define TIMEOUT   300000 /* a portion on a busy site */
#define FIELD_MAX 24

static const char *const states[] = {"held", "all", NULL};
static const struct cli_option list_options[] = {
    {.name = "state",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = states,
     .help = "held: only those that are held"},
    {.name = "card", .value = "CARD", .help = "only of this card"},
    CTL_PAGE_OPTIONS,
};
static const struct cli_option import_options[] = {
    {.name = "terminal-of",
     .value = "ID",
     .max = 31,
     .help = "the terminal that the collector had it from, for lines that name none"},
    {.name = "late",
     .kind = CLI_FLAG,
     .help = "also records that are too late (policy.offline_days)"},
};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"record", "record", OUT_INT},
        {"result", "result", OUT_STATE},
        {"serial", "serial", OUT_TEXT},
        {"counter", "counter", OUT_INT},
        {"amount", "amount_fen", OUT_FEN},
        {"sam", "sam", OUT_TEXT},
        {"seq", "sam_seq", OUT_INT},
        {"date", "business_date", OUT_TEXT},
        {"terminal", "terminal|said_terminal", OUT_TEXT},
        {"transaction", "txn", OUT_TEXT},
    };
    static const char *const query[] = {"state", "card", "limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/offline",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no records"});
}

static int retry_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    (void)a;
    int rc = ctl_call(c, "POST", "/v1/offline/retry", NULL, TIMEOUT, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

/* ---- import ---- */

struct import {
    struct ctl *c;
    const struct cli_args *a;
    struct offline_file file;
    json_t *items;                    /* of the portion */
    json_t *results, *lines, *errors; /* of the whole file */
    char *text, *kept;                /* the file, cut up; and as it was */
    const char *at; /* where line `at_line` of it begins; NULL: nobody asked yet */
    long line, at_line;
    int rc;
};

static void bad_line(struct import *im, long line, long column, const char *why)
{
    (void)json_array_append_new(im->errors,
                                json_pack("{s:I, s:I, s:s}", "line", (json_int_t)line, "column",
                                          (json_int_t)column, "message", why));
}

static void add_counts(struct import *im, const json_t *counts)
{
    const char *name;
    json_t *n;
    json_object_foreach((json_t *)(uintptr_t)counts, name, n)
    {
        json_int_t had = json_integer_value(json_object_get(im->results, name));
        (void)json_object_set_new(im->results, name, json_integer(had + json_integer_value(n)));
    }
}

/* Errors come in the file's order: each is looked for behind the one before. NULL: no such line. */
static const char *find_line(struct import *im, json_int_t line)
{
    if (!im->at || line < im->at_line) {
        im->at = im->kept;
        im->at_line = 1;
    }
    while (im->at_line < line) {
        const char *end = strchr(im->at, '\n');
        if (!end)
            return NULL;
        im->at = end + 1;
        im->at_line++;
    }
    return im->at;
}

/* The daemon names the field that it does not like first of all, in quotes. */
static long column_of(struct import *im, json_int_t line, const char *message)
{
    char name[FIELD_MAX] = "";
    if (!message || *message != '"' || sscanf(message, "\"%23[a-z_]\"", name) != 1)
        return 1;
    const char *s = find_line(im, line);
    return s ? offline_file_at(&im->file, s, name) : 1;
}

static void take_answer(struct import *im, json_t *j)
{
    size_t i;
    json_t *e;
    add_counts(im, json_object_get(j, "results"));
    (void)json_array_extend(im->lines, json_object_get(j, "lines"));
    json_array_foreach(json_object_get(j, "errors"), i, e)
    {
        const char *message = json_string_value(json_object_get(e, "message"));
        json_int_t line = json_integer_value(json_object_get(e, "line"));
        bad_line(im, (long)line, column_of(im, line, message), message ? message : "refused");
    }
}

static void send_chunk(struct import *im)
{
    const char *terminal = cli_text(im->a, "terminal-of");
    json_t *j = NULL;
    if (json_array_size(im->items) == 0 || im->rc != CTL_DONE)
        return;
    json_t *body = json_pack("{s:O, s:b}", "items", im->items, "late", cli_given(im->a, "late"));
    if (terminal)
        (void)json_object_set_new(body, "terminal", json_string(terminal));
    im->rc = ctl_call(im->c, "POST", "/v1/offline/import", body, TIMEOUT, &j);
    if (im->rc == CTL_DONE)
        take_answer(im, j);
    json_decref(body);
    json_decref(j);
    (void)json_array_clear(im->items);
}

static void take_line(struct import *im, char *s)
{
    if (*s == '#' || s[strspn(s, " \t\r")] == '\0')
        return;
    if (im->file.columns == 0) {
        if (!offline_file_heading(&im->file, s)) {
            bad_line(im, im->line, im->file.at, im->file.why);
            im->rc = CTL_FAILED;
        }
        return;
    }
    json_t *item = offline_file_line(&im->file, s);
    if (!item) {
        bad_line(im, im->line, im->file.at, im->file.why);
        return;
    }
    (void)json_object_set_new(item, "line", json_integer(im->line));
    (void)json_array_append_new(im->items, item);
    if (json_array_size(im->items) == CHUNK)
        send_chunk(im);
}

static void take_file(struct import *im)
{
    char *s = im->text;
    while (*s != '\0' && im->rc == CTL_DONE) {
        size_t len = strcspn(s, "\n");
        bool more = s[len] == '\n';
        s[len] = '\0';
        im->line++;
        take_line(im, s);
        s += len + (more ? 1 : 0);
    }
    send_chunk(im);
}

static void print_lines(struct import *im)
{
    size_t i;
    json_t *e;
    json_array_foreach(im->lines, i, e)
    {
        (void)fprintf(im->c->err,
                      "line %lld: ", (long long)json_integer_value(json_object_get(e, "line")));
        out_text(im->c->err, json_string_value(json_object_get(e, "result")) ?: "?");
        (void)fputs(": ", im->c->err);
        out_text(im->c->err, json_string_value(json_object_get(e, "detail")) ?: "");
        (void)fputc('\n', im->c->err);
    }
    json_array_foreach(im->errors, i, e)
    {
        (void)fprintf(im->c->err, "%s:%lld:%lld: ", im->a->word[0],
                      (long long)json_integer_value(json_object_get(e, "line")),
                      (long long)json_integer_value(json_object_get(e, "column")));
        out_text(im->c->err, json_string_value(json_object_get(e, "message")) ?: "");
        (void)fputc('\n', im->c->err);
    }
}

static int report(struct import *im)
{
    const char *name, *sep = "";
    json_t *n;
    size_t bad = json_array_size(im->errors);
    if (im->c->json) {
        json_t *j = json_pack("{s:O, s:O, s:O}", "results", im->results, "lines", im->lines,
                              "errors", im->errors);
        out_json(im->c->out, j);
        json_decref(j);
    } else {
        json_object_foreach(im->results, name, n)
        {
            (void)fprintf(im->c->out, "%s%lld %s", sep, (long long)json_integer_value(n), name);
            sep = ", ";
        }
        (void)fprintf(im->c->out, "%s%zu bad\n", sep, bad);
    }
    print_lines(im);
    return bad > 0 ? CTL_FAILED : im->rc;
}

static WORKER_FN int read_file(struct import *im, struct buf *b)
{
    static const char nul = '\0';
    const char *path = im->a->word[0];
    int rc = file_read(path, b);
    if (rc == 0 && b->len > 0 && memchr(b->data, '\0', b->len))
        return ctl_fail(im->c, "%s: is no text", path);
    if (rc == 0) {
        buf_put(b, &nul, 1);
        rc = b->err;
    }
    if (rc != 0)
        return ctl_fail(im->c, "%s: %s", path,
                        rc == OC_ENOENT ? "there is no such file" : oc_strerror(rc));
    im->text = (char *)b->data;
    if (strncmp(im->text, "\xEF\xBB\xBF", 3) == 0) /* what spreadsheets put before UTF-8 */
        im->text += 3;
    im->kept = strdup(im->text);
    return im->kept ? CTL_DONE : ctl_fail(im->c, "%s: no memory", path);
}

static int import_run(struct ctl *c, const struct cli_args *a)
{
    struct import im = {.c = c,
                        .a = a,
                        .items = json_array(),
                        .results = json_object(),
                        .lines = json_array(),
                        .errors = json_array()};
    struct buf b;
    ROLE_ENTER_WORKER();
    buf_init(&b, FILE_MAX);
    im.rc = read_file(&im, &b);
    if (im.rc == CTL_DONE) {
        take_file(&im);
        im.rc = report(&im);
    }
    buf_fini(&b);
    free(im.kept);
    json_decref(im.items);
    json_decref(im.results);
    json_decref(im.lines);
    json_decref(im.errors);
    return im.rc;
}

static const struct cli_command commands[] = {
    {.name = "import",
     .args = "FILE",
     .summary = "Takes in a collector's file of records (CSV)",
     CLI_TABLE(import_options),
     .run = import_run,
     .more = "Every record gets its result; each bad line is reported with line, column and "
             "reason, and the "
             "exit status is 1 then. The same file again changes nothing. docs/OFFLINE.md has the "
             "columns.\n"
             "Example:\n  onecardctl offline import bus12-20261122.csv --terminal-of bus12"},
    {.name = "list",
     .args = "",
     .summary = "Lists records and what became of them",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "retry",
     .args = "",
     .summary = "Asks the held records anew: after a card, a SAM or a key was added",
     .run = retry_run},
};
const struct cli_noun noun_offline =
    CLI_NOUN("offline", "records of terminals that were not connected 脱机交易", commands);
