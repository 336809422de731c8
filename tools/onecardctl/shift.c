/* onecardctl shift, bill: what a clerk does at her counter in more words than 'txn run' wants. */
#include "run.h"

#include <string.h>

#define TERMINAL                                                                                   \
    {                                                                                              \
        .name = "terminal", .value = "T", .required = true, .help = "the terminal at the counter"  \
    }

/* Runs `service` with the options named in `names` as parameters; takes `body`, which may have
 * more. */
static int run(struct ctl *c, const struct cli_args *a, const char *service,
               const char *const *names, json_t *body, json_t **ret_result)
{
    json_t *params = json_object();
    bool good = true;
    *ret_result = NULL;
    for (; *names; names++)
        if (cli_text(a, *names))
            good = json_object_set_new(params, *names, json_string(cli_text(a, *names))) == 0 && good;
    if (!good || json_object_set_new(body, "service", json_string(service)) != 0 ||
        json_object_set_new(body, "terminal", json_string(cli_text(a, "terminal"))) != 0 ||
        json_object_set(body, "params", params) != 0) {
        json_decref(params);
        json_decref(body);
        return ctl_no_body(c);
    }
    json_decref(params);
    int rc = run_request(c, "/v1/requests", body, ret_result);
    json_decref(body);
    return rc;
}

/* The whole result where it failed or a program reads; else `member` of the reply, for people. */
static int show(struct ctl *c, int rc, json_t *result, const char *member)
{
    const json_t *reply = json_object_get(result, "reply");
    const json_t *part = member ? json_object_get(reply, member) : reply;
    if (result && (rc != CTL_DONE || c->json || !part))
        run_print(c, result);
    else if (json_is_array(part))
        out_items(c, part);
    else if (part)
        out_object(c, part, 0);
    json_decref(result);
    return rc;
}

/* ---- shift ---- */

static const struct cli_option open_options[] = {
    TERMINAL,
    {.name = "float", .value = "YUAN", .help = "what lies in the till at the beginning"},
};
static int open_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const names[] = {"float", NULL};
    json_t *result;
    int rc = run(c, a, "payment.shift_open", names, json_object(), &result);
    return show(c, rc, result, NULL);
}

static const struct cli_option show_options[] = {
    TERMINAL,
    {.name = "number", .value = "N", .help = "a closed shift; default: the open one, as it is now"},
};
static int show_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const names[] = {"number", NULL};
    json_t *result;
    int rc = run(c, a, "payment.shift_show", names, json_object(), &result);
    return show(c, rc, result, "shift");
}

static const struct cli_option close_options[] = {
    TERMINAL,
    {.name = "counted", .value = "YUAN", .required = true, .help = "what lies in the till now"},
};
static int close_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const names[] = {"counted", NULL};
    json_t *result;
    int rc = run(c, a, "payment.shift_close", names, json_object(), &result);
    return show(c, rc, result, NULL);
}

static const struct cli_command shift_commands[] = {
    {.name = "open",
     .args = "",
     .summary = "Opens a clerk's shift",
     CLI_TABLE(open_options),
     .run = open_run},
    {.name = "show",
     .args = "",
     .summary = "Shows a shift: sums by service, what should be in the till",
     CLI_TABLE(show_options),
     .run = show_run},
    {.name = "close",
     .args = "",
     .summary = "Closes the shift against what was counted",
     CLI_TABLE(close_options),
     .run = close_run},
};
const struct cli_noun noun_shift = CLI_NOUN("shift", "a clerk's shift 班结", shift_commands);

/* ---- bill ---- */

#define UTILITY                                                                                    \
    {                                                                                              \
        .name = "utility", .value = "P", .required = true, .max = 31,                              \
        .help = "the utility's participant"                                                        \
    }
#define ACCOUNT                                                                                    \
    {                                                                                              \
        .name = "account", .value = "NO", .required = true, .max = 39,                             \
        .help = "the customer's number there"                                                      \
    }

static const struct cli_option list_options[] = {TERMINAL, UTILITY, ACCOUNT};
static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const names[] = {"utility", "account", NULL};
    json_t *result;
    int rc = run(c, a, "payment.bills", names, json_object(), &result);
    return show(c, rc, result, "bills");
}

static const char *const sources[] = {"purse", "account", NULL};
static const struct cli_option pay_options[] = {
    TERMINAL,
    UTILITY,
    ACCOUNT,
    {.name = "bill", .value = "NO", .required = true, .max = 39, .help = "which bill"},
    {.name = "amount",
     .value = "YUAN",
     .field = "amount_fen",
     .kind = CLI_YUAN,
     .min = 1,
     .required = true,
     .help = "what the bill says"},
    {.name = "source",
     .value = "SOURCE",
     .kind = CLI_WORD,
     .words = sources,
     .help = "what pays: purse (default) or account"},
};
static int pay_run(struct ctl *c, const struct cli_args *a)
{
    static const char *const names[] = {"utility", "account", "bill", "source", NULL};
    json_t *result;
    int rc = run(c, a, "payment.bill_pay", names, cli_body(a), &result);
    if (result)
        run_print(c, result);
    json_decref(result);
    return rc;
}

static const struct cli_command bill_commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Asks a utility what a customer owes",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "pay",
     .args = "",
     .summary = "Pays a bill from the card on the reader",
     CLI_TABLE(pay_options),
     .run = pay_run},
};
const struct cli_noun noun_bill =
    CLI_NOUN("bill", "bills of utilities 水电燃气暖气", bill_commands);
