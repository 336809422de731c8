/* Lists and maps of plain values. */
#include "conf/intern.h"

#include <inttypes.h>
#include <string.h>

static bool right_count(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                        size_t count)
{
    if (it->type == CONF_BYTES_LIST || (it->min == 0 && it->max == 0))
        return true; /* there min and max are each item's bytes */
    if ((int64_t)count >= it->min && (int64_t)count <= it->max)
        return true;
    fill_complain(f, n, "'%s' must have %" PRId64 " to %" PRId64 " entries, not %zu", it->key,
                  it->min, it->max, count);
    return false;
}

/* Puts one text into slot i of the list under construction. */
static void put_text(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                     const char *text, void *slot)
{
    if (it->type == CONF_BYTES_LIST) {
        struct conf_bytes bytes = {0};
        if (fill_bytes(f, it, n, text, &bytes))
            memcpy(slot, &bytes, sizeof(bytes));
        return;
    }
    char *copy = arena_strdup(f->arena, text);
    if (!copy)
        f->err = OC_ENOMEM;
    memcpy(slot, &copy, sizeof(copy));
}

static size_t slot_size(const struct conf_item *it)
{
    return it->type == CONF_BYTES_LIST ? sizeof(struct conf_bytes) : sizeof(char *);
}

static void set_list(const struct conf_item *it, void *items, size_t count, void *member)
{
    if (it->type == CONF_BYTES_LIST) {
        struct conf_bytes_list l = {.items = items, .count = count};
        memcpy(member, &l, sizeof(l));
    } else {
        struct conf_list l = {.items = items, .count = count};
        memcpy(member, &l, sizeof(l));
    }
}

static void fill_sequence(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                          void *member)
{
    bool single = n->kind == CONF_SCALAR;
    size_t count = single ? 1 : n->count, i = 0;
    char *items = fill_alloc(f, (count + 1) * slot_size(it));

    if (!items || !right_count(f, it, n, count))
        return;
    for (const struct conf_node *x = single ? n : n->first; x; x = single ? NULL : x->next) {
        if (x->kind != CONF_SCALAR)
            fill_complain(f, x, "'%s' is a list of single values", it->key);
        else
            put_text(f, it, x, x->text, items + i++ * slot_size(it));
    }
    set_list(it, items, i, member);
}

static void fill_map(struct fill *f, const struct conf_item *it, const struct conf_node *n,
                     void *member)
{
    struct conf_pair *items = fill_alloc(f, (n->count + 1) * sizeof(*items));
    size_t i = 0;

    if (!items || !right_count(f, it, n, n->count))
        return;
    for (const struct conf_node *x = n->first; x; x = x->next) {
        if (x->kind != CONF_SCALAR) {
            fill_complain(f, x, "'%s' maps words to single values", it->key);
            continue;
        }
        items[i] =
            (struct conf_pair){arena_strdup(f->arena, x->key), arena_strdup(f->arena, x->text)};
        if (!items[i].key || !items[i].value)
            f->err = OC_ENOMEM;
        i++;
    }
    struct conf_map m = {.items = items, .count = i};
    memcpy(member, &m, sizeof(m));
}

void fill_list(struct fill *f, const struct conf_item *it, const struct conf_node *n, void *member)
{
    if (it->type == CONF_MAP) {
        if (n->kind == CONF_MAPPING)
            fill_map(f, it, n, member);
        else
            fill_complain(f, n, "'%s' must be a section of word: value lines", it->key);
    } else if (n->kind == CONF_MAPPING) {
        fill_complain(f, n, "'%s' must be a list", it->key);
    } else {
        fill_sequence(f, it, n, member);
    }
}

void fill_list_default(struct fill *f, const struct conf_item *it, void *member)
{
    struct conf_node n = {.kind = CONF_SCALAR};
    size_t count = 1, i = 0;

    if (!it->dflt || !*it->dflt)
        return;
    for (const char *p = it->dflt; *p; p++)
        count += *p == ',';
    char *items = fill_alloc(f, count * slot_size(it));
    char *text = arena_strdup(f->arena, it->dflt);
    if (!items || !text) {
        f->err = OC_ENOMEM;
        return;
    }
    for (char *word = text; word; i++) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma++ = '\0';
        n.text = word + strspn(word, " ");
        put_text(f, it, &n, n.text, items + i * slot_size(it));
        word = comma;
    }
    set_list(it, items, count, member);
}
