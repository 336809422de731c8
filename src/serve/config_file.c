/* The configuration file as a whole: where things lie when it does not say, checking everything it
 * points to, the sample. */
#include "serve/config.h"

#include "card/card.h"
#include "module/module.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder that holds the program's own bin/, or "/usr". */
static const char *prefix_dir(struct arena *a)
{
    char path[1024];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    for (int up = 0; n > 0 && up < 2; up++)
        while (n > 0 && path[--n] != '/')
            continue;
    return n > 0 ? arena_printf(a, "%.*s", (int)n, path) : arena_strdup(a, "/usr");
}

const char *serve_profile_dir(const struct serve_config *c, const char *file, struct arena *a)
{
    const char *slash = strrchr(file, '/');
    if (c->paths.profiles && c->paths.profiles[0] != '\0')
        return c->paths.profiles;
    const char *beside = slash ? arena_printf(a, "%.*s/profiles", (int)(slash - file), file)
                               : arena_strdup(a, "profiles");
    if (!beside || access(beside, R_OK) == 0)
        return beside;
    return arena_printf(a, "%s/share/onecard/profiles", prefix_dir(a));
}

const char *serve_module_dir(const struct serve_config *c, struct arena *a)
{
    if (c && c->paths.modules && c->paths.modules[0] != '\0')
        return c->paths.modules;
    return arena_printf(a, "%s/lib/onecard/modules", prefix_dir(a));
}

static WORKER_FN int check_profiles(const struct serve_config *c, const char *file, struct arena *a,
                                    struct conf_errors *errors)
{
    struct profile_set *set = NULL;
    const char *dir = serve_profile_dir(c, file, a);
    int rc = dir ? profile_set_load(dir, errors, &set) : OC_ENOMEM;
    if (rc == OC_ENOENT)
        conf_errors_add(errors, file, 0, 0, "no card profiles in %s: set paths.profiles", dir);
    profile_set_free(&set);
    return rc;
}

static WORKER_FN int check_modules(const struct serve_config *c, const struct conf_tree *tree,
                                   struct arena *a, struct conf_errors *errors)
{
    struct modules *set = NULL;
    struct modules_opts o = {.dir = serve_module_dir(c, a),
                             .names = c->module_names,
                             .count = c->module_count,
                             .tree = tree,
                             .conf = serve_module_conf(c)};
    int rc = module_set_load(&o, errors, &set);
    if (rc == 0)
        module_set_free(&set);
    return rc;
}

/* The names under "modules" of a file whose other sections may be wrong: a list of them, or a section each. */
static WORKER_FN void check_modules_apart(const char *file, struct arena *a, struct conf_errors *errors)
{
    struct conf_errors known; /* the tree's own mistakes were told already */
    struct conf_tree tree;
    const char *names[32];
    conf_errors_init(&known);
    if (conf_tree_read(file, a, &known, &tree) == 0) {
        const struct conf_node *conf = conf_subtree(&tree, "modules");
        struct modules_opts o = {.dir = serve_module_dir(NULL, a), .names = names, .tree = &tree};
        o.conf = conf && conf->kind == CONF_MAPPING ? conf : NULL;
        for (const struct conf_node *n = conf ? conf->first : NULL; n && o.count < ARRAY_LEN(names); n = n->next)
            if (n->key || n->text)
                names[o.count++] = n->key ? n->key : n->text;
        const struct conf_node *dir = conf_subtree(&tree, "paths.modules");
        if (dir && dir->text && dir->text[0] == '/')
            o.dir = dir->text;
        struct modules *set = NULL;
        if (module_set_load(&o, errors, &set) == 0)
            module_set_free(&set);
    }
    conf_errors_fini(&known);
}

static void check_there(const char *file, const char *key, const char *path, struct conf_errors *errors)
{
    if (path && path[0] != '\0' && access(path, R_OK) != 0)
        conf_errors_add(errors, file, 0, 0, "%s: %s is not there or may not be read by this user", key, path);
}

