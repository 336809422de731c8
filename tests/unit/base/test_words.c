#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void every_error_number_has_words_of_its_own(void **state)
{
    (void)state;
    const int all[] = {OC_OK,          OC_ENOMEM,     OC_EINVAL,     OC_ENOENT,     OC_EEXIST,
                       OC_EBUSY,       OC_ETIMEDOUT,  OC_ECANCELED,  OC_EIO,        OC_ENOSPC,
                       OC_ELIMIT,      OC_EPERM,      OC_ESTATE,     OC_ECONFLICT,  OC_ENOTSUP,
                       OC_EINTERNAL,   OC_ECLOSED,    OC_ECARD_GONE, OC_ECARD_LOST, OC_ECARD_SW,
                       OC_ECARD_DATA,  OC_ECARD_MUTE, OC_EREADER,    OC_EPROFILE,   OC_ECRYPTO,
                       OC_EMAC,        OC_ENOKEY,     OC_ESEAL,      OC_EDB,        OC_EDB_FULL,
                       OC_EDB_CORRUPT, OC_EDB_SCHEMA, OC_EREFUSED,   OC_ECHAIN,     OC_EBOOKS,
                       OC_EMODULE,     OC_EABI,       OC_EPARSE,     OC_EHTTP};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        for (size_t k = 0; k <= i; k++)
            if ((i == k) != (strcmp(oc_strerror(all[i]), oc_strerror(all[k])) == 0))
                fail_msg("%d and %d have the same words", all[i], all[k]);
    assert_string_equal(oc_strerror(-9999), "unknown error");
}

static void every_reason_has_a_code_and_two_sentences(void **state)
{
    (void)state;
    assert_string_equal(oc_reason_code(OC_R_INSUFFICIENT), "insufficient_balance");
    assert_string_equal(oc_reason_zh(OC_R_INSUFFICIENT), "余额不足");
    for (int i = 0; i < OC_R_COUNT; i++) {
        for (int k = 0; k < i; k++)
            if (strcmp(oc_reason_code((enum oc_reason)i), oc_reason_code((enum oc_reason)k)) == 0)
                fail_msg("reasons %d and %d have the same code", i, k);
        assert_true(*oc_reason_en((enum oc_reason)i));
        assert_true(*oc_reason_zh((enum oc_reason)i));
    }
    assert_string_equal(oc_reason_code((enum oc_reason) - 1), "unknown");
    assert_string_equal(oc_reason_code(OC_R_COUNT), "unknown");
}

static void states_and_outcomes_have_names(void **state)
{
    (void)state;
    assert_string_equal(oc_outcome_name(OC_IN_DOUBT), "in_doubt");
    assert_string_equal(oc_outcome_name((enum oc_outcome)77), "unknown");
    assert_string_equal(oc_txn_state_name(OC_TXN_INTENDED), "intended");
    assert_string_equal(oc_txn_state_name((enum oc_txn_state)0), "unknown");
}

static void only_moves_in_the_table_are_allowed(void **state)
{
    (void)state;
    static const struct sm_edge edges[] = {{1, 2}, {1, 3}, {4, 2}};
    static const struct sm sm = {"txn", edges, ARRAY_LEN(edges)};
    assert_true(sm_allowed(&sm, 1, 2));
    assert_true(sm_allowed(&sm, 4, 2));
    assert_false(sm_allowed(&sm, 2, 1));
    assert_false(sm_allowed(&sm, 1, 1));
}

static void trace_is_sixteen_digits(void **state)
{
    (void)state;
    char out[TRACE_TEXT];
    assert_string_equal(trace_text(UINT64_C(0x0123456789ABCDEF), out), "0123456789abcdef");
    assert_string_equal(trace_text(0, out), "0000000000000000");
}

static void broken_check_aborts(void **state)
{
    (void)state;
    CHECK(1 + 1 == 2);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        CHECK(child != 0);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_number_has_words_of_its_own),
        cmocka_unit_test(every_reason_has_a_code_and_two_sentences),
        cmocka_unit_test(states_and_outcomes_have_names),
        cmocka_unit_test(only_moves_in_the_table_are_allowed),
        cmocka_unit_test(trace_is_sixteen_digits),
        cmocka_unit_test(broken_check_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
