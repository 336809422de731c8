/* Restoring is done here, with the daemon at rest: it is the one thing that changes a ledger from
 * outside. */
#include "restore.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define JUMP 100000

const struct cli_option restore_options[3] = {
    {.name = "jump",
     .value = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 100000000,
     .help =
         "how far SAM sequences, events and the deny list's epoch jump forward, so that none is "
         "used twice (default 100000)"},
    {.name = "published",
     .value = "DATE",
     .help = "the last day whose settlement was published (default: the newest in the settlement "
             "folder)"},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "of the key store, where the configuration names none"},
};
const char restore_more[] =
    "Everything that a ledger counts jumps forward: SAM sequences, ids, events, the deny list's "
    "epoch. Cards that are ahead of\nthe copy are found at their next tap: 'event list' shows "
    "awaiting_records, loads_lost, adopted_after_restore.\nA day whose files were published is not "
    "opened again.";

json_t *restore_report(struct ledger_report *r)
{
    char head[65];
    (void)text_trim_utf8(r->first_fault); /* of a table that anybody may have written */
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:s?, s:s}", "good", r->faults == 0, "ops",
                     (json_int_t)r->ops, "cards", (json_int_t)r->cards, "txns", (json_int_t)r->txns,
                     "open_txns", (json_int_t)r->open_txns, "faults", (json_int_t)r->faults,
                     "first_fault", r->first_fault[0] != '\0' ? r->first_fault : NULL, "head",
                     hex_encode(r->head, sizeof r->head, head));
}

/* The newest day in the settlement folder; 0: none, or no folder. */
static date_t newest_day(const char *dir)
{
    date_t newest = 0, day;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strlen(e->d_name) == 10 && date_parse(e->d_name, &day) == 0 && day > newest)
            newest = day;
    if (d)
        (void)closedir(d);
    return newest;
}

static int read_published(struct ctl *c, const struct site_paths *s, const struct cli_args *a,
                          date_t *ret)
{
    const char *text = cli_text(a, "published");
    if (!text)
        *ret = newest_day(s->settlement);
    else if (date_parse(text, ret) != 0)
        return ctl_usage(c, "--published %s: write a date as 2026-11-21", text);
    return CTL_DONE;
}

static void tell(struct ctl *c, const struct site_paths *s, const char *from,
                 struct ledger_report *r)
{
    json_t *j = restore_report(r);
    if (c->json)
        out_json(c->out, j);
    else
        (void)fprintf(
            c->out,
            "%s is the ledger of %s now, with %lld journal rows; an old one is kept beside "
            "it.\n"
            "What happened since is not in it: cards tell at their next tap.\n"
            "Start the daemon: onecardd -c %s\n",
            from, s->dir, (long long)r->ops, s->config);
    json_decref(j);
}

struct restoring {
    const char *from;
    struct ledger_restore_opts o;
    struct ledger_report report;
    uint8_t key[32];
};

static int install(struct ctl *c, const struct site_paths *s, struct restoring *r) WORKER_FN;
static int install(struct ctl *c, const struct site_paths *s, struct restoring *r)
{
    int rc = ledger_restore(r->from, s->ledger, r->key, &r->o, &r->report);
    secret_wipe(r->key, sizeof r->key);
    if (rc != 0)
        return ctl_fail(c, "%s was not put in place, nothing has changed: %s%s%s", r->from,
                        rc == OC_ENOENT ? "there is no such file" : oc_strerror(rc),
                        r->report.first_fault[0] ? ": " : "", r->report.first_fault);
    tell(c, s, r->from, &r->report);
    return CTL_DONE;
}

static int restore(struct ctl *c, const struct site_paths *s, const struct cli_args *a,
                   struct restoring *r) WORKER_FN;
static int restore(struct ctl *c, const struct site_paths *s, const struct cli_args *a,
                   struct restoring *r)
{
    int status = site_at_rest(c, s, "restore");
    if (status == CTL_DONE)
        status = read_published(c, s, a, &r->o.published);
    if (status == CTL_DONE)
        status = site_chain_key(c, s, cli_text(a, "passphrase-file"), r->key);
    return status == CTL_DONE ? install(c, s, r) : status;
}

int restore_site(struct ctl *c, const struct cli_args *a, const char *from)
{
    struct site_paths *s = malloc(sizeof *s);
    struct restoring r = {.from = from, .o.jump = (uint32_t)cli_number(a, "jump", JUMP)};
    ROLE_ENTER_WORKER();
    int status = s ? site_find(c, s) : ctl_fail(c, "out of memory");
    if (status == CTL_DONE)
        status = restore(c, s, a, &r);
    free(s);
    return status;
}
