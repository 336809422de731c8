/* onecardctl settle: the files of a clearing day. */
#include "payment.h"

#define SETTLE_MS (30 * 60 * 1000)

static const struct cli_option run_options[] = {
    {.name = "date",
     .value = "DATE",
     .kind = CLI_DATE,
     .field = "date",
     .required = true,
     .help = "the clearing day"},
    {.name = "preview",
     .kind = CLI_FLAG,
     .field = "preview",
     .help = "an open day too; nothing is recorded"},
};
static const struct cli_option verify_options[] = {
    {.name = "date",
     .value = "DATE",
     .kind = CLI_DATE,
     .field = "date",
     .required = true,
     .help = "the clearing day"},
};

static int ask(struct ctl *c, const struct cli_args *a, const char *path)
{
    json_t *body = cli_body(a), *j = NULL;
    int rc = ctl_call(c, "POST", path, body, SETTLE_MS, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    if (rc == CTL_DONE && json_integer_value(json_object_get(j, "faults")) > 0)
        rc = ctl_fail(c, "the files and the ledger differ: see above, and call the person who "
                         "answers for the books");
    json_decref(body);
    json_decref(j);
    return rc;
}

static int run_run(struct ctl *c, const struct cli_args *a)
{
    return ask(c, a, "/v1/settle/run");
}

static int verify_run(struct ctl *c, const struct cli_args *a)
{
    return ask(c, a, "/v1/settle/verify");
}

static const struct cli_option claim_options[] = {
    {.name = "verify",
     .kind = CLI_FLAG,
     .field = "verify",
     .help = "compare what was published instead of making it"},
};

static int claim_run(struct ctl *c, const struct cli_args *a)
{
    json_t *body = cli_body(a), *j = NULL;
    json_object_set_new(body, "fund", json_string(a->word[0]));
    json_object_set_new(body, "month", json_string(a->word[1]));
    int rc = ctl_call(c, "POST", "/v1/settle/claim", body, SETTLE_MS, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    if (rc == CTL_DONE && json_integer_value(json_object_get(j, "faults")) > 0)
        rc = ctl_fail(c,
                      "the claim's files and the ledger differ: see above, and call the person who "
                      "answers for the books");
    json_decref(body);
    json_decref(j);
    return rc;
}

static const char *const item_states[] = {"open", "paid", "returned", "failed", "all", NULL};
static const struct cli_option list_options[] = {
    {.name = "state",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = item_states,
     .help = "open (the default) paid returned failed all"},
    CTL_PAGE_OPTIONS,
};
static const struct cli_option show_options[] = {CTL_PAGE_OPTIONS};

static const struct cli_command commands[] = {
    {.name = "run",
     .args = "",
     .summary = "Publishes a closed day's files; the same day again gives the same bytes",
     CLI_TABLE(run_options),
     .run = run_run,
     .more = "The daemon does this itself every night. 'onecardctl day show' lists the days."},
    {.name = "verify",
     .args = "",
     .summary = "Recomputes a day from the ledger and compares the published files",
     CLI_TABLE(verify_options),
     .run = verify_run},
    {.name = "claim",
     .args = "FUND MONTH",
     .summary = "What a fund owes for a month: its closed days' postings and their sum, signed",
     CLI_TABLE(claim_options),
     .run = claim_run,
     .more = "Every day of the month must be closed; the same month again gives the same bytes.\n"
             "Example:\n  onecardctl settle claim ybj 2026-11"},
    {.name = "list",
     .args = "",
     .summary = "Lists items of payment: what the bank has not reported paid yet",
     CLI_TABLE(list_options),
     .run = payment_list_run,
     .more = "An amount below zero is collected from the payee. payments.csv of each published day "
             "has the same items for the bank."},
    {.name = "show",
     .args = "GROUP",
     .summary = "Shows all items of a clearing day or of a month's claims and what became of each",
     CLI_TABLE(show_options),
     .run = payment_show_run,
     .more = "Example:\n  onecardctl settle show 2026-11-21"},
    {.name = "result",
     .args = "FILE",
     .summary = "Takes in the bank's result file: what was paid, came back, or failed (CSV)",
     .run = payment_result_run,
     .more = "Each bad line is reported with its reason, and the exit status is 1 then; the good "
             "ones are\nbooked. The same file again changes nothing. docs/SETTLEMENT.md has the "
             "columns.\nExample:\n  onecardctl settle result icbc-20261122.csv"},
    {.name = "deduct",
     .args = "FILE",
     .summary = "Takes in a fund's answer to a monthly claim: what it accepts and what it deducts (CSV)",
     .run = payment_deduct_run,
     .more = "Each deduction is booked once on the hospital's account; what is accepted becomes an item "
             "that\nthe bank is to report paid. The same file again changes nothing. "
             "docs/SETTLEMENT.md has the\ncolumns.\nExample:\n  onecardctl settle deduct "
             "ybj-2026-11.csv"},
};
const struct cli_noun noun_settle = CLI_NOUN("settle", "settlement files 清算", commands);
