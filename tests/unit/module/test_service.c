/* Names: exact, short, ambiguous, misspelt; and which of them a terminal's list lets in. */
#include "module/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx, (void)req, (void)plan;
    return 0;
}

#define SERVICE(var, full)                                                                         \
    static const struct onecard_service var = {                                                    \
        .size = sizeof(var), .name = full, .title_en = "x", .title_zh = "x", .decide = decide}
SERVICE(pay_buy, "pay.buy");
SERVICE(pay_refund, "pay.refund");
SERVICE(bus_ride, "bus.ride");
SERVICE(bus_refund, "bus.refund");
static const struct onecard_service *const pay_services[] = {&pay_buy, &pay_refund};
static const struct onecard_service *const bus_services[] = {&bus_ride, &bus_refund};

#define MODULE(var, full, table)                                                                   \
    static const struct onecard_module var = {.abi_major = ONECARD_ABI_MAJOR,                      \
                                              .abi_minor = ONECARD_ABI_MINOR,                      \
                                              .size = sizeof(var),                                 \
                                              .name = full,                                        \
                                              .version = "1",                                      \
                                              .title_en = "x",                                     \
                                              .title_zh = "x",                                     \
                                              .services = table,                                   \
                                              .service_count = 2}
MODULE(pay, "pay", pay_services);
MODULE(bus, "bus", bus_services);

static struct modules *set;
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    static const struct onecard_module *const items[] = {&pay, &bus, NULL};
    struct conf_errors errors;
    conf_errors_init(&errors);
    arena_init(&arena, 0);
    int rc = module_set_static(&(struct modules_opts){0}, items, &errors, &set);
    conf_errors_fini(&errors);
    return rc;
}

static int teardown(void **state)
{
    (void)state;
    module_set_free(&set);
    arena_fini(&arena);
    return 0;
}

static void full_and_unique_short_names_are_found(void **state)
{
    (void)state;
    assert_string_equal(service_name(module_service(set, "pay.buy", &arena, NULL)), "pay.buy");
    assert_string_equal(service_name(module_service(set, "ride", &arena, NULL)), "bus.ride");
    assert_string_equal(service_name(module_service(set, "bus.refund", &arena, NULL)),
                        "bus.refund");
}

static void ambiguous_short_name_says_which_it_could_be(void **state)
{
    (void)state;
    const char *hint = NULL;
    assert_null(module_service(set, "refund", &arena, &hint));
    assert_string_equal(hint, "refund could be pay.refund bus.refund");
}

static void misspelt_name_gets_a_suggestion(void **state)
{
    (void)state;
    const char *hint = NULL;
    assert_null(module_service(set, "pay.bvy", &arena, &hint));
    assert_string_equal(hint, "no service pay.bvy: did you mean pay.buy?");
    assert_null(module_service(set, "zzzzzzzz", &arena, &hint));
    assert_string_equal(hint, "no service zzzzzzzz");
    assert_null(module_service(set, "", &arena, NULL));
}

static void services_come_in_the_order_of_loading(void **state)
{
    (void)state;
    assert_int_equal(module_service_count(set), 4);
    assert_string_equal(service_name(module_service_at(set, 0)), "pay.buy");
    assert_string_equal(service_name(module_service_at(set, 3)), "bus.refund");
    assert_null(module_service_at(set, 4));
    assert_ptr_equal(service_module(module_service_at(set, 3)), &bus);
}

static void terminals_list_lets_in_what_it_names(void **state)
{
    (void)state;
    const struct service *s = module_service(set, "pay.buy", &arena, NULL);
    static const char *const yes[] = {"*", "pay.*", "pay.buy", "bus.ride, pay.buy", " ,pay.*,"};
    static const char *const no[] = {"",     "bus.*", "pay.bu", "pay.buyer", "pay.refund",
                                     "pa.*", "buy",   ".*",     ",,"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (!service_in_list(s, yes[i])) {
            fail_msg("\"%s\" does not let pay.buy in", yes[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        if (service_in_list(s, no[i])) {
            fail_msg("\"%s\" lets pay.buy in", no[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_and_unique_short_names_are_found),
        cmocka_unit_test(ambiguous_short_name_says_which_it_could_be),
        cmocka_unit_test(misspelt_name_gets_a_suggestion),
        cmocka_unit_test(services_come_in_the_order_of_loading),
        cmocka_unit_test(terminals_list_lets_in_what_it_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
