/* Secrets in memory. Each secret_alloc has pages of its own: madvise and mlock work on pages, and a
 * secret must not lose its protection because a neighbour on the same page was freed. */
#include "base/secret.h"

#include "base/log.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void secret_wipe(void *p, size_t len)
{
    if (p && len)
        explicit_bzero(p, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (x[i] ^ y[i]));
    return diff == 0;
}

static size_t whole_pages(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (len == 0)
        return page;
    return len > SIZE_MAX - page ? 0 : (len + page - 1) / page * page;
}

void *secret_alloc(size_t len)
{
    size_t size = whole_pages(len);
    if (size == 0)
        return NULL;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    /* Keys that could reach the swap are worse than none in production, but a site with a low
     * RLIMIT_MEMLOCK must still run: it is told. */
    if (mlock(p, size) != 0)
        log_warn("secret", "cannot lock memory against swapping (raise LimitMEMLOCK): %m");
    if (madvise(p, size, MADV_DONTDUMP) != 0 || madvise(p, size, MADV_WIPEONFORK) != 0)
        log_warn("secret", "cannot keep memory out of dumps and children: %m");
    return p;
}

void secret_free(void *p, size_t len)
{
    if (!p)
        return;
    size_t size = whole_pages(len);
    explicit_bzero(p, size);
    munmap(p, size);
}

void secret_harden_process(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        log_warn("secret", "cannot forbid core dumps: %m");
}
