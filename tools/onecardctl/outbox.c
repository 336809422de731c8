/* onecardctl outbox, hold, upstream: what is on its way to institutions, and the ways there (R12).
 */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

/* ---- messages ---- */

static const char *const states[] = {"due", "dead", NULL};
static const struct cli_option list_options[] = {
    {.name = "to", .value = "PARTICIPANT", .max = 31, .help = "only to this institution"},
    {.name = "state",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = states,
     .help = "due (waits, or is tried again) or dead (a person must look)"},
    CTL_PAGE_OPTIONS,
};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"message", "id", OUT_TEXT}, {"state", "state", OUT_STATE},    {"to", "to", OUT_TEXT},
        {"kind", "kind", OUT_TEXT},  {"transaction", "txn", OUT_TEXT}, {"age", "age_s", OUT_AGE},
        {"tries", "tries", OUT_INT}, {"bytes", "bytes", OUT_INT},      {"note", "note", OUT_TEXT},
    };
    static const char *const query[] = {"to", "state", "limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/outbox",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "nothing waits: every message was acknowledged"});
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return ctl_show(c, ctl_path(path, "/v1/outbox/", a->word[0], ""));
}

static const struct cli_option retry_options[] = {
    {.name = "to", .value = "PARTICIPANT", .max = 31, .help = "only to this institution"},
    {.name = "all-dead", .kind = CLI_FLAG, .help = "every message that died"},
};

/* A page at a time: whoever waits sees that it goes on, and may stop it. */
static int retry_all(struct ctl *c, const char *to)
{
    json_int_t done = 0;
    json_t *next = json_string("");
    int rc = CTL_DONE;
    while (rc == CTL_DONE && json_is_string(next)) {
        json_t *j = NULL, *body = json_pack("{s:O}", "after", next);
        if (to)
            (void)json_object_set_new(body, "to", json_string(to));
        rc = ctl_call(c, "POST", "/v1/outbox/retry", body, 120000, &j);
        done += json_integer_value(json_object_get(j, "retried"));
        json_decref(next);
        next = rc == CTL_DONE ? json_incref(json_object_get(j, "next")) : NULL;
        if (json_is_string(next) && !c->json)
            (void)fprintf(c->err, "%lld so far\n", (long long)done);
        json_decref(body);
        json_decref(j);
    }
    json_decref(next);
    if (rc != CTL_DONE)
        return rc;
    if (c->json) {
        json_t *j = json_pack("{s:I}", "retried", done);
        out_json(c->out, j);
        json_decref(j);
    } else {
        (void)fprintf(c->out, "%lld messages are sent again\n", (long long)done);
    }
    return CTL_DONE;
}

static int retry_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    bool all = cli_given(a, "all-dead");
    if (all == (a->word_count > 0))
        return ctl_usage(c, "name one message, or say --all-dead");
    if (all)
        return retry_all(c, cli_text(a, "to"));
    if (cli_given(a, "to"))
        return ctl_usage(c, "--to goes with --all-dead");
    int rc = ctl_call(c, "POST", ctl_path(path, "/v1/outbox/", a->word[0], "/retry"), NULL, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static const struct cli_option drop_options[] = {
    {.name = "why",
     .value = "TEXT",
     .max = 90,
     .field = "why",
     .required = true,
     .help = "stays in the journal with your name"},
};

static int drop_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/outbox/", a->word[0], "/drop"), &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static const struct cli_command outbox_commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists messages that wait or are dead",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "show", .args = "ID", .summary = "Shows one of them", .run = show_run},
    {.name = "retry",
     .args = "[ID]",
     .summary = "Sends one again, or all that died",
     CLI_TABLE(retry_options),
     .run = retry_run,
     .more = "Each keeps its idempotency key: whoever has it already acknowledges it again.\n"
             "Example:\n  onecardctl outbox retry --all-dead --to hospital1"},
    {.name = "drop",
     .args = "ID",
     .summary = "Gives one up for good",
     CLI_TABLE(drop_options),
     .run = drop_run,
     .more = "Of a confirm or reverse message nobody then knows what the institution keeps: agree "
             "with it first."},
};
const struct cli_noun noun_outbox =
    CLI_NOUN("outbox", "messages on their way to institutions", outbox_commands);

/* ---- holds ---- */

static const char *const hold_states[] = {"asked",       "held",        "refused",
                                          "unknown",     "confirm_due", "confirmed",
                                          "reverse_due", "reversed",    NULL};
static const struct cli_option hold_options[] = {
    {.name = "state",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = hold_states,
     .help = "only in this state"},
    CTL_PAGE_OPTIONS,
};

static int hold_list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"transaction", "txn", OUT_TEXT},
        {"state", "state", OUT_STATE},
        {"at", "to", OUT_TEXT},
        {"kind", "kind", OUT_TEXT},
        {"amount", "amount_fen", OUT_FEN},
        {"reference", "reference", OUT_TEXT},
        {"changed", "changed", OUT_TIME},
        {"note", "note", OUT_TEXT},
    };
    static const char *const query[] = {"state", "limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/holds",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no holds"});
}

static int hold_show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return ctl_show(c, ctl_path(path, "/v1/holds/", a->word[0], ""));
}

static const struct cli_command hold_commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists holds by transaction",
     CLI_TABLE(hold_options),
     .run = hold_list_run},
    {.name = "show", .args = "TXN", .summary = "Shows a transaction's hold", .run = hold_show_run},
};
const struct cli_noun noun_hold =
    CLI_NOUN("hold", "money held at institutions 冻结与冲正", hold_commands);

/* ---- routes ---- */

static int upstream_list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"to", "to", OUT_TEXT},          {"breaker", "breaker", OUT_STATE},
        {"busy", "busy", OUT_INT},       {"lanes", "lanes", OUT_INT},
        {"waiting", "waiting", OUT_INT}, {"calls", "calls", OUT_INT},
        {"failed", "failed", OUT_INT},   {"mean µs", "mean_us", OUT_INT},
        {"last µs", "last_us", OUT_INT}, {"last good", "last_good", OUT_TIME},
        {"url", "url", OUT_TEXT},        {"last error", "last_error", OUT_TEXT},
    };
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/upstreams",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .empty = "no routes: see section upstreams of the "
                                                "configuration"});
}

static int upstream_key_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    (void)a;
    int rc = ctl_call(c, "GET", "/v1/upstreams/key", NULL, 0, &j);
    if (rc == CTL_DONE && !c->json) { /* the key alone where it is kept in a file */
        (void)fprintf(c->err, "This site is %s; its key:\n",
                      json_string_value(json_object_get(j, "name")) ?: "");
        (void)fputs(json_string_value(json_object_get(j, "pem")) ?: "", c->out);
    } else if (rc == CTL_DONE) {
        out_json(c->out, j);
    }
    json_decref(j);
    return rc;
}

static const struct cli_command upstream_commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists routes to institutions, how busy and how well they are",
     .run = upstream_list_run},
    {.name = "key",
     .args = "",
     .summary = "Prints this site's name in messages, and the key that it signs them with",
     .run = upstream_key_run},
};
const struct cli_noun noun_upstream =
    CLI_NOUN("upstream", "routes to institutions' systems", upstream_commands);
