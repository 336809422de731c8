/* onecardctl init: a working site in a folder of its own, without a daemon. The configuration file
 * comes last: where it lies, all the rest is there. */
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "site.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILE_MAX ((size_t)1 << 20)

static const struct cli_option options[] = {
    {.name = "name",
     .value = "NAME",
     .max = 63,
     .help = "the site's name, for people (default: the folder's)"},
    {.name = "issuer",
     .value = "16HEX",
     .kind = CLI_HEX,
     .min = 16,
     .max = 16,
     .help = "issuer id of this site's cards (default: 1000000000000001)"},
    {.name = "utc-offset",
     .value = "+HH:MM",
     .min = 6,
     .max = 6,
     .help = "the city's time (default +08:00); a ledger keeps it for good"},
    {.name = "allow-clear-keys",
     .kind = CLI_FLAG,
     .help = "TEST SITES ONLY: take keys in clear, be the SAM in software"},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "its first line protects the key store; the daemon reads it at start"},
    {.name = "profile-dir",
     .value = "DIR",
     .help = "where to copy card profiles from (default: the installed ones)"},
    {.name = "modules-dir",
     .value = "DIR",
     .help = "where the daemon finds modules (default: the installed ones)"},
};

struct init {
    struct ctl *c;
    const struct cli_args *args;
    char dir[CTL_PATH / 2], profiles[CTL_PATH], modules[CTL_PATH], passphrase_file[CTL_PATH];
    char name[64];
    char path[CTL_PATH], from[CTL_PATH + 300]; /* at work on */
    struct site_paths paths;
    const char *issuer, *offset;
    int offset_min;
    bool clear;
    unsigned copied;
};

/* ---- what is asked for ---- */

static int read_offset(struct init *in)
{
    const char *o = cli_text(in->args, "utc-offset") ?: "+08:00";
    bool form = strlen(o) == 6 && (o[0] == '+' || o[0] == '-') && o[3] == ':';
    for (int i = 1; form && i < 6; i++)
        form = i == 3 || (o[i] >= '0' && o[i] <= '9');
    int minute =
        form ? (o[1] - '0') * 600 + (o[2] - '0') * 60 + (o[4] - '0') * 10 + (o[5] - '0') : 0;
    if (!form || o[4] > '5' || minute > 14 * 60)
        return ctl_usage(in->c, "--utc-offset '%s' must look like +08:00", o);
    in->offset = o;
    in->offset_min = o[0] == '-' ? -minute : minute;
    return CTL_DONE;
}

static int absolute(struct init *in, const char *option, char out[CTL_PATH])
{
    const char *given = cli_text(in->args, option);
    out[0] = '\0';
    if (!given)
        return CTL_DONE;
    char *full = realpath(given, NULL);
    int rc = CTL_DONE;
    if (!full || strlen(full) >= CTL_PATH)
        rc = ctl_fail(in->c, "--%s %s: %s", option, given,
                      full ? "the path is too long" : strerror(errno));
    else
        (void)snprintf(out, CTL_PATH, "%s", full);
    free(full);
    return rc;
}

/* The profiles installed with this program, or those of its build tree: ../share/onecard/profiles.
 */
static void default_profiles(char out[CTL_PATH])
{
    char self[CTL_PATH / 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    for (int up = 0; n > 0 && up < 2; up++)
        while (n > 0 && self[--n] != '/')
            continue;
    (void)snprintf(out, CTL_PATH, "%.*s/share/onecard/profiles", n > 0 ? (int)n : 4,
                   n > 0 ? self : "/usr");
}

static int read_name(struct init *in)
{
    const char *name = cli_text(in->args, "name"), *slash = strrchr(in->dir, '/');
    if (!name)
        name = slash && slash[1] != '\0' ? slash + 1 : "onecard";
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0))
            return ctl_usage(in->c, "--name must be one line without control characters");
    json_t *text = json_string(name); /* it stands in a YAML file that the daemon must read */
    if (!text)
        return ctl_usage(in->c, "the site's name is not UTF-8 text: give one with --name");
    json_decref(text);
    (void)snprintf(in->name, sizeof in->name, "%s", name);
    return CTL_DONE;
}

