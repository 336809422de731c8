/* The encoding: whole, canonical, and closed against what it would not write. */
#include "ledger/internal.h"
#include "ledger/op_table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOP_LAST LOP_PARTICIPANT_KEY

static uint32_t seed = 1;
static uint8_t next_byte(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 24);
}

static void fill_fields(const struct op_fields *t, uint8_t *s, bool full);

static void set_count(uint8_t *s, const struct op_field *f, size_t n)
{
    if (f->count_size == 1) {
        s[f->count_offset] = (uint8_t)n;
    } else {
        uint16_t v = (uint16_t)n;
        memcpy(s + f->count_offset, &v, sizeof v);
    }
}

#define DOC_FULL 5000 /* of 22 documents */

static struct op_doc some_doc(uint32_t len)
{
    static char text[LEDGER_DOC_MAX + 8];
    if (!text[0])
        memset(text, 'd', sizeof text);
    return (struct op_doc){len ? text + next_byte() % 8 : NULL, len};
}

/* The documents of what was decoded point into its bytes: where they are equal, as `want` has them. */
static void same_docs(struct ledger_op *got, const struct ledger_op *want)
{
    struct op_doc *a[2 + LEDGER_RECORDS + LEDGER_MESSAGES];
    const struct op_doc *b[ARRAY_LEN(a)];
    size_t n = 0;
    if (got->type == LOP_SLOT) {
        assert_int_equal(got->slot.record.doc.len, want->slot.record.doc.len);
        if (want->slot.record.doc.len)
            assert_memory_equal(got->slot.record.doc.text, want->slot.record.doc.text, want->slot.record.doc.len);
        got->slot.record.doc = want->slot.record.doc;
    }
    if (got->type != LOP_INTENT)
        return;
    for (unsigned i = 0; i < got->intent.record_count; i++, n++) {
        a[n] = &got->intent.records[i].doc;
        b[n] = &want->intent.records[i].doc;
    }
    for (unsigned i = 0; i < got->intent.message_count; i++, n++) {
        a[n] = &got->intent.messages[i].doc;
        b[n] = &want->intent.messages[i].doc;
    }
    a[n] = &got->intent.hold.doc;
    b[n++] = &want->intent.hold.doc;
    a[n] = &got->intent.hold.expect;
    b[n++] = &want->intent.hold.expect;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a[i]->len, b[i]->len);
        if (a[i]->len)
            assert_memory_equal(a[i]->text, b[i]->text, a[i]->len);
        *a[i] = *b[i];
    }
}

static void fill_field(const struct op_field *f, uint8_t *s, bool full)
{
    uint8_t *p = s + f->offset;
    size_t n;
    switch (f->type) {
    case OPF_DOC:
        *(struct op_doc *)(void *)p = some_doc(full ? DOC_FULL : next_byte() % 100u);
        break;
    case OPF_TEXT:
        n = full ? f->size - 1 : next_byte() % f->size;
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)('a' + next_byte() % 26);
        break;
    case OPF_BYTES:
        n = full ? f->size : next_byte() % (f->size + 1);
        for (size_t i = 0; i < n; i++)
            p[i] = next_byte();
        set_count(s, f, n);
        break;
    case OPF_STRUCT:
        fill_fields(f->nested, p, full);
        break;
    case OPF_ARRAY:
        n = full ? f->max : next_byte() % (f->max + 1);
        for (size_t i = 0; i < n; i++)
            fill_fields(f->nested, p + i * f->size, full);
        set_count(s, f, n);
        break;
    default:
        for (size_t i = 0; i < f->size; i++)
            p[i] = next_byte();
    }
}

static void fill_fields(const struct op_fields *t, uint8_t *s, bool full)
{
    for (size_t i = 0; i < t->count; i++)
        fill_field(&t->fields[i], s, full);
}

static struct ledger_op *filled(uint8_t type, bool full)
{
    struct ledger_op *op = calloc(1, sizeof *op);
    op->type = type;
    op->at_ms = INT64_C(1795190400123);
    strcpy(op->who, "operator:li");
    fill_fields(op_kind(type)->fields, (uint8_t *)op + op_kind(type)->offset, full);
    return op;
}

