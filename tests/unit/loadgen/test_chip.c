/* The light card answers what tools/cardsim answers, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cardsim.h>
#include <string.h>

#include "chip.h"
#include "crypto/crypto.h"

static const struct chip_site site = {.issuer = {0x10, 0x20, 0x30, 0x40, 0, 0, 0, 1},
                                      .purchase = {1, 2, 3},
                                      .load = {4, 5, 6},
                                      .tac = {7, 8, 9, 0xFF},
                                      .internal = {10, 11, 0x80},
                                      .main = {12},
                                      .maintenance = {13},
                                      .opening = 5000,
                                      .online = 3,
                                      .offline = 9};
struct both {
    struct chip_kind *kind;
    struct chip chip;
    struct chip_store store;
    struct cardsim *sim;
    uint8_t a[CHIP_ANSWER_MAX], b[CHIP_ANSWER_MAX];
    size_t n;
};

static void same_random(void *arg, uint8_t *out, size_t len)
{
    const struct both *t = arg;
    memset(out, 0, len);
    memcpy(out, t->chip.random, len < 4 ? len : 4);
}

static void set_key(struct cardsim_personal *p, enum cardsim_key_use use, const uint8_t value[16])
{
    p->keys[use].set = p->keys[use].master = true;
    memcpy(p->keys[use].value, value, 16);
}

static void begin(struct both *t, uint64_t index)
{
    struct cardsim_personal p;
    const struct cardsim_options o = {.profile = CARDSIM_PBOC};
    memset(t, 0, sizeof *t);
    t->kind = chip_kind_new(&site);
    assert_non_null(t->kind);
    chip_on(&t->chip, t->kind, index, &t->store);
    cardsim_personal_init(&p, CARDSIM_PBOC);
    memcpy(p.issuer, site.issuer, sizeof p.issuer);
    chip_serial(index, p.serial);
    memcpy(p.start, "\x20\x25\x01\x01", 4);
    memcpy(p.expiry, "\x20\x45\x12\x31", 4);
    set_key(&p, CARDSIM_KEY_MAIN, site.main);
    set_key(&p, CARDSIM_KEY_MAINTENANCE, site.maintenance);
    set_key(&p, CARDSIM_KEY_PURCHASE, site.purchase);
    set_key(&p, CARDSIM_KEY_LOAD, site.load);
    set_key(&p, CARDSIM_KEY_TAC, site.tac);
    set_key(&p, CARDSIM_KEY_INTERNAL, site.internal);
    p.balance_fen = site.opening;
    p.online = site.online;
    p.offline = site.offline;
    assert_int_equal(cardsim_new(&t->sim, &o), 0);
    assert_int_equal(cardsim_personalise(t->sim, &p), 0);
    cardsim_set_random(t->sim, same_random, t);
    cardsim_power_on(t->sim);
}

static void end(struct both *t)
{
    cardsim_free(&t->sim);
    chip_kind_free(&t->kind);
}

/* The light card is asked first: the other draws its random numbers. */
static uint16_t ask(struct both *t, const uint8_t *cmd, size_t len)
{
    size_t n = 0;
    t->n = chip_transmit(t->kind, &t->chip, cmd, len, t->a);
    assert_int_equal(cardsim_transmit(t->sim, cmd, len, t->b, sizeof t->b, &n), 0);
    assert_int_equal(t->n, n);
    assert_memory_equal(t->a, t->b, n);
    return (uint16_t)(t->a[n - 2] << 8 | t->a[n - 1]);
}
#define ASK(t, ...) ask((t), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void select_app(struct both *t)
{
    assert_int_equal(ASK(t, 0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0, 0, 0, 3, 0x86, 0x98, 7, 1),
                     0x9000);
}

