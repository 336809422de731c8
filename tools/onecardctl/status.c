/* onecardctl status: is it well, which readers are there, what did each terminal do last. */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

static void one(struct ctl *c, const json_t *j, const char *label, const char *path,
                enum out_kind kind)
{
    struct out_column col = {.path = path, .kind = kind};
    char *s = out_cell(c, j, &col);
    if (s && *s != '\0') {
        (void)fprintf(c->out, "  %-14s ", label);
        out_text(c->out, s);
        (void)fputc('\n', c->out);
    }
    free(s);
}

static void part(struct ctl *c, const json_t *j, const char *member,
                 const struct out_column *columns, size_t n)
{
    const json_t *list = json_object_get(j, member);
    (void)fprintf(c->out, "\n%s\n", json_array_size(list) > 0 ? member : "");
    if (json_array_size(list) > 0)
        out_table(c, list, columns, n);
    else
        (void)fprintf(c->out, "no %s\n", member);
}

/* What somebody must look at comes before everything else. */
static void print_alarms(struct ctl *c, const json_t *j)
{
    const json_t *list = json_object_get(j, "alarms"), *a;
    size_t i;
    json_array_foreach(list, i, a)
    {
        const char *text = json_string_value(json_object_get(a, "text"));
        (void)fprintf(c->out, "%sALARM%s ", out_colour(c, "wrong"), out_plain(c));
        out_text(c->out, text ? text : "");
        (void)fputc('\n', c->out);
    }
}

static void print(struct ctl *c, const json_t *j)
{
    static const struct out_column readers[] = {{"reader", "name", OUT_TEXT},
                                                {"state", "state", OUT_STATE},
                                                {"terminals", "terminals|terminal_ids", OUT_LIST},
                                                {"cards seen", "arrival", OUT_INT}};
    static const struct out_column terminals[] = {
        {"terminal", "id", OUT_TEXT},           {"kind", "kind", OUT_TEXT},
        {"state", "state", OUT_STATE},          {"gate", "gate", OUT_TEXT},
        {"last", "last.outcome", OUT_STATE},    {"service", "last.service", OUT_TEXT},
        {"amount", "last.amount_fen", OUT_FEN}, {"reason", "last.reason", OUT_TEXT},
        {"at", "last.time", OUT_TIME}};
    const char *site = json_string_value(json_object_get(j, "site"));
    bool ready = json_is_true(json_object_get(j, "ready")),
         healthy = json_is_true(json_object_get(j, "healthy"));
    out_text(c->out, site ? site : "onecard");
    (void)fprintf(c->out, ": %s%s%s, the ledger is %s%s%s\n", out_colour(c, ready ? "ok" : "wrong"),
                  ready ? "ready" : "not ready", out_plain(c),
                  out_colour(c, healthy ? "ok" : "wrong"), healthy ? "well" : "NOT taking money",
                  out_plain(c));
    print_alarms(c, j);
    one(c, j, "why", "health_reason", OUT_TEXT);
    one(c, j, "version", "version", OUT_TEXT);
    one(c, j, "up for", "uptime_s", OUT_AGE);
    one(c, j, "city time", "city_time", OUT_TIME);
    one(c, j, "clearing day", "open_day", OUT_TEXT);
    one(c, j, "cards", "cards", OUT_INT);
    one(c, j, "open doubts", "open_doubts", OUT_INT);
    if (json_integer_value(json_object_get(j, "open_doubts")) > 0)
        one(c, j, "oldest doubt", "oldest_doubt_s", OUT_AGE);
    one(c, j, "journal", "journal_seq", OUT_INT);
    one(c, j, "terminals", "terminals_all", OUT_INT);
    one(c, j, "connected", "terminals_connected", OUT_INT);
    one(c, j, "modules", "modules", OUT_LIST);
    one(c, j, "memory (KiB)", "memory_kib", OUT_INT);
    part(c, j, "readers", readers, ARRAY_LEN(readers));
    part(c, j, "terminals", terminals, ARRAY_LEN(terminals));
}

static int status_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    (void)a;
    int rc = ctl_call(c, "GET", "/v1/status", NULL, 0, &j);
    if (rc == CTL_DONE && c->json)
        out_json(c->out, j);
    else if (rc == CTL_DONE)
        print(c, j);
    if (rc == CTL_DONE && !json_is_true(json_object_get(j, "healthy")))
        rc = CTL_FAILED;
    json_decref(j);
    return rc;
}

static const struct cli_command commands[] = {
    {.args = "",
     .summary = "Says whether the daemon is well, with its readers and terminals",
     .run = status_run,
     .more = "Exit status 1 also where the daemon runs but its ledger takes no money."},
};
const struct cli_noun noun_status = CLI_NOUN("status", "is everything well?", commands);