static void every_operation_comes_back_byte_by_byte(void **state)
{
    (void)state;
    struct ledger_op *back = calloc(1, sizeof *back);
    for (uint8_t type = LOP_SITE; type <= LOP_LAST; type++) {
        for (int round = 0; round < 20; round++) {
            struct ledger_op *op = filled(type, round == 0);
            assert_true(op_valid(op));
            struct buf b;
            buf_init(&b, OP_BYTES_MAX);
            op_encode(op, &b);
            assert_int_equal(b.err, 0);
            memset(back, 0xEE, sizeof *back);
            assert_int_equal(op_decode(b.data, b.len, back), 0);
            same_docs(back, op);
            assert_memory_equal(back, op, sizeof *op);
            buf_fini(&b);
            free(op);
        }
    }
    free(back);
}

static void cut_long_and_unknown_encodings_are_refused(void **state)
{
    (void)state;
    struct ledger_op *back = calloc(1, sizeof *back);
    for (uint8_t type = LOP_SITE; type <= LOP_LAST; type++) {
        struct ledger_op *op = filled(type, false);
        struct buf b;
        buf_init(&b, OP_BYTES_MAX);
        op_encode(op, &b);
        for (size_t len = 0; len < b.len; len += 1 + len / 64)
            assert_int_not_equal(op_decode(b.data, len, back), 0);
        buf_put_u8(&b, 0);
        assert_int_equal(op_decode(b.data, b.len, back), OC_EPARSE);
        b.data[0] = OP_VERSION + 1;
        assert_int_equal(op_decode(b.data, b.len, back), OC_ENOTSUP);
        b.data[0] = 0;
        assert_int_equal(op_decode(b.data, b.len, back), OC_EPARSE);
        b.data[0] = OP_VERSION;
        b.data[1] = LOP_LAST + 1;
        assert_int_equal(op_decode(b.data, b.len, back), OC_EPARSE);
        buf_fini(&b);
        free(op);
    }
    free(back);
}

static void texts_with_a_nul_inside_and_too_many_elements_are_refused(void **state)
{
    (void)state;
    struct ledger_op *op = calloc(1, sizeof *op), *back = calloc(1, sizeof *back);
    op->type = LOP_EVENT;
    strcpy(op->who, "ab");
    struct buf b;
    buf_init(&b, OP_BYTES_MAX);
    op_encode(op, &b);
    b.data[12] = 0; /* the first letter of who */
    assert_int_equal(op_decode(b.data, b.len, back), OC_EPARSE);
    buf_fini(&b);
    memset(op->event.terminal, 'x', sizeof op->event.terminal);
    assert_false(op_valid(op));
    memset(op, 0, sizeof *op);
    op->type = LOP_INTENT;
    op->intent.record_count = LEDGER_RECORDS + 1;
    assert_false(op_valid(op));
    op->type = 99;
    assert_false(op_valid(op));
    free(op);
    free(back);
}

static void documents_are_bounded_one_by_one_and_in_all(void **state)
{
    (void)state;
    struct ledger_op *op = calloc(1, sizeof *op), *back = calloc(1, sizeof *back);
    op->type = LOP_INTENT;
    strcpy(op->who, "ab");
    op->intent.record_count = 3;
    op->intent.records[0].doc = some_doc(LEDGER_DOC_MAX);
    op->intent.records[1].doc = some_doc(LEDGER_DOC_MAX - 1);
    op->intent.records[2].doc = some_doc(3);
    assert_true(op_valid(op));
    struct buf b;
    buf_init(&b, OP_BYTES_MAX);
    op_encode(op, &b);
    assert_int_equal(b.err, 0);
    assert_int_equal(op_decode(b.data, b.len, back), 0);
    op->intent.records[2].doc = some_doc(4);
    assert_false(op_valid(op));
    buf_reset(&b);
    op_encode(op, &b);
    assert_int_equal(op_decode(b.data, b.len, back), OC_EPARSE);
    op->intent.record_count = 1;
    op->intent.records[0].doc = (struct op_doc){"x", LEDGER_DOC_MAX + 1};
    assert_false(op_valid(op));
    op->intent.records[0].doc = (struct op_doc){"x\0y", 3};
    assert_false(op_valid(op));
    op->intent.records[0].doc = (struct op_doc){NULL, 1};
    assert_false(op_valid(op));
    buf_fini(&b);
    free(op);
    free(back);
}

