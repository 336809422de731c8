/* Card profiles: the three that are delivered, matching, file 0015, journey records, and what a
 * wrong profile is told. */
#include "card/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct profile_set *set;

static int load_delivered(void **state)
{
    struct conf_errors errors;
    struct buf out;

    (void)state;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    buf_init(&out, 0);
    int rc = profile_set_load(ONECARD_SOURCE_DIR "/conf/profiles", &errors, &set);
    conf_errors_print(&errors, &out);
    if (rc != 0)
        print_error("%s", buf_cstr(&out));
    buf_fini(&out);
    conf_errors_fini(&errors);
    return rc;
}

static int free_delivered(void **state)
{
    (void)state;
    profile_set_free(&set);
    return 0;
}

#define PURSES 3 /* profiles with money come first */

static void delivered_profiles_load(void **state)
{
    (void)state;
    assert_int_equal(profile_count(set), 5);
    assert_string_equal(profile_at(set, 0)->name, "tunion");
    assert_string_equal(profile_at(set, 1)->name, "pboc-ep");
    assert_string_equal(profile_at(set, 2)->name, "mohurd");
    assert_string_equal(profile_at(set, 3)->name, "ssc");
    assert_string_equal(profile_at(set, 4)->name, "health");
    assert_null(profile_at(set, 5));
    assert_null(profile_get(set, "none"));
    for (size_t i = 0; i < PURSES; i++) {
        const struct card_profile *p = profile_at(set, i);
        assert_true(p->capp.present);
        assert_true(p->holder.present);
        assert_true(p->personalise.present);
        assert_int_equal(p->keys.levels, 1);
        assert_int_equal(p->log.record_length, 23);
    }
}

static void security_code_belongs_to_mohurd_alone(void **state)
{
    (void)state;
    assert_true(profile_get(set, "mohurd")->purse.code_in_capp);
    assert_true(profile_get(set, "mohurd")->purse.code_in_purchase);
    assert_false(profile_get(set, "pboc-ep")->purse.security_code);
    assert_false(profile_get(set, "tunion")->purse.security_code);
}

static void aids_are_tried_once_each_in_the_order_of_profiles(void **state)
{
    struct card_evidence nothing = {0};
    struct conf_bytes aid;

    (void)state;
    assert_true(profile_next_aid(set, &nothing, 0, &aid));
    assert_memory_equal(aid.bytes, "\xA0\x00\x00\x06\x32\x01\x01\x05", aid.len);
    assert_true(profile_next_aid(set, &nothing, 1, &aid));
    assert_int_equal(aid.len, 9);
    assert_true(profile_next_aid(set, &nothing, 2, &aid));
    assert_int_equal(aid.len, 15);                          /* sx1.sh.… */
    assert_false(profile_next_aid(set, &nothing, 3, &aid)); /* health is found by its file id */
}

static void shared_aid_gives_both_profiles(void **state)
{
    static const uint8_t aid[] = {0xA0, 0, 0, 0, 3, 0x86, 0x98, 7, 1};
    struct card_evidence e = {.aid = aid, .aid_len = sizeof(aid)};

    (void)state;
    assert_string_equal(profile_match(set, &e, 0)->name, "pboc-ep");
    assert_string_equal(profile_match(set, &e, 1)->name, "mohurd");
    assert_null(profile_match(set, &e, 2));
    e.aid_len = 8;
    assert_null(profile_match(set, &e, 0));
}

static void file_of_a_length_no_profile_takes_fits_none(void **state)
{
    static const uint8_t file[20];
    struct card_evidence e = {.identity = file, .identity_len = sizeof(file)};

    (void)state;
    assert_null(profile_match(set, &e, 0));
}

static void patterns_compare_digit_by_digit(void **state)
{
    static const uint8_t bytes[] = {0x41, 0x0A, 0xFF};

    (void)state;
    assert_true(profile_pattern("", bytes, 0));
    assert_true(profile_pattern("41 0a", bytes, 3));
    assert_true(profile_pattern("4x xA ff", bytes, 3));
    assert_false(profile_pattern("42", bytes, 3));
    assert_false(profile_pattern("410AFF00", bytes, 3));
}

/* The public T-Union emulator sample; the masked digits are 1234567. */
static const uint8_t tunion_0015[30] = {0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x01,
                                        0x03, 0x10, 0x51, 0x70, 0x01, 0x01, 0x71, 0x23, 0x45, 0x67,
                                        0x20, 0x19, 0x08, 0x06, 0x20, 0x40, 0x12, 0x31, 0x00, 0x00};

