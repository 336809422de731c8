/* What is in force, as YAML that loads again: an operator compares it with what was meant. */
#include "conf/intern.h"

#include <inttypes.h>
#include <string.h>

static void put_quoted(struct buf *out, const char *s)
{
    buf_puts(out, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            buf_printf(out, "\\x%02X", (unsigned)(unsigned char)*s);
        else
            buf_put(out, s, 1);
    }
    buf_puts(out, "\"");
}

static void put_hex(struct buf *out, const uint8_t *p, size_t len)
{
    buf_puts(out, "\"");
    for (size_t i = 0; i < len; i++)
        buf_printf(out, "%02X", p[i]);
    buf_puts(out, "\"");
}

static void put_key(struct buf *out, int indent, const char *key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    bool plain = *key && strspn(key, letters) > 0 && strspn(key, rest) == strlen(key);

    buf_printf(out, "%*s", indent, "");
    if (plain)
        buf_puts(out, key);
    else
        put_quoted(out, key);
    buf_puts(out, ":");
}

static void dump_node(const struct conf_node *n, int indent, struct buf *out)
{
    if (n->kind == CONF_SCALAR) {
        buf_puts(out, " ");
        if (conf_is_null(n))
            buf_puts(out, "~");
        else
            put_quoted(out, n->text);
        buf_puts(out, "\n");
        return;
    }
    if (!n->first) {
        buf_puts(out, n->kind == CONF_MAPPING ? " {}\n" : " []\n");
        return;
    }
    buf_puts(out, "\n");
    for (const struct conf_node *x = n->first; x; x = x->next) {
        if (n->kind == CONF_MAPPING)
            put_key(out, indent, x->key);
        else
            buf_printf(out, "%*s-", indent, "");
        dump_node(x, indent + 2, out);
    }
}

static void dump_list(const struct conf_item *it, const void *member, struct buf *out)
{
    struct conf_bytes_list bytes;
    struct conf_list texts;

    buf_puts(out, " [");
    if (it->type == CONF_BYTES_LIST) {
        memcpy(&bytes, member, sizeof(bytes));
        for (size_t i = 0; i < bytes.count; i++) {
            buf_puts(out, i ? ", " : "");
            put_hex(out, bytes.items[i].bytes, bytes.items[i].len);
        }
    } else {
        memcpy(&texts, member, sizeof(texts));
        for (size_t i = 0; i < texts.count; i++) {
            buf_puts(out, i ? ", " : "");
            put_quoted(out, texts.items[i]);
        }
    }
    buf_puts(out, "]\n");
}

static void dump_map(const void *member, int indent, struct buf *out)
{
    struct conf_map m;

    memcpy(&m, member, sizeof(m));
    buf_puts(out, m.count ? "\n" : " {}\n");
    for (size_t i = 0; i < m.count; i++) {
        put_key(out, indent + 2, m.items[i].key);
        buf_puts(out, " ");
        put_quoted(out, m.items[i].value);
        buf_puts(out, "\n");
    }
}

static void dump_array(const struct conf_item *it, const void *member, int indent, struct buf *out)
{
    bool named = it->type == CONF_SECTION_MAP;
    struct conf_array a;
    const char *name;

    memcpy(&a, member, sizeof(a));
    buf_puts(out, a.count ? "\n" : named ? " {}\n" : " []\n");
    for (size_t i = 0; i < a.count; i++) {
        const char *element = (const char *)a.items + i * it->section->size;
        if (named) {
            memcpy(&name, element, sizeof(name));
            put_key(out, indent + 2, name);
        } else {
            buf_printf(out, "%*s-", indent + 2, "");
        }
        buf_puts(out, "\n");
        conf_dump(it->section, element, indent + 4, out);
    }
}

static void dump_pointer(const struct conf_item *it, const void *p, int indent, struct buf *out)
{
    if (it->type == CONF_SECTION) {
        buf_puts(out, "\n");
        conf_dump(it->section, p, indent + 2, out);
    } else if (it->type == CONF_TREE) {
        dump_node(p, indent + 2, out);
    } else {
        buf_puts(out, " ");
        put_quoted(out, p);
        buf_puts(out, "\n");
    }
}

static bool is_pointer(const struct conf_item *it)
{
    return it->type == CONF_STRING || it->type == CONF_PATH || it->type == CONF_TREE ||
           (it->type == CONF_SECTION && it->optional);
}

static void dump_value(const struct conf_item *it, const void *member, int indent, struct buf *out)
{
    char text[VALUE_TEXT];
    struct conf_bytes bytes;

    if (item_is_number(it->type)) {
        bool quote = it->type == CONF_HEXNUM || it->type == CONF_TIME_OF_DAY;
        buf_printf(out, quote ? " \"%s\"\n" : " %s\n",
                   item_text(it, item_number(it, member), text));
    } else if (it->type == CONF_HEX || it->type == CONF_BYTES) {
        memset(&bytes, 0, sizeof(bytes));
        if (it->type == CONF_BYTES)
            memcpy(&bytes, member, sizeof(bytes));
        else
            bytes = (struct conf_bytes){.bytes = member, .len = it->width};
        buf_puts(out, " ");
        put_hex(out, bytes.bytes, bytes.len);
        buf_puts(out, "\n");
    } else if (it->type == CONF_LIST || it->type == CONF_BYTES_LIST) {
        dump_list(it, member, out);
    } else if (it->type == CONF_MAP) {
        dump_map(member, indent, out);
    } else if (it->type == CONF_SECTION) {
        dump_pointer(it, member, indent, out);
    } else {
        dump_array(it, member, indent, out);
    }
}

void conf_dump(const struct conf_schema *schema, const void *value, int indent, struct buf *out)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct conf_item *it = &schema->items[i];
        const char *member = (const char *)value + it->offset;
        const void *p = NULL;
        if (is_pointer(it)) {
            memcpy(&p, member, sizeof(p));
            if (!p)
                continue;
        }
        if (it->secret) {
            buf_printf(out, "%*s# %s: (set)\n", indent, "", it->key);
            continue;
        }
        put_key(out, indent, it->key);
        if (is_pointer(it))
            dump_pointer(it, p, indent, out);
        else
            dump_value(it, member, indent, out);
    }
}
