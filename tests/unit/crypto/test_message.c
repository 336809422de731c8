/* Ed25519, base64 and signed messages. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

/* RFC 8032, 7.1, test 2: one byte. */
static const char seed_hex[] = "4CCD089B28FF96DA9DB6C346EC114E0F5B8A319F35ABA624DA8CF6ED4FB8A6FB";
static const char key_hex[] = "3D4017C3E843895A92B70AA74D1B7EBC9C982CCF2EC4968CC0CD55F12AF4660C";
static const char signature_hex[] =
    "92A009A9F0D4CAB8720E820B5F642540A2B27B5416503F8FB3762223EBDB69DA"
    "085AC1E43E15996E458F3613D0F11D8C387B2EAEB4302AEEB00D291612BB0C00";

static void rfc_8032_vector_signs_and_verifies(void **state)
{
    uint8_t seed[32], key[32], want_key[32], sig[64], want[64];
    (void)state;
    assert_int_equal(hex_decode(seed_hex, seed, 32), 0);
    assert_int_equal(hex_decode(key_hex, want_key, 32), 0);
    assert_int_equal(hex_decode(signature_hex, want, 64), 0);
    assert_int_equal(ed25519_public(seed, key), 0);
    assert_memory_equal(key, want_key, 32);
    assert_int_equal(ed25519_sign(seed, (struct bytes){"\x72", 1}, sig), 0);
    assert_memory_equal(sig, want, 64);
    assert_int_equal(ed25519_verify(key, (struct bytes){"\x72", 1}, sig), 0);
    assert_int_equal(ed25519_verify(key, (struct bytes){"\x73", 1}, sig), OC_EMAC);
    sig[3] ^= 1;
    assert_int_equal(ed25519_verify(key, (struct bytes){"\x72", 1}, sig), OC_EMAC);
}

static void public_key_is_read_as_hex_base64_and_pem(void **state)
{
    uint8_t key[32], got[32];
    struct buf pem, b64;
    (void)state;
    assert_int_equal(hex_decode(key_hex, key, 32), 0);
    buf_init(&pem, 0);
    buf_init(&b64, 0);
    assert_int_equal(ed25519_public_pem(key, &pem), 0);
    base64_encode(key, 32, &b64);
    const char *forms[] = {key_hex, buf_cstr(&b64), buf_cstr(&pem)};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        memset(got, 0, sizeof got);
        assert_int_equal(ed25519_parse_public(forms[i], got), 0);
        assert_memory_equal(got, key, 32);
    }
    assert_int_equal(ed25519_parse_public("", got), OC_EINVAL);
    assert_int_equal(ed25519_parse_public("-----BEGIN PUBLIC KEY-----\nAAAA\n", got), OC_EINVAL);
    assert_int_equal(ed25519_parse_private(buf_cstr(&pem), got), OC_EINVAL);
    buf_fini(&pem);
    buf_fini(&b64);
}

static void signed_message_is_its_senders_alone(void **state)
{
    uint8_t seed[32], key[32];
    char sig[SIGNED_SIGNATURE_TEXT];
    struct signed_message m = {.from = "site-1000000000000001-0",
                               .to = "bank1",
                               .method = "POST",
                               .path = "/onecard/hold",
                               .key = "hold-38G0EB8620000",
                               .date = "2026-11-22T05:31:07Z",
                               .body = {"{}", 2}};
    assert_int_equal(hex_decode(seed_hex, seed, 32), 0);
    assert_int_equal(ed25519_public(seed, key), 0);
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), 0);
    assert_int_equal(strlen(sig), SIGNED_SIGNATURE_TEXT - 1);
    assert_int_equal(signed_message_verify(*state, key, &m, sig), 0);
    for (int i = 0; i < 7; i++) {
        struct signed_message o = m;
        if (i == 0)
            o.method = "GET";
        else if (i == 1)
            o.path = "/onecard/confirm";
        else if (i == 2)
            o.key = "hold-38G0EB8620001";
        else if (i == 3)
            o.date = "2026-11-22T05:31:08Z";
        else if (i == 4)
            o.from = "site-1000000000000001-1";
        else if (i == 5)
            o.to = "bank2";
        else
            o.body = (struct bytes){"{ }", 3};
        assert_int_equal(signed_message_verify(*state, key, &o, sig), OC_EMAC);
    }
    m.key = "a\nb";
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), OC_EINVAL);
    assert_int_equal(signed_message_verify(*state, key, &m, sig), OC_EINVAL);
    m.key = "1234567890123456789012345678901234567890123456789012345678901234x";
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), OC_ELIMIT);
}