static void tunion_number_is_19_digits_from_310(void **state)
{
    struct card_identity id;

    (void)state;
    assert_int_equal(profile_identity(profile_get(set, "tunion"), tunion_0015, 30, &id), 0);
    assert_string_equal(id.number, "3105170010171234567");
    assert_true(id.enabled);
    assert_int_equal(id.app_flag, 2);
    assert_int_equal(id.start, 20190806);
    assert_int_equal(id.expiry, 20401231);
    assert_string_equal(id.category, "adult");
    assert_int_equal(id.raw_len, 30);
}

static void R9_identity_is_issuer_and_serial(void **state)
{
    struct card_identity id;
    uint8_t file[43] = {0};

    (void)state;
    memcpy(file, tunion_0015, 30);
    file[8] = 0;
    file[28] = 1;
    file[20] = 0xFF;
    assert_int_equal(profile_identity(profile_get(set, "pboc-ep"), file, 43, &id), 0);
    assert_memory_equal(id.issuer, file, 8);
    assert_memory_equal(id.serial, file + 10, 10);
    assert_string_equal(id.number, "03105170010171234567");
    assert_false(id.enabled);
    assert_int_equal(id.start, 0);
    assert_string_equal(id.category, "student");
    assert_string_equal(id.category_code, "0100");
    assert_int_equal(id.category_until, 20401231);
    assert_int_equal(profile_identity(profile_get(set, "pboc-ep"), file, 29, &id), OC_ECARD_DATA);
    assert_int_equal(profile_identity(profile_get(set, "pboc-ep"), file, 44, &id), OC_ECARD_DATA);
}

static void factors_are_the_serials_last_eight_bytes(void **state)
{
    uint8_t factors[PROFILE_LEVELS_MAX][8];
    struct card_identity id;

    (void)state;
    for (size_t i = 0; i < PURSES; i++) {
        const struct card_profile *p = profile_at(set, i);
        assert_int_equal(profile_identity(p, tunion_0015, 30, &id), 0);
        assert_int_equal(profile_factors(p, &id, factors), 1);
        assert_memory_equal(factors[0], tunion_0015 + 12, 8);
    }
}

static void made_identity_reads_back(void **state)
{
    struct card_identity from = {.start = 20240229, .category = "elder"}, id;
    uint8_t file[PROFILE_IDENTITY_MAX];
    size_t len = 0;

    (void)state;
    memcpy(from.issuer, "\x41\x00\x00\x00\x00\x00\x00\x01", 8);
    memcpy(from.serial, "\x00\x00\x41\x00\x00\x00\x00\x00\x00\x07", 10);
    for (size_t i = 0; i < PURSES; i++) {
        const struct card_profile *p = profile_at(set, i);
        assert_int_equal(profile_identity_make(p, &from, file, &len), 0);
        assert_int_equal(len, 30);
        assert_int_equal(profile_identity(p, file, len, &id), 0);
        assert_true(id.enabled);
        assert_memory_equal(id.serial, from.serial, 10);
        assert_memory_equal(id.issuer, from.issuer, 8);
        assert_int_equal(id.start, 20240229);
        assert_int_equal(id.expiry, 20340228);
        assert_string_equal(id.category, "elder");
    }
    from.category = "wizard";
    assert_int_equal(profile_identity_make(profile_at(set, 0), &from, file, &len), OC_EINVAL);
}

static void balances_follow_the_profile(void **state)
{
    const struct card_profile *t = profile_get(set, "tunion"), *p = profile_get(set, "pboc-ep");

    (void)state;
    assert_int_equal(profile_balance(p, 0x80001388, 0), 5000);
    assert_int_equal(profile_balance(t, 5000, 700), 5000);
    assert_int_equal(profile_balance(t, 0, 700), -700);
    assert_int_equal(profile_balance(t, 0, 0), 0);
}

static void R5_refusing_status_words_are_the_profiles(void **state)
{
    const struct card_profile *p = profile_get(set, "pboc-ep");

    (void)state;
    assert_true(profile_mac_refused(p, 0x6982));
    assert_true(profile_mac_refused(p, 0x6988));
    assert_true(profile_mac_refused(p, 0x9302));
    assert_false(profile_mac_refused(p, 0x9000));
    assert_false(profile_mac_refused(p, 0x9401));
}

static void ride(struct capp_values *v)
{
    capp_values_init(v);
    capp_put_number(v, "type", 6);
    capp_put(v, "datetime", "20261121083005");
    capp_put_bytes(v, "terminal", (const uint8_t *)"\x11\x22\x33\x44\x55\x66", 6);
    capp_put_number(v, "amount", 200);
    capp_put_number(v, "balance", 4800);
    capp_put_number(v, "gross", 400);
    capp_put_number(v, "line", 12);
    capp_put_number(v, "station", 307);
    capp_put(v, "city", "4100");
    capp_put(v, "category", "0100");
    capp_put_number(v, "seq", 77);
}

