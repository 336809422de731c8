/* onecardctl copy: a second copy that follows the ledger: what it needs to begin, how far it is,
 * and putting it in the ledger's place. */
#include "restore.h"

#include "copy/copy.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAYS 3650

static const struct cli_option init_options[] = {
    {.name = "out",
     .value = "DIR",
     .required = true,
     .help = "a new folder for what goes to the copy's host"},
    {.name = "name", .value = "NAME", .help = "the copy's name (copy)"},
    {.name = "connect",
     .value = "ADDRESS:PORT",
     .help =
         "where the copy reaches copy.listen of this daemon, on another host; absent: its socket, "
         "on this one"},
    {.name = "copy-passphrase-file",
     .value = "FILE",
     .help = "first line: the passphrase of the copy's own key store; absent: none"},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "of the site's key store, where the configuration names none"},
};

/* ---- status ---- */

static void print_state(struct ctl *c, const json_t *j)
{
    size_t i;
    json_t *r;
    if (!json_is_true(json_object_get(j, "configured")))
        (void)fprintf(c->out, "no door for a copy: section copy of the configuration\n");
    (void)fprintf(c->out, "the ledger is at row %lld; answers %s for a copy\n",
                  (long long)json_integer_value(json_object_get(j, "row")),
                  json_is_true(json_object_get(j, "answers_wait")) ? "wait" : "do not wait");
    json_array_foreach(json_object_get(j, "items"), i, r)
    {
        bool on = json_is_true(json_object_get(r, "connected"));
        (void)fprintf(
            c->out, "%s%s%s: %s since %s (%s), at row %lld, %lld rows and %lld ms behind\n",
            out_colour(c, on ? "ok" : "wrong"), json_string_value(json_object_get(r, "name")),
            out_plain(c), on ? "connected" : "away", json_string_value(json_object_get(r, "since")),
            json_string_value(json_object_get(r, "peer")),
            (long long)json_integer_value(json_object_get(r, "row")),
            (long long)json_integer_value(json_object_get(r, "behind_rows")),
            (long long)json_integer_value(json_object_get(r, "behind_ms")));
    }
    if (json_array_size(json_object_get(j, "items")) == 0)
        (void)fprintf(c->out, "no copy was here since the daemon's start\n");
}

static int status_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    (void)a;
    int rc = ctl_call(c, "GET", "/v1/copies", NULL, 0, &j);
    if (rc == CTL_DONE && c->json)
        out_json(c->out, j);
    else if (rc == CTL_DONE)
        print_state(c, j);
    json_decref(j);
    return rc;
}

/* ---- init ---- */

struct pair {
    struct x509_bytes key, csr, certificate;
};
struct making {
    struct ctl *c;
    const struct site_paths *site;
    const char *out, *name, *connect;
    struct pair daemon, copy;
    struct x509_bytes authority_key, authority;
    char path[CTL_PATH];
};

/* "" where it would not fit: then nothing can be made there. */
static const char *path_of(struct making *m, const char *dir, const char *name)
{
    int n = snprintf(m->path, sizeof m->path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof m->path)
        m->path[0] = '\0';
    return m->path;
}

static int put_file(struct making *m, const char *dir, const char *name, const char *text,
                    size_t len) WORKER_FN;
static int put_file(struct making *m, const char *dir, const char *name, const char *text,
                    size_t len)
{
    const char *path = path_of(m, dir, name);
    struct stat st;
    if (stat(path, &st) == 0)
        return ctl_fail(m->c, "%s is there already: nothing is overwritten", path);
    int rc = file_write_atomic(path, text, len, 0600);
    return rc == 0 ? CTL_DONE : ctl_fail(m->c, "%s: %s", path, oc_strerror(rc));
}

static int put_pem(struct making *m, const char *dir, const char *name,
                   const struct x509_bytes *der, const char *what) WORKER_FN;
static int put_pem(struct making *m, const char *dir, const char *name,
                   const struct x509_bytes *der, const char *what)
{
    struct buf b;
    buf_init(&b, 0);
    int rc = x509_to_pem(der, what, &b);
    int status = rc == 0 && !b.err ? put_file(m, dir, name, buf_cstr(&b), b.len)
                                   : ctl_fail(m->c, "%s: %s", name, oc_strerror(rc ? rc : b.err));
    buf_fini(&b);
    return status;
}

