/* onecardctl txn, plan: what cards do. */
#include "pin.h"
#include "run.h"

#include <string.h>

#define REQUEST_OPTIONS                                                                            \
    {.name = "terminal",                                                                           \
     .value = "T",                                                                                 \
     .field = "terminal",                                                                          \
     .required = true,                                                                             \
     .help = "the terminal whose reader is used"},                                                 \
        {.name = "amount",                                                                         \
         .value = "YUAN",                                                                          \
         .kind = CLI_YUAN,                                                                         \
         .min = 1,                                                                                 \
         .field = "amount_fen",                                                                    \
         .help = "such as 12.50"},                                                                 \
        {.name = "param",                                                                          \
         .value = "K=V",                                                                           \
         .kind = CLI_PAIR,                                                                         \
         .field = "params",                                                                        \
         .help = "a parameter of the service"},                                                    \
        {.name = "document",                                                                       \
         .value = "FILE",                                                                          \
         .help = "a JSON object that goes along; -: standard input"},                              \
        {.name = "pin",                                                                            \
         .value = "FILE",                                                                          \
         .help = "a file with the holder's PIN; -: standard input, as lists of processes show words"}, \
        {.name = "card",                                                                           \
         .value = "NUMBER",                                                                        \
         .max = 63,                                                                                \
         .field = "card",                                                                          \
         .help = "the printed number, in place of a card on the reader"},                          \
        {.name = "code",                                                                           \
         .value = "CODE",                                                                          \
         .max = 127,                                                                               \
         .field = "code",                                                                          \
         .help = "a code that the holder shows, likewise: oc1:… or a dynamic one, oc2:…"},         \
    {                                                                                              \
        .name = "wait", .value = "S", .kind = CLI_SECONDS, .field = "wait_ms",                     \
        .help = "seconds to wait for a card (0: it must lie there)"                                \
    }

static const struct cli_option run_options[] = {
    REQUEST_OPTIONS,
    {.name = "retap",
     .value = "S",
     .kind = CLI_SECONDS,
     .field = "retap_ms",
     .help = "seconds to wait for a torn card to come back (0: not at all)"},
    {.name = "request",
     .value = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = INT64_C(1) << 52,
     .field = "request_no",
     .help = "the terminal's own ascending number: the same number again gives the same answer"},
};
static const struct cli_option plan_options[] = {REQUEST_OPTIONS};

/* Puts the file's object into the body; 0, or what the command ends with. */
static int add_document(struct ctl *c, const struct cli_args *a, json_t *body)
{
    json_error_t error;
    const char *file = cli_text(a, "document");
    if (!file)
        return 0;
    json_t *document = strcmp(file, "-") == 0 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error)
                                              : json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return ctl_fail(c, "%s:%d:%d: %s", file, error.line, error.column, error.text);
    return json_object_set_new(body, "document", document) == 0 ? 0 : ctl_fail(c, "out of memory");
}

static int request(struct ctl *c, const struct cli_args *a, const char *path, bool plan)
{
    json_t *body = cli_body(a), *result = NULL;
    if (!body || json_object_set_new(body, "service", json_string(a->word[0])) != 0) {
        json_decref(body);
        return ctl_no_body(c);
    }
    const char *document = cli_text(a, "document"), *pin = cli_text(a, "pin");
    int rc = document && pin && strcmp(document, "-") == 0 && strcmp(pin, "-") == 0
                 ? ctl_usage(c, "standard input is the document or the PIN, not both")
                 : add_document(c, a, body);
    if (rc == 0)
        rc = cli_text(a, "pin") ? pin_add(c, cli_text(a, "pin"), NULL, "pin", body) : 0;
    if (rc != 0) {
        pin_drop_body(body);
        return rc;
    }
    rc = run_request(c, path, body, &result);
    if (result && plan && rc == CTL_DONE && !c->json && json_object_get(result, "plan"))
        out_object(c, json_object_get(result, "plan"), 0);
    else if (result)
        run_print(c, result);
    json_decref(result);
    pin_drop_body(body);
    return rc;
}

