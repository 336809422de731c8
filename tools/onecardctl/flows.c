/* onecardctl flows: what the daemon is waiting for at this moment. */
#include "ctl.h"

static int flows_run(struct ctl *c, const struct cli_args *a)
{
    (void)a;
    return ctl_show(c, "/v1/flows");
}

static const struct cli_command commands[] = {
    {.args = "",
     .summary = "Shows the daemon's running dialogues and where each waits",
     .run = flows_run},
};
const struct cli_noun noun_flows = CLI_NOUN("flows", "the daemon's running dialogues", commands);
