/* From a blank chip to a card that loads and pays, by the commands of tools/cardsim/README.md
 * alone. */
#include "peer.h"

static const uint8_t transport[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static struct cardsim *blank(enum cardsim_profile profile)
{
    struct cardsim *c = NULL;
    const struct cardsim_options o = {.profile = profile};
    if (cardsim_new(&c, &o) != 0)
        abort();
    cardsim_power_on(c);
    return c;
}

/* `type use change a b` and the key; secure when `master` is given */
static struct reply put_key(struct cardsim *c, const char *header, const char *head5,
                            const uint8_t *key, const uint8_t *master)
{
    uint8_t d[21];
    unhex(head5, d);
    memcpy(d + 5, key, 16);
    return master ? send_secure(c, header, d, 21, master, true) : send_data(c, header, d, 21, -1);
}

struct dialogue {
    unsigned first_bad; /* 1-based step; 0 = all went well */
    unsigned steps, sw;
};

static void step(struct dialogue *d, struct reply r)
{
    d->steps++;
    if (d->first_bad == 0 && (r.err || r.sw != 0x9000)) {
        d->first_bad = d->steps;
        d->sw = r.sw;
    }
}

static void issue(struct cardsim *c, const char *create_app, const char *select_app,
                  const char *const *files, struct dialogue *d)
{
    uint8_t public_data[30] = {0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 1, 1};
    memcpy(public_data + 10, serial10, 10);
    unhex("2026010120501231", public_data + 20);
    step(d, send_hex(c, "00A40000023F0000"));
    step(d, authenticate(c, "00820000", transport));
    step(d, send_hex(c, "800E000000"));
    step(d, send_hex(c, "80E00000073F005001F0FFFF"));
    step(d, put_key(c, "80D40100", "39F0FAAA33", key_main, NULL));
    step(d, put_key(c, "80D40100", "36F0FAFF33", key_file, NULL));
    step(d, send_hex(c, "80E00001072A0213F0FAFFFF"));
    step(d, send_hex(c, "00E200081361114F09A00000000386980701500450424F43"));
    step(d, send_hex(c, create_app));
    step(d, send_hex(c, select_app));
    step(d, send_hex(c, "80E00000073F018F95F0FFFF"));
    step(d, put_key(c, "80D40100", "39F0FA4433", key_main, NULL));
    step(d, put_key(c, "84D40100", "F4F0020100", key_tac, key_main));
    step(d, put_key(c, "84D40100", "F6F002FF33", key_file, key_main));
    step(d, put_key(c, "84D40101", "FEF0020100", key_purchase, key_main));
    step(d, put_key(c, "84D40101", "FFF0020100", key_load, key_main));
    step(d, send_hex(c, "80D40100073AF0EF01331234"));
    for (; *files; files++)
        step(d, send_hex(c, *files));
    step(d, send_secure(c, "04D69500", public_data, 30, key_file, false));
}

static void blank_card_becomes_a_pboc_card_that_loads_and_pays(void **state)
{
    (void)state;
    static const char *const files[] = {"80E0001507A8001EF0F0FFFF",
                                        "80E0001607A80037F0F0FFFF",
                                        "80E00018072E0A17F0EFFFFF",
                                        "80E00002072F0208F000FF18",
                                        "80E00019072C0200F0F0FFFF",
                                        "00E200CC04AA021122",
                                        NULL};
    struct cardsim *c = blank(CARDSIM_PBOC);
    struct dialogue d = {0};
    struct debit debit;
    struct reply last;
    issue(c, "80E03F011138036FF0F095FFFFA00000000386980701", "00A4040009A00000000386980701", files,
          &d);
    cardsim_reset(c);
    struct reply fci = send_hex(c, "00A4040009A0000000038698070100");
    struct reply serial = send_hex(c, "00B0950A0A");
    struct reply create = send_hex(c, "80E0001507280010F0F0FFFF");
    struct reply plain = send_hex(c, "00D695000100");
    struct reply pin = send_hex(c, "00200000021234"), bad = send_hex(c, "00200000021235");
    int load = do_load(c, 10000, key_load, key_tac, &last);
    int pay = do_debit(c, 1, 250, key_purchase, key_tac, NULL, NULL, &debit, &last);
    int lane =
        do_debit(c, 3, 250, key_purchase, key_tac, "80DCAAC804AA023344", NULL, &debit, &last);
    struct reply record = send_hex(c, "00B2AAC800");
    cardsim_free(&c);
    assert_int_equal(d.sw, 0);
    assert_int_equal(d.first_bad, 0);
    assert_int_equal(fci.len, 48);
    assert_int_equal(fci.data[1], 0x2E);
    assert_memory_equal(serial.data, serial10, 10);
    assert_int_equal(create.sw, 0x6A86);
    assert_int_equal(plain.sw, 0x6987);
    assert_int_equal(pin.sw, 0x9000);
    assert_int_equal(bad.sw, 0x63C2);
    assert_int_equal(load, 0);
    assert_int_equal(pay, 0);
    assert_int_equal(lane, 0);
    assert_int_equal(record.data[2], 0x33);
}

static void blank_card_becomes_a_city_card(void **state)
{
    (void)state;
    static const char *const files[] = {"80E0001507A8001EF0F0FFFF", "80E0001707AC0200F0F0FFFF",
                                        "80E00018072E0A17F0EFFFFF", "80E0001A072E0A17F0EFFFFF",
                                        "80E00002072F0208F000FF18", NULL};
    struct cardsim *c = blank(CARDSIM_MOHURD);
    struct dialogue d = {0};
    struct debit debit;
    struct reply last;
    uint8_t record[48] = {2, 0x2E}, city_key[20] = {1, 0, 0x33, 0};
    char capp[2 * 53 + 1] = "80DC02B830022E";
    for (size_t i = strlen(capp); i < 2 * 53; i++)
        capp[i] = '5';
    issue(c, "80E03F011138036FF0F095FFFFA00000000386980701", "00A4040009A00000000386980701", files,
          &d);
    step(&d, send_secure(c, "04E200BC", record, 48, key_file, false));
    memcpy(city_key + 4, key_load, 16);
    step(&d,
         send_secure(c, "84D40602", city_key, 20, key_main, true)); /* purchase key 02, city form */
    struct reply code = send_hex(c, "80CA000009");
    int load = do_load(c, 10000, key_load, key_tac, &last);
    int ride = do_debit(c, 3, 250, key_purchase, key_tac, capp, code.data, &debit, &last);
    struct reply init = send_hex(c, "805001020B02000000011122334455660F"),
                 log = send_hex(c, "00B201D400");
    cardsim_free(&c);
    assert_int_equal(d.sw, 0);
    assert_int_equal(d.first_bad, 0);
    assert_int_equal(load, 0);
    assert_int_equal(ride, 0);
    assert_int_equal(init.sw, 0x9000);
    assert_int_equal(init.data[9], 1);
    assert_int_equal(log.sw, 0x9000);
}

static void blank_card_becomes_a_tunion_card(void **state)
{
    (void)state;
    static const char *const files[] = {"80E0001507A8001EF0F0FFFF", "80E00018072E0A17F0EFFFFF",
                                        "80E0001E072E0A30F0EFFFFF", "80E00002072F0208F000FF18",
                                        NULL};
    struct cardsim *c = blank(CARDSIM_TUNION);
    struct dialogue d = {0};
    struct debit debit;
    struct reply last;
    issue(c, "80E03F011038036FF0F095FFFFA000000632010105", "00A4040008A000000632010105", files, &d);
    int load = do_load(c, 10000, key_load, key_tac, &last);
    int pay = do_debit(c, 1, 250, key_purchase, key_tac, NULL, NULL, &debit, &last);
    struct reply balance = send_hex(c, "805C030204");
    cardsim_free(&c);
    assert_int_equal(d.sw, 0);
    assert_int_equal(d.first_bad, 0);
    assert_int_equal(load, 0);
    assert_int_equal(pay, 0);
    assert_int_equal(balance.data[2], 0x26);
    assert_int_equal(balance.data[3], 0x16);
}

static void blank_card_refuses_to_be_written_without_the_transport_key(void **state)
{
    (void)state;
    struct cardsim *c = blank(CARDSIM_PBOC);
    struct reply erase = send_hex(c, "800E000000"),
                 create = send_hex(c, "80E03F01083800FFF0F095FFFF");
    struct reply wrong = authenticate(c, "00820000", key_main);
    struct reply stale = send_hex(c, "00820000080000000000000000");
    cardsim_free(&c);
    assert_int_equal(erase.sw, 0x6982);
    assert_int_equal(create.sw, 0x6982);
    assert_int_equal(wrong.sw, 0x63CE);
    assert_int_equal(stale.sw, 0x6984);
}

/* Published: external key 02 written under FF…FF (N), and the manual's eight-byte key examples (L).
 */
static void manual_examples_are_accepted_to_the_byte(void **state)
{
    (void)state;
    struct cardsim *c = blank(CARDSIM_PBOC);
    struct script script = {.at = 0};
    (void)authenticate(c, "00820000", transport);
    cardsim_set_random(c, scripted, &script);
    unhex("4C45BAB9BB83BFF3", script.bytes);
    (void)send_hex(c, "0084000004");
    struct reply written = send_hex(c, "84D40102147C87BC23140021B3AFEA67E6359DDCFED7C943F6");
    struct reply k39 = send_hex(c, "80D401010D39F0EF11330102030405060708");
    (void)send_hex(c, "0084000004");
    struct reply ext = send_hex(c, "008200010874B0047DD681D96C");
    (void)send_hex(c, "00A40000023F00");
    cardsim_set_seed(c, 7);
    (void)authenticate(c, "00820000", transport);
    struct reply k30 = send_hex(c, "80D401010D30F0EF05981122334455667788");
    struct reply k32 = send_hex(c, "80D401030D32F0EF05981122334455667788");
    struct reply in = send_hex(c, "00880001080102030405060708"),
                 mac = send_hex(c, "00880203080102030405060708");
    static const uint8_t want[8] = {0x17, 0x8F, 0x59, 0xF8, 0x57, 0x8E, 0x0D, 0x3F};
    static const uint8_t want_mac[4] = {0xA8, 0x2A, 0x8C, 0xEB};
    cardsim_free(&c);
    assert_int_equal(written.sw, 0x9000);
    assert_int_equal(k39.sw, 0x9000);
    assert_int_equal(ext.sw, 0x9000);
    assert_int_equal(k30.sw, 0x9000);
    assert_int_equal(k32.sw, 0x9000);
    assert_memory_equal(in.data, want, 8);
    assert_memory_equal(mac.data, want_mac, 4);
}

static void pin_is_changed_reloaded_blocked_and_unblocked(void **state)
{
    (void)state;
    struct cardsim *c = blank(CARDSIM_PBOC);
    uint8_t reload[6] = {0x55, 0x66}, mac[8], pin[2] = {0x77, 0x88};
    (void)authenticate(c, "00820000", transport);
    struct reply k1 = send_hex(c, "80D40100073AF0EF01331234");
    struct reply k2 = put_key(c, "80D40100", "38F0FAFF33", key_load, NULL);
    struct reply k3 = put_key(c, "80D40100", "37F0FAFF33", key_file, NULL);
    struct reply changed = send_hex(c, "805E0100051234FF3344");
    tac_mac(key_load, reload, 2, mac);
    memcpy(reload + 2, mac, 4);
    struct reply reloaded = send_data(c, "805E0000", reload, 6, -1);
    struct reply ok = send_hex(c, "00200000025566");
    struct reply tries[4];
    for (size_t i = 0; i < 4; i++)
        tries[i] = send_hex(c, "00200000020000");
    struct reply unblocked = send_secure(c, "84240000", pin, 2, key_file, true);
    struct reply again = send_hex(c, "00200000027788");
    cardsim_free(&c);
    assert_int_equal(k1.sw, 0x9000);
    assert_int_equal(k2.sw, 0x9000);
    assert_int_equal(k3.sw, 0x9000);
    assert_int_equal(changed.sw, 0x9000);
    assert_int_equal(reloaded.sw, 0x9000);
    assert_int_equal(ok.sw, 0x9000);
    assert_int_equal(tries[2].sw, 0x63C0);
    assert_int_equal(tries[3].sw, 0x6983);
    assert_int_equal(unblocked.sw, 0x9000);
    assert_int_equal(again.sw, 0x9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blank_card_becomes_a_pboc_card_that_loads_and_pays),
        cmocka_unit_test(blank_card_becomes_a_city_card),
        cmocka_unit_test(blank_card_becomes_a_tunion_card),
        cmocka_unit_test(blank_card_refuses_to_be_written_without_the_transport_key),
        cmocka_unit_test(manual_examples_are_accepted_to_the_byte),
        cmocka_unit_test(pin_is_changed_reloaded_blocked_and_unblocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
