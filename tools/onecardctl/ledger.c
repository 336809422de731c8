/* onecardctl ledger: proof, copies, and putting a copy in place (restore.c). */
#include "ledger/ledger.h"

#include "restore.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS (60 * 60 * 1000)

static const struct cli_option verify_options[] = {
    {.name = "offline", .kind = CLI_FLAG, .help = "verify here, with the daemon at rest"},
    {.name = "file",
     .value = "FILE",
     .help = "verify this backup instead of the site's ledger (here)"},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "of the key store, where the configuration names none"},
};
/* Prints a proof; says by the status whether all is well. */
static int print_report(struct ctl *c, const json_t *j)
{
    const json_t *found = json_object_get(j, "faults");
    int64_t faults = json_integer_value(found);
    if (!json_is_integer(found))
        return ctl_fail(c, "the proof came without a verdict: ask again, and trust nothing until then");
    if (c->json)
        out_json(c->out, j);
    else
        (void)fprintf(c->out, "%s%s%s\n", out_colour(c, faults == 0 ? "ok" : "wrong"),
                      faults == 0 ? "the chain, the tables and the books agree"
                                  : "FAULTS were found",
                      out_plain(c));
    if (!c->json)
        out_object(c, j, 2);
    return faults == 0 ? CTL_DONE : CTL_FAILED;
}

static int verify_here(struct ctl *c, const struct site_paths *s,
                       const struct cli_args *a) WORKER_FN;
static int verify_here(struct ctl *c, const struct site_paths *s, const struct cli_args *a)
{
    struct ledger_report report = {0};
    uint8_t key[32];
    const char *file = cli_text(a, "file");
    int status = CTL_DONE;
    if (!file)
        status = site_at_rest(c, s, "verify offline, or leave --offline out");
    if (status == CTL_DONE)
        status = site_chain_key(c, s, cli_text(a, "passphrase-file"), key);
    if (status != CTL_DONE)
        return status;
    int rc = ledger_verify_file(file ? file : s->ledger, key, NULL, NULL, &report);
    secret_wipe(key, sizeof key);
    if (rc != 0)
        return ctl_fail(c, "%s: %s", file ? file : s->ledger, oc_strerror(rc));
    json_t *j = restore_report(&report);
    status = print_report(c, j);
    json_decref(j);
    return status;
}

static int verify_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL, *body;
    if (cli_given(a, "offline") || cli_given(a, "file"))
        return site_with(c, a, verify_here);
    body = json_object();
    int rc = ctl_call(c, "POST", "/v1/ledger/verify", body, LONG_MS, &j);
    if (rc == CTL_DONE)
        rc = print_report(c, j);
    json_decref(body);
    json_decref(j);
    return rc;
}

/* The daemon writes the copy: it needs a path that means the same to it. */
static int backup_run(struct ctl *c, const struct cli_args *a)
{
    char *here = a->word[0][0] == '/' ? strdup("") : get_current_dir_name(), *path = NULL;
    json_t *j = NULL, *body = NULL;
    int rc = CTL_DONE;
    if (!here || asprintf(&path, "%s%s%s", here, *here != '\0' ? "/" : "", a->word[0]) < 0)
        rc = ctl_fail(c, "the present folder has no path: give an absolute one");
    else if (!(body = json_pack("{s:s}", "path", path)))
        rc = ctl_usage(c, "the file's name is not UTF-8 text");
    else
        rc = ctl_call(c, "POST", "/v1/ledger/backup", body, LONG_MS, &j);
    if (rc == CTL_DONE && c->json)
        out_json(c->out, j);
    else if (rc == CTL_DONE)
        (void)fprintf(
            c->out, "copied to %s\nIt is worth nothing without the key store: keep both, apart.\n",
            path);
    json_decref(body);
    json_decref(j);
    free(here);
    free(path);
    return rc;
}

static int restore_run(struct ctl *c, const struct cli_args *a)
{
    return restore_site(c, a, a->word[0]);
}

static const struct cli_command commands[] = {
    {.name = "verify",
     .args = "",
     .summary = "Proves the audit chain, the tables and the books",
     CLI_TABLE(verify_options),
     .run = verify_run,
     .more = "Exit status 1 where anything is wrong."},
    {.name = "backup",
     .args = "FILE",
     .summary = "Writes a consistent copy while the daemon works",
     .run = backup_run},
    {.name = "restore",
     .args = "FILE",
     .summary = "Verifies a backup and makes it the site's ledger; the daemon must be at rest",
     CLI_TABLE(restore_options),
     .more = restore_more,
     .run = restore_run},
};
const struct cli_noun noun_ledger =
    CLI_NOUN("ledger", "verify, copy and restore the ledger 账本", commands);
