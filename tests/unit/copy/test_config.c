/* onecard-copy's configuration, and the chain key that it alone may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "copy/internal.h"
#include <string.h>

static int parse(const char *text, struct buf *out, struct follower_config *ret)
{
    struct conf_errors errors;
    struct conf_snapshot *s = NULL;
    conf_errors_init(&errors);
    int rc =
        conf_snapshot_parse("/c/t.yaml", text, strlen(text), follower_config_schema(), &errors, &s);
    conf_errors_print(&errors, out);
    conf_errors_fini(&errors);
    if (rc == 0 && ret) {
        *ret = *(const struct follower_config *)conf_snapshot_value(s);
        ret->connect = ret->ledger = NULL; /* they go with the snapshot */
    }
    conf_snapshot_put(&s);
    return rc;
}

static void says(const char *text, const char *words)
{
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(parse(text, &out, NULL), OC_EINVAL);
    if (!strstr(buf_cstr(&out), words))
        fail_msg("\"%s\" is not in: %s", words, buf_cstr(&out));
    buf_fini(&out);
}

#define PEMS "certificate: c\nkey: k\nauthority: a\n"

static void mistakes_are_named(void **state)
{
    (void)state;
    says("name: x\n", "connect");
    says("connect: run/copy.sock\n", "whole path");
    says("connect: \"host-b:7445\"\n" PEMS, "address and port");
    says("connect: \"192.0.2.1:0\"\n" PEMS, "address and port");
    says("connect: \"192.0.2.1:70000\"\n" PEMS, "address and port");
    says("connect: \"192.0.2.1:7445\"\ncertificate: c\n", "are needed");
    says("connect: /run/x\nlegder: y\n", "legder");
}

static void addresses_are_taken_apart(void **state)
{
    struct follower_config c;
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    assert_int_equal(parse("connect: \"192.0.2.1:7445\"\n" PEMS, &out, &c), 0);
    assert_string_equal(c.host, "192.0.2.1");
    assert_int_equal(c.port, 7445);
    assert_int_equal(parse("connect: \"[2001:db8::7]:1\"\n" PEMS, &out, &c), 0);
    assert_string_equal(c.host, "2001:db8::7");
    assert_int_equal(parse("connect: /run/copy.sock\n", &out, &c), 0);
    assert_string_equal(c.host, "");
    buf_fini(&out);
}

static void sample_file_is_the_one_in_the_tree(void **state)
{
    struct buf sample, file;
    (void)state;
    ROLE_ENTER_WORKER();
    buf_init(&sample, 0);
    buf_init(&file, 0);
    conf_sample(follower_config_schema(), 0, &sample);
    assert_int_equal(file_read(ONECARD_SOURCE_DIR "/conf/onecard-copy.yaml", &file), 0);
    assert_string_equal(buf_cstr(&sample), buf_cstr(&file));
    buf_fini(&sample);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(sample_file_is_the_one_in_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