static void R17_records_round_trip_in_each_layout(void **state)
{
    static const char *const numbers[] = {"type", "amount", "balance", "line", "station"};
    static struct capp_values v, back; /* two are a kilobyte each */
    uint8_t record[CAPP_RECORD_MAX];
    int64_t a, b;

    (void)state;
    ride(&v);
    assert_int_equal(v.err, 0);
    for (size_t i = 0; i < PURSES; i++) {
        const struct card_profile *p = profile_at(set, i);
        assert_int_equal(profile_capp_encode(p, &v, record), 0);
        assert_int_equal(profile_capp_decode(p, record, p->capp.length, &back), 0);
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
            assert_int_equal(capp_get_number(&v, numbers[k], &a), 0);
            assert_int_equal(capp_get_number(&back, numbers[k], &b), 0);
            assert_int_equal(a, b);
        }
        assert_string_equal(capp_get(&back, "datetime"), "20261121083005");
        assert_string_equal(capp_get(&back, "city"), "4100");
    }
}

static void mohurd_record_has_tag_length_and_a_crc_of_all_before(void **state)
{
    const struct card_profile *p = profile_get(set, "mohurd");
    struct capp_values v;
    uint8_t r[CAPP_RECORD_MAX];

    (void)state;
    ride(&v);
    assert_int_equal(profile_capp_encode(p, &v, r), 0);
    assert_int_equal(p->capp.length, 48);
    assert_memory_equal(
        r, "\x02\x2E\x06\x20\x26\x11\x21\x08\x30\x05\x11\x22\x33\x44\x55\x66\x00\x00\x00\xC8", 20);
    assert_int_equal(be16(r + 46), capp_crc16(&p->capp.crc, r, 46));
    r[20] ^= 1;
    assert_int_equal(profile_capp_decode(p, r, 48, &v), OC_ECARD_DATA);
}

static void R17_sums_stand_where_the_layout_has_room(void **state)
{
    static struct capp_values v, back;
    uint8_t record[CAPP_RECORD_MAX];
    int64_t n;

    (void)state;
    ride(&v);
    capp_put_number(&v, "day_sum", 1234);
    capp_put_number(&v, "month_sum", 56789);
    assert_int_equal(v.err, 0);
    for (size_t i = 0; i < PURSES; i++) {
        const struct card_profile *p = profile_at(set, i);
        bool day = strcmp(p->name, "pboc-ep") != 0, month = strcmp(p->name, "tunion") == 0;
        assert_int_equal(profile_capp_encode(p, &v, record), 0);
        assert_int_equal(profile_capp_decode(p, record, p->capp.length, &back), 0);
        assert_int_equal(capp_get_number(&back, "day_sum", &n), day ? 0 : OC_ENOENT);
        assert_true(!day || n == 1234);
        assert_int_equal(capp_get_number(&back, "month_sum", &n), month ? 0 : OC_ENOENT);
        assert_true(!month || n == 56789);
    }
}

static void tunion_record_lies_as_published(void **state)
{
    const struct card_profile *p = profile_get(set, "tunion");
    struct capp_values v;
    uint8_t r[CAPP_RECORD_MAX];

    (void)state;
    ride(&v);
    assert_int_equal(profile_capp_encode(p, &v, r), 0);
    assert_int_equal(p->capp.length, 48);
    assert_int_equal(p->capp.update_p2, 0xF0);
    assert_memory_equal(r, "\x06\x00\x00\x11\x22\x33\x44\x55\x66\x00", 10);
    assert_memory_equal(r + 10, "\x00\x00\x12\x00\x00\x03\x07", 7);
    assert_int_equal(be32(r + 17), 200);
    assert_int_equal(be32(r + 21), 4800);
    assert_memory_equal(r + 25, "\x20\x26\x11\x21\x08\x30\x05\x41\x00", 9);
}

