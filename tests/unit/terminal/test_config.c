/* The configuration's table: mistakes are named, the sample is complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "terminal/config.h"
#include "terminal/terminal.h"

#include <string.h>

static int parse(const char *text, struct buf *out)
{
    struct conf_errors errors;
    struct conf_snapshot *s = NULL;
    conf_errors_init(&errors);
    int rc =
        conf_snapshot_parse("t.yaml", text, strlen(text), terminal_config_schema(), &errors, &s);
    conf_errors_print(&errors, out);
    conf_errors_fini(&errors);
    conf_snapshot_put(&s);
    return rc;
}

static void says(const char *text, const char *words)
{
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(parse(text, &out), OC_EINVAL);
    if (!strstr(buf_cstr(&out), words))
        fail_msg("\"%s\" is not in: %s", words, buf_cstr(&out));
    buf_fini(&out);
}

static void mistakes_are_named_with_their_place(void **state)
{
    (void)state;
    says("readers: []\n", "switch");
    says("switch: {addresses: [\"host\"]}\n", "must look like");
    says("switch: {addresses: [\"h:1\"]}\nreaders: [{number: 1}, {number: 1}]\n", "two readers");
    says("switch: {addresses: [\"h:1\"]}\nreaders: [{number: 5}]\n", "number");
    says("switch: {addresses: [\"h:1\"]}\nlocal: {listen: \"0.0.0.0:80\"}\n", "loopback");
    says("switch: {addresses: [\"h:1\"]}\nlocal: {mode: \"0666\"}\n", "octal");
    says("switch: {addresses: [\"h:1\"]}\nlocal: {socket: \"\"}\n", "needs");
    says("switch: {addresses: [\"h:1\"]}\nidentity: {key: k.pem}\n", "go together");
}

static void minimal_file_is_good(void **state)
{
    struct buf text, out;
    (void)state;
    buf_init(&text, 0);
    buf_init(&out, 0);
    terminal_config_minimal(&text);
    assert_int_equal(parse(buf_cstr(&text), &out), 0);
    assert_string_equal(buf_cstr(&out), "");
    buf_fini(&text);
    buf_fini(&out);
}

static void sample_file_is_the_one_in_the_tree(void **state)
{
    struct buf sample, file;
    (void)state;
    ROLE_ENTER_WORKER();
    buf_init(&sample, 0);
    buf_init(&file, 0);
    terminal_config_sample(&sample);
    assert_int_equal(file_read(ONECARD_SOURCE_DIR "/conf/onecard-terminal.yaml", &file), 0);
    assert_string_equal(buf_cstr(&sample), buf_cstr(&file));
    buf_fini(&sample);
    buf_fini(&file);
}

static void file_that_is_not_there_is_said_once(void **state)
{
    struct buf out;
    const char *said = "/nonexistent: there is no such file\n";
    (void)state;
    ROLE_ENTER_WORKER();
    buf_init(&out, 0);
    assert_int_not_equal(terminal_config_check("/nonexistent", &out), 0);
    assert_string_equal(buf_cstr(&out), said);
    buf_reset(&out);
    assert_int_not_equal(terminal_enroll("/nonexistent", "token", false, &out), 0);
    assert_string_equal(buf_cstr(&out), said);
    buf_fini(&out);
}

static void addresses_are_taken_apart(void **state)
{
    char host[HOST_MAX];
    int port;
    (void)state;
    assert_int_equal(address_split("[2001:db8::1]:7443", false, host, &port), 0);
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(port, 7443);
    assert_int_equal(address_split("switch.example:1", false, host, &port), 0);
    assert_string_equal(host, "switch.example");
    assert_int_equal(address_split("127.0.0.1:0", true, host, &port), 0);
    const char *const wrong[] = {
        "", ":1", "h", "h:", "h:0", "h:65536", "h:1x", "2001:db8::1:80", "[::1]", "[]:1", "h:-1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(address_split(wrong[i], false, host, &port), OC_EINVAL);
}

static void only_numbers_of_this_machine_are_loopback(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1") && is_loopback("127.9.8.7") && is_loopback("::1"));
    assert_false(is_loopback("127.evil.example") || is_loopback("127.0.0.1.evil.example"));
    assert_false(is_loopback("10.0.0.1") || is_loopback("::2") || is_loopback("localhost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_numbers_of_this_machine_are_loopback),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(minimal_file_is_good),
        cmocka_unit_test(sample_file_is_the_one_in_the_tree),
        cmocka_unit_test(file_that_is_not_there_is_said_once),
        cmocka_unit_test(addresses_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
