/* init and the work on a ledger at rest, on real files. */
#include "ctl_test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

struct place {
    char dir[64], site[80], file[128];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    (void)snprintf(p->dir, sizeof p->dir, ONECARD_SCRATCH "/onecardctl-site.XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    (void)snprintf(p->site, sizeof p->site, "%s/site", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    (void)nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static void expect(struct said s, int status, const char *out, const char *err)
{
    if (s.status != status)
        print_error("status %d\n%s%s", s.status, s.out, s.err);
    assert_int_equal(s.status, status);
    if (out)
        assert_non_null(strstr(s.out, out));
    if (err)
        assert_non_null(strstr(s.err, err));
    said_fini(&s);
}

static void init_makes_a_site_whose_ledger_verifies(void **state)
{
    struct place *p = *state;
    struct stat st;
    char *profiles = NULL;
    assert_true(asprintf(&profiles, "%s/conf/profiles", ONECARD_SOURCE_DIR) > 0);
    struct said s = SAY("init", "--dir", p->site, "--name", "示范市", "--allow-clear-keys",
                        "--profile-dir", profiles);
    expect(s, CTL_DONE, "A TEST SITE", NULL);
    assert_int_equal(stat(p->site, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    (void)snprintf(p->file, sizeof p->file, "%s/keystore", p->site);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)snprintf(p->file, sizeof p->file, "%s/profiles/pboc-ep.yaml", p->site);
    assert_int_equal(access(p->file, R_OK), 0);
    expect(SAY("--dir", p->site, "ledger", "verify", "--offline"), CTL_DONE, "agree", NULL);
    expect(SAY("init", "--dir", p->site, "--profile-dir", profiles), CTL_FAILED, NULL, "not empty");
    expect(SAY("--dir", p->site, "status"), CTL_FAILED, NULL, "start it with");
    free(profiles);
}

static void restore_puts_a_copy_in_place_and_refuses_what_is_none(void **state)
{
    struct place *p = *state;
    char *profiles = NULL, *ledger = NULL, *copy = NULL;
    assert_true(asprintf(&profiles, "%s/conf/profiles", ONECARD_SOURCE_DIR) > 0);
    expect(SAY("init", "--dir", p->site, "--profile-dir", profiles), CTL_DONE, "Next:", NULL);
    assert_true(asprintf(&ledger, "%s/ledger.db", p->site) > 0 &&
                asprintf(&copy, "%s/copy.db", p->dir) > 0);
    expect(SAY("--dir", p->site, "ledger", "restore", copy), CTL_FAILED, NULL, "no such file");
    FILE *f = fopen(copy, "we");
    assert_non_null(f);
    assert_true(fputs("this is no ledger", f) >= 0);
    assert_int_equal(fclose(f), 0);
    expect(SAY("--dir", p->site, "ledger", "restore", copy), CTL_FAILED, NULL,
           "nothing has changed");
    expect(SAY("--dir", p->site, "ledger", "verify", "--offline"), CTL_DONE, "agree", NULL);
    free(profiles);
    free(ledger);
    free(copy);
}

static void a_passphrase_is_asked_for_and_opens(void **state)
{
    struct place *p = *state;
    char *profiles = NULL, *pass = NULL;
    assert_true(asprintf(&profiles, "%s/conf/profiles", ONECARD_SOURCE_DIR) > 0 &&
                asprintf(&pass, "%s/pass", p->dir) > 0);
    FILE *f = fopen(pass, "we");
    assert_non_null(f);
    assert_true(fputs("correct horse\nsecond line", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(pass, 0600), 0);
    expect(SAY("init", "--dir", p->site, "--profile-dir", profiles, "--passphrase-file", pass),
           CTL_DONE, NULL, NULL);
    expect(SAY("--dir", p->site, "ledger", "verify", "--offline"), CTL_DONE, "agree", NULL);
    assert_int_equal(chmod(pass, 0644), 0);
    expect(SAY("--dir", p->site, "ledger", "verify", "--offline"), CTL_FAILED, NULL, "chmod 600");
    assert_int_equal(remove(pass), 0);
    expect(SAY("--dir", p->site, "ledger", "verify", "--offline"), CTL_FAILED, NULL,
           "no such file");
    free(profiles);
    free(pass);
}

static void init_refuses_wrong_wishes_before_it_touches_anything(void **state)
{
    struct place *p = *state;
    expect(SAY("init"), CTL_USAGE, NULL, "--dir");
    expect(SAY("init", "--dir", p->site, "--issuer", "12"), CTL_USAGE, NULL, "16 hexadecimal");
    expect(SAY("init", "--dir", p->site, "--utc-offset", "+25:00"), CTL_USAGE, NULL, "+08:00");
    expect(SAY("init", "--dir", p->site, "--profile-dir", "/no/such"), CTL_FAILED, NULL,
           "/no/such");
    expect(SAY("init", "--dir", p->site, "--name", "\xff"), CTL_USAGE, NULL, "not UTF-8");
    expect(SAY("init", "--dir", p->site, "--name", "a\xc2\x85z"), CTL_USAGE, NULL, "control");
    assert_int_equal(access(p->site, F_OK), -1);
}

int main(void)
{
    (void)unsetenv("ONECARD_DIR");
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_makes_a_site_whose_ledger_verifies, setup, teardown),
        cmocka_unit_test_setup_teardown(restore_puts_a_copy_in_place_and_refuses_what_is_none,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_passphrase_is_asked_for_and_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(init_refuses_wrong_wishes_before_it_touches_anything, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