static void values_a_field_cannot_take_are_refused(void **state)
{
    static const struct {
        const char *name, *text;
        int rc;
    } bad[] = {
        {"amount", "4294967296", OC_ELIMIT},
        {"amount", "-1", OC_EINVAL},
        {"amount", "", OC_EINVAL},
        {"amount", "1234567890123456789", OC_ELIMIT},
        {"city", "410000", OC_ELIMIT},
        {"city", "xyz", OC_EINVAL},
        {"datetime", "2026112108300", OC_EINVAL},
        {"datetime", "20261321083005", OC_EINVAL},
        {"datetime", "20261121246005", OC_EINVAL},
        {"datetime", "0", OC_EINVAL},
    };
    const struct card_profile *p = profile_get(set, "mohurd");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t record[CAPP_RECORD_MAX] = {0x5A};
        struct capp_values v;
        ride(&v);
        capp_put(&v, bad[i].name, bad[i].text);
        assert_int_equal(profile_capp_encode(p, &v, record), bad[i].rc);
        assert_int_equal(record[0], 0x5A);
    }
}

static void value_errors_stick(void **state)
{
    struct capp_values v;
    uint8_t record[CAPP_RECORD_MAX];

    (void)state;
    ride(&v);
    capp_put(&v, "colour", "red");
    capp_put(&v, "amount", "1");
    assert_int_equal(v.err, OC_EINVAL);
    assert_string_equal(capp_get(&v, "amount"), "200");
    assert_int_equal(profile_capp_encode(profile_get(set, "mohurd"), &v, record), OC_EINVAL);
    ride(&v);
    capp_put(&v, "rfu", "0123456789012345678901234567890123456789");
    assert_int_equal(v.err, OC_ELIMIT);
    assert_null(capp_get(&v, "rfu"));
}

static void empty_record_is_no_journey_and_a_foreign_one_no_record(void **state)
{
    const struct card_profile *p = profile_get(set, "mohurd");
    uint8_t record[48] = {0x02, 0x2E};
    struct capp_values v;

    (void)state;
    assert_int_equal(profile_capp_decode(p, record, 48, &v), OC_ENOENT);
    assert_int_equal(profile_capp_decode(p, record, 47, &v), OC_ECARD_DATA);
    record[0] = 3;
    assert_int_equal(profile_capp_decode(p, record, 48, &v), OC_ECARD_DATA);
}

static void crcs_have_their_published_check_values(void **state)
{
    static const uint8_t digits[] = "123456789";
    struct capp_crc ccitt_false = {.poly = 0x1021, .init = 0xFFFF};
    struct capp_crc xmodem = {.poly = 0x1021};
    struct capp_crc x25 = {.poly = 0x1021, .init = 0xFFFF, .xorout = 0xFFFF, .reflect = true};
    struct capp_crc modbus = {.poly = 0x8005, .init = 0xFFFF, .reflect = true};

    (void)state;
    assert_int_equal(capp_crc16(&ccitt_false, digits, 9), 0x29B1);
    assert_int_equal(capp_crc16(&xmodem, digits, 9), 0x31C3);
    assert_int_equal(capp_crc16(&x25, digits, 9), 0x906E);
    assert_int_equal(capp_crc16(&modbus, digits, 9), 0x4B37);
}

/* ---- wrong profiles
 * ------------------------------------------------------------------------------------------ */
static char *delivered_text(const char *name)
{
    char path[512];
    struct buf b;

    ROLE_ENTER_WORKER();
    (void)snprintf(path, sizeof(path), "%s/conf/profiles/%s.yaml", ONECARD_SOURCE_DIR, name);
    buf_init(&b, 0);
    assert_int_equal(file_read(path, &b), 0);
    char *text = strdup(buf_cstr(&b));
    buf_fini(&b);
    assert_non_null(text);
    return text;
}

/* The delivered profile with one piece of its text replaced. */
static char *changed(const char *name, const char *from, const char *to)
{
    char *text = delivered_text(name), *at = strstr(text, from);
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);

    assert_non_null(at);
    assert_non_null(out);
    (void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    free(text);
    return out;
}

