/* Citizens' own keys in the daemon's memory: the least used of 4096 is forgotten first and read
 * again when it is wanted; what was forgotten for good never comes back. The ledger is a table
 * here, which counts who looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/internal.h"

#define HELD     4096 /* CACHE_MAX */
#define CITIZENS (HELD + 8)

static struct serve *s;
static struct loop *loop;
static struct citizen_key_row rows[CITIZENS];
static bool there[CITIZENS];
static unsigned looks;
static unsigned erase_at_look; /* while somebody looks: this citizen + 1 is forgotten */

/* ---- the ledger ---- */

int __wrap_ledger_co_citizen_key(struct ledger *l, const char *citizen, uint8_t what,
                                 struct citizen_key_row *ret);
int __wrap_ledger_co_citizen_key_add(struct ledger *l, const char *citizen, uint8_t what,
                                     const struct citizen_key_row *key);

int __wrap_ledger_co_citizen_key(struct ledger *l, const char *citizen, uint8_t what,
                                 struct citizen_key_row *ret)
{
    unsigned i = (unsigned)atoi(citizen + 1);
    (void)l;
    (void)what;
    looks++;
    if (!there[i])
        return OC_ENOENT;
    *ret = rows[i];
    if (erase_at_look == i + 1) { /* deleted between this look and what is done with it */
        there[i] = false;
        vault_forget(s, citizen, VAULT_DOCUMENTS);
    }
    return 0;
}

int __wrap_ledger_co_citizen_key_add(struct ledger *l, const char *citizen, uint8_t what,
                                     const struct citizen_key_row *key)
{
    unsigned i = (unsigned)atoi(citizen + 1);
    (void)l;
    (void)what;
    if (there[i])
        return OC_EEXIST;
    rows[i] = *key;
    there[i] = true;
    return 0;
}

/* ---- sealing and opening from the test ---- */

struct call {
    unsigned citizen;
    struct buf *in, *out;
    bool open;
};

static int run(void *arg) CO_FN;
static int run(void *arg)
{
    struct call *c = arg;
    char id[16];
    static const char place[] = "here";
    struct bytes where = {place, sizeof place - 1}, text = {c->in->data, c->in->len};
    (void)snprintf(id, sizeof id, "c%u", c->citizen);
    return c->open ? vault_co_unseal_for(s, id, VAULT_DOCUMENTS, where, text, c->out)
                   : vault_co_seal_for(s, id, VAULT_DOCUMENTS, where, text, c->out);
}

static int call(unsigned citizen, bool open, struct buf *in, struct buf *out)
{
    struct call c = {.citizen = citizen, .in = in, .out = out, .open = open};
    return loop_run_flow(loop, "vault", run, &c);
}

/* Seals "secret" for a citizen into a new buffer. */
static void seal(unsigned citizen, struct buf *ret)
{
    struct buf plain;
    buf_init(&plain, 0);
    buf_init(ret, 0);
    buf_puts(&plain, "secret");
    assert_int_equal(call(citizen, false, &plain, ret), 0);
    buf_fini(&plain);
}

/* Opens it; how often the ledger was looked into for that. */
static unsigned open_with_looks(unsigned citizen, struct buf *sealed)
{
    struct buf plain;
    unsigned before = looks;
    buf_init(&plain, 0);
    assert_int_equal(call(citizen, true, sealed, &plain), 0);
    assert_string_equal(buf_cstr(&plain), "secret");
    buf_fini(&plain);
    return looks - before;
}

/* ---- the tests ---- */

static int open_vault(void **state)
{
    char path[] = ONECARD_SCRATCH "/onecard-vault.XXXXXX";
    (void)state;
    ROLE_ENTER_WORKER();
    int fd = mkstemp(path);
    s = calloc(1, sizeof *s);
    if (!s || fd < 0 || close(fd) != 0 || unlink(path) != 0 || loop_new(&loop, NULL) != 0)
        return -1;
    memset(there, 0, sizeof there);
    looks = erase_at_look = 0;
    s->env.rng = &rng_system;
    int rc = keystore_create(path, NULL, &rng_system);
    rc = rc == 0 ? keystore_open(path, NULL, &s->keystore) : rc;
    rc = rc == 0 ? crypto_new(NULL, &s->crypto) : rc;
    (void)unlink(path);
    return rc == 0 ? vault_init(s) : rc;
}

