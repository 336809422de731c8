/* Hostile commands: nothing a terminal sends may hurt the card's program. Of use under sanitizers.
 */
#include "peer.h"

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* What a terminal may well send; the noise starts from these, so that it gets past the first
 * switch. */
static const char *const seeds[] = {
    "00A40000023F00",
    "00A40000023F01",
    "00A4040009A00000000386980701",
    "00A40000020018",
    "0084000004",
    "0084000008",
    "00820000081122334455667788",
    "00880000081122334455667788",
    "00B0950000",
    "00B0000010",
    "04B0950004112233441E",
    "00B201C400",
    "00B202BC00",
    "00B2AAC800",
    "00D6850002AABB",
    "04D6950006AABB11223344",
    "00DC010C04AA021122",
    "00DC000A04AA021122",
    "00E2000804AA021122",
    "00200000021234",
    "80E0000507280010F0F0FFFF",
    "80E00006072A0310F0F0FFFF",
    "80E00007072C0040F0F0FFFF",
    "80E00018072E0A17F0F0FFFF",
    "80E00002072F0208F000FF18",
    "80E03F020D380800F0F095FFFF1122334455",
    "80E00000073F018F95F0FFFF",
    "800E000000",
    "80D401010D39F0EF11330102030405060708",
    "80D40101153EF0F0010000112233445566778899AABBCCDDEEFF",
    "80D40100073AF0EF01331234",
    "84D4010114112233445566778811223344556677881122334",
    "805E0100051234FF3344",
    "805E000006334411223344",
    "842400000C112233445566778811223344",
    "841E00000411223344",
    "841800000411223344",
    "805C000204",
    "805000020B010000000111223344556610",
    "805001020B01000000011122334455660F",
    "805003020B01000000011122334455660F",
    "80DC02B804022E0001",
    "80DC00F0021122",
    "805200000B202611211234561122334404",
    "805401000F00000001202611211234561122334408",
    "805A000602000108",
    "80CA000009",
    "00C0000004",
};

static size_t noise(uint64_t *seed, uint8_t *cmd)
{
    if (next(seed) % 16 == 0) {
        for (size_t i = 0; i < 280; i++)
            cmd[i] = (uint8_t)next(seed);
        return next(seed) % 280;
    }
    memset(cmd, 0x5A, 280);
    size_t len = unhex(seeds[next(seed) % (sizeof seeds / sizeof seeds[0])], cmd);
    for (uint64_t n = next(seed) % 4; n > 0; n--)
        cmd[next(seed) % len] = (uint8_t)(next(seed) % 3 ? next(seed) % 32 : next(seed));
    if (next(seed) % 4 == 0)
        return 5U + cmd[4] + next(seed) % 2; /* as long as Lc says */
    return next(seed) % 16 == 0 ? next(seed) % (len + 1) : len;
}

static void hundred_thousand_random_commands_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = 0x123456789ABCDEF;
    uint8_t cmd[300], resp[CARDSIM_RESPONSE_MAX];
    unsigned bad = 0, good = 0;
    struct cardsim *c = NULL;
    for (unsigned i = 0; i < 100000; i++) {
        if (i % 500 == 0) {
            cardsim_free(&c);
            c = i % 1000 ? ready_card((enum cardsim_profile)(i / 1000 % 3), 100000) : NULL;
            if (!c && cardsim_new(&c, NULL) != 0)
                abort();
            cardsim_set_seed(c, i);
            cardsim_power_on(c);
            static const uint8_t transport[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                  0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
            (void)authenticate(c, "00820000", transport);
            if (i % 2000 == 0)
                (void)send_hex(c, "800E000000");
            if (i % 1000)
                (void)send_hex(c, "00A40000023F01");
            cardsim_options(c)->t0 = i / 500 % 4 == 0;
        }
        size_t len = noise(&seed, cmd), n = 0;
        uint8_t *exact = malloc(len ? len : 1); /* so that reading past its end shows */
        if (!exact)
            abort();
        memcpy(exact, cmd, len);
        int err = cardsim_transmit(c, exact, len, resp, sizeof resp, &n);
        free(exact);
        bad += err != 0 || n < 2 || n > sizeof resp;
        good += err == 0 && n >= 2 && resp[n - 2] == 0x90;
    }
    uint8_t *bytes = NULL;
    size_t len = 0;
    int kept = cardsim_state_get(c, &bytes, &len);
    int back = cardsim_state_set(c, bytes, len);
    free(bytes);
    cardsim_free(&c);
    assert_int_equal(bad, 0);
    print_message("%u of 100000 did something\n", good);
    assert_true(good > 1000);
    assert_int_equal(kept, 0);
    assert_int_equal(back, 0);
}

/* A file whose digest is right but whose contents are not: what a hostile --clone-from could be. */
static void damaged_state_with_a_right_digest_is_refused_or_harmless(void **state)
{
    (void)state;
    struct cardsim *c = ready_card(CARDSIM_MOHURD, 1000);
    uint8_t *bytes = NULL, cmd[300];
    size_t len = 0;
    uint64_t seed = 99;
    unsigned other = 0;
    assert_int_equal(cardsim_state_get(c, &bytes, &len), 0);
    uint8_t *work = malloc(len);
    assert_non_null(work);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(work, bytes, len);
        size_t changes = 1 + next(&seed) % 3;
        for (size_t k = 0; k < changes; k++)
            work[8 + next(&seed) % (len - 40)] = (uint8_t)next(&seed);
        EVP_Digest(work, len - 32, work + len - 32, NULL, EVP_sha256(), NULL);
        int err = cardsim_state_set(c, work, len);
        other += err != 0 && err != CARDSIM_EFORMAT;
        cardsim_power_on(c);
        (void)send_hex(c, "00A40000023F01");
        for (unsigned k = 0; k < 10; k++)
            (void)send_bytes(c, cmd, noise(&seed, cmd));
    }
    free(work);
    free(bytes);
    cardsim_free(&c);
    assert_int_equal(other, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hundred_thousand_random_commands_do_no_harm),
        cmocka_unit_test(damaged_state_with_a_right_digest_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
