/* Commands as tables: a noun, its verbs, their options. The tables parse the command line, print
 * the help and make the JSON body of the API call, so that a verb is a table and a few lines of
 * code. */
#ifndef ONECARDCTL_CLI_H
#define ONECARDCTL_CLI_H

#include "base/base.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define CLI_OPTIONS 24
#define CLI_WORDS   4 /* positional words of one command */

/** Exit statuses. A script must never charge again because of CTL_DOUBT. */
enum ctl_exit { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_DOUBT = 3 };

enum cli_kind {
    CLI_TEXT,    /* min…max bytes (0: 1…512) */
    CLI_FLAG,    /* no value; JSON true */
    CLI_YUAN,    /* "12.50", at least `min` fen; JSON integer fen */
    CLI_INT,     /* min…max; JSON integer */
    CLI_SECONDS, /* "1.5", at most a day; JSON integer milliseconds */
    CLI_HEX,     /* min…max hex digits; JSON text in upper case */
    CLI_DATE,    /* "2026-11-21"; JSON text */
    CLI_PAIR,    /* "k=v", may be repeated; JSON object of texts */
    CLI_WORD,    /* one of `words` */
    CLI_STDIN    /* "-": a line of standard input, asked for at a terminal; at most `max` bytes. For
                    what nobody is to see in ps or in a shell's history. One in a command */
};

struct cli_option {
    const char *name;  /* without the dashes */
    const char *value; /* what help calls its value; NULL for flags */
    const char *help;
    const char *field;        /* JSON member ("holder.name" is inside an object); NULL: not sent */
    const char *const *words; /* CLI_WORD: NULL-terminated */
    int64_t min, max;
    enum cli_kind kind;
    bool required;
};

struct ctl;
struct cli_args;
struct cli_command {
    const char *name;    /* the verb; NULL: the noun stands alone */
    const char *args;    /* positional words as help shows them: "SERVICE", "[FILE]"; "" for none */
    const char *summary; /* one line */
    const char *more;    /* further help; may be NULL */
    const struct cli_option *options;
    size_t option_count;
    int (*run)(struct ctl *c, const struct cli_args *a);
};
struct cli_noun {
    const char *name, *summary;
    const struct cli_command *commands;
    size_t command_count;
};

#define CLI_LINE 128
/** What was typed, checked against the command's table. Texts are the caller's argv, or in here. */
struct cli_args {
    const struct cli_noun *noun;
    const struct cli_command *command;
    const char *word[CLI_WORDS]; /* positional */
    size_t word_count;
    const char *text[CLI_OPTIONS]; /* NULL: not given */
    int64_t number[CLI_OPTIONS];   /* of numeric kinds */
    json_t *pairs;                 /* of the CLI_PAIR option; NULL: none */
    char line[CLI_LINE];           /* of the CLI_STDIN option; wiped by cli_args_fini */
};

/** What may stand anywhere on the line. */
struct cli_globals {
    const char *dir, *socket, *lang;
    bool json, help, version;
};

/** Parses argv[1…]. 0; or CTL_USAGE after one clear line to `err`. With globals->help or ->version
 * set, `ret` may name no noun or no command and is otherwise unchecked. cli_args_fini when done, in
 * every case. */
int cli_parse(int argc, char **argv, FILE *err, struct cli_globals *globals,
              struct cli_args *ret) MUST_USE;
void cli_args_fini(struct cli_args *a);

/** The value of an option of this command, NULL where it was not given. Asking for one that is not
 * in the table aborts. */
const char *cli_text(const struct cli_args *a, const char *option);
bool cli_given(const struct cli_args *a, const char *option);
int64_t cli_number(const struct cli_args *a, const char *option, int64_t dflt);
/** The options with a `field`, as a JSON object. The caller owns it; NULL: no memory. */
json_t *cli_body(const struct cli_args *a) MUST_USE;

/** All nouns. */
const struct cli_noun *const *cli_nouns(size_t *ret_count);
/** Help on everything (noun NULL), one noun (command NULL) or one command. */
void cli_help(FILE *out, const struct cli_noun *noun, const struct cli_command *command);

#define CLI_TABLE(rows) .options = (rows), .option_count = ARRAY_LEN(rows)
#define CLI_NOUN(word, text, rows)                                                                 \
    {                                                                                              \
        .name = (word), .summary = (text), .commands = (rows), .command_count = ARRAY_LEN(rows)    \
    }

extern const struct cli_noun noun_init, noun_key, noun_participant, noun_terminal, noun_card, noun_citizen,
    noun_denylist, noun_offline, noun_service, noun_txn, noun_doubt, noun_plan, noun_settle, noun_day,
    noun_account, noun_ledger, noun_copy, noun_event, noun_outbox, noun_hold, noun_upstream, noun_status,
    noun_flows, noun_reload, noun_benefit, noun_medical, noun_shift, noun_bill,
    noun_transit;

#endif
