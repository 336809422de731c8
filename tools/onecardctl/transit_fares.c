/* See transit_fares.h. */
#include "transit_fares.h"

#include "conf/conf.h"
#include "modules/transit/read.h"
#include "modules/transit/transit.h"
#include "site.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The module's object files are linked under this name (CMakeLists.txt): its table of keys has the
 * defaults. */
extern const struct onecard_module onecard_module_transit;

#define FILES_MAX 32

struct onecard_doc {
    const struct conf_node *node;
    struct onecard_conf *conf;
    const char *file;
};
struct onecard_conf {
    struct ctl *c;
    struct arena arena;
    const struct conf_node *section; /* modules.transit; NULL: none */
    const char *dir, *folder;
    int offset_min; /* of the city, east of UTC */
};
struct fares {
    struct onecard_conf conf;
    struct onecard_host host;
    struct transit *transit; /* NULL: none loaded */
    struct fare_table *files[FILES_MAX];
    size_t file_count;
};

/* What the module's code says while it reads: host->log() brings no context along, so the thread
 * that reads keeps it. */
static _Thread_local FILE *ear;

static void h_log(const char *module, enum onecard_log_level level, const char *text)
{
    (void)module;
    (void)level;
    if (ear) {
        out_text(ear, text);
        (void)fputc('\n', ear);
    }
}

/* ---- documents ---- */

static struct onecard_doc *wrap(const struct onecard_doc *from, const struct conf_node *n)
{
    struct onecard_doc *d = n ? arena_alloc(&from->conf->arena, sizeof *d) : NULL;
    if (d)
        *d = (struct onecard_doc){n, from->conf, from->file};
    return d;
}

static struct onecard_doc *h_get(const struct onecard_doc *d, const char *member)
{
    return d ? wrap(d, conf_child(d->node, member)) : NULL;
}

static size_t h_count(const struct onecard_doc *d)
{
    return d && d->node->kind != CONF_SCALAR ? d->node->count : 0;
}

static struct onecard_doc *h_at(const struct onecard_doc *d, size_t i, const char **ret_name)
{
    const struct conf_node *n = d ? d->node->first : NULL;
    while (n && i-- > 0)
        n = n->next;
    if (ret_name)
        *ret_name = n ? n->key : NULL;
    return d ? wrap(d, n) : NULL;
}

static bool whole(const struct conf_node *n, int64_t *ret)
{
    const char *s = n->text + (n->text[0] == '-');
    size_t len = strlen(s);
    if (n->quoted || len == 0 || len > 18 || strspn(s, "0123456789") != len ||
        (len > 1 && *s == '0'))
        return false;
    *ret = strtoll(n->text, NULL, 10);
    return true;
}

static bool truth(const struct conf_node *n)
{
    return !n->quoted && (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0);
}

static const char *h_text(const struct onecard_doc *d)
{
    int64_t number;
    bool scalar = d && d->node->kind == CONF_SCALAR && !conf_is_null(d->node);
    return scalar && !whole(d->node, &number) && !truth(d->node) ? d->node->text : NULL;
}

static int h_int(const struct onecard_doc *d, int64_t *ret)
{
    if (!d)
        return OC_ENOENT;
    return d->node->kind == CONF_SCALAR && whole(d->node, ret) ? 0 : OC_EINVAL;
}

static bool h_bool(const struct onecard_doc *d, bool absent)
{
    bool is = d && d->node->kind == CONF_SCALAR && truth(d->node);
    return is ? d->node->text[0] == 't' : absent;
}

static const char *h_place(const struct onecard_doc *d)
{
    char *place = arena_printf(&d->conf->arena, "%s:%d:%d", d->file, d->node->line, d->node->col);
    return place ? place : "";
}

static const char *full_path(const struct onecard_conf *conf, const char *path)
{
    struct arena *a = &((struct onecard_conf *)(uintptr_t)conf)->arena;
    return path[0] == '/' ? arena_strdup(a, path) : arena_printf(a, "%s/%s", conf->dir, path);
}

