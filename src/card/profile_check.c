/* What single rows of the table cannot say: that slices lie inside their file, that fields do not
 * overlap, that a factor has eight bytes. Each mistake is reported at the line that holds it. */
#include "card/profile_intern.h"

#include <ctype.h>
#include <string.h>

static bool inside(struct profile_slice s, size_t len)
{
    return (size_t)s.offset + s.length <= len;
}

static void want_slice(const struct conf_check *c, const char *key, struct profile_slice s,
                       size_t len, size_t within)
{
    if (len && s.length != len)
        conf_complain(c, key, "'%s' must be %zu bytes long, not %u", key, len, s.length);
    else if (!inside(s, within))
        conf_complain(c, key, "'%s' ends at byte %u, after the %zu that are there", key,
                      s.offset + s.length, within);
}

static void want_offset(const struct conf_check *c, const char *key, int offset, size_t len,
                        size_t within)
{
    if (offset >= 0 && (size_t)offset + len > within)
        conf_complain(c, key, "'%s' ends at byte %zu, after the %zu that are there", key,
                      (size_t)offset + len, within);
}

static bool pattern_ok(const char *p)
{
    size_t digits = 0;

    for (; *p; p++) {
        if (*p == ' ')
            continue;
        if (*p != 'x' && *p != 'X' && !isxdigit((unsigned char)*p))
            return false;
        digits++;
    }
    return digits % 2 == 0 && digits <= 2 * (size_t)PROFILE_PATTERN_MAX;
}

static void want_pattern(const struct conf_check *c, const char *key, const char *pattern)
{
    if (!pattern_ok(pattern))
        conf_complain(c, key, "'%s' must be pairs of hexadecimal digits or x, at most %d pairs",
                      key, PROFILE_PATTERN_MAX);
}

void profile_check_match(const struct conf_check *c, void *value)
{
    const struct profile_match *m = value;

    if (m->aids.count == 0 && m->adf == 0)
        conf_complain(c, NULL, "'match' needs at least one name in 'aids', or 'adf'");
    want_pattern(c, "atr", m->atr);
    want_pattern(c, "identity", m->identity);
}

void profile_check_piece(const struct conf_check *c, void *value)
{
    struct profile_piece *p = value;

    if (p->historical && (p->tag || p->length))
        conf_complain(c, "historical", "a piece is a record's value or bytes of the ATR, not both");
    else if (!p->historical && (!p->tag || !p->length))
        conf_complain(c, NULL, "a piece needs 'tag' and 'length', or 'historical'");
    if (!p->record)
        p->record = p->tag;
}

/* With pieces the image is as long as they are together. */
static void check_pieces(const struct conf_check *c, const struct profile_piece *pieces,
                         size_t count, size_t most, uint8_t *ret_len)
{
    size_t len = profile_piece_offset(pieces, count);

    if (len > most)
        conf_complain(c, "pieces", "the pieces are %zu bytes together, at most %zu are taken", len,
                      most);
    else if (count)
        *ret_len = (uint8_t)len;
}

static void check_categories(const struct conf_check *c, const struct profile_identity_file *f)
{
    uint8_t code[4];

    if (f->category.length > sizeof(code)) {
        conf_complain(c, "category", "'category' has at most %zu bytes", sizeof(code));
        return;
    }
    for (size_t i = 0; i < f->categories.count; i++) {
        const char *key = f->categories.items[i].key;
        if (hex_decode(key, code, f->category.length) == 0)
            continue;
        const struct conf_node *n = conf_child(conf_child(c->node, "categories"), key);
        const struct conf_node at = {.line = n->key_line, .col = n->key_col};
        conf_complain_at(c, &at, "category code '%.20s' must be %d hexadecimal digits", key,
                         2 * f->category.length);
    }
}

void profile_check_identity(const struct conf_check *c, void *value)
{
    struct profile_identity_file *f = value;

    check_pieces(c, f->pieces, f->piece_count, PROFILE_IDENTITY_MAX, &f->min_len);
    if (f->piece_count)
        f->max_len = f->min_len;
    if (!conf_child(c->node, "category") && f->min_len >= 30 && !f->piece_count)
        f->category = (struct profile_slice){.offset = 28, .length = 2};
    if (f->number.length == 0)
        f->number = f->serial;
    if (f->min_len > f->max_len)
        conf_complain(c, "min_len", "'min_len' is larger than 'max_len'");
    want_slice(c, "issuer", f->issuer, OC_ISSUER_LEN, f->min_len);
    want_slice(c, "serial", f->serial, OC_SERIAL_LEN, f->min_len);
    if (conf_child(c->node, "number"))
        want_slice(c, "number", f->number, 0, f->min_len);
    want_slice(c, "category", f->category, 0, f->min_len);
    want_offset(c, "app_flag", f->app_flag, 1, f->min_len);
    want_offset(c, "version", f->version, 1, f->min_len);
    want_offset(c, "start", f->start, 4, f->min_len);
    want_offset(c, "expiry", f->expiry, 4, f->min_len);
    want_offset(c, "category_until", f->category_until, 4, f->min_len);
    int digits = (f->number_ascii ? 1 : 2) * f->number.length - f->number_skip;
    if (digits <= 0 || digits >= CARD_NUMBER_TEXT)
        conf_complain(c, "number", "a card number has 1 to %d digits", CARD_NUMBER_TEXT - 1);
    check_categories(c, f);
}

