/* The key store file: made once, opened by who may, and every way it can be wrong. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct site {
    char folder[64];
    char path[96];
    struct crypto *x;
};

static int setup(void **state)
{
    struct site *s = calloc(1, sizeof *s);
    if (!s || crypto_new(NULL, &s->x))
        return -1;
    snprintf(s->folder, sizeof s->folder, ONECARD_SCRATCH "/onecard-ks-XXXXXX");
    if (!mkdtemp(s->folder))
        return -1;
    snprintf(s->path, sizeof s->path, "%s/kek", s->folder);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct site *s = *state;
    unlink(s->path);
    rmdir(s->folder);
    crypto_free(&s->x);
    free(s);
    return 0;
}

static void unprotected_store_gives_the_same_keys_each_time(void **state)
{
    ROLE_ENTER_WORKER();
    struct site *s = *state;
    struct keystore *ks = NULL;
    struct stat st;
    uint8_t a[32], b[32], c[32];
    bool needs = true;
    assert_int_equal(keystore_create(s->path, NULL, NULL), 0);
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(keystore_needs_passphrase(s->path, &needs), 0);
    assert_false(needs);
    assert_int_equal(keystore_open(s->path, NULL, &ks), 0);
    assert_int_equal(keystore_key(ks, s->x, "journal", a), 0);
    assert_int_equal(keystore_key(ks, s->x, "seal", c), 0);
    keystore_close(&ks);
    assert_null(ks);
    assert_int_equal(keystore_open(s->path, NULL, &ks), 0);
    assert_int_equal(keystore_key(ks, s->x, "journal", b), 0);
    keystore_close(&ks);
    assert_memory_equal(a, b, 32);
    assert_memory_not_equal(a, c, 32);
}

static void passphrase_opens_and_another_does_not(void **state)
{
    ROLE_ENTER_WORKER();
    struct site *s = *state;
    struct keystore *ks = NULL;
    bool needs = false;
    assert_int_equal(keystore_create(s->path, "", NULL), OC_EINVAL);
    assert_int_equal(keystore_create(s->path, "open sesame", NULL), 0);
    assert_int_equal(keystore_needs_passphrase(s->path, &needs), 0);
    assert_true(needs);
    assert_int_equal(keystore_open(s->path, "open sesam", &ks), OC_ESEAL);
    assert_int_equal(keystore_open(s->path, NULL, &ks), OC_ESEAL);
    assert_int_equal(keystore_open(s->path, "", &ks), OC_ESEAL);
    assert_null(ks);
    assert_int_equal(keystore_open(s->path, "open sesame", &ks), 0);
    keystore_close(&ks);
}

static void existing_store_is_never_overwritten(void **state)
{
    ROLE_ENTER_WORKER();
    struct site *s = *state;
    struct keystore *ks = NULL;
    uint8_t a[32], b[32];
    assert_int_equal(keystore_create(s->path, NULL, NULL), 0);
    assert_int_equal(keystore_open(s->path, NULL, &ks), 0);
    assert_int_equal(keystore_key(ks, s->x, "x", a), 0);
    keystore_close(&ks);
    assert_int_equal(keystore_create(s->path, NULL, NULL), OC_EEXIST);
    assert_int_equal(keystore_open(s->path, NULL, &ks), 0);
    assert_int_equal(keystore_key(ks, s->x, "x", b), 0);
    keystore_close(&ks);
    assert_memory_equal(a, b, 32);
}

static void missing_and_readable_stores_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct site *s = *state;
    struct keystore *ks = NULL;
    assert_int_equal(keystore_open(s->path, NULL, &ks), OC_ENOENT);
    assert_int_equal(keystore_create(s->path, NULL, NULL), 0);
    assert_int_equal(chmod(s->path, 0640), 0);
    assert_int_equal(keystore_open(s->path, NULL, &ks), OC_EPERM);
    assert_null(ks);
}

/** Opens the store with byte `at` of its file changed. */
static int open_damaged(struct site *s, struct buf *good, size_t at) WORKER_FN;
static int open_damaged(struct site *s, struct buf *good, size_t at)
{
    struct keystore *ks = NULL;
    good->data[at] ^= 0x11;
    int err = file_write_atomic(s->path, good->data, good->len, 0600);
    good->data[at] ^= 0x11;
    if (!err)
        err = keystore_open(s->path, NULL, &ks);
    keystore_close(&ks);
    return err;
}

static void every_damaged_byte_is_noticed(void **state)
{
    ROLE_ENTER_WORKER();
    struct site *s = *state;
    struct buf good;
    unsigned passed = 0;
    FILE *quiet = fopen("/dev/null", "w");
    buf_init(&good, 4096);
    assert_int_equal(keystore_create(s->path, NULL, NULL), 0);
    assert_int_equal(file_read(s->path, &good), 0);
    log_set_stream(quiet);
    for (size_t i = 0; i < good.len; i += 3) {
        if (open_damaged(s, &good, i) != OC_EPARSE)
            passed++;
    }
    log_set_stream(NULL);
    fclose(quiet);
    buf_fini(&good);
    assert_int_equal(passed, 0);
}

static void files_that_are_no_store_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    static const char *const texts[] = {
        "", "\n", "onecard-keystore 2\n", "onecard-keystore 1\nprotection none\n",
        "onecard-keystore 1\nprotection passphrase\nscrypt 15 8\nkey 00\n"};
    struct site *s = *state;
    struct keystore *ks = NULL;
    static char big[3000];
    memset(big, 'a', sizeof big);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(file_write_atomic(s->path, texts[i], strlen(texts[i]), 0600), 0);
        assert_int_equal(keystore_open(s->path, NULL, &ks), OC_EPARSE);
    }
    assert_int_equal(file_write_atomic(s->path, big, sizeof big, 0600), 0);
    assert_int_equal(keystore_open(s->path, NULL, &ks), OC_EPARSE);
}

static void data_key_wraps_and_only_its_own_store_unwraps(void **state)
{
    ROLE_ENTER_WORKER();
    struct site *s = *state;
    struct keystore *a = NULL, *b = NULL;
    uint8_t key[32] = {1, 2, 3}, wrapped[KEYSTORE_WRAPPED_LEN], back[32] = {0};
    assert_int_equal(keystore_create(s->path, NULL, NULL), 0);
    assert_int_equal(keystore_open(s->path, NULL, &a), 0);
    unlink(s->path);
    assert_int_equal(keystore_create(s->path, NULL, NULL), 0);
    assert_int_equal(keystore_open(s->path, NULL, &b), 0);
    assert_int_equal(keystore_wrap(a, s->x, key, wrapped), 0);
    assert_int_equal(keystore_unwrap(b, s->x, wrapped, back), OC_ESEAL);
    assert_int_equal(keystore_unwrap(a, s->x, wrapped, back), 0);
    assert_memory_equal(back, key, 32);
    wrapped[39] ^= 1;
    assert_int_equal(keystore_unwrap(a, s->x, wrapped, back), OC_ESEAL);
    keystore_close(&a);
    keystore_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unprotected_store_gives_the_same_keys_each_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(passphrase_opens_and_another_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(existing_store_is_never_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_and_readable_stores_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(every_damaged_byte_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_are_no_store_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(data_key_wraps_and_only_its_own_store_unwraps, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