static struct onecard_doc *h_load(const struct onecard_conf *conf, const char *path,
                                  const char **ret_why)
{
    struct onecard_conf *own =
        (struct onecard_conf *)(uintptr_t)conf; /* it is ours: the arena grows */
    struct conf_errors errors;
    struct conf_tree tree;
    struct buf text;
    struct onecard_doc *d = arena_alloc(&own->arena, sizeof *d);
    const char *full = full_path(conf, path);
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    buf_init(&text, 0);
    if (d && full && conf_tree_read(full, &own->arena, &errors, &tree) == 0) {
        *d = (struct onecard_doc){tree.root, own, tree.file};
    } else {
        conf_errors_print(&errors, &text);
        char *why = arena_strdup(&own->arena, buf_cstr(&text));
        size_t len = why ? strlen(why) : 0;
        if (len > 0 && why[len - 1] == '\n')
            why[len - 1] = '\0';
        *ret_why = len > 1 ? why : "it cannot be read";
        d = NULL;
    }
    buf_fini(&text);
    conf_errors_fini(&errors);
    return d;
}

static const char *h_folder_at(const struct onecard_conf *conf, const char *folder,
                               const char *suffix, size_t i)
{
    struct arena *a = &((struct onecard_conf *)(uintptr_t)conf)->arena;
    const char *full = full_path(conf, folder), *found = NULL;
    struct dirent **names = NULL;
    int n = full ? scandir(full, &names, NULL, alphasort) : -1;
    for (int k = 0; k < n; k++) {
        const char *name = names[k]->d_name;
        size_t len = strlen(name), tail = strlen(suffix);
        if (name[0] != '.' && len > tail && strcmp(name + len - tail, suffix) == 0 && i-- == 0)
            found = arena_printf(a, "%s/%s", full, name);
        free(names[k]);
    }
    free(names);
    return found;
}

static int h_parse_fen(const char *yuan, fen_t *ret)
{
    return yuan ? fen_parse(yuan, ret) : OC_EINVAL;
}

/* ---- the section of the configuration ---- */

static const char *conf_word(const struct onecard_conf *conf, const char *key)
{
    const struct onecard_module *m = &onecard_module_transit;
    const struct conf_node *n = conf_child(conf->section, key);
    if (strcmp(key, "fares") == 0 && conf->folder)
        return conf->folder;
    if (n && n->kind == CONF_SCALAR && !conf_is_null(n))
        return n->text;
    for (size_t i = 0; i < m->conf_count; i++)
        if (strcmp(m->conf_items[i].key, key) == 0)
            return m->conf_items[i].dflt;
    return NULL;
}

