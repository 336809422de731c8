/* A bureau's payment list, CSV or JSON: it is refused whole with a reason, or every line is good or
 * says what is wrong with it; the good ones' sum is at most what was read. */
#include "benefit_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const struct benefit_list *l)
{
    fen_t sum = 0;
    size_t good = benefit_list_count(l, "", &sum), counted = 0;
    CHECK(sum >= 0 && sum <= l->real_total && good <= l->line_count);
    CHECK(l->batch[0] && l->fund[0] && l->program[0] && l->count > 0 && l->total > 0);
    for (size_t i = 0; i < l->line_count; i++) {
        const struct benefit_line *b = &l->lines[i];
        bool bad = b->outcome[0] != '\0';
        counted += !bad;
        CHECK(bad == (b->why[0] != '\0'));
        CHECK(bad || (b->amount_known && b->fen > 0 && b->number > 0 && b->who && b->who[0]));
    }
    CHECK(counted == good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    struct benefit_list list;
    ROLE_ENTER_WORKER();
    if (fd < 0) {
        fd = memfd_create("list", 0);
        CHECK(fd >= 0 && snprintf(path, sizeof path, "/proc/self/fd/%d", fd) > 0);
    }
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    int rc = benefit_list_read(&list, path);
    CHECK(rc == 0 || (rc == OC_EPARSE && list.why[0]));
    if (rc == 0)
        check_lines(&list);
    benefit_list_fini(&list);
    return 0;
}
