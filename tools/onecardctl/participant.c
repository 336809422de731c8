/* onecardctl participant: who runs terminals, is paid, and answers for cash. */
#include "simple.h"

static const struct cli_option add_options[] = {
    {.name = "id",
     .value = "ID",
     .max = 31,
     .field = "id",
     .required = true,
     .help = "short name: letters, digits, . _ -"},
    {.name = "name",
     .value = "NAME",
     .max = 95,
     .field = "name",
     .help = "for people; a new one needs it"},
    {.name = "load-quota",
     .value = "YUAN",
     .kind = CLI_YUAN,
     .field = "load_quota_fen",
     .help = "how much cash for loads they may owe 代充额度 (default: the site's policy)"},
};

static int add_run(struct ctl *c, const struct cli_args *a)
{
    return simple_post(c, a, "/v1/participants", "participant", "id");
}

static const struct cli_option list_options[] = {CTL_PAGE_OPTIONS};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {{"id", "id", OUT_TEXT},
                                                {"name", "name", OUT_TEXT},
                                                {"load quota", "load_quota_fen", OUT_FEN}};
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/participants",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no participants"});
}

static const struct cli_command commands[] = {
    {.name = "add",
     .args = "",
     .summary = "Adds or changes a participant",
     CLI_TABLE(add_options),
     .run = add_run,
     .more = "Example:\n  onecardctl participant add --id hospital1 --name \"第一人民医院\" "
             "--load-quota 5000.00"},
    {.name = "list",
     .args = "",
     .summary = "Lists participants",
     CLI_TABLE(list_options),
     .run = list_run},
};
const struct cli_noun noun_participant =
    CLI_NOUN("participant", "who runs terminals and is settled with", commands);