/* As version 2 wrote a record: its document with a length of two bytes, nothing after it. */
static void record_of_version_2_still_decodes(void **state)
{
    (void)state;
    struct ledger_op *op = calloc(1, sizeof *op), *back = calloc(1, sizeof *back);
    struct buf b, old;
    buf_init(&b, OP_BYTES_MAX);
    buf_init(&old, OP_BYTES_MAX);
    op->type = LOP_INTENT;
    strcpy(op->who, "ab");
    op->intent.record_count = 1;
    strcpy(op->intent.records[0].scope, "transit");
    op->intent.records[0].doc = (struct op_doc){"{\"rides\":1}", 11};
    op_encode(op, &b);
    const uint8_t *doc = memmem(b.data, b.len, "{\"rides\":1}", 11);
    size_t at = (size_t)(doc - b.data), end = at + 11;
    /* without the two upper bytes of the length, `remove` and `version_new`, and messages, hold and slot at the end, and what
     * version 4 put behind them */
    buf_put(&old, b.data, at - 4);
    buf_put(&old, b.data + at - 2, 13);
    buf_put(&old, b.data + end + 5, b.len - end - 5 - (1 + 2 + 2 + 8 + 4 + 4) - (2 + 2 + 4 + 4) - (1 + 8 + 1));
    old.data[0] = 2;
    assert_int_equal(op_decode(old.data, old.len, back), 0);
    assert_int_equal(back->intent.records[0].doc.len, 11);
    assert_memory_equal(back->intent.records[0].doc.text, "{\"rides\":1}", 11);
    assert_string_equal(back->intent.records[0].scope, "transit");
    assert_int_equal(back->intent.message_count, 0);
    buf_fini(&b);
    buf_fini(&old);
    free(op);
    free(back);
}

static void any_bytes_decode_or_fail_and_never_harm(void **state)
{
    (void)state;
    struct ledger_op *op = filled(LOP_INTENT, false), *back = calloc(1, sizeof *back);
    struct buf b, again;
    buf_init(&b, OP_BYTES_MAX);
    buf_init(&again, OP_BYTES_MAX);
    op_encode(op, &b);
    for (int i = 0; i < 20000; i++) {
        size_t at = ((size_t)next_byte() << 8 | next_byte()) % b.len;
        uint8_t old = b.data[at];
        b.data[at] ^= (uint8_t)(1 + next_byte() % 255);
        if (op_decode(b.data, b.len, back) == 0) {
            buf_reset(&again);
            op_encode(back, &again);
            assert_int_equal(again.len,
                             b.len); /* canonical: what decodes is what would be written */
            assert_memory_equal(again.data, b.data, b.len);
        }
        b.data[at] = old;
    }
    buf_fini(&b);
    buf_fini(&again);
    free(op);
    free(back);
}

/* A field that somebody adds to a struct and forgets in its table would be lost from the journal:
 * then the bytes that the table covers, and the padding between them, no longer make up the struct.
 */
struct span {
    size_t offset, size, align;
};

static int by_offset(const void *x, const void *y)
{
    const struct span *a = x, *b = y;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static size_t align_of(const struct op_fields *t);
static size_t field_align(const struct op_field *f)
{
    if (f->nested)
        return align_of(f->nested);
    if (f->type == OPF_DOC)
        return _Alignof(struct op_doc);
    return f->type == OPF_NUMBER || f->type == OPF_SIGNED ? f->size : 1;
}

static size_t align_of(const struct op_fields *t)
{
    size_t most = 1;
    for (size_t i = 0; i < t->count; i++) {
        size_t a = field_align(&t->fields[i]);
        size_t c = t->fields[i].count_size;
        most = a > most ? a : most;
        most = c > most ? c : most;
    }
    return most;
}

static size_t size_of(const struct op_fields *t)
{
    struct span spans[64];
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct op_field *f = &t->fields[i];
        size_t size = f->type == OPF_ARRAY ? f->size * f->max : f->size;
        spans[n++] = (struct span){f->offset, size, field_align(f)};
        if (f->count_size)
            spans[n++] = (struct span){f->count_offset, f->count_size, f->count_size};
        if (f->nested && size_of(f->nested) != f->size)
            fail_msg("%s: a field is missing in the table of its struct", f->name);
    }
    qsort(spans, n, sizeof spans[0], by_offset);
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t want = (end + spans[i].align - 1) / spans[i].align * spans[i].align;
        if (spans[i].offset != want)
            fail_msg("a field is missing in the table before offset %zu", spans[i].offset);
        end = spans[i].offset + spans[i].size;
    }
    size_t a = align_of(t);
    return (end + a - 1) / a * a;
}