static int read_wishes(struct init *in)
{
    const struct ctl *c = in->c;
    if (!c->dir)
        return ctl_usage(in->c, "--dir DIR is missing: the folder to make the site in");
    if (strlen(c->dir) > sizeof in->dir - 32)
        return ctl_usage(in->c, "the path of --dir is too long");
    (void)snprintf(in->dir, sizeof in->dir, "%s", c->dir);
    for (size_t n = strlen(in->dir); n > 1 && in->dir[n - 1] == '/'; n--)
        in->dir[n - 1] = '\0';
    in->issuer = cli_text(in->args, "issuer") ?: "1000000000000001";
    in->clear = cli_given(in->args, "allow-clear-keys");
    int rc = read_name(in);
    if (rc == CTL_DONE)
        rc = read_offset(in);
    if (rc == CTL_DONE)
        rc = absolute(in, "passphrase-file", in->passphrase_file);
    if (rc == CTL_DONE)
        rc = absolute(in, "profile-dir", in->profiles);
    if (rc == CTL_DONE)
        rc = absolute(in, "modules-dir", in->modules);
    if (in->profiles[0] == '\0')
        default_profiles(in->profiles);
    return rc;
}

/* ---- the folder ---- */

static int make_folder(struct init *in) WORKER_FN;
static int make_folder(struct init *in)
{
    const struct dirent *e;
    bool empty = true;
    DIR *d = opendir(in->dir);
    if (!d && errno != ENOENT)
        return ctl_fail(in->c, "%s: %s", in->dir, strerror(errno));
    while (d && (e = readdir(d)))
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    if (d)
        (void)closedir(d);
    if (!empty)
        return ctl_fail(in->c, "%s is not empty: name a new folder (nothing was touched)", in->dir);
    if (!d && file_mkdirs(in->dir, 0700) != 0)
        return ctl_fail(in->c, "%s cannot be made: %s", in->dir, strerror(errno));
    if (chmod(in->dir, 0700) != 0)
        return ctl_fail(in->c, "%s: %s", in->dir, strerror(errno));
    char *full = realpath(in->dir, NULL); /* for the words at the end */
    if (full && strlen(full) < sizeof in->dir)
        (void)snprintf(in->dir, sizeof in->dir, "%s", full);
    free(full);
    return CTL_DONE;
}

static const char *under(struct init *in, const char *name)
{
    (void)snprintf(in->path, sizeof in->path, "%s/%s", in->dir, name);
    return in->path;
}

static void put_path(const struct init *in, const char *name, char out[CTL_PATH])
{
    (void)snprintf(out, CTL_PATH, "%s/%s", in->dir, name);
}

static int make_sub(struct init *in, const char *name, mode_t mode)
{
    if (mkdir(under(in, name), mode) == 0 && chmod(in->path, mode) == 0)
        return CTL_DONE;
    return ctl_fail(in->c, "%s: %s", in->path, strerror(errno));
}

/* ---- keys, ledger ---- */

static int make_keystore(struct init *in) WORKER_FN;
static int make_keystore(struct init *in)
{
    char pass[512] = "";
    bool protected = in->passphrase_file[0] != '\0';
    if (protected && site_passphrase(in->c, in->passphrase_file, pass, sizeof pass) != CTL_DONE)
        return CTL_FAILED;
    int rc = keystore_create(under(in, "keystore"), protected ? pass : NULL, &rng_system);
    secret_wipe(pass, sizeof pass);
    return rc == 0 ? CTL_DONE : ctl_fail(in->c, "the key store %s: %s", in->path, oc_strerror(rc));
}

static int make_ledger(struct init *in) WORKER_FN;
static int make_ledger(struct init *in)
{
    struct site_paths *s = &in->paths;
    struct op_site site = {.city_offset_min = (int16_t)in->offset_min,
                           .first_day = city_date(clock_wall_ms(&clock_system), in->offset_min)};
    uint8_t key[32];
    put_path(in, "keystore", s->keystore);
    put_path(in, "ledger.db", s->ledger);
    (void)snprintf(site.name, sizeof site.name, "%s", in->name);
    const char *file = in->passphrase_file[0] != '\0' ? in->passphrase_file : NULL;
    if (site_chain_key(in->c, s, file, key) != CTL_DONE)
        return CTL_FAILED;
    struct ledger_opts o = {.path = s->ledger, .clock = &clock_system, .chain_key = key};
    int rc = ledger_create(&o, &site);
    secret_wipe(key, sizeof key);
    if (rc != 0)
        return ctl_fail(in->c, "the ledger %s: %s", s->ledger, oc_strerror(rc));
    return chmod(s->ledger, 0600) == 0 ? CTL_DONE
                                       : ctl_fail(in->c, "%s: %s", s->ledger, strerror(errno));
}

