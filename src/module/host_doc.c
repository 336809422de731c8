/* The documents' part of the host's table. */
#include "module/host_table.h"
#include "module/internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena_of(const struct onecard_request *req)
{
    return decision_of(req)->arena;
}

struct onecard_doc *host_doc_parse(const struct onecard_request *req, const char *json)
{
    size_t len = json ? strnlen(json, ONECARD_DOC_BYTES + 1) : 0;
    return len > 0 && len <= ONECARD_DOC_BYTES ? doc_read(arena_of(req), json, len, NULL) : NULL;
}

struct onecard_doc *host_doc_object(const struct onecard_request *req)
{
    return doc_new(arena_of(req), DOC_OBJECT);
}

struct onecard_doc *host_doc_array(const struct onecard_request *req)
{
    return doc_new(arena_of(req), DOC_ARRAY);
}

const char *host_doc_text_of(const struct onecard_request *req, const struct onecard_doc *d)
{
    size_t len;
    return doc_text(d, arena_of(req), ONECARD_DOCS_BYTES, &len);
}

const char *host_doc_place(const struct onecard_doc *d)
{
    return d && d->place ? d->place : "";
}

/* ---- files of a module's own, in load() only ------------------------------------------------- */

/* The configuration is constant to the module; what hangs off it is ours. */
static struct arena *conf_arena(const struct onecard_conf *conf)
{
    union {
        const struct onecard_conf *c;
        struct onecard_conf *m;
    } p = {.c = conf};
    return &p.m->arena;
}

static const char *path_of(const struct onecard_conf *conf, const char *path)
{
    const char *slash = strrchr(conf->file, '/');
    if (*path == '/' || !slash) {
        return path;
    }
    return arena_printf(conf_arena(conf), "%.*s/%s", (int)(slash - conf->file), conf->file, path);
}

static const char *first_mistake(struct conf_errors *errors, struct arena *a, const char *path)
{
    conf_errors_sort(errors);
    if (errors->kept == 0) {
        return arena_printf(a, "%s: it cannot be read", path);
    }
    const struct conf_error *e = &errors->items[0];
    return e->line ? arena_printf(a, "%s:%d:%d: %s", e->file, e->line, e->col, e->text)
                   : arena_printf(a, "%s: %s", e->file, e->text);
}

struct onecard_doc *host_doc_load(const struct onecard_conf *conf, const char *path,
                                  const char **ret_why)
{
    ROLE_ENTER_WORKER();
    struct arena *a = conf_arena(conf);
    const char *full = path ? path_of(conf, path) : NULL;
    if (!full) {
        *ret_why = "no path";
        return NULL;
    }
    struct conf_errors errors;
    struct conf_tree tree;
    conf_errors_init(&errors);
    int rc = conf_tree_read(full, a, &errors, &tree);
    struct onecard_doc *d = rc == 0 ? doc_from_conf(&tree, a) : NULL;
    const char *why = rc ? first_mistake(&errors, a, full) : "no memory";
    conf_errors_fini(&errors);
    if (!d) {
        *ret_why = why ? why : "no memory";
    }
    return d;
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t len = strlen(name), tail = strlen(suffix);
    return name[0] != '.' && len >= tail && strcmp(name + len - tail, suffix) == 0;
}

const char *host_folder_at(const struct onecard_conf *conf, const char *folder, const char *suffix,
                           size_t i)
{
    const char *dir = folder ? path_of(conf, folder) : NULL, *found = NULL;
    struct dirent **names = NULL;
    int n = dir ? scandir(dir, &names, NULL, NULL) : 0;
    size_t kept = 0;
    for (int j = 0; j < n; j++) {
        if (ends_in(names[j]->d_name, suffix ? suffix : "")) {
            struct dirent *first = names[kept];
            names[kept++] = names[j];
            names[j] = first;
        }
    }
    for (size_t j = 1; j < kept; j++) { /* by bytes, whatever the locale; folders are small */
        for (size_t k = j; k > 0 && strcmp(names[k - 1]->d_name, names[k]->d_name) > 0; k--) {
            struct dirent *higher = names[k - 1];
            names[k - 1] = names[k];
            names[k] = higher;
        }
    }
    if (i < kept) {
        found = arena_printf(conf_arena(conf), "%s/%s", dir, names[i]->d_name);
    }
    for (int j = 0; j < n; j++) {
        free(names[j]);
    }
    free(names);
    return found;
}
