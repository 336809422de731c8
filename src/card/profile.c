/* The set of known card profiles. Each profile keeps its own arena, so a set is freed in one go and
 * a bad file leaves no trace. Invariant: `items` is sorted by priority, then name. */
#include "card/profile_intern.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define PROFILES_MAX      64
#define PROFILE_ARENA_MAX ((size_t)8 << 20)

struct held {
    struct arena arena;
    struct card_profile profile;
};
struct profile_set {
    struct held *items[PROFILES_MAX];
    size_t count;
};

struct profile_set *profile_set_new(void)
{
    return calloc(1, sizeof(struct profile_set));
}

static void held_free(struct held *h)
{
    arena_fini(&h->arena);
    free(h);
}

void profile_set_free(struct profile_set **set)
{
    struct profile_set *s = *set;

    *set = NULL;
    for (size_t i = 0; s && i < s->count; i++)
        held_free(s->items[i]);
    free(s);
}

static bool comes_before(const struct card_profile *a, const struct card_profile *b)
{
    if (a->match.priority != b->match.priority)
        return a->match.priority < b->match.priority;
    return strcmp(a->name, b->name) < 0;
}

static void insert(struct profile_set *set, struct held *h)
{
    size_t i = set->count++;

    for (; i > 0 && comes_before(&h->profile, &set->items[i - 1]->profile); i--)
        set->items[i] = set->items[i - 1];
    set->items[i] = h;
}

/* The file's name without folder and .yaml must be the profile's: an operator finds the one by the
 * other. */
static void check_name(const char *file, const struct conf_tree *tree, const struct card_profile *p,
                       struct conf_errors *errors)
{
    const struct conf_node *n = conf_child(tree->root, "name");
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    size_t len = strlen(p->name);

    if (strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != len)
        conf_errors_add(errors, file, n->line, n->col,
                        "a profile's name has only a-z, 0-9, - and _");
    else if (strncmp(base, p->name, len) != 0 || strcmp(base + len, ".yaml") != 0)
        conf_errors_add(errors, file, n->line, n->col,
                        "the profile in this file must be named as the file is: %.*s",
                        (int)strcspn(base, "."), base);
}

static int read_profile(struct held *h, const char *file, const void *text, size_t len,
                        struct conf_errors *errors)
{
    struct conf_tree tree;
    size_t before = errors->count;
    int rc = conf_tree_parse(file, text, len, &h->arena, errors, &tree);

    if (rc == 0)
        rc = conf_fill(&tree, tree.root, &profile_table, &h->arena, &h->profile, errors);
    if (rc == 0)
        check_name(tree.file, &tree, &h->profile, errors);
    return rc == 0 && errors->count != before ? OC_EINVAL : rc;
}

int profile_set_add(struct profile_set *set, const char *file, const void *text, size_t len,
                    struct conf_errors *errors)
{
    if (set->count == PROFILES_MAX) {
        conf_errors_add(errors, file, 0, 0, "too many profiles: at most %d", PROFILES_MAX);
        return OC_ELIMIT;
    }
    struct held *h = calloc(1, sizeof(*h));
    if (!h)
        return OC_ENOMEM;
    arena_init(&h->arena, PROFILE_ARENA_MAX);
    int rc = read_profile(h, file, text, len, errors);
    if (rc == 0 && profile_get(set, h->profile.name)) {
        conf_errors_add(errors, file, 1, 1, "there is a profile '%s' already", h->profile.name);
        rc = OC_EEXIST;
    }
    if (rc == 0)
        insert(set, h);
    else
        held_free(h);
    return rc;
}

static int add_file(struct profile_set *set, const char *path,
                    struct conf_errors *errors) WORKER_FN;
static int add_file(struct profile_set *set, const char *path, struct conf_errors *errors)
{
    struct buf text;

    buf_init(&text, CONF_TEXT_MAX);
    int rc = file_read(path, &text);
    if (rc == 0)
        rc = profile_set_add(set, path, text.data, text.len, errors);
    else
        conf_errors_add(errors, path, 0, 0, "the file cannot be read: %s", oc_strerror(rc));
    buf_fini(&text);
    return rc;
}

static int is_yaml(const struct dirent *d)
{
    size_t len = strlen(d->d_name);

    return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".yaml") == 0;
}

/* All files are read even when one is wrong: the operator sees every mistake. */
static int add_folder(struct profile_set *set, const char *dir,
                      struct conf_errors *errors) WORKER_FN;
static int add_folder(struct profile_set *set, const char *dir, struct conf_errors *errors)
{
    struct dirent **names;
    int count = scandir(dir, &names, is_yaml, alphasort), first_error = 0;

    if (count <= 0) {
        if (count == 0)
            free(names);
        conf_errors_add(errors, dir, 0, 0,
                        count < 0 ? "there is no such folder"
                                  : "no profile (*.yaml) is in this folder");
        return OC_ENOENT;
    }
    for (int i = 0; i < count; i++) {
        char path[1024];
        struct buf b;
        buf_over(&b, path, sizeof(path));
        buf_printf(&b, "%s/%s", dir, names[i]->d_name);
        int rc = b.err ? OC_ELIMIT : add_file(set, buf_cstr(&b), errors);
        if (rc != 0 && first_error == 0)
            first_error = rc;
        free(names[i]);
    }
    free(names);
    return first_error;
}

int profile_set_load(const char *dir, struct conf_errors *errors, struct profile_set **ret_set)
{
    struct profile_set *set = profile_set_new();

    if (!set)
        return OC_ENOMEM;
    int rc = add_folder(set, dir, errors);
    if (rc == 0)
        *ret_set = set;
    else
        profile_set_free(&set);
    return rc;
}

const struct card_profile *profile_get(const struct profile_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i]->profile.name, name) == 0)
            return &set->items[i]->profile;
    }
    return NULL;
}

size_t profile_count(const struct profile_set *set)
{
    return set->count;
}

const struct card_profile *profile_at(const struct profile_set *set, size_t i)
{
    return i < set->count ? &set->items[i]->profile : NULL;
}
