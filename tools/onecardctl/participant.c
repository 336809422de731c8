/* onecardctl participant: who runs terminals, is paid, and answers for cash. */
#include "simple.h"

#include <errno.h>
#include <string.h>

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

static const struct cli_option key_options[] = {
    {.name = "file",
     .value = "FILE",
     .max = 500,
     .help = "its Ed25519 public key: PEM, or 64 hexadecimal digits"},
    {.name = "none", .kind = CLI_FLAG, .help = "it has none any more: nothing is believed"},
    {.name = "why", .value = "TEXT", .max = 63, .help = "stays in the journal"},
};

static int read_key(struct ctl *c, const char *path, char *text, size_t cap)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return ctl_fail(c, "%s: %s", path, errno == ENOENT ? "there is no such file" : strerror(errno));
    (void)setvbuf(f, NULL, _IONBF, 0);
    size_t n = fread(text, 1, cap - 1, f);
    (void)fclose(f);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    text[n] = '\0';
    if (!strstr(text, "PRIVATE KEY"))
        return n > 0 ? CTL_DONE : ctl_fail(c, "%s: no key there", path);
    secret_wipe(text, cap);
    return ctl_usage(c, "%s holds the private key: that one stays where it was made; give the public one", path);
}

/* Without --file and --none: shows it. */
static int key_run(struct ctl *c, const struct cli_args *a)
{
    char path[512], text[1024] = "";
    const char *file = cli_text(a, "file"), *why = cli_text(a, "why");
    bool none = cli_given(a, "none");
    json_t *j = NULL, *body = NULL;
    int rc = CTL_DONE;
    (void)ctl_path(path, "/v1/participants/", a->word[0], "/key");
    if (file && none)
        return ctl_usage(c, "--file or --none, not both");
    if (file)
        rc = read_key(c, file, text, sizeof text);
    if (rc == CTL_DONE && (file || none)) {
        body = json_pack("{s:s?}", "key", file ? text : NULL);
        if (body && why)
            (void)json_object_set_new(body, "why", json_string(why));
        rc = body ? CTL_DONE : ctl_fail(c, "%s: no text", file ? file : "");
    }
    if (rc == CTL_DONE)
        rc = ctl_call(c, body ? "POST" : "GET", path, body, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(body);
    json_decref(j);
    return rc;
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
    {.name = "key",
     .args = "ID",
     .summary = "Shows or sets the public key that its own system signs with",
     CLI_TABLE(key_options),
     .run = key_run,
     .more =
         "Example:\n  openssl genpkey -algorithm ed25519 -out hospital1.key\n  openssl pkey -in "
         "hospital1.key -pubout -out hospital1.pub\n  onecardctl participant key hospital1 "
         "--file hospital1.pub"},
    {.name = "list",
     .args = "",
     .summary = "Lists participants",
     CLI_TABLE(list_options),
     .run = list_run},
};
const struct cli_noun noun_participant =
    CLI_NOUN("participant", "who runs terminals and is settled with", commands);