/* The line of a piece of text, counted from 1. */
static int line_of(const char *text, const char *piece)
{
    const char *at = strstr(text, piece);
    int line = 1;

    assert_non_null(at);
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static void expect_mistake(const char *from, const char *to, int col, const char *message)
{
    char *text = changed("mohurd", from, to), want[512];
    struct profile_set *other = profile_set_new();
    struct conf_errors errors;
    struct buf out;

    conf_errors_init(&errors);
    buf_init(&out, 0);
    assert_int_equal(profile_set_add(other, "mohurd.yaml", text, strlen(text), &errors), OC_EINVAL);
    conf_errors_print(&errors, &out);
    (void)snprintf(want, sizeof(want), "mohurd.yaml:%d:%d: %s\n", line_of(text, to), col, message);
    assert_string_equal(buf_cstr(&out), want);
    assert_int_equal(profile_count(other), 0);
    buf_fini(&out);
    conf_errors_fini(&errors);
    profile_set_free(&other);
    free(text);
}

/* In any profile; somewhere among what is complained about. */
static void expect_mistake_in(const char *name, const char *from, const char *to,
                              const char *message)
{
    char *text = changed(name, from, to), file[64];
    struct profile_set *other = profile_set_new();
    struct conf_errors errors;
    struct buf out;

    conf_errors_init(&errors);
    buf_init(&out, 0);
    (void)snprintf(file, sizeof(file), "%s.yaml", name);
    assert_int_equal(profile_set_add(other, file, text, strlen(text), &errors), OC_EINVAL);
    conf_errors_print(&errors, &out);
    if (!strstr(buf_cstr(&out), message))
        fail_msg("no \"%s\" in: %s", message, buf_cstr(&out));
    buf_fini(&out);
    conf_errors_fini(&errors);
    profile_set_free(&other);
    free(text);
}

static void pieces_that_make_no_identity_are_told_at_their_line(void **state)
{
    (void)state;
    expect_mistake_in("ssc", "{p2: 2C, tag: 07, length: 9} ", "{p2: 2C, length: 9} ",
                      "a piece needs 'tag' and 'length'");
    expect_mistake_in("ssc", "{historical: 8}", "{historical: 8, tag: 01}", "not both");
    expect_mistake_in("ssc", "tag: 01, length: 16", "tag: 01, length: 64", "at most 64 are taken");
    expect_mistake_in("ssc", "\"07 09 000000000000000000\"", "\"09 09 000000000000000000\"",
                      "must end with a record");
    expect_mistake_in("ssc", "\"02 01 31\"", "\"02 02 31\"", "tag, length and value whole");
    expect_mistake_in("ssc", "suffix: 7378", "suffix: 737878",
                      "a diversification factor has 8 bytes");
}

/* Encodings that no delivered layout has: date and time apart, text, packed decimals, a reflected
 * CRC. */
static const struct card_profile *other_layout(struct profile_set *other)
{
    static const char *const changes[][2] = {
        {"{name: datetime, offset: 3, length: 7, encoding: bcd_datetime}",
         "{name: date, offset: 3, length: 4, encoding: bcd_date}\n"
         "    - {name: time, offset: 7, length: 3, encoding: bcd_time}"},
        {"{name: terminal, offset: 10, length: 6, encoding: hex}",
         "{name: terminal, offset: 10, length: 6, encoding: ascii}"},
        {"{name: gross, offset: 24, length: 4, encoding: be}",
         "{name: gross, offset: 24, length: 4, encoding: bcd}"},
        {"reflect: false, little: false", "reflect: true, little: true"}};
    char *text = delivered_text("mohurd");
    struct conf_errors errors;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char *at = strstr(text, changes[i][0]), *next = NULL;
        assert_non_null(at);
        assert_true(asprintf(&next, "%.*s%s%s", (int)(at - text), text, changes[i][1],
                             at + strlen(changes[i][0])) > 0);
        free(text);
        text = next;
    }
    conf_errors_init(&errors);
    assert_int_equal(profile_set_add(other, "mohurd.yaml", text, strlen(text), &errors), 0);
    conf_errors_fini(&errors);
    free(text);
    return profile_at(other, 0);
}

static void other_encodings_round_trip_and_refuse_what_they_cannot_say(void **state)
{
    static const struct {
        const char *name, *text;
        int rc;
    } bad[] = {{"date", "20260231", OC_EINVAL},  {"date", "2026", OC_EINVAL},
               {"time", "246000", OC_EINVAL},    {"terminal", "T1234567", OC_ELIMIT},
               {"terminal", "T\x01", OC_EINVAL}, {"gross", "12A4", OC_EINVAL},
               {"gross", "123456789", OC_ELIMIT}};
    static const struct {
        size_t at;
        uint8_t value;
    } broken[] = {{4, 0x13}, {7, 0x99}, {10, 0x07}, {24, 0xAB}, {46, 0x5A}};
    static struct capp_values v, back;
    uint8_t record[CAPP_RECORD_MAX], wrong[CAPP_RECORD_MAX];
    struct profile_set *other = profile_set_new();
    const struct card_profile *p = other_layout(other);

    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
        capp_values_init(&v);
        capp_put_number(&v, "type", 6);
        capp_put(&v, "date", "20261121");
        capp_put(&v, "time", "083005");
        capp_put(&v, "terminal", "T12");
        capp_put(&v, "gross", "400");
        if (i < ARRAY_LEN(bad))
            capp_put(&v, bad[i].name, bad[i].text);
        assert_int_equal(profile_capp_encode(p, &v, record), i < ARRAY_LEN(bad) ? bad[i].rc : 0);
    }
    assert_memory_equal(record + 3, "\x20\x26\x11\x21\x08\x30\x05T12\0\0\0", 13);
    assert_memory_equal(record + 24, "\x00\x00\x04\x00", 4);
    assert_int_equal(profile_capp_decode(p, record, p->capp.length, &back), 0);
    assert_string_equal(capp_get(&back, "date"), "20261121");
    assert_string_equal(capp_get(&back, "time"), "083005");
    assert_string_equal(capp_get(&back, "terminal"), "T12");
    assert_string_equal(capp_get(&back, "gross"), "00000400");
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        memcpy(wrong, record, sizeof(wrong));
        wrong[broken[i].at] = broken[i].value;
        assert_int_equal(profile_capp_decode(p, wrong, p->capp.length, &back), OC_ECARD_DATA);
    }
    profile_set_free(&other);
}

