/* The sample file is printed from the tables, so it cannot fall behind them. */
#include "conf/intern.h"

#include <string.h>

static bool holds_sections(enum conf_type t)
{
    return t == CONF_SECTION || t == CONF_SECTION_MAP || t == CONF_SECTION_LIST;
}

static void put_help(const struct conf_item *it, int indent, struct buf *out)
{
    char wants[256];

    buf_printf(out, "%*s# %s", indent, "", it->help ? it->help : it->key);
    if (it->required)
        buf_puts(out, " Required.");
    if (it->type == CONF_LIST || it->type == CONF_BYTES_LIST)
        buf_puts(out, " A list.");
    else if (it->type != CONF_MAP && it->type != CONF_TREE && it->type != CONF_STRING &&
             !holds_sections(it->type))
        buf_printf(out, " (%s)", item_wants(it, wants, sizeof(wants)));
    buf_puts(out, "\n");
}

/* Appends text with "#" put before each line, at the indentation. */
static void put_commented(const char *text, int indent, struct buf *out)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        size_t skip = len < (size_t)indent ? len : (size_t)indent;
        buf_printf(out, "%*s#%.*s\n", indent, "", (int)(len - skip), text + skip);
        text += len + (text[len] == '\n');
    }
}

static void put_sections(const struct conf_item *it, int indent, struct buf *out)
{
    struct buf inner;

    if (it->type == CONF_SECTION && !it->optional && (it->required || !it->absent_zero)) {
        buf_printf(out, "%*s%s:\n", indent, "", it->key);
        conf_sample(it->section, indent + 2, out);
        return;
    }
    buf_init(&inner, 0);
    buf_printf(&inner, "%*s%s:\n", indent, "", it->key);
    if (it->type == CONF_SECTION_MAP)
        buf_printf(&inner, "%*sNAME:\n", indent + 2, "");
    else if (it->type == CONF_SECTION_LIST)
        buf_printf(&inner, "%*s-\n", indent + 2, "");
    conf_sample(it->section, it->type == CONF_SECTION ? indent + 2 : indent + 4, &inner);
    put_commented(buf_cstr(&inner), indent, out);
    if (inner.err && !out->err)
        out->err = inner.err;
    buf_fini(&inner);
}

static void put_row(const struct conf_item *it, int indent, struct buf *out)
{
    bool list = it->type == CONF_LIST || it->type == CONF_BYTES_LIST;
    bool text = it->type == CONF_STRING || it->type == CONF_PATH || it->type == CONF_TIME_OF_DAY ||
                it->type == CONF_HEX || it->type == CONF_HEXNUM || it->type == CONF_BYTES;

    if (!it->dflt && it->required)
        buf_printf(out, "%*s%s:\n", indent, "", it->key);
    else if (!it->dflt)
        buf_printf(out, "%*s#%s:\n", indent, "", it->key);
    else if (list)
        buf_printf(out, "%*s%s: [%s]\n", indent, "", it->key, it->dflt);
    else if (text)
        buf_printf(out, "%*s%s: \"%s\"\n", indent, "", it->key, it->dflt);
    else
        buf_printf(out, "%*s%s: %s\n", indent, "", it->key, it->dflt);
}

void conf_sample(const struct conf_schema *schema, int indent, struct buf *out)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct conf_item *it = &schema->items[i];
        put_help(it, indent, out);
        if (holds_sections(it->type))
            put_sections(it, indent, out);
        else
            put_row(it, indent, out);
    }
}
