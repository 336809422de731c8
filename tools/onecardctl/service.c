/* onecardctl service: what the loaded modules offer. */
#include "ctl.h"

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"service", "name", OUT_TEXT}, {"title", "title_en", OUT_TEXT},
        {"", "title_zh", OUT_TEXT},    {"module", "module", OUT_TEXT},
        {"needs", "needs", OUT_LIST},  {"parameters", "params", OUT_LIST},
    };
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/services",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .empty = "no services: no module is loaded"});
}

static const struct cli_command commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists services, what they need and their parameters",
     .run = list_run},
};
const struct cli_noun noun_service =
    CLI_NOUN("service", "what may be asked for with a card", commands);
