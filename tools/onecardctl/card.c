/* onecardctl card: issuing, registering, and the states of a card. */
#include "pin.h"
#include "run.h"
#include "simple.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"named", "anonymous", NULL};
static const char *const states[] = {"issued",  "active",    "suspended", "lost",
                                     "blocked", "cancelled", NULL};

#define CARD_OPTIONS                                                                               \
    {.name = "profile",                                                                            \
     .value = "P",                                                                                 \
     .max = 31,                                                                                    \
     .field = "profile",                                                                           \
     .required = true,                                                                             \
     .help = "kind of card: pboc-ep, mohurd, tunion …"},                                           \
        {.name = "kind",                                                                           \
         .value = "KIND",                                                                          \
         .kind = CLI_WORD,                                                                         \
         .words = kinds,                                                                           \
         .field = "kind",                                                                          \
         .help = "named or anonymous (default: named; when issued: by --holder)"},                 \
        {.name = "holder",                                                                         \
         .value = "NAME",                                                                          \
         .max = 127,                                                                               \
         .field = "holder.name",                                                                   \
         .help = "the citizen's name"},                                                            \
        {.name = "holder-id",                                                                      \
         .value = "-",                                                                             \
         .kind = CLI_STDIN,                                                                        \
         .max = 32,                                                                                \
         .field = "holder.id",                                                                     \
         .help = "the citizen's personal number by standard input"},                               \
        {.name = "holder-phone",                                                                   \
         .value = "TEL",                                                                           \
         .max = 31,                                                                                \
         .field = "holder.phone",                                                                  \
         .help = "a telephone number"},                                                            \
        {.name = "category",                                                                       \
         .value = "C",                                                                             \
         .max = 23,                                                                                \
         .field = "category",                                                                      \
         .help = "concession: student, elder, disabled …"},                                        \
        {.name = "category-until",                                                                 \
         .value = "DATE",                                                                          \
         .kind = CLI_DATE,                                                                         \
         .field = "category_until",                                                                \
         .help = "its last day"},                                                                  \
        {.name = "valid-from",                                                                     \
         .value = "DATE",                                                                          \
         .kind = CLI_DATE,                                                                         \
         .field = "valid_from",                                                                    \
         .help = "first day of the card"},                                                         \
    {                                                                                              \
        .name = "valid-to", .value = "DATE", .kind = CLI_DATE, .field = "valid_to",                \
        .help = "last day of the card"                                                             \
    }

static const struct cli_option issue_options[] = {
    {.name = "terminal",
     .value = "T",
     .field = "terminal",
     .required = true,
     .help = "the terminal on whose reader the blank card lies"},
    CARD_OPTIONS,
    {.name = "serial",
     .value = "HEX",
     .kind = CLI_HEX,
     .min = 1,
     .max = 20,
     .field = "serial",
     .help = "application serial number (default: the next free one)"},
    {.name = "wait",
     .value = "S",
     .kind = CLI_SECONDS,
     .field = "wait_ms",
     .help = "seconds to wait for a card"},
    {.name = "pin",
     .value = "FILE",
     .max = 4095,
     .help = "a line with the holder's first PIN; - standard input (default: one is drawn and told)"},
    {.name = "no-activate",
     .kind = CLI_FLAG,
     .help = "leave it issued; 'card activate' makes it work"},
};
static const struct cli_option register_options[] = {
    {.name = "serial",
     .value = "HEX",
     .kind = CLI_HEX,
     .min = 1,
     .max = 20,
     .field = "serial",
     .required = true,
     .help = "application serial number: file 0015, bytes 10 to 19"},
    {.name = "issuer",
     .value = "16HEX",
     .kind = CLI_HEX,
     .min = 16,
     .max = 16,
     .field = "issuer",
     .help = "issuer id: file 0015, bytes 0 to 7 (default: the site's)"},
    CARD_OPTIONS,
    {.name = "number",
     .value = "N",
     .max = 23,
     .field = "number",
     .help = "as printed on the card"},
    {.name = "opening",
     .value = "YUAN",
     .kind = CLI_YUAN,
     .field = "opening_fen",
     .help = "what is on the chip already"},
    {.name = "no-activate",
     .kind = CLI_FLAG,
     .help = "leave it issued; 'card activate' makes it work"},
};

/* Details of a holder without the holder would be dropped silently by nobody: it is said here. */
static int check_holder(struct ctl *c, const struct cli_args *a)
{
    if (!cli_given(a, "holder") && (cli_given(a, "holder-id") || cli_given(a, "holder-phone")))
        return ctl_usage(c, "--holder NAME is missing beside --holder-id or --holder-phone");
    return CTL_DONE;
}