static void reading_answers_as_cardsim_does(void **state)
{
    struct both t;
    (void)state;
    begin(&t, 1234567);
    (void)ASK(&t, 0x80, 0x5C, 0x00, 0x02, 0x04);
    (void)ASK(&t, 0x00, 0xA4, 0x04, 0x00, 0x05, 1, 2, 3, 4, 5);
    (void)ASK(&t, 0x00, 0xB0, 0x95, 0x00, 0x1E);
    select_app(&t);
    assert_int_equal(ASK(&t, 0x00, 0xB0, 0x95, 0x00, 0x1E), 0x9000);
    assert_memory_equal(t.a + 10, t.chip.serial, 10);
    (void)ASK(&t, 0x00, 0xB0, 0x95, 0x00, 0x1F);
    (void)ASK(&t, 0x00, 0xB0, 0x96, 0x00, 0x27);
    (void)ASK(&t, 0x00, 0xB0, 0x97, 0x00, 0x20);
    assert_int_equal(ASK(&t, 0x00, 0x88, 0x00, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8), 0x9000);
    assert_int_equal(ASK(&t, 0x80, 0x5C, 0x00, 0x02, 0x04), 0x9000);
    (void)ASK(&t, 0x80, 0x5C, 0x00, 0x01, 0x04);
    (void)ASK(&t, 0x80, 0x5C, 0x03, 0x02, 0x04);
    (void)ASK(&t, 0x00, 0xB2, 0xAA, 0xC8, 0x2B);
    (void)ASK(&t, 0x00, 0xB2, 0x01, 0xCC, 0x2B);
    (void)ASK(&t, 0x80, 0x5A, 0x00, 0x06, 0x02, 0, 9, 0x08);
    (void)ASK(&t, 0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00);
    (void)ASK(&t, 0x80, 0x5C, 0x00, 0x02, 0x04);
    (void)ASK(&t, 0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x01);
    assert_int_equal(ASK(&t, 0x80, 0x5C, 0x00, 0x02, 0x04), 0x9000);
    end(&t);
}

/* The MAC that a terminal gives is taken from nowhere here: both must refuse a wrong one, and the
 * right one is found by asking cardsim's own arithmetic through DEBIT of a card whose keys are
 * known. */
static void wrong_macs_and_orders_answer_as_cardsim_does(void **state)
{
    struct both t;
    (void)state;
    begin(&t, 99);
    select_app(&t);
    (void)ASK(&t, 0x80, 0x54, 0x01, 0x00, 0x0F, 0, 0, 0, 1, 0x20, 0x26, 1, 1, 1, 1, 1, 9, 9, 9, 9,
              8);
    assert_int_equal(
        ASK(&t, 0x80, 0x50, 0x01, 0x02, 0x0B, 1, 0, 0, 0, 100, 0x10, 0, 0, 0, 0, 1, 0x0F), 0x9000);
    assert_int_equal(
        ASK(&t, 0x80, 0x54, 0x01, 0x00, 0x0F, 0, 0, 0, 1, 0x20, 0x26, 1, 1, 1, 1, 1, 9, 9, 9, 9, 8),
        0x9302);
    assert_int_equal(
        ASK(&t, 0x80, 0x50, 0x00, 0x02, 0x0B, 1, 0, 0, 0, 100, 0x10, 0, 0, 0, 0, 1, 0x10), 0x9000);
    assert_int_equal(
        ASK(&t, 0x80, 0x52, 0x00, 0x00, 0x0B, 0x20, 0x26, 1, 1, 1, 1, 1, 9, 9, 9, 9, 4), 0x9302);
    assert_int_equal(
        ASK(&t, 0x80, 0x50, 0x01, 0x02, 0x0B, 1, 0, 1, 0, 0, 0x10, 0, 0, 0, 0, 1, 0x0F), 0x9401);
    assert_int_equal(
        ASK(&t, 0x80, 0x50, 0x01, 0x02, 0x0B, 7, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 1, 0x0F), 0x9403);
    assert_int_equal(
        ASK(&t, 0x80, 0x50, 0x03, 0x02, 0x0B, 1, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 1, 0x0F), 0x9000);
    (void)ASK(&t, 0x80, 0x5C, 0x00, 0x02, 0x04); /* drops it */
    (void)ASK(&t, 0x80, 0x54, 0x01, 0x00, 0x0F, 0, 0, 0, 1, 0x20, 0x26, 1, 1, 1, 1, 1, 9, 9, 9, 9,
              8);
    assert_int_equal(t.store.balance, 5000);
    end(&t);
}

static void card_key(struct crypto *x, const uint8_t master[16], const uint8_t serial[10],
                     struct pboc_key *ret)
{
    struct pboc_key mk;
    assert_int_equal(pboc_key_set(&mk, PBOC_3DES, master, 16), 0);
    assert_int_equal(pboc_diversify(x, &mk, serial + 2, ret), 0);
}

