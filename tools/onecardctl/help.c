/* Help on every level, printed from the tables. */
#include "cli.h"

#include <string.h>

static const struct cli_noun *const nouns[] = {
    &noun_init,    &noun_key,    &noun_participant, &noun_terminal, &noun_card,   &noun_citizen,
    &noun_denylist,    &noun_offline,
    &noun_service, &noun_txn,    &noun_doubt,       &noun_plan,     &noun_settle, &noun_day,
    &noun_account, &noun_ledger, &noun_copy, &noun_event,       &noun_outbox,   &noun_hold,   &noun_upstream,
    &noun_status,  &noun_flows,   &noun_reload,  &noun_benefit, &noun_medical, &noun_shift, &noun_bill,
    &noun_transit};

const struct cli_noun *const *cli_nouns(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(nouns);
    return nouns;
}

static void print_globals(FILE *out)
{
    (void)fputs("\nEverywhere:\n"
                "  --dir DIR        the site (default: $ONECARD_DIR, else /etc/onecard)\n"
                "  --socket PATH    the daemon's socket, where it is not the one the site's "
                "configuration names\n"
                "  --json           one line of JSON, for programs\n"
                "  --lang en|zh     zh prints the Chinese reason beside the English one (default: "
                "from LANG)\n"
                "  --help           help on what stands before it\n"
                "\nExit status: 0 done, 1 refused or failed, 2 wrong usage, 3 in doubt (never "
                "charge again because of it)\n",
                out);
}

static void all_help(FILE *out)
{
    (void)fputs("onecardctl: the operator's hand on onecardd 市民一卡通\n"
                "usage: onecardctl [--dir DIR] [--json] COMMAND [VERB] …\n\nCommands:\n",
                out);
    for (size_t i = 0; i < ARRAY_LEN(nouns); i++)
        (void)fprintf(out, "  %-12s %s\n", nouns[i]->name, nouns[i]->summary);
    print_globals(out);
    (void)fputs(
        "\n'onecardctl COMMAND --help' tells more, for example 'onecardctl txn run --help'.\n",
        out);
}

static void noun_help(FILE *out, const struct cli_noun *n)
{
    (void)fprintf(out, "onecardctl %s: %s\n\n", n->name, n->summary);
    for (size_t i = 0; i < n->command_count; i++) {
        const struct cli_command *c = &n->commands[i];
        char left[64];
        (void)snprintf(left, sizeof left, "%s %s", c->name, c->args);
        (void)fprintf(out, "  %-24s %s\n", left, c->summary);
    }
    (void)fprintf(out, "\n'onecardctl %s VERB --help' shows the options of a verb.\n", n->name);
}

static void option_line(FILE *out, const struct cli_option *o)
{
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
                   o->value ? o->value : "");
    (void)fprintf(out, "  %-26s %s%s%s\n", left, o->help, o->required ? " (required)" : "",
                  o->kind == CLI_PAIR ? " (may be repeated)" : "");
}

static void command_help(FILE *out, const struct cli_noun *n, const struct cli_command *c)
{
    (void)fprintf(out, "usage: onecardctl %s%s%s%s%s", n->name, c->name ? " " : "",
                  c->name ? c->name : "", *c->args != '\0' ? " " : "", c->args);
    for (size_t i = 0; i < c->option_count; i++)
        if (c->options[i].required)
            (void)fprintf(out, " --%s %s", c->options[i].name, c->options[i].value);
    (void)fprintf(out, "%s\n\n%s.\n", c->option_count > 0 ? " [options]" : "", c->summary);
    if (c->option_count > 0)
        (void)fputs("\nOptions:\n", out);
    for (size_t i = 0; i < c->option_count; i++)
        option_line(out, &c->options[i]);
    if (c->more)
        (void)fprintf(out, "\n%s\n", c->more);
    print_globals(out);
}

void cli_help(FILE *out, const struct cli_noun *noun, const struct cli_command *command)
{
    if (!noun)
        all_help(out);
    else if (!command)
        noun_help(out, noun);
    else
        command_help(out, noun, command);
}