void profile_check_holder(const struct conf_check *c, void *value)
{
    struct profile_holder_file *f = value;

    f->present = true;
    check_pieces(c, f->pieces, f->piece_count, 128, &f->min_len);
    want_slice(c, "type", f->type, 0, f->min_len);
    want_slice(c, "staff", f->staff, 0, f->min_len);
    want_slice(c, "name", f->name, 0, f->min_len);
    want_slice(c, "id", f->id, 0, f->min_len);
    want_slice(c, "id_type", f->id_type, 0, f->min_len);
}

void profile_check_pin(const struct conf_check *c, void *value)
{
    struct profile_pin *p = value;
    size_t bytes = p->form == PROFILE_PIN_ASCII ? 1 : 2;

    p->present = true;
    if (p->min > p->max)
        conf_complain(c, "min", "'min' is larger than 'max'");
    if ((p->max + bytes - 1) / bytes > 6)
        conf_complain(c, "max", "VERIFY takes a PIN of 2 to 6 bytes");
}

void profile_check_factor(const struct conf_check *c, void *value)
{
    const struct profile_factor *f = value;
    size_t len = f->prefix.len + (f->digits ? 2 : 1) * (size_t)f->from.length + f->suffix.len;

    if (len != 8)
        conf_complain(c, NULL, "a diversification factor has 8 bytes, this one %zu", len);
}

void profile_check_purse(const struct conf_check *c, void *value)
{
    struct profile_purse *p = value;

    p->present = true;
    if (p->code_in_purchase && !p->security_code)
        conf_complain(c, "code_in_purchase", "'code_in_purchase' needs 'security_code: true'");
    if (p->code_in_capp && !p->security_code)
        conf_complain(c, "code_in_capp", "'code_in_capp' needs 'security_code: true'");
    if (p->p2 != 1 && p->p2 != 2)
        conf_complain(c, "p2", "'p2' must be 01 or 02");
}

void profile_check_log(const struct conf_check *c, void *value)
{
    const struct profile_log *l = value;

    want_slice(c, "seq", l->seq, 2, l->record_length);
    if (l->overdraft.length)
        want_slice(c, "overdraft", l->overdraft, 3, l->record_length);
    want_slice(c, "amount", l->amount, 4, l->record_length);
    want_slice(c, "type", l->type, 1, l->record_length);
    want_slice(c, "sam", l->sam, OC_SAM_LEN, l->record_length);
    want_slice(c, "date", l->date, 4, l->record_length);
    want_slice(c, "time", l->time, 3, l->record_length);
}

/* Longest and, where the encoding fixes it, only length of a field. */
static size_t field_length(enum capp_encoding e, size_t *ret_most)
{
    switch (e) {
    case CAPP_BCD_DATETIME:
        return *ret_most = 7;
    case CAPP_BCD_DATE:
        return *ret_most = 4;
    case CAPP_BCD_TIME:
        return *ret_most = 3;
    case CAPP_CRC16:
        return *ret_most = 2;
    case CAPP_BE:
        *ret_most = 7; /* a signed 64-bit number holds any of them */
        return 0;
    case CAPP_BCD:
    case CAPP_HEX:
        *ret_most = (CAPP_VALUE_TEXT - 1) / 2;
        return 0;
    case CAPP_ASCII:
        *ret_most = CAPP_VALUE_TEXT - 1;
        return 0;
    default:
        *ret_most = CAPP_RECORD_MAX;
        return 0;
    }
}

void profile_check_field(const struct conf_check *c, void *value)
{
    const struct capp_field *f = value;
    const char *const *names = capp_field_names();
    const char *const *n = names;
    size_t most, only = field_length(f->encoding, &most);

    while (*n && strcmp(*n, f->name) != 0)
        n++;
    const char *near = *n ? NULL : conf_nearest(f->name, names);
    if (!*n && near)
        conf_complain(c, "name", "unknown field '%.20s': did you mean '%s'?", f->name, near);
    else if (!*n)
        conf_complain(c, "name", "unknown field '%.20s'", f->name);
    if (only && f->length != only)
        conf_complain(c, "length", "this encoding has %zu bytes, not %u", only, f->length);
    else if (f->length > most)
        conf_complain(c, "length", "this encoding has at most %zu bytes, not %u", most, f->length);
    if ((f->encoding == CAPP_CONST || f->dflt.len) && f->dflt.len != f->length)
        conf_complain(c, "default", "'default' must be the field's %u bytes, not %zu", f->length,
                      f->dflt.len);
    if (f->encoding == CAPP_CRC16 && f->dflt.len)
        conf_complain(c, "default", "a CRC has no default");
}

