/* onecardctl citizen: who holds cards. Who somebody is, is shown with a reason only, and the look
 * is written down for the citizen (R20). */
#include "simple.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const sexes[] = {"male", "female", "other", NULL};
static const char *const yes_no[] = {"yes", "no", NULL};

#define PERSON_OPTIONS                                                                             \
    {.name = "phone", .value = "TEL", .max = 31, .field = "phone", .help = "a telephone number"},  \
        {.name = "born",                                                                           \
         .value = "DATE",                                                                          \
         .kind = CLI_DATE,                                                                         \
         .field = "born",                                                                          \
         .help = "day of birth"},                                                                  \
        {.name = "sex",                                                                            \
         .value = "SEX",                                                                           \
         .kind = CLI_WORD,                                                                         \
         .words = sexes,                                                                           \
         .field = "sex",                                                                           \
         .help = "male, female or other"},                                                         \
        {.name = "address",                                                                        \
         .value = "TEXT",                                                                          \
         .max = 120,                                                                               \
         .field = "address",                                                                       \
         .help = "where this citizen lives"},                                                      \
    {                                                                                              \
        .name = "resident", .value = "YES|NO", .kind = CLI_WORD, .words = yes_no,                  \
        .field = "resident", .help = "is registered as living in this city"                        \
    }

static const struct cli_option add_options[] = {
    {.name = "name",
     .value = "NAME",
     .max = 127,
     .field = "name",
     .required = true,
     .help = "the citizen's name"},
    {.name = "id",
     .value = "-",
     .kind = CLI_STDIN,
     .max = 32,
     .field = "id",
     .help = "personal number 公民身份号码 by standard input: one number is one citizen"},
    PERSON_OPTIONS,
};
static const struct cli_option change_options[] = {
    {.name = "name", .value = "NAME", .max = 127, .field = "name", .help = "the citizen's name"},
    PERSON_OPTIONS,
};
static const struct cli_option reason_options[] = {
    {.name = "reason",
     .value = "TEXT",
     .max = 127,
     .field = "reason",
     .required = true,
     .help = "why you look: the citizen is shown it, with your name"},
};
static const struct cli_option export_options[] = {
    {.name = "reason",
     .value = "TEXT",
     .max = 127,
     .field = "reason",
     .required = true,
     .help = "why it is made: the citizen is shown it, with your name"},
    {.name = "file", .value = "FILE", .max = 500, .help = "write it there (a new file, mode 0600)"},
};
static const struct cli_option find_options[] = {
    {.name = "number",
     .value = "-",
     .kind = CLI_STDIN,
     .max = 32,
     .field = "number",
     .required = true,
     .help = "personal number 公民身份号码 by standard input"},
};
static const struct cli_option erase_options[] = {
    {.name = "why", .value = "TEXT", .max = 63, .field = "why", .help = "who wished it, and how"},
    {.name = "due",
     .kind = CLI_FLAG,
     .help = "instead of one: the documents of everybody whose retention is over"},
};
static const struct cli_option code_options[] = {
    {.name = "qr", .kind = CLI_FLAG, .help = "draw it too (needs the program qrencode)"},
};
static const struct cli_option list_options[] = {CTL_PAGE_OPTIONS};

/* A body of one text; NULL: it was said why. */
static json_t *body_of(struct ctl *c, const char *name, const char *value)
{
    json_t *body = json_pack("{s:s}", name, value);
    if (!body)
        (void)ctl_no_body(c);
    return body;
}

static int add_run(struct ctl *c, const struct cli_args *a)
{
    return simple_post(c, a, "/v1/citizens", "citizen", "citizen");
}

static int change_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    return simple_post(c, a, ctl_path(path, "/v1/citizens/", a->word[0], "/change"), "citizen",
                       "citizen");
}

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {{"citizen", "citizen", OUT_TEXT},
                                                {"since", "created", OUT_TIME},
                                                {"erased", "erased", OUT_LIST},
                                                {"documents until", "documents_due", OUT_TEXT}};
    static const char *const query[] = {"limit", "after", NULL};
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/citizens",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .query = query,
                                       .empty = "no citizens"});
}

static int show_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", ctl_path(path, "/v1/citizens/", a->word[0], "/show"), &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

static int find_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", "/v1/citizens/find", &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

/* ---- everything known, everything forgotten ---- */

static int write_file(struct ctl *c, const char *path, const json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(1));
    FILE *f = text ? fopen(path, "wxe") : NULL;
    bool ok = f && fputs(text, f) >= 0 && fputc('\n', f) >= 0;
    if (f && fclose(f) != 0)
        ok = false;
    if (f && !ok)
        (void)unlink(path); /* half of somebody's data is nobody's use */
    free(text);
    return ok ? CTL_DONE : ctl_fail(c, "%s could not be written (it must be a new file)", path);
}

static int export_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL, *body = body_of(c, "reason", cli_text(a, "reason"));
    const char *file = cli_text(a, "file");
    if (!body)
        return CTL_USAGE;
    mode_t old = umask(0077);
    int rc = ctl_call(c, "POST", ctl_path(path, "/v1/citizens/", a->word[0], "/export"), body,
                      300000, &j);
    if (rc == CTL_DONE && file)
        rc = write_file(c, file, j);
    else if (rc == CTL_DONE)
        out_json(c->out, j);
    if (rc == CTL_DONE && file && !c->json)
        (void)fprintf(c->out, "everything known about citizen %s is in %s\n", a->word[0], file);
    (void)umask(old);
    json_decref(body);
    json_decref(j);
    return rc;
}

