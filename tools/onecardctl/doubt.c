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
     .more = "A doubt ends by evidence only: the card's next tap at any terminal settles it."},
};
const struct cli_noun noun_doubt = CLI_NOUN("doubt", "transactions in doubt 灰记录", commands);
