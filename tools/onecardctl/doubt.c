/* onecardctl doubt: transactions whose outcome nobody knows yet (R3). */
#include "ctl.h"

static const struct cli_option list_options[] = {CTL_PAGE_OPTIONS};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"transaction", "txn", OUT_TEXT},
        {"age", "age_s", OUT_AGE},
        {"service", "service", OUT_TEXT},
        {"terminal", "terminal", OUT_TEXT},
        {"card", "number|card_number|card|serial", OUT_TEXT},
        {"amount", "amount_fen", OUT_FEN},
        {"counter", "counter", OUT_INT},
        {"reason", "reason", OUT_REASON},
        {"evidence", "evidence", OUT_TEXT},
        {"looked", "tries", OUT_INT},
        {"note", "note", OUT_TEXT},
    };
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/doubts",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no doubts are open"});
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return ctl_show(c, ctl_path(path, "/v1/doubts/", a->word[0], ""));
}

/* ---- where no evidence will come ---- */

static const char *const ends[] = {"posted", "voided", NULL};
static const struct cli_option propose_options[] = {
    {.name = "to",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = ends,
     .field = "to",
     .required = true,
     .help = "posted: the card was debited or credited; voided: it was not"},
    {.name = "why",
     .value = "TEXT",
     .max = 63,
     .field = "why",
     .required = true,
     .help = "stays in the journal with your name"},
};
static const struct cli_option confirm_options[] = {
    {.name = "to",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = ends,
     .field = "to",
     .required = true,
     .help = "the same as was proposed"},
};

static int tell_run(struct ctl *c, const struct cli_args *a, const char *verb)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/doubts/", a->word[0], verb), &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static int propose_run(struct ctl *c, const struct cli_args *a)
{
    return tell_run(c, a, "/propose");
}

static int confirm_run(struct ctl *c, const struct cli_args *a)
{
    return tell_run(c, a, "/confirm");
}

static const struct cli_command commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists open doubts with their age and evidence",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "show",
     .args = "ID",
     .summary = "Shows what is known about a doubt",
     .run = show_run,
     .more = "A doubt ends by evidence: the card's next tap at any terminal settles it."},
    {.name = "propose",
     .args = "ID",
     .summary = "Proposes how a doubt ends whose card will not come back",
     CLI_TABLE(propose_options),
     .run = propose_run,
     .more = "Nothing happens until another person says the same by 'doubt confirm'. A look at the "
             "card in between ends the proposal."},
    {.name = "confirm",
     .args = "ID",
     .summary = "Ends a doubt as another person proposed",
     CLI_TABLE(confirm_options),
     .run = confirm_run,
     .more = "What is posted or voided stays so; corrections are new transactions."},
};
const struct cli_noun noun_doubt = CLI_NOUN("doubt", "transactions in doubt 灰记录", commands);
