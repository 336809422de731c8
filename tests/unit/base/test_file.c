#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    log_set_stream(fopen("/dev/null", "we"));
    snprintf(folder, sizeof(folder), ONECARD_SCRATCH "/onecard-file.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void written_file_reads_back_with_its_mode(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    static char big[5000];
    memset(big, 'x', sizeof(big));
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(file_write_atomic(in_folder("a"), big, sizeof(big), 0600), 0);
    assert_int_equal(file_read(in_folder("a"), &b), 0);
    assert_int_equal(b.len, sizeof(big));
    assert_memory_equal(b.data, big, sizeof(big));
    struct stat st;
    assert_int_equal(stat(in_folder("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_write_atomic(in_folder("a"), "new", 3, 0644), 0);
    buf_reset(&b);
    assert_int_equal(file_read(in_folder("a"), &b), 0);
    assert_string_equal(buf_cstr(&b), "new");
    buf_fini(&b);
}

static void missing_large_and_unreadable_files_say_so(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(file_read(in_folder("nothing"), &b), OC_ENOENT);
    assert_int_equal(file_write_atomic(in_folder("b"), "0123456789A", 11, 0600), 0);
    assert_int_equal(file_read(in_folder("b"), &b), OC_ELIMIT);
    buf_reset(&b);
    assert_int_equal(file_read(folder, &b), OC_EIO);
    buf_fini(&b);
}

static void failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    assert_int_equal(file_write_atomic(in_folder("no/such/folder"), "x", 1, 0600), OC_EIO);
    assert_int_equal(file_mkdirs(in_folder("taken"), 0700), 0);
    assert_int_equal(file_write_atomic(in_folder("taken"), "x", 1, 0600), OC_EIO);
    char command[200];
    snprintf(command, sizeof(command), "test -z \"$(ls %s | grep 'taken\\.')\"", folder);
    assert_int_equal(system(command), 0);
}

static void link_at_the_place_is_replaced_not_followed(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    close(fd);
    assert_int_equal(symlink("/dev/full", in_folder("full")), 0);
    /* The rename replaces the link: the file is new, /dev/full untouched. */
    assert_int_equal(file_write_atomic(in_folder("full"), "x", 1, 0600), 0);
    struct stat st;
    assert_int_equal(lstat(in_folder("full"), &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void folders_are_made_with_their_parents_and_twice(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    assert_int_equal(file_mkdirs(in_folder("p/q//r/"), 0750), 0);
    assert_int_equal(file_mkdirs(in_folder("p/q/r"), 0750), 0);
    assert_int_equal(file_mkdirs("/", 0750), 0);
    struct stat st;
    assert_int_equal(stat(in_folder("p/q/r"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(file_write_atomic(in_folder("p/f"), "", 0, 0600), 0);
    assert_int_equal(file_mkdirs(in_folder("p/f/g"), 0750), OC_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_file_reads_back_with_its_mode),
        cmocka_unit_test(missing_large_and_unreadable_files_say_so),
        cmocka_unit_test(failed_write_leaves_the_old_file_and_nothing_else),
        cmocka_unit_test(link_at_the_place_is_replaced_not_followed),
        cmocka_unit_test(folders_are_made_with_their_parents_and_twice),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