/* ---- profiles ---- */

static int copy_profile(struct init *in, const char *name) WORKER_FN;
static int copy_profile(struct init *in, const char *name)
{
    char below[300];
    struct buf b;
    (void)snprintf(in->from, sizeof in->from, "%s/%s", in->profiles, name);
    (void)snprintf(below, sizeof below, "profiles/%s", name);
    buf_init(&b, PROFILE_MAX);
    int rc = file_read(in->from, &b);
    if (rc == 0)
        rc = file_write_atomic(under(in, below), b.data, b.len, 0644);
    buf_fini(&b);
    in->copied += rc == 0;
    return rc == 0 ? CTL_DONE
                   : ctl_fail(in->c, "the card profile %s: %s", in->from, oc_strerror(rc));
}

static int copy_profiles(struct init *in) WORKER_FN;
static int copy_profiles(struct init *in)
{
    const struct dirent *e;
    int rc = make_sub(in, "profiles", 0755);
    DIR *d = rc == CTL_DONE ? opendir(in->profiles) : NULL;
    if (rc == CTL_DONE && !d)
        return ctl_fail(in->c, "no card profiles at %s: name their folder with --profile-dir",
                        in->profiles);
    while (rc == CTL_DONE && (e = readdir(d))) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0)
            rc = copy_profile(in, e->d_name);
    }
    if (d)
        (void)closedir(d);
    if (rc == CTL_DONE && in->copied == 0)
        rc =
            ctl_fail(in->c, "%s holds no card profiles (*.yaml): give --profile-dir", in->profiles);
    return rc;
}

/* ---- the configuration ---- */

static void put_quoted(struct buf *b, const char *text)
{
    buf_puts(b, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_puts(b, "\\");
        buf_put(b, text, 1);
    }
    buf_puts(b, "\"");
}

static void put_paths(const struct init *in, struct buf *b)
{
    if (in->passphrase_file[0] == '\0' && in->modules[0] == '\0')
        return;
    buf_puts(b, "\npaths:\n");
    if (in->passphrase_file[0] != '\0') {
        buf_puts(b, "  passphrase_file: ");
        put_quoted(b, in->passphrase_file);
        buf_puts(b, " # its first line opens the key store\n");
    }
    if (in->modules[0] != '\0') {
        buf_puts(b, "  modules: ");
        put_quoted(b, in->modules);
        buf_puts(b, " # where backend modules lie\n");
    }
}

static int write_config(struct init *in) WORKER_FN;
static int write_config(struct init *in)
{
    struct buf b;
    buf_init(&b, 0);
    buf_puts(&b, "# The site's configuration: only what differs from the defaults. 'onecardd "
                 "--sample' shows every key,\n"
                 "# 'onecardd --check -c FILE' finds mistakes. Paths count from this file's "
                 "folder.\nsite:\n  name: ");
    put_quoted(&b, in->name);
    buf_printf(&b,
               " # for people\n  issuer: \"%s\" # issuer id of our cards: bytes 0 to 7 of their "
               "file 0015\n",
               in->issuer);
    if (strcmp(in->offset, "+08:00") != 0)
        buf_printf(&b, "\ncity:\n  utc_offset: \"%s\" # the ledger was made with it: it stays\n",
                   in->offset);
    put_paths(in, &b);
    if (in->clear)
        buf_puts(&b, "\n# A TEST SITE. Never in a city: whoever reaches this daemon may bring in "
                     "keys, and it makes purchase\n"
                     "# MACs from the city-wide key by itself.\n"
                     "keys:\n  allow_clear: true # take card master keys in clear\n"
                     "sam:\n  software: true # be the SAM of the terminals\n");
    buf_puts(&b, "\n# Backends that are loaded, each with its settings.\n"
                 "modules:\n"
                 "  payment: {}\n"
                 "  card: {}\n"
                 "  transit:\n"
                 "    # What the citizen pays by category; who is not named pays the fare.\n"
                 "    concessions: {student: 50%, elder: free, disabled: free, veteran: free}\n"
                 "    # Who bears the rest.\n"
                 "    bearers: {student: treasury, elder: treasury, disabled: treasury, veteran: treasury}\n");
    int rc = b.err ? b.err : file_write_atomic(under(in, "onecardd.yaml"), b.data, b.len, 0600);
    buf_fini(&b);
    return rc == 0 ? CTL_DONE : ctl_fail(in->c, "%s: %s", in->path, oc_strerror(rc));
}