/* Byte -1 of the file would be written as the last of all. */
static void a_card_to_be_personalised_needs_a_mark_of_being_unfinished(void **state)
{
    (void)state;
    expect_mistake_in("mohurd", "app_flag: 8", "app_flag: -1", "needs 'app_flag'");
    expect_mistake_in("pboc-ep", "app_flag: 8", "app_flag: -1", "needs 'app_flag'");
}

static void wrong_profiles_are_told_where(void **state)
{
    (void)state;
    expect_mistake("{name: amount, offset: 16,", "{name: amount, offset: 15,", 7,
                   "field 'amount' overlaps 'terminal' at byte 15");
    expect_mistake("{name: crc, offset: 46,", "{name: crc, offset: 47,", 7,
                   "field 'crc' ends at byte 49, after the record's 48");
    expect_mistake("{name: transfer,", "{name: transfr,", 14,
                   "unknown field 'transfr': did you mean 'transfer'?");
    expect_mistake("{name: seq, offset: 38,", "{name: gross, offset: 38,", 7,
                   "field 'gross' stands in the layout twice");
    expect_mistake("length: 7, encoding: bcd_datetime", "length: 8, encoding: bcd_datetime", 43,
                   "this encoding has 7 bytes, not 8");
    expect_mistake("- from: {offset: 12, length: 8}", "- from: {offset: 12, length: 7}", 7,
                   "a diversification factor has 8 bytes, this one 7");
    expect_mistake("- from: {offset: 12, length: 8}", "- from: {offset: 25, length: 8}", 5,
                   "factor 1 ends at byte 33, after the 30 that file 0015 has");
    expect_mistake("serial: {offset: 10, length: 10}", "serial: {offset: 22, length: 10}", 11,
                   "'serial' ends at byte 32, after the 30 that are there");
    expect_mistake("\"0100\": student", "\"01\": student", 31,
                   "category code '01' must be 4 hexadecimal digits");
    expect_mistake("p2: 02", "p2: 03", 7, "'p2' must be 01 or 02");
    expect_mistake("refused_sw: [6982,", "refused_sw: [69822,", 16,
                   "'refused_sw' must be hexadecimal text of 2 bytes, not '69822'");
    expect_mistake(
        "encoding: crc16", "encoding: crc61", 52,
        "'encoding' must be one of const, be, bcd, bcd_datetime, bcd_date, bcd_time, hex, ascii, "
        "crc16, not 'crc61': did you mean 'crc16'?");
    expect_mistake("name: mohurd", "name: city", 7,
                   "the profile in this file must be named as the file is: mohurd");
}