static int erase_due(struct ctl *c)
{
    json_t *j = NULL, *body = json_object();
    int rc = ctl_call(c, "POST", "/v1/citizens/erase-due", body, 300000, &j);
    if (rc == CTL_DONE && c->json)
        out_json(c->out, j);
    else if (rc == CTL_DONE)
        (void)fprintf(c->out, "documents of %lld citizens erased\n",
                      (long long)json_integer_value(json_object_get(j, "erased")));
    json_decref(body);
    json_decref(j);
    return rc;
}

static int erase_run(struct ctl *c, const struct cli_args *a)
{
    char path[512];
    json_t *j = NULL;
    bool due = cli_given(a, "due");
    if (due == (a->word_count > 0))
        return ctl_usage(c, "name one citizen, or say --due");
    if (due)
        return erase_due(c);
    if (!cli_given(a, "why"))
        return ctl_usage(c, "--why TEXT is missing: it stays in the journal");
    json_t *body = body_of(c, "why", cli_text(a, "why"));
    if (!body)
        return CTL_USAGE;
    int rc = ctl_call(c, "POST", ctl_path(path, "/v1/citizens/", a->word[0], "/erase"), body,
                      300000, &j);
    if (rc == CTL_DONE && c->json) {
        out_json(c->out, j);
    } else if (rc == CTL_DONE) {
        const char *until = json_string_value(json_object_get(j, "documents_due"));
        bool kept = json_array_size(json_object_get(j, "erased")) < 2;
        (void)fprintf(c->out, "personal data of citizen %s are erased; ", a->word[0]);
        if (kept)
            (void)fprintf(c->out,
                          "documents are kept until %s as the law wants, then erased by "
                          "night\n",
                          until ? until : "?");
        else
            (void)fputs("documents too\n", c->out);
    }
    json_decref(body);
    json_decref(j);
    return rc;
}

/* ---- a dynamic code ---- */

/* The code goes by a pipe: on a command line everybody on the machine would see it. */
static void draw(struct ctl *c, const char *code)
{
    int ends[2];
    (void)fflush(c->out);
    if (pipe(ends) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[0], STDIN_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)execlp("qrencode", "qrencode", "-t", "UTF8", "-o", "-", (char *)NULL);
        _exit(127);
    }
    (void)close(ends[0]);
    int status = 0;
    bool ok = pid > 0 && write(ends[1], code, strlen(code)) == (ssize_t)strlen(code);
    (void)close(ends[1]);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    if (!ok || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        (void)fprintf(c->err, "not drawn: is qrencode installed?\n");
}

static int code_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL, *body = body_of(c, "card", a->word[0]);
    int rc = body ? ctl_call(c, "POST", "/v1/codes", body, 0, &j) : CTL_USAGE;
    const char *code = json_string_value(json_object_get(j, "code"));
    if (rc == CTL_DONE && c->json)
        out_json(c->out, j);
    else if (rc == CTL_DONE && code) {
        (void)fprintf(c->out, "%s\ngood once, for %lld s\n", code,
                      (long long)json_integer_value(json_object_get(j, "valid_s")));
        if (cli_given(a, "qr"))
            draw(c, code);
    }
    json_decref(body);
    json_decref(j);
    return rc;
}

static const struct cli_command commands[] = {
    {.name = "add",
     .args = "",
     .summary = "Writes a citizen down, sealed",
     CLI_TABLE(add_options),
     .run = add_run,
     .more = "One who is known by the number keeps the data given first: 'citizen change' changes "
             "them.\nExample:\n  onecardctl citizen add --name 王芳 --born 1990-01-01 --id -"},
    {.name = "change",
     .args = "CITIZEN",
     .summary = "Changes what is given, keeps the rest",
     CLI_TABLE(change_options),
     .run = change_run},
    {.name = "list",
     .args = "",
     .summary = "Lists citizens by id, without who they are",
     CLI_TABLE(list_options),
     .run = list_run},
    {.name = "find",
     .args = "",
     .summary = "The citizen with a personal number",
     CLI_TABLE(find_options),
     .run = find_run},
    {.name = "show",
     .args = "CITIZEN",
     .summary = "Who it is; the look is written down for the citizen",
     CLI_TABLE(reason_options),
     .run = show_run},
    {.name = "export",
     .args = "CITIZEN",
     .summary = "Everything known about a citizen, for that citizen, as JSON",
     CLI_TABLE(export_options),
     .run = export_run},
    {.name = "erase",
     .args = "[CITIZEN]",
     .summary = "Forgets a citizen: personal data now, documents when their retention is over",
     CLI_TABLE(erase_options),
     .run = erase_run,
     .more = "Refused while a card works, an account holds money or something is open. Cards stay "
             "by number."},
    {.name = "code",
     .args = "CARD",
     .summary = "A dynamic code in place of the card, for its holder (R21)",
     CLI_TABLE(code_options),
     .run = code_run},
};
const struct cli_noun noun_citizen =
    CLI_NOUN("citizen", "who holds cards; what is known of them", commands);