/* The lines are told apart by their ends alone: no name may be empty, or hold the next line. */
static void names_of_both_ends_are_one_line_each(void **state)
{
    static const char *const bad[] = {"", "bank1\nPOST", "bank 1", "bank1\t"};
    static const char long_name[] = "12345678901234567890123456789012";
    uint8_t seed[32];
    char sig[SIGNED_SIGNATURE_TEXT];
    struct signed_message m = {.from = "h1",
                               .to = "bank1",
                               .method = "POST",
                               .path = "/hold",
                               .key = "k1",
                               .date = "2026-11-22T05:31:07Z"};
    assert_int_equal(hex_decode(seed_hex, seed, 32), 0);
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct signed_message from = m, to = m;
        from.from = to.to = bad[i];
        assert_int_equal(signed_message_sign(*state, seed, &from, sig), OC_EINVAL);
        assert_int_equal(signed_message_sign(*state, seed, &to, sig), OC_EINVAL);
    }
    m.to = long_name;
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), OC_ELIMIT);
    m.to = long_name + 1;
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), 0);
}

/* The example of docs/UPSTREAM.md, signed with the seed of RFC 8032's test 2. */
static void documented_example_has_the_documented_signature(void **state)
{
    uint8_t seed[32];
    char sig[SIGNED_SIGNATURE_TEXT];
    struct signed_message m = {.from = "site-1020304000000001-0",
                               .to = "bank1",
                               .method = "POST",
                               .path = "/onecard/hold",
                               .key = "hold-38G0EB8620000",
                               .date = "2026-11-22T05:31:07Z",
                               .body = {"{}", 2}};
    assert_int_equal(hex_decode(seed_hex, seed, 32), 0);
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), 0);
    assert_string_equal(
        sig,
        "xvxRyK2QeCyD2v0sT6lMakLKqjc6phcNIbF+aeBKUY1bernaGsPKv7Jht7zh9rzJsIPNasOztbfeOL9xLJGdBA==");
}

/* Who was seen is known by the text of the signature: a second text of it would be let in again. */
static void signature_has_one_text(void **state)
{
    uint8_t seed[32], key[32];
    char sig[SIGNED_SIGNATURE_TEXT];
    struct signed_message m = {.from = "h1",
                               .to = "site-1000000000000001-0",
                               .method = "GET",
                               .path = "/v1/outbox",
                               .key = "k1",
                               .date = "2026-11-22T05:31:07Z",
                               .body = {NULL, 0}};
    assert_int_equal(hex_decode(seed_hex, seed, 32), 0);
    assert_int_equal(ed25519_public(seed, key), 0);
    assert_int_equal(signed_message_sign(*state, seed, &m, sig), 0);
    assert_int_equal(signed_message_verify(*state, key, &m, sig), 0);
    assert_string_equal(sig + 86, "==");
    sig[86] = '\0';
    assert_int_equal(signed_message_verify(*state, key, &m, sig), OC_EMAC);
}

static void date_has_one_text(void **state)
{
    char text[SIGNED_DATE_TEXT];
    int64_t ms = 0;
    (void)state;
    signed_date(INT64_C(1795325467000), text);
    assert_string_equal(text, "2026-11-22T05:31:07Z");
    assert_int_equal(signed_date_parse(text, &ms), 0);
    assert_int_equal(ms, INT64_C(1795325467000));
    const char *bad[] = {"", "2026-11-22T05:31:07", "2026-02-30T05:31:07Z", "2026-11-22 05:31:07Z",
                         "2026-11-22T5:31:007Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(signed_date_parse(bad[i], &ms), OC_EINVAL);
}

static void base64_of_every_length_comes_back(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        uint8_t in[40], mem[64];
        char text[64];
        struct buf t, out;
        for (size_t i = 0; i < len; i++)
            in[i] = (uint8_t)(i * 37 + len);
        buf_over(&t, text, sizeof text);
        base64_encode(in, len, &t);
        assert_int_equal(t.err, 0);
        size_t bare = t.len;
        while (bare > 0 && text[bare - 1] == '=')
            bare--;
        for (size_t n = bare; n <= t.len; n += t.len - bare > 0 ? t.len - bare : 1) {
            buf_over(&out, mem, sizeof mem);
            assert_int_equal(base64_decode(text, n, &out), 0);
            assert_int_equal(out.len, len);
            assert_memory_equal(mem, in, len);
        }
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    const char *bad[] = {"A", "AA=A", "====", "AB==", "AAB=", "A A=", "AAAAA", "AA-_", "=", "AA="};
    uint8_t mem[16];
    struct buf out;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_over(&out, mem, sizeof mem);
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &out), OC_EINVAL);
        assert_int_equal(out.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_8032_vector_signs_and_verifies),
        cmocka_unit_test(public_key_is_read_as_hex_base64_and_pem),
        cmocka_unit_test(signed_message_is_its_senders_alone),
        cmocka_unit_test(names_of_both_ends_are_one_line_each),
        cmocka_unit_test(documented_example_has_the_documented_signature),
        cmocka_unit_test(signature_has_one_text),
        cmocka_unit_test(date_has_one_text),
        cmocka_unit_test(base64_of_every_length_comes_back),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, setup_crypto, teardown_crypto);
}