/* What single keys cannot say, each mistake in a delivered profile. */
static void wrong_parts_of_a_profile_are_told(void **state)
{
    static const struct {
        const char *profile, *from, *to, *message;
    } wrong[] = {
        {"pboc-ep", "issuer: {offset: 0, length: 8}", "issuer: {offset: 0, length: 7}",
         "'issuer' must be 8 bytes long, not 7"},
        {"pboc-ep", "aids: [A00000000386980701]", "aids: []", "needs at least one name in 'aids'"},
        {"pboc-ep", "priority: 100", "priority: 100\n  atr: \"3B 1\"",
         "must be pairs of hexadecimal"},
        {"pboc-ep", "priority: 100", "priority: 100\n  identity: \"10 xg\"",
         "'identity' must be pairs of hexadecimal digits or x"},
        {"pboc-ep", "max_len: 43", "max_len: 29", "'min_len' is larger than 'max_len'"},
        {"pboc-ep", "category: {offset: 28, length: 2}", "category: {offset: 24, length: 5}",
         "'category' has at most 4 bytes"},
        {"ssc", "number: {offset: 36, length: 9}", "number: {offset: 0, length: 40}",
         "a card number has 1 to"},
        {"ssc", "min: 6", "min: 7", "'min' is larger than 'max'"},
        {"ssc", "max: 6\n  form: bcd", "max: 8\n  form: ascii",
         "VERIFY takes a PIN of 2 to 6 bytes"},
        {"mohurd", "security_code: true", "security_code: false",
         "'code_in_purchase' needs 'security_code: true'"},
        {"mohurd", "security_code: true", "security_code: false",
         "'code_in_capp' needs 'security_code: true'"},
        {"pboc-ep", "{name: line, offset: 27, length: 2, encoding: be}",
         "{name: zzzzzzzz, offset: 27, length: 2, encoding: be}", "unknown field 'zzzzzzzz'"},
        {"pboc-ep", "{name: seq, offset: 37, length: 4, encoding: be}",
         "{name: seq, offset: 33, length: 8, encoding: be}",
         "this encoding has at most 7 bytes, not 8"},
        {"pboc-ep", "{name: line, offset: 27, length: 2, encoding: be}",
         "{name: line, offset: 27, length: 2, encoding: const, default: \"01\"}",
         "'default' must be the field's 2 bytes, not 1"},
        {"pboc-ep", "length: 2, encoding: crc16}", "length: 2, encoding: crc16, default: \"0000\"}",
         "a CRC has no default"},
        {"pboc-ep", "little: false, from: 0", "little: false, from: 42",
         "the CRC begins after its own field"},
        {"pboc-ep", "length: 43\n  head: AA29", "length: 1\n  head: AA29",
         "'head' is longer than the record"},
        {"pboc-ep", "content: holder", "content: holiday", "must be identity, holder or nothing"},
        {"pboc-ep", "records: [AA29, A829], record_length: 43",
         "records: [AA29, A829], record_length: 1",
         "a record's head is longer than 'record_length'"},
        {"pboc-ep", "change: EF, versioned: true", "change: EF, versioned: true, b4: FF",
         "takes its version and algorithm from the master key"},
        {"pboc-ep", "00000000 00000000 0000\"", "00000000 00000000\"",
         "file 0015 has 30 to 43 bytes in this profile, the template 28"},
        {"pboc-ep", "tag: A8\n    length: 43", "tag: A8\n    length: 11", "two days of 4 bytes"},
        {"pboc-ep", "until: 8", "until: 40", "ends after the record's 43 bytes"},
        {"pboc-ep", "until: 8", "until: 6", "'from' and 'until' overlap"},
        {"pboc-ep",
         "    in_identity: true          # the code in file 0015, while it holds\n    sfi: 19",
         "    sfi: \"00\"", "a slot needs a record"},
        {"pboc-ep", "until: 8\n", "until: 8\n    categories: {\"01\": adult}\n",
         "is not as long as its place"},
        {"pboc-ep", "until: 8\n", "until: 8\n    categories: {\"0100\": adult}\n",
         "a slot in file 0015 has the identity's categories"},
        {"pboc-ep", "until: 8\n",
         "until: 8\n  - {app: transit, sfi: 19, tag: A9, length: 43, category: "
         "{offset: 2, length: 2}, from: 4, until: 8}\n",
         "slot 'transit' stands there twice"},
        {"ssc", "pin:                           #",
         "slots: [{app: transit, in_identity: true, sfi: \"00\", tag: \"00\", length: 0, category: "
         "{offset: 0, length: 0}, from: 0, until: 0}]\npin: #",
         "has no place for a category"},
        {"pboc-ep",
         "    in_identity: true          # the code in file 0015, while it holds\n    sfi: 19      "
         "              # beside the journey record; tag and layout: ours\n    tag: A8\n    "
         "length: 43\n    category: {offset: 2, length: 2}",
         "    sfi: 19\n    tag: A8\n    length: 43\n    category: {offset: 2, length: 1}\n    #",
         "the identity's codes have 2 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        expect_mistake_in(wrong[i].profile, wrong[i].from, wrong[i].to, wrong[i].message);
}

/* A folder of profiles is read whole: every file that cannot be taken is named. */
static void each_file_that_is_no_profile_is_named(void **state)
{
    char dir[] = "/tmp/onecard-profiles-XXXXXX", path[96];
    struct profile_set *none = NULL;
    struct conf_errors errors;
    struct buf out;
    (void)state;
    ROLE_ENTER_WORKER();
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/a.yaml", dir);
    assert_int_equal(file_write_atomic(path, "name: [", 7, 0600), 0);
    (void)snprintf(path, sizeof(path), "%s/b.yaml", dir);
    assert_int_equal(file_write_atomic(path, "name: b\nwizard: 1\n", 19, 0600), 0);
    (void)snprintf(path, sizeof(path), "%s/ignored.txt", dir);
    assert_int_equal(file_write_atomic(path, "name: [", 7, 0600), 0);
    conf_errors_init(&errors);
    buf_init(&out, 0);
    assert_true(profile_set_load(dir, &errors, &none) < 0);
    conf_errors_print(&errors, &out);
    assert_null(none);
    assert_non_null(strstr(buf_cstr(&out), "a.yaml:"));
    assert_non_null(strstr(buf_cstr(&out), "b.yaml:"));
    assert_null(strstr(buf_cstr(&out), "ignored"));
    buf_fini(&out);
    conf_errors_fini(&errors);
    for (const char *const *n = (const char *const[]){"a.yaml", "b.yaml", "ignored.txt", NULL}; *n;
         n++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, *n);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(remove(dir), 0);
}

static void two_profiles_of_one_name_are_refused(void **state)
{
    char *text = delivered_text("tunion");
    struct conf_errors errors;

    (void)state;
    conf_errors_init(&errors);
    assert_int_equal(profile_set_add(set, "b/tunion.yaml", text, strlen(text), &errors), OC_EEXIST);
    assert_int_equal(profile_count(set), 5);
    conf_errors_fini(&errors);
    free(text);
}

static void missing_folder_is_said(void **state)
{
    struct profile_set *none = NULL;
    struct conf_errors errors;

    (void)state;
    ROLE_ENTER_WORKER();
    conf_errors_init(&errors);
    assert_int_equal(profile_set_load("/nonexistent", &errors, &none), OC_ENOENT);
    assert_null(none);
    assert_int_equal(errors.count, 1);
    conf_errors_fini(&errors);
}

static void parts_that_are_absent_are_said_to_be(void **state)
{
    char *text = changed("tunion", "\nholder:", "\nholder: ~\nx_holder:");
    struct profile_set *other = profile_set_new();
    struct conf_errors errors;
    char *rest = strstr(text, "\nx_holder:"), *keys = strstr(text, "\nkeys:");

    (void)state;
    memmove(rest, keys, strlen(keys) + 1);
    conf_errors_init(&errors);
    assert_int_equal(profile_set_add(other, "tunion.yaml", text, strlen(text), &errors), 0);
    assert_false(profile_get(other, "tunion")->holder.present);
    conf_errors_fini(&errors);
    profile_set_free(&other);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_profiles_load),
        cmocka_unit_test(security_code_belongs_to_mohurd_alone),
        cmocka_unit_test(aids_are_tried_once_each_in_the_order_of_profiles),
        cmocka_unit_test(shared_aid_gives_both_profiles),
        cmocka_unit_test(file_of_a_length_no_profile_takes_fits_none),
        cmocka_unit_test(patterns_compare_digit_by_digit),
        cmocka_unit_test(tunion_number_is_19_digits_from_310),
        cmocka_unit_test(R9_identity_is_issuer_and_serial),
        cmocka_unit_test(factors_are_the_serials_last_eight_bytes),
        cmocka_unit_test(made_identity_reads_back),
        cmocka_unit_test(balances_follow_the_profile),
        cmocka_unit_test(R5_refusing_status_words_are_the_profiles),
        cmocka_unit_test(R17_records_round_trip_in_each_layout),
        cmocka_unit_test(mohurd_record_has_tag_length_and_a_crc_of_all_before),
        cmocka_unit_test(tunion_record_lies_as_published),
        cmocka_unit_test(R17_sums_stand_where_the_layout_has_room),
        cmocka_unit_test(pieces_that_make_no_identity_are_told_at_their_line),
        cmocka_unit_test(values_a_field_cannot_take_are_refused),
        cmocka_unit_test(value_errors_stick),
        cmocka_unit_test(empty_record_is_no_journey_and_a_foreign_one_no_record),
        cmocka_unit_test(crcs_have_their_published_check_values),
        cmocka_unit_test(other_encodings_round_trip_and_refuse_what_they_cannot_say),
        cmocka_unit_test(a_card_to_be_personalised_needs_a_mark_of_being_unfinished),
        cmocka_unit_test(wrong_profiles_are_told_where),
        cmocka_unit_test(wrong_parts_of_a_profile_are_told),
        cmocka_unit_test(each_file_that_is_no_profile_is_named),
        cmocka_unit_test(two_profiles_of_one_name_are_refused),
        cmocka_unit_test(missing_folder_is_said),
        cmocka_unit_test(parts_that_are_absent_are_said_to_be),
    };

    return cmocka_run_group_tests(tests, load_delivered, free_delivered);
}