/* What the daemon cannot start without. */
static int check_files(const struct serve_config *c, const char *file, struct conf_errors *errors)
{
    size_t before = errors->count;
    check_there(file, "paths.keystore", c->paths.keystore, errors);
    check_there(file, "paths.ledger", c->paths.ledger, errors);
    check_there(file, "paths.passphrase_file", c->paths.passphrase_file, errors);
    const struct serve_upstream *u = c->upstreams.items;
    for (size_t i = 0; i < c->upstreams.count; i++) {
        check_there(file, "upstreams: ca", u[i].ca, errors);
        check_there(file, "upstreams: certificate", u[i].certificate, errors);
        check_there(file, "upstreams: key", u[i].key, errors);
    }
    if (c->institutions.listen) {
        check_there(file, "institutions.certificate", c->institutions.certificate, errors);
        check_there(file, "institutions.key", c->institutions.key, errors);
        check_there(file, "institutions.ca", c->institutions.ca, errors);
    }
    return errors->count == before ? 0 : OC_ENOENT;
}

int serve_config_check(const char *file, struct buf *out)
{
    struct conf_errors errors;
    struct conf_snapshot *s = NULL;
    struct arena a;
    conf_errors_init(&errors);
    arena_init(&a, 0);
    log_set_level(LOG_ERROR);
    int rc = conf_snapshot_open(file, serve_config_schema(), &errors, &s);
    if (rc != 0 && errors.count == 0)
        conf_errors_add(&errors, file, 0, 0, "%s", oc_strerror(rc));
    if (rc == 0) {
        const struct serve_config *c = conf_snapshot_value(s);
        int profiles = check_profiles(c, file, &a, &errors);
        int files = check_files(c, file, &errors);
        rc = check_modules(c, conf_snapshot_tree(s), &a, &errors);
        rc = rc != 0 ? rc : profiles != 0 ? profiles : files;
    } else if (rc == OC_EINVAL) {
        check_modules_apart(file, &a, &errors);
    }
    conf_errors_print(&errors, out);
    conf_snapshot_put(&s);
    conf_errors_fini(&errors);
    arena_fini(&a);
    return rc != 0 ? OC_EINVAL : 0;
}

int serve_config_dump(const char *file, struct buf *out)
{
    struct conf_errors errors;
    struct conf_snapshot *s = NULL;
    conf_errors_init(&errors);
    int rc = conf_snapshot_open(file, serve_config_schema(), &errors, &s);
    if (rc == 0)
        conf_snapshot_dump(s, out);
    else if (errors.count > 0)
        conf_errors_print(&errors, out);
    else
        buf_printf(out, "%s: %s\n", file, oc_strerror(rc));
    conf_snapshot_put(&s);
    conf_errors_fini(&errors);
    return rc != 0 ? OC_EINVAL : 0;
}

static WORKER_FN void sample_modules(struct buf *out)
{
    static const char *const names[] = {"payment", "transit"};
    struct conf_errors errors;
    struct modules *set = NULL;
    struct arena a;
    struct buf text;
    conf_errors_init(&errors);
    arena_init(&a, 0);
    struct modules_opts o = {.dir = serve_module_dir(NULL, &a), .names = names, .count = 2};
    log_set_level(LOG_ERROR);
    if (module_set_load(&o, &errors, &set) == 0) {
        buf_init(&text, 0);
        module_set_sample(set, &text);
        buf_puts(out, "modules:\n");
        buf_puts(out, buf_cstr(&text));
        buf_fini(&text);
        module_set_free(&set);
    } else {
        buf_puts(out, "modules: [payment, transit]\n");
    }
    conf_errors_fini(&errors);
    arena_fini(&a);
}

void serve_config_sample(struct buf *out)
{
    struct buf text;
    static const char tail[] = "#modules:\n";
    buf_puts(out,
             "# onecardd: every key with its default. Printed by `onecardd --sample`; check a "
             "file with\n# `onecardd --check -c FILE`. Amounts are yuan, paths count from this "
             "file's folder.\n");
    buf_init(&text, 0);
    conf_sample(serve_config_schema(), 0, &text);
    const char *s = buf_cstr(&text);
    size_t len = strlen(s), cut = sizeof tail - 1;
    if (len >= cut && strcmp(s + len - cut, tail) == 0)
        len -= cut; /* the modules' own tables follow instead */
    buf_put(out, s, len);
    buf_fini(&text);
    sample_modules(out);
}

void serve_config_minimal(struct buf *out)
{
    buf_puts(out, "# The smallest file that makes a site; every other key has its default (see "
                  "onecardd.yaml).\n"
                  "site:\n"
                  "  name: \"My city\"\n"
                  "  issuer: \"0000000000000000\" # the issuer id of your cards: bytes 0 to 7 of "
                  "file 0015\n");
}
