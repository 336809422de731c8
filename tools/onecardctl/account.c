/* onecardctl account: the books. */
#include "ctl.h"

static const struct cli_option list_options[] = {CTL_PAGE_OPTIONS};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"account", "kind|account", OUT_TEXT},
        {"owner", "owner", OUT_TEXT},
        {"debits", "debits_posted_fen|debits_fen", OUT_FEN},
        {"credits", "credits_posted_fen|credits_fen", OUT_FEN},
        {"pending debits", "debits_pending_fen", OUT_FEN},
        {"pending credits", "credits_pending_fen", OUT_FEN},
        {"balance", "balance_fen", OUT_FEN},
    };
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/accounts",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no accounts yet"});
}

static const struct cli_command commands[] = {
    {.name = "list",
     .args = "",
     .summary = "Lists accounts: what is owed to whom (credits are owed by the issuer)",
     CLI_TABLE(list_options),
     .run = list_run},
};
const struct cli_noun noun_account = CLI_NOUN("account", "the books", commands);