static void no_field_is_forgotten_in_the_tables(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        [LOP_SITE] = sizeof(struct op_site),
        [LOP_PARTICIPANT] = sizeof(struct op_participant),
        [LOP_TERMINAL] = sizeof(struct op_terminal),
        [LOP_KEY] = sizeof(struct op_key),
        [LOP_CARD_ADD] = sizeof(struct op_card_add),
        [LOP_CARD_STATE] = sizeof(struct op_card_state),
        [LOP_SLOT] = sizeof(struct op_slot),
        [LOP_DENY] = sizeof(struct op_deny),
        [LOP_CITIZEN] = sizeof(struct op_citizen),
        [LOP_INTENT] = sizeof(struct op_intent),
        [LOP_OUTCOME] = sizeof(struct op_outcome),
        [LOP_REFUSAL] = sizeof(struct op_refusal),
        [LOP_SEEN] = sizeof(struct op_seen),
        [LOP_EVENT] = sizeof(struct op_event),
        [LOP_DAY_CLOSE] = sizeof(struct op_day_close),
        [LOP_SETTLED] = sizeof(struct op_settled),
        [LOP_RESTORED] = sizeof(struct op_restored),
        [LOP_AUTHORITY] = sizeof(struct op_authority),
        [LOP_TERMINAL_KEY] = sizeof(struct op_terminal_key),
        [LOP_HOLD] = sizeof(struct op_hold),
        [LOP_MESSAGE] = sizeof(struct op_message_end),
        [LOP_ERASED] = sizeof(struct op_erased),
        [LOP_PARTICIPANT_KEY] = sizeof(struct op_participant_key),
    };
    for (unsigned type = LOP_SITE; type < ARRAY_LEN(sizes); type++)
        assert_int_equal(size_of(op_kind(type)->fields), sizes[type]);
}

static void numbers_have_names_and_others_none(void **state)
{
    (void)state;
    assert_string_equal(op_name(LOP_INTENT), "intent");
    assert_null(op_name((enum ledger_op_type)0));
    assert_null(op_name((enum ledger_op_type)200));
    assert_string_equal(acct_kind_name(ACCT_IN_TRANSIT), "in_transit");
    assert_null(acct_kind_name((enum acct_kind)0));
    assert_string_equal(card_state_name(CARD_LOST), "lost");
    assert_null(card_state_name((enum card_state)7));
    assert_string_equal(card_kind_name(CARD_NAMED), "named");
    assert_string_equal(evidence_name(EV_COUNTER_OTHER), "counter_other");
    assert_null(evidence_name((enum evidence)11));
    assert_string_equal(op_name(LOP_TERMINAL_KEY), "terminal_key");
    assert_string_equal(op_name(LOP_PARTICIPANT_KEY), "participant_key");
    assert_string_equal(acct_kind_name(ACCT_DEPOSIT), "deposit");
    assert_string_equal(hold_state_name(HOLD_CONFIRM_DUE), "confirm_due");
    assert_null(hold_state_name((enum hold_state)9));
    assert_string_equal(message_state_name(MESSAGE_DEAD), "dead");
    assert_null(message_state_name((enum message_state)5));
    for (unsigned i = 0; i < STEP_COUNT; i++)
        assert_non_null(step_name((enum step)i));
    assert_string_equal(step_name(STEP_OUTCOME), "outcome");
    assert_null(step_name(STEP_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_comes_back_byte_by_byte),
        cmocka_unit_test(cut_long_and_unknown_encodings_are_refused),
        cmocka_unit_test(texts_with_a_nul_inside_and_too_many_elements_are_refused),
        cmocka_unit_test(documents_are_bounded_one_by_one_and_in_all),
        cmocka_unit_test(record_of_version_2_still_decodes),
        cmocka_unit_test(any_bytes_decode_or_fail_and_never_harm),
        cmocka_unit_test(no_field_is_forgotten_in_the_tables),
        cmocka_unit_test(numbers_have_names_and_others_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