/* Filling may stand in a layout several times; a value only once. */
static bool may_repeat(const char *name)
{
    return strcmp(name, "head") == 0 || strcmp(name, "pad") == 0 || strcmp(name, "rfu") == 0 ||
           strcmp(name, "aux") == 0;
}

static void check_layout(const struct conf_check *c, const struct profile_capp *p)
{
    const char *owner[CAPP_RECORD_MAX] = {0};
    const struct conf_node *node = conf_child(c->node, "fields")->first;

    for (size_t i = 0; i < p->field_count; i++, node = node->next) {
        const struct capp_field *f = &p->fields[i];
        if ((size_t)f->offset + f->length > p->length) {
            conf_complain_at(c, node, "field '%s' ends at byte %u, after the record's %u", f->name,
                             f->offset + f->length, p->length);
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(p->fields[j].name, f->name) == 0 && !may_repeat(f->name))
                conf_complain_at(c, node, "field '%s' stands in the layout twice", f->name);
        }
        for (size_t at = f->offset; at < (size_t)f->offset + f->length; at++) {
            if (owner[at]) {
                conf_complain_at(c, node, "field '%s' overlaps '%s' at byte %zu", f->name,
                                 owner[at], at);
                break;
            }
            owner[at] = f->name;
        }
        if (f->encoding == CAPP_CRC16 && p->crc.from > f->offset)
            conf_complain_at(c, node, "the CRC begins after its own field");
    }
}

void profile_check_capp(const struct conf_check *c, void *value)
{
    struct profile_capp *p = value;

    p->present = true;
    if (p->head.len > p->length)
        conf_complain(c, "head", "'head' is longer than the record");
    check_layout(c, p);
}

void profile_check_file(const struct conf_check *c, void *value)
{
    const struct profile_file *f = value;

    if (*f->content && strcmp(f->content, "identity") != 0 && strcmp(f->content, "holder") != 0)
        conf_complain(c, "content", "'content' must be identity, holder or nothing, not '%.20s'",
                      f->content);
    for (size_t i = 0; !f->record_length && i < f->records.count; i++) {
        const struct conf_bytes *r = &f->records.items[i];
        if (r->len < 2 || r->len != 2U + r->bytes[1])
            conf_complain(c, "records",
                          "record %zu: 'record_length', or tag, length and value whole", i + 1);
    }
    for (size_t i = 0; f->record_length && i < f->records.count; i++) {
        if (f->records.items[i].len > f->record_length)
            conf_complain(c, "records", "a record's head is longer than 'record_length'");
    }
}

void profile_check_key(const struct conf_check *c, void *value)
{
    const struct profile_key *k = value;

    if (k->versioned && (conf_child(c->node, "b4") || conf_child(c->node, "b5")))
        conf_complain(
            c, "versioned",
            "a versioned key takes its version and algorithm from the master key, not b4 and b5");
}

void profile_check_personalise(const struct conf_check *c, void *value)
{
    struct profile_personalise *p = value;

    (void)c;
    p->present = true;
}

void profile_check_all(const struct conf_check *c, void *value)
{
    const struct card_profile *p = value;
    size_t len = p->personalise.identity.len;

    profile_check_slots(c, p);
    if (p->capp.present && !p->purse.present)
        conf_complain(c, "capp", "a journey record needs a purse");
    if (p->purse.present != (p->log.record_length != 0))
        conf_complain(c, p->purse.present ? NULL : "log", "'purse' and 'log' come together");
    if (p->personalise.present && !p->identity.piece_count && p->identity.app_flag < 0)
        conf_complain(c, "personalise",
                      "a card that is to be personalised needs 'app_flag': it marks an unfinished one");
    if (p->personalise.present && p->identity.piece_count && !profile_mark(p))
        conf_complain(c, "personalise",
                      "the identity's file must end with a record that is one of its pieces");

    if (p->personalise.present && (len < p->identity.min_len || len > p->identity.max_len))
        conf_complain_at(c, conf_child(conf_child(c->node, "personalise"), "identity"),
                         "file 0015 has %u to %u bytes in this profile, the template %zu",
                         p->identity.min_len, p->identity.max_len, len);
    for (size_t i = 0; i < p->keys.levels; i++) {
        struct profile_slice s = p->keys.factors[i].from;
        if (!inside(s, p->identity.min_len))
            conf_complain_at(c, conf_child(conf_child(c->node, "keys"), "factors"),
                             "factor %zu ends at byte %u, after the %u that file 0015 has", i + 1,
                             s.offset + s.length, p->identity.min_len);
    }
}
