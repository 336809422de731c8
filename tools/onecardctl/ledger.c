/* onecardctl ledger: proof, copies, and putting a copy in place. Restoring is done here, with the
 * daemon at rest: it is the one thing that changes a ledger from outside. */
#include "ledger/ledger.h"

#include "site.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS (60 * 60 * 1000)
#define JUMP    100000

static const struct cli_option verify_options[] = {
    {.name = "offline", .kind = CLI_FLAG, .help = "verify here, with the daemon at rest"},
    {.name = "file",
     .value = "FILE",
     .help = "verify this backup instead of the site's ledger (here)"},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "of the key store, where the configuration names none"},
};
static const struct cli_option restore_options[] = {
    {.name = "jump",
     .value = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 100000000,
     .help = "how far SAM sequences jump forward, so that none is used twice (default 100000)"},
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

static json_t *report_json(struct ledger_report *r)
{
    char head[65];
    (void)text_trim_utf8(r->first_fault); /* of a table that anybody may have written */
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:s?, s:s}", "good", r->faults == 0, "ops",
                     (json_int_t)r->ops, "cards", (json_int_t)r->cards, "txns", (json_int_t)r->txns,
                     "open_txns", (json_int_t)r->open_txns, "faults", (json_int_t)r->faults,
                     "first_fault", r->first_fault[0] != '\0' ? r->first_fault : NULL, "head",
                     hex_encode(r->head, sizeof r->head, head));
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
    json_t *j = report_json(&report);
    status = print_report(c, j);
    json_decref(j);
    return status;
}

/* Does `what` with the site's paths. */
static int with_site(struct ctl *c, const struct cli_args *a,
                     int (*what)(struct ctl *c, const struct site_paths *s,
                                 const struct cli_args *a))
{
    struct site_paths *s = malloc(sizeof *s);
    int rc = s ? site_find(c, s) : ctl_fail(c, "out of memory");
    if (rc == CTL_DONE)
        rc = what(c, s, a);
    free(s);
    return rc;
}

static int verify_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL, *body;
    if (cli_given(a, "offline") || cli_given(a, "file"))
        return with_site(c, a, verify_here);
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

static int restore(struct ctl *c, const struct site_paths *s, const struct cli_args *a) WORKER_FN;
static int restore(struct ctl *c, const struct site_paths *s, const struct cli_args *a)
{
    struct ledger_report report = {0};
    uint8_t key[32];
    int status = site_at_rest(c, s, "restore");
    if (status == CTL_DONE)
        status = site_chain_key(c, s, cli_text(a, "passphrase-file"), key);
    if (status != CTL_DONE)
        return status;
    int rc =
        ledger_restore(a->word[0], s->ledger, key, (uint32_t)cli_number(a, "jump", JUMP), &report);
    secret_wipe(key, sizeof key);
    if (rc != 0)
        return ctl_fail(c, "%s was not put in place, nothing has changed: %s%s%s", a->word[0],
                        rc == OC_ENOENT ? "there is no such file" : oc_strerror(rc),
                        report.first_fault[0] ? ": " : "", report.first_fault);
    json_t *j = report_json(&report);
    if (c->json)
        out_json(c->out, j);
    else
        (void)fprintf(c->out,
                      "%s is the ledger of %s now; the old one is kept beside it.\n"
                      "What happened since the copy is not in it: cards tell at their next tap.\n"
                      "Start the daemon: onecardd -c %s\n",
                      a->word[0], s->dir, s->config);
    json_decref(j);
    return CTL_DONE;
}

static int restore_run(struct ctl *c, const struct cli_args *a)
{
    return with_site(c, a, restore);
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
     .run = restore_run},
};
const struct cli_noun noun_ledger =
    CLI_NOUN("ledger", "verify, copy and restore the ledger 账本", commands);