static int run_run(struct ctl *c, const struct cli_args *a)
{
    return request(c, a, "/v1/requests", false);
}

static int plan_run(struct ctl *c, const struct cli_args *a)
{
    return request(c, a, "/v1/plan", true);
}

static const struct out_column txn_columns[] = {
    {"transaction", "txn", OUT_TEXT},
    {"time", "time|created", OUT_TIME},
    {"service", "service", OUT_TEXT},
    {"terminal", "terminal", OUT_TEXT},
    {"card", "number|card_number|card|serial", OUT_TEXT},
    {"amount", "amount_fen", OUT_FEN},
    {"gross", "gross_fen", OUT_FEN},
    {"state", "state|outcome", OUT_STATE},
    {"reason", "reason", OUT_REASON},
    {"business", "business_date", OUT_TEXT},
    {"clearing", "clearing_date", OUT_TEXT},
};
static const char *const states[] = {"intended", "posted", "voided", "in_doubt", "refused", NULL};
static const struct cli_option list_options[] = {
    {.name = "card", .value = "CARD", .help = "of one card: number, serial, issuer-serial or c123"},
    {.name = "terminal", .value = "T", .help = "at one terminal"},
    {.name = "state",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = states,
     .help = "intended posted voided in_doubt refused"},
    {.name = "date",
     .value = "DATE",
     .kind = CLI_DATE,
     .help = "posted on this clearing day, the oldest first"},
    {.name = "limit",
     .value = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 500,
     .help = "at most so many lines"},
    {.name = "after", .value = "CURSOR", .help = "go on where the last page ended"},
};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const query[] = {"card",  "terminal",     "state", "date",
                                        "limit", "after=before", NULL};
    static const char *const by_date[] = {"card",  "terminal", "state", "date",
                                          "limit", "after",    NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/txns",
                                       .columns = txn_columns,
                                       .column_count = ARRAY_LEN(txn_columns),
                                       .query = cli_given(a, "date") ? by_date : query,
                                       .empty = "no transactions"});
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return ctl_show(c, ctl_path(path, "/v1/txns/", a->word[0], ""));
}

static const struct cli_command txn_commands[] = {
    {.name = "run",
     .args = "SERVICE",
     .summary = "Runs a service with the card at a terminal and says what became of it",
     CLI_TABLE(run_options),
     .run = run_run,
     .more =
         "Examples:\n"
         "  onecardctl txn run payment.load --terminal hall1 --amount 100.00\n"
         "  onecardctl txn run payment.purchase --terminal pharmacy --amount 38.60 --wait 20\n"
         "  onecardctl txn run payment.refund --terminal pharmacy --param txn=ID --amount 8.60\n\n"
         "Ctrl-C before the money moves cancels: the next card is not charged. When it comes too "
         "late the true\n"
         "outcome is still told. Status 3 means that nobody knows yet whether the card was "
         "debited: its next tap at\n"
         "any terminal settles that; never charge again because of it. A script that gives "
         "--request N may safely\n"
         "repeat the same call with the same N."},
    {.name = "list",
     .args = "",
     .summary = "Lists transactions, the newest first",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "show",
     .args = "ID",
     .summary = "Shows everything about one transaction: legs, evidence, timeline",
     .run = show_run},
};
const struct cli_noun noun_txn =
    CLI_NOUN("txn", "run a service, look at transactions", txn_commands);

static const struct cli_command plan_commands[] = {
    {.args = "SERVICE",
     .summary = "Shows what a service would do with the card at a terminal; nothing moves",
     CLI_TABLE(plan_options),
     .run = plan_run,
     .more = "Example:\n  onecardctl plan transit.ride --terminal bus12"},
};
const struct cli_noun noun_plan =
    CLI_NOUN("plan", "show what a service would do, without doing it", plan_commands);