static int close_vault(void **state)
{
    (void)state;
    vault_fini(s);
    crypto_free(&s->crypto);
    keystore_close(&s->keystore);
    loop_free(&loop);
    free(s);
    return 0;
}

static void key_that_was_used_is_held_and_the_ledger_not_asked_again(void **state)
{
    struct buf a;
    (void)state;
    seal(1, &a);
    assert_int_equal(looks, 1); /* there was none: it was made */
    assert_int_equal(open_with_looks(1, &a), 0);
    assert_int_equal(open_with_looks(1, &a), 0);
    buf_fini(&a);
}

static void least_used_key_goes_first_and_is_read_again(void **state)
{
    static struct buf sealed[CITIZENS];
    (void)state;
    for (unsigned i = 0; i < HELD; i++)
        seal(i, &sealed[i]);
    assert_int_equal(open_with_looks(0, &sealed[0]), 0); /* 1 is the least used now */
    seal(HELD, &sealed[HELD]);
    assert_int_equal(open_with_looks(0, &sealed[0]), 0);
    assert_int_equal(open_with_looks(2, &sealed[2]), 0);
    assert_int_equal(open_with_looks(1, &sealed[1]), 1); /* takes the place of 3 */
    assert_int_equal(open_with_looks(1, &sealed[1]), 0);
    assert_int_equal(open_with_looks(3, &sealed[3]), 1);
    for (unsigned i = 0; i <= HELD; i++)
        assert_int_equal(open_with_looks(i, &sealed[i]) <= 1, 1);
    for (unsigned i = 0; i <= HELD; i++)
        buf_fini(&sealed[i]);
}

static void forgotten_key_frees_its_place_for_the_next(void **state)
{
    static struct buf sealed[CITIZENS];
    struct buf plain;
    (void)state;
    for (unsigned i = 0; i < HELD; i++)
        seal(i, &sealed[i]);
    there[100] = false;
    vault_forget(s, "c100", VAULT_DOCUMENTS);
    buf_init(&plain, 0);
    assert_int_equal(call(100, true, &sealed[100], &plain), OC_ESTATE);
    buf_fini(&plain);
    seal(HELD, &sealed[HELD]); /* goes to where 100 was: nobody else has to go */
    assert_int_equal(open_with_looks(0, &sealed[0]), 0);
    assert_int_equal(open_with_looks(1, &sealed[1]), 0);
    for (unsigned i = 0; i <= HELD; i++)
        buf_fini(&sealed[i]);
}

static void R20_key_erased_while_somebody_looks_is_not_held(void **state)
{
    struct buf a, plain;
    (void)state;
    seal(7, &a);
    vault_forget(s, "c7", VAULT_DOCUMENTS); /* out of the cache; its row is still there */
    erase_at_look = 8;
    assert_int_equal(open_with_looks(7, &a), 1); /* the look that began before */
    buf_init(&plain, 0);
    assert_int_equal(call(7, true, &a, &plain), OC_ESTATE);
    assert_int_equal(plain.len, 0);
    buf_fini(&plain);
    buf_fini(&a);
}

static void one_citizens_key_opens_nobody_elses(void **state)
{
    struct buf a, b, plain;
    (void)state;
    seal(1, &a);
    seal(2, &b);
    buf_init(&plain, 0);
    assert_int_not_equal(call(2, true, &a, &plain), 0);
    assert_int_equal(plain.len, 0);
    buf_fini(&plain);
    buf_fini(&a);
    buf_fini(&b);
}

#define T(test) cmocka_unit_test_setup_teardown(test, open_vault, close_vault)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(key_that_was_used_is_held_and_the_ledger_not_asked_again),
        T(least_used_key_goes_first_and_is_read_again),
        T(forgotten_key_frees_its_place_for_the_next),
        T(R20_key_erased_while_somebody_looks_is_not_held),
        T(one_citizens_key_opens_nobody_elses),
    };
    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
