/* onecardctl day: clearing days. */
#include "ctl.h"

static const struct cli_option show_options[] = {CTL_PAGE_OPTIONS};

static int show_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"day", "date", OUT_TEXT},
        {"state", "state", OUT_STATE},
        {"opening", "float_opening_fen", OUT_FEN},
        {"loads", "loads_fen", OUT_FEN},
        {"purchases", "purchases_fen", OUT_FEN},
        {"adjustments", "adjustments_fen", OUT_FEN},
        {"closing", "float_closing_fen", OUT_FEN},
        {"closed", "closed", OUT_TIME},
    };
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/days",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no days"});
}

static int close_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", "/v1/day/close", &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static const struct cli_command commands[] = {
    {.name = "show",
     .args = "",
     .summary = "Shows clearing days with their float, the newest first",
     CLI_TABLE(show_options),
     .run = show_run},
    {.name = "close",
     .args = "",
     .summary = "Closes the open clearing day now and opens the next",
     .run = close_run,
     .more = "The daemon does this itself at settlement.cutover. A closed day takes nothing more."},
};
const struct cli_noun noun_day = CLI_NOUN("day", "clearing days 清算日", commands);
