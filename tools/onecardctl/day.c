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
        {"unpaid", "items_open", OUT_INT},
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

static const struct cli_option close_options[] = {
    {.name = "date",
     .value = "DATE",
     .kind = CLI_DATE,
     .field = "date",
     .help = "this day only; without it the one that is open now"},
    {.name = "early",
     .kind = CLI_FLAG,
     .field = "early",
     .help = "also a day that has not begun yet"},
};

/* The order names its day: given twice, or beside the daemon's own close, it closes one day. */
static int name_open_day(struct ctl *c, json_t *body)
{
    json_t *j = NULL;
    int rc = ctl_call(c, "GET", "/v1/status", NULL, 0, &j);
    if (rc != CTL_DONE)
        return rc;
    json_t *day = json_object_get(j, "open_day");
    if (!json_is_string(day) || json_object_set(body, "date", day) != 0)
        rc = ctl_fail(c, "the daemon does not say which day is open");
    json_decref(j);
    return rc;
}

static int close_run(struct ctl *c, const struct cli_args *a)
{
    json_t *body = cli_body(a), *j = NULL;
    int rc = body ? CTL_DONE : ctl_no_body(c);
    if (rc == CTL_DONE && !cli_given(a, "date"))
        rc = name_open_day(c, body);
    if (rc == CTL_DONE)
        rc = ctl_call(c, "POST", "/v1/day/close", body, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(body);
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
     CLI_TABLE(close_options),
     .run = close_run,
     .more = "The daemon does this itself at settlement.cutover. A closed day takes nothing more."},
};
const struct cli_noun noun_day = CLI_NOUN("day", "clearing days 清算日", commands);
