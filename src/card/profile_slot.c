/* Slots by the profile: where an application's category and its days stand on the chip. Invariant:
 * a record is read as ours only where every byte of it is as profile_slot_encode() lays it; what
 * another system wrote there is never taken for a word of the issuer's, and so never overwritten.
 */
#include "card/profile_intern.h"

#include <string.h>
#include <strings.h>

#define HEAD 2 /* tag and length */

const struct profile_slot *profile_slot(const struct card_profile *p, const char *app)
{
    for (size_t i = 0; i < p->slot_count; i++) {
        if (strcmp(p->slots[i].app, app) == 0)
            return &p->slots[i];
    }
    return NULL;
}

const struct conf_map *profile_slot_categories(const struct card_profile *p,
                                               const struct profile_slot *slot)
{
    return slot->categories.count ? &slot->categories : &p->identity.categories;
}

static size_t code_length(const struct card_profile *p, const struct profile_slot *slot)
{
    return slot->sfi ? slot->category.length : p->identity.category.length;
}

int profile_slot_code(const struct card_profile *p, const struct profile_slot *slot,
                      const char *category, uint8_t ret[4], size_t *ret_len)
{
    const struct conf_map *m = profile_slot_categories(p, slot);
    const char *name = *category ? category : "adult";
    size_t len = code_length(p, slot);

    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->items[i].value, name) != 0)
            continue;
        *ret_len = len;
        return hex_decode(m->items[i].key, ret, len);
    }
    if (*category)
        return OC_EINVAL;
    memset(ret, 0, len);
    *ret_len = len;
    return 0;
}

static void put_date(date_t d, uint8_t *out)
{
    for (int i = 3; i >= 0; i--) {
        out[i] = (uint8_t)(d / 10 % 10 << 4 | d % 10);
        d /= 100;
    }
}

int profile_slot_encode(const struct card_profile *p, const struct profile_slot *slot,
                        const struct slot_word *word, uint8_t ret[PROFILE_SLOT_RECORD_MAX])
{
    uint8_t code[4];
    size_t len = 0;

    if (!slot->sfi)
        return OC_EPROFILE;
    int rc = profile_slot_code(p, slot, word->category, code, &len);
    if (rc)
        return rc;
    memset(ret, 0, PROFILE_SLOT_RECORD_MAX);
    ret[0] = slot->tag;
    ret[1] = (uint8_t)(slot->length - HEAD);
    memcpy(ret + slot->category.offset, code, len);
    put_date(word->from, ret + slot->from);
    put_date(word->until, ret + slot->until);
    return 0;
}

static const char *name_of(const struct card_profile *p, const struct profile_slot *slot,
                           const uint8_t *code)
{
    const struct conf_map *m = profile_slot_categories(p, slot);
    char hex[2 * 4 + 1];

    (void)hex_encode(code, slot->category.length, hex);
    for (size_t i = 0; i < m->count; i++) {
        if (strcasecmp(m->items[i].key, hex) == 0)
            return m->items[i].value;
    }
    return "";
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    while (len && bytes[len - 1] == 0)
        len--;
    return len == 0;
}

int profile_slot_decode(const struct card_profile *p, const struct profile_slot *slot,
                        const uint8_t *record, size_t len, struct slot_word *ret)
{
    uint8_t again[PROFILE_SLOT_RECORD_MAX];
    struct slot_word word = {0};

    if (!slot->sfi || len != slot->length || record[0] != slot->tag || record[1] != len - HEAD)
        return OC_ECARD_DATA;
    if (all_zero(record + HEAD, len - HEAD))
        return OC_ENOENT;
    (void)snprintf(word.category, sizeof(word.category), "%s",
                   name_of(p, slot, record + slot->category.offset));
    word.from = date_from_bcd(record + slot->from);
    word.until = date_from_bcd(record + slot->until);
    if (profile_slot_encode(p, slot, &word, again) || memcmp(again, record, len) != 0)
        return OC_ECARD_DATA;
    *ret = word;
    return 0;
}

/* ---- checks ---- */

static bool overlap(unsigned a, unsigned a_len, unsigned b, unsigned b_len)
{
    return a < b + b_len && b < a + a_len;
}

static void check_record(const struct conf_check *c, const struct profile_slot *s)
{
    const struct profile_slice k = s->category;

    if (s->length < HEAD + k.length + 8U || k.length == 0 || k.length > 4) {
        conf_complain(c, "length",
                      "the record holds its head, 'category' of 1 to 4 bytes and two "
                      "days of 4 bytes");
        return;
    }
    if (k.offset + k.length > s->length || s->from + 4 > s->length || s->until + 4 > s->length)
        conf_complain(c, "length", "'category', 'from' or 'until' ends after the record's %u bytes",
                      s->length);
    if (overlap(k.offset, k.length, 0, HEAD) || overlap(s->from, 4, 0, HEAD) ||
        overlap(s->until, 4, 0, HEAD) || overlap(k.offset, k.length, s->from, 4) ||
        overlap(k.offset, k.length, s->until, 4) || overlap(s->from, 4, s->until, 4))
        conf_complain(c, "category", "head, 'category', 'from' and 'until' overlap");
}

void profile_check_slot(const struct conf_check *c, void *value)
{
    const struct profile_slot *s = value;

    if (!s->sfi && !s->in_identity)
        conf_complain(c, NULL, "a slot needs a record ('sfi', 'tag', 'length'), or 'in_identity'");
    if (s->sfi)
        check_record(c, s);
    for (size_t i = 0; i < s->categories.count; i++) {
        uint8_t code[4];
        const char *key = s->categories.items[i].key;
        if (strlen(key) > 8 || hex_decode(key, code, strlen(key) / 2) != 0 ||
            (s->sfi && strlen(key) != 2U * s->category.length))
            conf_complain(c, "categories",
                          "category code '%.20s' is not as long as its place, in hexadecimal", key);
    }
}

void profile_check_slots(const struct conf_check *c, const struct card_profile *p)
{
    const struct conf_node *list = p->slot_count ? conf_child(c->node, "slots") : NULL;
    const struct conf_node *node = list ? list->first : NULL;

    for (size_t i = 0; i < p->slot_count && node; i++, node = node->next) {
        const struct profile_slot *s = &p->slots[i];
        if (profile_slot(p, s->app) != s)
            conf_complain_at(c, node, "slot '%s' stands there twice", s->app);
        if (s->in_identity && (p->identity.piece_count || p->identity.category.length == 0))
            conf_complain_at(c, node, "file 0015 of this profile has no place for a category");
        bool own = s->categories.count != 0;
        if (s->in_identity && own)
            conf_complain_at(c, node, "a slot in file 0015 has the identity's categories");
        if (s->sfi && !own && s->category.length != p->identity.category.length)
            conf_complain_at(c, node, "the identity's codes have %u bytes",
                             p->identity.category.length);
    }
}