/* ---- all of it ---- */

static void print_next(const struct init *in)
{
    FILE *out = in->c->out;
    if (in->c->json) {
        json_t *j = json_pack("{s:s, s:s, s:s, s:b}", "dir", in->dir, "name", in->name, "issuer",
                              in->issuer, "test_site", in->clear);
        out_json(out, j);
        json_decref(j);
        return;
    }
    (void)fputs("made the site ", out);
    out_text(out, in->name);
    (void)fprintf(out, " in %s: configuration, sealed key store, ledger, %u card profiles\n",
                  in->dir, in->copied);
    if (in->clear)
        (void)fprintf(out,
                      "\n*** A TEST SITE: it takes keys in clear and is the SAM in software. ***\n"
                      "*** Never let it near real cards of a city.                       ***\n");
    if (in->passphrase_file[0] == '\0')
        (void)fprintf(out,
                      "\nThe key store has no passphrase: guard %s/keystore, or start again with "
                      "--passphrase-file.\n",
                      in->dir);
    (void)fprintf(
        out,
        "\nNext:\n"
        "  onecardd -c %s/onecardd.yaml\n"
        "  export ONECARD_DIR=%s\n"
        "  for p in purchase load tac internal maintenance main external lock unlock; do\n"
        "      onecardctl key generate --purpose $p --alg 3des --version 1; done\n"
        "  onecardctl participant add --id cardco --name \"Card company\"\n"
        "  onecardctl terminal add --id hall1 --kind hall --participant cardco --sam 100000000001 "
        "\\\n"
        "      --reader \"READER\" --services '*'        # 'onecardctl status' lists the readers\n"
        "  onecardctl card issue --terminal hall1 --profile pboc-ep\n",
        in->dir, in->dir);
}

static int make_site(struct init *in) WORKER_FN;
static int make_site(struct init *in)
{
    int rc = copy_profiles(in);
    if (rc == CTL_DONE)
        rc = make_sub(in, "run", 0755);
    if (rc == CTL_DONE)
        rc = make_sub(in, "settlement", 0750);
    if (rc == CTL_DONE)
        rc = make_keystore(in);
    if (rc == CTL_DONE)
        rc = make_ledger(in);
    if (rc == CTL_DONE)
        rc = write_config(in);
    if (rc != CTL_DONE)
        (void)ctl_fail(in->c, "%s is half made: remove it and start again", in->dir);
    return rc;
}

static int init_run(struct ctl *c, const struct cli_args *a)
{
    ROLE_ENTER_WORKER();
    (void)umask(0077); /* also for what the database makes beside its file */
    struct init *in = calloc(1, sizeof *in);
    if (!in)
        return ctl_fail(c, "out of memory");
    in->c = c;
    in->args = a;
    int rc = read_wishes(in);
    if (rc == CTL_DONE)
        rc = make_folder(in);
    if (rc == CTL_DONE)
        rc = make_site(in);
    if (rc == CTL_DONE)
        print_next(in);
    free(in);
    return rc;
}

static const struct cli_command commands[] = {
    {.args = "",
     .summary = "Makes a working site in a new folder: configuration, sealed key store, ledger",
     CLI_TABLE(options),
     .run = init_run,
     .more = "Example:\n  onecardctl init --dir /var/lib/onecard/city --name \"示范市\" --issuer "
             "1020304000000001"},
};
const struct cli_noun noun_init = CLI_NOUN("init", "make a new site", commands);