static void buy(struct both *t, struct crypto *x, bool capp, uint32_t amount)
{
    struct pboc_purchase p = {.type = capp ? 9 : 6,
                              .amount = amount,
                              .sam_seq = 0x12345678,
                              .sam = {0x10, 0, 0, 0, 0, 1},
                              .date = {0x20, 0x26, 0x11, 0x22},
                              .time = {1, 2, 3}};
    uint8_t init[] = {0x80, 0x50, capp ? 3 : 1, 0x02, 0x0B, 1, 0, 0, 0, 0, 0x10, 0, 0, 0,
                      0,    1,    0x0F};
    uint8_t debit[21] = {0x80, 0x54, 0x01, 0x00, 0x0F, 0x12, 0x34, 0x56,
                         0x78, 0x20, 0x26, 0x11, 0x22, 1,    2,    3};
    struct pboc_key key;
    struct pboc_session session;
    put_be32(init + 6, amount);
    assert_int_equal(ask(t, init, sizeof init), 0x9000);
    memcpy(p.random, t->a + 11, 4);
    p.counter = be16(t->a + 4);
    card_key(x, site.purchase, t->chip.serial, &key);
    assert_int_equal(pboc_purchase_session(x, &key, &p, &session), 0);
    assert_int_equal(pboc_purchase_mac1(x, &session, &p, debit + 16), 0);
    debit[20] = 8;
    if (capp) {
        uint8_t record[5 + 43] = {0x80, 0xDC, 0xAA, 0xC8, 43, 0xAA, 0x29, 1, 2, 3, (uint8_t)amount};
        assert_int_equal(ask(t, record, sizeof record), 0x9000);
    }
    assert_int_equal(ask(t, debit, sizeof debit), 0x9000);
}

static void top_up(struct both *t, struct crypto *x, uint32_t amount)
{
    struct pboc_load l = {.type = 2,
                          .amount = amount,
                          .sam = {0x10, 0, 0, 0, 0, 1},
                          .date = {0x20, 0x26, 0x11, 0x22},
                          .time = {1, 2, 3}};
    uint8_t init[] = {0x80, 0x50, 0, 0x02, 0x0B, 1, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 1, 0x10};
    uint8_t credit[17] = {0x80, 0x52, 0x00, 0x00, 0x0B, 0x20, 0x26, 0x11, 0x22, 1, 2, 3};
    struct pboc_key key;
    struct pboc_session session;
    put_be32(init + 6, amount);
    assert_int_equal(ask(t, init, sizeof init), 0x9000);
    memcpy(l.random, t->a + 8, 4);
    l.counter = be16(t->a + 4);
    card_key(x, site.load, t->chip.serial, &key);
    assert_int_equal(pboc_load_session(x, &key, &l, &session), 0);
    assert_int_equal(pboc_load_mac2(x, &session, &l, credit + 12), 0);
    credit[16] = 4;
    assert_int_equal(ask(t, credit, sizeof credit), 0x9000);
}

static void money_moves_as_on_cardsim(void **state)
{
    struct both t;
    struct crypto *x = NULL;
    (void)state;
    assert_int_equal(crypto_new(NULL, &x), 0);
    begin(&t, 31415926535);
    select_app(&t);
    buy(&t, x, false, 100);
    assert_int_equal(ASK(&t, 0x80, 0x5A, 0x00, 0x06, 0x02, 0, 10, 0x08),
                     0x9000); /* counter after the increment */
    buy(&t, x, true, 200);
    assert_int_equal(ASK(&t, 0x00, 0xB2, 0xAA, 0xC8, 0x2B), 0x9000);
    assert_int_equal(ASK(&t, 0x00, 0xB2, 0x01, 0xCC, 0x2B), 0x9000);
    assert_int_equal(ASK(&t, 0x80, 0x5A, 0x00, 0x09, 0x02, 0, 11, 0x08), 0x9000);
    (void)ASK(&t, 0x80, 0x5A, 0x00, 0x06, 0x02, 0, 10, 0x08);
    top_up(&t, x, 1000);
    assert_int_equal(ASK(&t, 0x80, 0x5A, 0x00, 0x02, 0x02, 0, 4, 0x08), 0x9000);
    buy(&t, x, true, 0);
    assert_int_equal(ASK(&t, 0x80, 0x5C, 0x00, 0x02, 0x04), 0x9000);
    assert_int_equal(t.store.balance, 5000 - 300 + 1000);
    assert_int_equal(t.store.moves, 3);
    end(&t);
    crypto_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_moves_as_on_cardsim),
        cmocka_unit_test(reading_answers_as_cardsim_does),
        cmocka_unit_test(wrong_macs_and_orders_answer_as_cardsim_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