static int issue_run(struct ctl *c, const struct cli_args *a)
{
    json_t *body = NULL, *result = NULL;
    int rc = check_holder(c, a);
    if (rc == CTL_DONE && !(body = cli_body(a)))
        rc = ctl_no_body(c);
    if (rc == CTL_DONE && cli_given(a, "no-activate"))
        (void)json_object_set_new(body, "activate", json_false());
    if (rc == CTL_DONE)
        rc = cli_text(a, "pin") ? pin_add(c, cli_text(a, "pin"), "first PIN", "pin", body) : 0;
    if (rc == CTL_DONE)
        rc = run_request(c, "/v1/cards/issue", body, &result);
    if (result)
        run_print(c, result);
    pin_drop_body(result);
    pin_drop_body(body);
    return rc;
}

static int register_run(struct ctl *c, const struct cli_args *a)
{
    json_t *body = NULL, *j = NULL;
    int rc = check_holder(c, a);
    if (rc == CTL_DONE && !(body = cli_body(a)))
        rc = ctl_no_body(c);
    if (rc == CTL_DONE && cli_given(a, "no-activate"))
        (void)json_object_set_new(body, "active", json_false());
    if (rc == CTL_DONE)
        rc = ctl_call(c, "POST", "/v1/cards/register", body, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(body);
    json_decref(j);
    return rc;
}

/* ---- looking ---- */

static const struct cli_option list_options[] = {
    {.name = "state",
     .value = "STATE",
     .kind = CLI_WORD,
     .words = states,
     .help = "issued active suspended lost blocked cancelled"},
    CTL_PAGE_OPTIONS,
};

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"id", "id", OUT_TEXT},
        {"number", "number", OUT_TEXT},
        {"serial", "serial", OUT_TEXT},
        {"profile", "profile", OUT_TEXT},
        {"kind", "kind", OUT_TEXT},
        {"state", "state", OUT_STATE},
        {"category", "category", OUT_TEXT},
        {"purse", "purse_fen", OUT_FEN},
        {"pending load", "pending_load_fen", OUT_FEN},
        {"alarm", "alarm", OUT_TEXT},
        {"valid to", "valid_to", OUT_TEXT},
    };
    static const char *const query[] = {"state", "limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/cards",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no cards"});
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return ctl_show(c, ctl_path(path, "/v1/cards/", a->word[0], ""));
}

/* ---- states ---- */

static const struct cli_option action_options[] = {
    {.name = "why",
     .value = "TEXT",
     .max = 63,
     .field = "why",
     .help = "who asked, or what happened: kept with the change"},
};

/* The verb is the API's action. */
static int action_run(struct ctl *c, const struct cli_args *a)
{
    char path[512], suffix[64];
    json_t *j = NULL;
    const char *verb = a->command->name;
    (void)snprintf(suffix, sizeof suffix, "/%s", verb);
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/cards/", a->word[0], suffix), &j);
    if (rc == CTL_DONE && c->json) {
        out_json(c->out, j);
    } else if (rc == CTL_DONE) {
        static const struct out_column when = {.path = "loss_effective|card.loss_effective",
                                               .kind = OUT_TIME};
        const char *number =
            json_string_value(out_member(j, "number|card.number|serial|card.serial"));
        const char *state = json_string_value(out_member(j, "state|card.state"));
        char *effective = out_cell(c, j, &when);
        (void)fputs("card ", c->out);
        out_text(c->out, number ? number : a->word[0]);
        (void)fprintf(c->out, " is %s%s%s\n", out_colour(c, state), state ? state : "changed",
                      out_plain(c));
        if (strcmp(verb, "report-loss") == 0 && effective && *effective != '\0')
            (void)fprintf(
                c->out,
                "the issuer bears the loss from %s 挂失生效; online it is refused at once\n",
                effective);
        free(effective);
    }
    json_decref(j);
    return rc;
}

static const struct cli_option category_options[] = {
    {.name = "category",
     .value = "C",
     .max = 23,
     .field = "category",
     .required = true,
     .help = "student, elder, disabled …; none takes it away"},
    {.name = "slot",
     .value = "APP",
     .max = 15,
     .field = "slot",
     .help = "another slot that the card's profile names (default: transit)"},
    {.name = "from", .value = "DATE", .kind = CLI_DATE, .field = "from", .help = "its first day"},
    {.name = "until", .value = "DATE", .kind = CLI_DATE, .field = "until", .help = "its last day"},
};

