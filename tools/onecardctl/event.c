/* onecardctl event: what operators should know. */
#include "ctl.h"

static const struct cli_option list_options[] = {CTL_PAGE_OPTIONS};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"seq", "seq", OUT_INT},    {"time", "time|at", OUT_TIME},
        {"kind", "kind", OUT_TEXT}, {"terminal", "terminal", OUT_TEXT},
        {"card", "card", OUT_TEXT}, {"transaction", "txn", OUT_TEXT},
        {"text", "text", OUT_TEXT},
    };
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/events",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no events"});
}

static const struct cli_command commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists events and alarms",
     CLI_TABLE(list_options),
     .run = list_run},
};
const struct cli_noun noun_event = CLI_NOUN("event", "alarms and facts for operators", commands);