static int issue(struct making *m, struct pair *p, const char *name, enum x509_use use)
{
    static const char *const dns[] = {COPY_HOST, NULL};
    int rc = x509_key_new(&p->key);
    if (rc == 0)
        rc = x509_request_new(&p->key, name, &p->csr);
    const struct x509_issue w = {.authority_key = &m->authority_key,
                                 .authority_cert = &m->authority,
                                 .csr = p->csr.data,
                                 .csr_len = p->csr.len,
                                 .name = name,
                                 .use = use,
                                 .dns = use == X509_SERVER ? dns : NULL,
                                 .now_ms = clock_wall_ms(&clock_system),
                                 .days = DAYS};
    return rc == 0 ? x509_issue(&w, &p->certificate) : rc;
}

/* Two certificates of an authority whose key is nowhere: there will never be a third. */
static int make_certificates(struct making *m)
{
    int rc = x509_key_new(&m->authority_key);
    if (rc == 0)
        rc = x509_authority_new(&m->authority_key, "onecard second copy",
                                clock_wall_ms(&clock_system), DAYS, &m->authority);
    if (rc == 0)
        rc = issue(m, &m->daemon, COPY_HOST, X509_SERVER);
    if (rc == 0)
        rc = issue(m, &m->copy, m->name, X509_TERMINAL);
    return rc == 0 ? CTL_DONE : ctl_fail(m->c, "certificates: %s", oc_strerror(rc));
}

static int put_certificates(struct making *m) WORKER_FN;
static int put_certificates(struct making *m)
{
    const struct {
        const char *dir, *name, *what;
        const struct x509_bytes *der;
    } files[] = {
        {m->out, "authority.pem", "CERTIFICATE", &m->authority},
        {m->out, "certificate.pem", "CERTIFICATE", &m->copy.certificate},
        {m->out, "key.pem", "PRIVATE KEY", &m->copy.key},
        {m->site->dir, "copy-authority.pem", "CERTIFICATE", &m->authority},
        {m->site->dir, "copy-certificate.pem", "CERTIFICATE", &m->daemon.certificate},
        {m->site->dir, "copy-key.pem", "PRIVATE KEY", &m->daemon.key},
        {m->site->dir, "copy-follower.pem", "CERTIFICATE", &m->copy.certificate},
    };
    int status = make_certificates(m);
    for (size_t i = 0; i < ARRAY_LEN(files) && status == CTL_DONE; i++)
        status = put_pem(m, files[i].dir, files[i].name, files[i].der, files[i].what);
    return status;
}

static int put_config(struct making *m, const char *pass) WORKER_FN;
static int put_config(struct making *m, const char *pass)
{
    struct buf b;
    char *whole = realpath(m->site->dir, NULL); /* the copy's folder is another */
    buf_init(&b, 0);
    buf_printf(&b, "name: %s\nledger: copy.db\nkeystore: keystore\nchain: chain\n", m->name);
    if (pass)
        buf_puts(&b, "passphrase_file: passphrase\n");
    if (m->connect)
        buf_printf(&b,
                   "connect: \"%s\"\ncertificate: certificate.pem\nkey: key.pem\nauthority: "
                   "authority.pem\n",
                   m->connect);
    else
        buf_printf(&b, "connect: \"%s/run/copy.sock\"\n", whole ? whole : m->site->dir);
    int status = b.err ? ctl_fail(m->c, "out of memory")
                       : put_file(m, m->out, "onecard-copy.yaml", buf_cstr(&b), b.len);
    buf_fini(&b);
    free(whole);
    return status;
}

static int put_keys(struct making *m, const struct cli_args *a, const char *pass) WORKER_FN;
static int put_keys(struct making *m, const struct cli_args *a, const char *pass)
{
    uint8_t chain[32] = {0};
    struct keystore *ks = NULL;
    int status = site_chain_key(m->c, m->site, cli_text(a, "passphrase-file"), chain);
    if (status != CTL_DONE)
        return status;
    int rc = keystore_create(path_of(m, m->out, "keystore"), pass, &rng_system);
    if (rc == 0)
        rc = keystore_open(m->path, pass, &ks);
    if (rc == 0)
        rc = follower_chain_write(path_of(m, m->out, "chain"), ks, chain);
    keystore_close(&ks);
    secret_wipe(chain, sizeof chain);
    return rc == 0 ? CTL_DONE : ctl_fail(m->c, "%s: %s", m->path, oc_strerror(rc));
}

