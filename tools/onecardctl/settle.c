/* onecardctl settle: the files of a clearing day. */
#include "ctl.h"

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
};
const struct cli_noun noun_settle = CLI_NOUN("settle", "settlement files 清算", commands);
