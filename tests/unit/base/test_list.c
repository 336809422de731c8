#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#include <stdlib.h>

struct thing {
    int n;
    struct list link;
};

static void items_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    assert_null(list_pop(&head));
    struct thing things[5];
    for (int i = 0; i < 5; i++) {
        things[i].n = i;
        list_add_tail(&head, &things[i].link);
    }
    list_del(&things[2].link);
    list_del(&things[2].link);
    const int wanted[] = {0, 1, 3, 4};
    size_t k = 0;
    LIST_EACH(pos, &head)
    assert_int_equal(CONTAINER_OF(pos, struct thing, link)->n, wanted[k++]);
    assert_int_equal(k, 4);
    LIST_EACH_SAFE(pos, tmp, &head)
    if (CONTAINER_OF(pos, struct thing, link)->n != 3)
        list_del(pos);
    assert_ptr_equal(list_pop(&head), &things[3].link);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_leave_in_the_order_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