static void say_next(const struct making *m)
{
    (void)fprintf(
        m->c->out,
        "%s is for the copy: carry it there, then run onecard-copy -c %s/onecard-copy.yaml\n"
        "In the daemon's configuration:\n\n  copy:\n",
        m->out, m->out);
    if (m->connect)
        (void)fprintf(m->c->out,
                      "    listen: \"0.0.0.0:%s\"\n    certificate: copy-certificate.pem\n"
                      "    key: copy-key.pem\n    authority: copy-authority.pem\n"
                      "    follower: copy-follower.pem\n",
                      strrchr(m->connect, ':') ? strrchr(m->connect, ':') + 1 : "7445");
    else
        (void)fprintf(m->c->out, "    socket: run/copy.sock\n");
    (void)fprintf(m->c->out, "\nand start the daemon again.\n");
}

/* Before anything is made: the daemon knows one key over the network. */
static int check_free(struct making *m)
{
    struct stat st;
    if (m->connect && stat(path_of(m, m->site->dir, "copy-key.pem"), &st) == 0)
        return ctl_fail(
            m->c,
            "%s is there: a copy over the network has its keys already. To replace them move "
            "the four files copy-*.pem away",
            m->path);
    return CTL_DONE;
}

static int init(struct making *m, const struct cli_args *a) WORKER_FN;
static int init(struct making *m, const struct cli_args *a)
{
    char pass[512] = "";
    const char *file = cli_text(a, "copy-passphrase-file");
    int status = check_free(m);
    if (status != CTL_DONE)
        return status;
    if (mkdir(m->out, 0700) != 0)
        return ctl_fail(m->c, "%s: %s", m->out,
                        errno == EEXIST ? "it is there already: give a new folder"
                                        : strerror(errno));
    if (file)
        status = site_passphrase(m->c, file, pass, sizeof pass);
    if (status == CTL_DONE)
        status = put_keys(m, a, file ? pass : NULL);
    secret_wipe(pass, sizeof pass);
    if (status == CTL_DONE)
        status = put_config(m, file);
    if (status == CTL_DONE && m->connect)
        status = put_certificates(m);
    if (status == CTL_DONE)
        say_next(m);
    if (status == CTL_DONE && file)
        (void)fprintf(m->c->out,
                      "The copy reads its passphrase from the file passphrase beside its "
                      "configuration.\n");
    return status;
}

static int init_site(struct ctl *c, const struct site_paths *s, const struct cli_args *a)
{
    ROLE_ENTER_WORKER();
    struct making *m = secret_alloc(sizeof *m);
    if (!m)
        return ctl_fail(c, "out of memory");
    m->c = c;
    m->site = s;
    m->out = cli_text(a, "out");
    m->name = cli_given(a, "name") ? cli_text(a, "name") : "copy";
    m->connect = cli_text(a, "connect");
    int status = init(m, a);
    secret_free(m, sizeof *m);
    return status;
}

static int init_run(struct ctl *c, const struct cli_args *a)
{
    return site_with(c, a, init_site);
}

static int promote_run(struct ctl *c, const struct cli_args *a)
{
    return restore_site(c, a, a->word[0]);
}

static const struct cli_command commands[] = {
    {.name = "init",
     .args = "",
     .summary = "Makes what a copy needs: its own key store with the chain key, certificates, "
                "configuration",
     CLI_TABLE(init_options),
     .run = init_run,
     .more =
         "The chain key proves rows; nothing that is sealed opens with it. Master keys stay here."},
    {.name = "status",
     .args = "",
     .summary = "Shows who follows and how far behind",
     .run = status_run},
    {.name = "promote",
     .args = "FILE",
     .summary =
         "Verifies a copy that followed and makes it the site's ledger; daemon and copy must be "
         "at rest",
     .options = restore_options,
     .option_count = ARRAY_LEN(restore_options),
     .run = promote_run,
     .more = restore_more},
};
const struct cli_noun noun_copy =
    CLI_NOUN("copy", "a second copy that follows the ledger 副本", commands);
