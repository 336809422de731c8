/* onecardctl terminal: a reader, a SAM number and what may be done there. */
#include "simple.h"

#include <string.h>

static const char *const kinds[] = {"desk", "bus", "metro", "hall", "pos", "system", NULL};
static const struct cli_option add_options[] = {
    {.name = "id",
     .value = "ID",
     .max = 31,
     .field = "id",
     .required = true,
     .help = "short name: letters, digits, . _ -"},
    {.name = "kind",
     .value = "KIND",
     .kind = CLI_WORD,
     .words = kinds,
     .field = "kind",
     .help = "desk bus metro hall pos, or system: an institution's own, without a reader"},
    {.name = "participant", .value = "P", .max = 31, .field = "participant", .help = "who runs it"},
    {.name = "sam",
     .value = "12HEX",
     .kind = CLI_HEX,
     .min = 12,
     .max = 12,
     .field = "sam",
     .help = "the SAM's number, which stands in MACs and TACs"},
    {.name = "reader",
     .value = "NAME",
     .max = 127,
     .field = "reader",
     .help = "PC/SC reader, in quotes; 'onecardctl status' lists them"},
    {.name = "services",
     .value = "LIST",
     .max = 255,
     .field = "services",
     .help = "with commas; 'payment.*' or '*' in quotes"},
    {.name = "gate",
     .value = "SERVICE",
     .max = 47,
     .field = "gate",
     .help = "run this once for each card that comes"},
    {.name = "param",
     .value = "K=V",
     .kind = CLI_PAIR,
     .field = "params",
     .help = "a parameter for its services, such as fare=2.00"},
    {.name = "move",
     .kind = CLI_FLAG,
     .field = "move",
     .help = "the SAM was moved here from another terminal"},
    {.name = "close", .kind = CLI_FLAG, .help = "it takes no transactions any more"},
    {.name = "open", .kind = CLI_FLAG, .help = "it takes transactions again"},
};

static int add_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL, *body;
    if (cli_given(a, "close") && cli_given(a, "open"))
        return ctl_usage(c, "--close and --open contradict each other");
    if (!(body = cli_body(a)))
        return ctl_no_body(c);
    if (cli_given(a, "close") || cli_given(a, "open"))
        (void)json_object_set_new(body, "closed", json_boolean(cli_given(a, "close")));
    int rc = ctl_call(c, "POST", "/v1/terminals", body, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(body);
    json_decref(j);
    return rc;
}

static const struct cli_option list_options[] = {CTL_PAGE_OPTIONS};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"id", "id", OUT_TEXT},
        {"kind", "kind", OUT_TEXT},
        {"participant", "participant", OUT_TEXT},
        {"SAM", "sam", OUT_TEXT},
        {"reader", "reader", OUT_TEXT},
        {"state", "reader_state|state", OUT_STATE},
        {"services", "services", OUT_LIST},
        {"gate", "gate", OUT_TEXT},
        {"parameters", "params", OUT_TEXT},
    };
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/terminals",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no terminals"});
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return ctl_show(c, ctl_path(path, "/v1/terminals/", a->word[0], ""));
}

/* ---- identity over the network ---- */

static int enroll_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/terminals/", a->word[0], "/enroll"), &j);
    if (rc == CTL_DONE && c->json) {
        out_json(c->out, j);
    } else if (rc == CTL_DONE) {
        out_text(c->out, json_string_value(json_object_get(j, "token")) ?: "");
        (void)fprintf(c->out, "\n");
        (void)fprintf(c->err,
                      "good once, until %s. On the terminal:\n  onecard-terminal enroll -c "
                      "FILE --token TOKEN\n",
                      json_string_value(json_object_get(j, "until")) ?: "?");
    }
    json_decref(j);
    return rc;
}

static const struct cli_option revoke_options[] = {
    {.name = "why", .value = "TEXT", .max = 63, .field = "why", .help = "for the record"},
};

static int revoke_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/terminals/", a->word[0], "/revoke"), &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static int authority_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    (void)a;
    int rc = ctl_call(c, "GET", "/v1/authority", NULL, 0, &j);
    if (rc == CTL_DONE && c->json)
        out_json(c->out, j);
    else if (rc == CTL_DONE)
        (void)fputs(json_string_value(json_object_get(j, "certificate")) ?: "", c->out);
    json_decref(j);
    return rc;
}

static const struct cli_option sessions_options[] = {CTL_PAGE_OPTIONS};

static int sessions_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"terminal", "terminal", OUT_TEXT}, {"peer", "peer", OUT_TEXT},
        {"connected", "since", OUT_TIME},   {"heard", "heard_s", OUT_AGE},
        {"clock ms", "offset_ms", OUT_INT}, {"requests", "requests", OUT_INT},
        {"frames", "frames", OUT_INT},      {"readers", "readers", OUT_INT},
        {"software", "software", OUT_TEXT},
    };
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/sessions",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no terminal is connected"});
}

static const struct cli_command commands[] = {
    {.name = "add",
     .args = "",
     .summary = "Adds a terminal, or changes what is given of one",
     CLI_TABLE(add_options),
     .run = add_run,
     .more = "Examples:\n"
             "  onecardctl terminal add --id hall1 --kind hall --participant cardco --sam "
             "100000000001 \\\n"
             "      --reader \"Virtual PCD 00 00\" --services '*'\n"
             "  onecardctl terminal add --id bus12 --kind bus --participant busco --sam "
             "100000000012 \\\n"
             "      --reader \"Virtual PCD 00 01\" --services transit.ride --gate transit.ride "
             "--param fare=2.00\n"
             "  onecardctl terminal add --id bus12 --close"},
    {.name = "list",
     .args = "",
     .summary = "Lists terminals",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "show",
     .args = "ID",
     .summary = "Shows a terminal, how it proves itself, and what it did last",
     .run = show_run},
    {.name = "enroll",
     .args = "ID",
     .summary = "Makes a one-time token with which a remote terminal gets its certificate",
     .run = enroll_run,
     .more = "Example:\n  onecardctl terminal enroll gate17\n\n"
             "The token is printed once and kept only as a hash. A second call replaces it. A "
             "terminal that has a\ncertificate keeps working until the new one is made."},
    {.name = "revoke",
     .args = "ID",
     .summary = "Takes a terminal's certificate back; an open connection ends at once",
     CLI_TABLE(revoke_options),
     .run = revoke_run},
    {.name = "sessions",
     .args = "",
     .summary = "Lists the terminals that are connected now",
     CLI_TABLE(sessions_options),
     .run = sessions_run},
    {.name = "authority",
     .args = "",
     .summary = "Prints the certificate of the site's authority (PEM)",
     .run = authority_run},
};
const struct cli_noun noun_terminal =
    CLI_NOUN("terminal", "readers and what may be done at them", commands);