static int category_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/cards/", a->word[0], "/category"), &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static const struct cli_option replace_options[] = {
    {.name = "to",
     .value = "CARD",
     .max = 63,
     .field = "to",
     .required = true,
     .help = "the citizen's new card, issued or registered before"},
    {.name = "why", .value = "TEXT", .max = 63, .field = "why", .help = "kept with the change"},
};

static int replace_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column purse = {.path = "purse_fen", .kind = OUT_FEN};
    static const struct out_column pending = {.path = "pending_load_fen", .kind = OUT_FEN};
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/cards/", a->word[0], "/replace"), &j);
    if (rc == CTL_DONE && c->json) {
        out_json(c->out, j);
    } else if (rc == CTL_DONE && json_is_null(json_object_get(j, "txn"))) {
        (void)fputs("nothing is free to move: it moved before, or records are awaited\n", c->out);
    } else if (rc == CTL_DONE) {
        char *x = out_cell(c, j, &purse), *y = out_cell(c, j, &pending);
        (void)fprintf(
            c->out,
            "%s yuan of the purse and %s of its pending load wait on the new card 补登: load them "
            "with source=pending\ntransaction %s\n",
            x ? x : "?", y ? y : "?", json_string_value(json_object_get(j, "txn")));
        free(x);
        free(y);
    }
    json_decref(j);
    return rc;
}

#define ACTION(verb, text)                                                                         \
    {                                                                                              \
        .name = (verb), .args = "CARD", .summary = (text), CLI_TABLE(action_options),              \
        .run = action_run, .more = card_words                                                      \
    }
static const char card_words[] = "CARD is the printed number, the serial number, ISSUER-SERIAL, or "
                                 "the ledger's own id such as c12.";

static const struct cli_command commands[] = {
    {.name = "issue",
     .args = "",
     .summary = "Personalises the blank card on a terminal's reader and registers it",
     CLI_TABLE(issue_options),
     .run = issue_run,
     .more = "Example:\n  onecardctl card issue --terminal hall1 --profile pboc-ep --holder 王芳 "
             "--holder-id -"},
    {.name = "register",
     .args = "",
     .summary = "Takes in a card that was personalised elsewhere under our master keys",
     CLI_TABLE(register_options),
     .run = register_run,
     .more = "Example:\n  onecardctl card register --serial 00003100000000000001 --profile pboc-ep "
             "--opening 20.00"},
    {.name = "show",
     .args = "CARD",
     .summary = "Shows a card: standing, purse, last seen",
     .run = show_run,
     .more = card_words},
    {.name = "list",
     .args = "",
     .summary = "Lists cards",
     CLI_TABLE(list_options),
     .run = list_run},
    ACTION("activate", "Lets an issued card work 启用"),
    ACTION("suspend", "Stops a card for a while 暂停"),
    ACTION("resume", "Lets a suspended, lost or blocked card work again 恢复"),
    ACTION("report-loss", "Takes a report of loss 挂失; tells from when the issuer bears the loss"),
    ACTION("block", "Blocks a card 锁定"),
    ACTION("unblock", "Unblocks a card 解锁"),
    ACTION("cancel", "Ends a card for good: returned 注销. One that is lost stays so until its purse went to another: replace"),
    {.name = "replace",
     .args = "CARD",
     .summary = "Moves a lost card's purse to the card that replaces it 补卡",
     CLI_TABLE(replace_options),
     .run = replace_run,
     .more = "The card must be lost, and the waiting time over (policy.replacement, from when the "
             "loss took effect). What "
             "awaited records took stays until they come; then say it again.\nExample:\n  "
             "onecardctl card replace "
             "3100000000000001 --to 3100000000000057"},
    {.name = "pin",
     .args = "ACTION CARD",
     .summary = "Changes the PIN on the chip 修改密码, or unblocks it 密码解锁",
     .options = pin_options,
     .option_count = PIN_OPTIONS,
     .run = pin_run,
     .more = "ACTION is change or unblock. Unblocking sets a new PIN in place of a forgotten one.\n"
             "Example:\n  onecardctl card pin change c12 --terminal hall1"},
    {.name = "category",
     .args = "CARD",
     .summary = "Sets a concession and its days; the chip follows at a desk",
     CLI_TABLE(category_options),
     .run = category_run,
     .more = "Example:\n  onecardctl card category c12 --category student --until 2030-08-31"},
};
const struct cli_noun noun_card =
    CLI_NOUN("card", "issue, register, look up and change cards", commands);