static int64_t h_conf_int(const struct onecard_conf *conf, const char *key)
{
    const char *text = conf_word(conf, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

static fen_t h_conf_fen(const struct onecard_conf *conf, const char *key)
{
    fen_t fen = 0;
    return h_parse_fen(conf_word(conf, key), &fen) == 0 ? fen : 0;
}

static bool h_conf_bool(const struct onecard_conf *conf, const char *key)
{
    const char *text = conf_word(conf, key);
    return text && strcmp(text, "true") == 0;
}

static bool h_conf_map_at(const struct onecard_conf *conf, const char *key, size_t i,
                          const char **ret_name, const char **ret_value)
{
    const struct conf_node *map = conf_child(conf->section, key), *n = map ? map->first : NULL;
    while (n && i-- > 0)
        n = n->next;
    if (!n || n->kind != CONF_SCALAR)
        return false;
    *ret_name = n->key;
    *ret_value = n->text;
    return true;
}

static const char *h_conf_map(const struct onecard_conf *conf, const char *key, const char *name)
{
    const struct conf_node *n = conf_child(conf_child(conf->section, key), name);
    return n && n->kind == CONF_SCALAR ? n->text : NULL;
}

static const struct onecard_host host_table = {
    .size = sizeof(struct onecard_host),
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .parse_fen = h_parse_fen,
    .log = h_log,
    .conf_text = conf_word,
    .conf_int = h_conf_int,
    .conf_fen = h_conf_fen,
    .conf_bool = h_conf_bool,
    .conf_map = h_conf_map,
    .conf_map_at = h_conf_map_at,
    .doc_get = h_get,
    .doc_count = h_count,
    .doc_at = h_at,
    .doc_as_text = h_text,
    .doc_as_int = h_int,
    .doc_as_bool = h_bool,
    .doc_load = h_load,
    .doc_place = h_place,
    .folder_at = h_folder_at,
};

/* ---- what the verbs use ---- */

int fares_none(struct ctl *c, struct fares **ret)
{
    struct fares *f = calloc(1, sizeof *f);
    if (!f)
        return ctl_fail(c, "no memory");
    f->conf.c = c;
    f->conf.dir = ".";
    f->conf.offset_min = 8 * 60;
    f->host = host_table;
    arena_init(&f->conf.arena, 0);
    *ret = f;
    return CTL_DONE;
}

void fares_close(struct fares **f)
{
    if (!*f)
        return;
    transit_unload((*f)->transit);
    for (size_t i = 0; i < (*f)->file_count; i++)
        fare_table_free((*f)->files[i]);
    arena_fini(&(*f)->conf.arena);
    free(*f);
    *f = NULL;
}

static void take_offset(struct fares *f, const struct conf_tree *tree)
{
    const struct conf_node *n = conf_subtree(tree, "city.utc_offset");
    int h = 0, m = 0;
    if (n && n->text && sscanf(n->text, "%3d:%2d", &h, &m) == 2 && abs(h) <= 14 && m >= 0 && m < 60)
        f->conf.offset_min = h * 60 + (n->text[0] == '-' ? -m : m);
}

static int read_section(struct fares *f, const struct site_paths *site) WORKER_FN;
static int read_section(struct fares *f, const struct site_paths *site)
{
    struct conf_errors errors;
    struct conf_tree tree;
    int rc = CTL_DONE;
    conf_errors_init(&errors);
    if (conf_tree_read(site->config, &f->conf.arena, &errors, &tree) == 0) {
        f->conf.section = conf_subtree(&tree, "modules.transit");
        take_offset(f, &tree);
        f->conf.dir = arena_strdup(&f->conf.arena, site->dir);
        rc = f->conf.dir ? CTL_DONE : ctl_fail(f->conf.c, "no memory");
    } else {
        rc = ctl_fail(f->conf.c, "%s cannot be read", site->config);
    }
    conf_errors_fini(&errors);
    return rc;
}

static int read_site(struct fares *f) WORKER_FN;
static int read_site(struct fares *f)
{
    struct site_paths *site = arena_alloc(&f->conf.arena, sizeof *site);
    if (!site)
        return ctl_fail(f->conf.c, "no memory");
    int rc = site_find(f->conf.c, site);
    return rc == CTL_DONE ? read_section(f, site) : rc;
}

int fares_open(struct ctl *c, const char *folder, struct fares **ret)
{
    struct fares *f = NULL;
    void *ctx = NULL;
    int rc = fares_none(c, &f);
    if (rc != CTL_DONE)
        return rc;
    f->conf.folder = folder;
    if (!folder)
        rc = read_site(f);
    if (rc == CTL_DONE && !conf_word(&f->conf, "fares"))
        rc = ctl_fail(c, "the site has no fare tables: modules.transit.fares names no folder");
    if (rc == CTL_DONE) {
        ear = c->err;
        if (transit_load(&f->host, &f->conf, &ctx) != 0)
            rc = ctl_fail(c, "the fare tables are not good: see above");
        ear = NULL;
        f->transit = ctx;
    }
    if (rc != CTL_DONE)
        fares_close(&f);
    else
        *ret = f;
    return rc;
}

const struct fare_set *fares_set(const struct fares *f)
{
    static const struct fare_set none = {NULL, 0};
    return f->transit ? &f->transit->set : &none;
}

const char *fares_default(const struct fares *f)
{
    return f->transit ? f->transit->table : "";
}

fare_time fares_now(const struct fares *f)
{
    return clock_wall_ms(&clock_system) / 1000 + f->conf.offset_min * 60;
}

int fares_file(struct fares *f, const char *path, const struct fare_table **ret)
{
    struct ctl *c = f->conf.c;
    const char *why = "";
    unsigned faults = 0;
    const char *dir = f->conf.dir;
    if (f->file_count == FILES_MAX)
        return ctl_usage(c, "more than %d files", FILES_MAX);
    f->conf.dir = "."; /* what is typed counts from here, not from the site */
    struct onecard_doc *d = h_load(&f->conf, path, &why);
    f->conf.dir = dir;
    if (!d)
        return ctl_fail(c, "%s", why);
    ear = c->err;
    struct fare_table *t = fare_table_read(&f->host, d, path, &faults);
    ear = NULL;
    if (!t)
        return faults ? ctl_fail(c, "%s: %u mistake%s", path, faults, faults == 1 ? "" : "s")
                      : ctl_fail(c, "no memory");
    f->files[f->file_count++] = t;
    *ret = t;
    return CTL_DONE;
}
