/* Stacks. Each is two mappings (guard page, memory), so the kernel's limit of mappings bounds the
 * flows of a process. A plain stack is touched by nobody but its flow: a suspended flow then costs
 * one or two pages. */
#include "flow/stack.h"

#include "base/base.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(lo, hi) 0U
#define VALGRIND_STACK_DEREGISTER(id)   ((void)(id))
#endif

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define STACK_DEFAULT ((size_t)256 * 1024)
#else
#define STACK_DEFAULT ((size_t)64 * 1024)
#endif

#define CANARY       UINT64_C(0x6f6e656361726421)
#define MAPS_SPARE   4096U /* libraries, threads, the allocator */
#define MAPS_DEFAULT 65530U
#define MAPS_A_STACK 2U

static size_t page_size(void)
{
    long n = sysconf(_SC_PAGESIZE);
    return n > 0 ? (size_t)n : 4096;
}

size_t stack_default_size(void)
{
    return STACK_DEFAULT;
}

unsigned stack_max_count(void)
{
    unsigned maps = MAPS_DEFAULT;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
    if (f) {
        if (fscanf(f, "%u", &maps) != 1)
            maps = MAPS_DEFAULT;
        (void)fclose(f);
    }
    return maps > 2 * MAPS_SPARE ? (maps - MAPS_SPARE) / MAPS_A_STACK : MAPS_SPARE / MAPS_A_STACK;
}

static void put_canary(const struct stack *s)
{
    const uint64_t canary = CANARY;
    memcpy(s->base, &canary, sizeof canary);
}

int stack_map(struct stack *ret, size_t size, bool measured)
{
    size_t page = page_size();
    size = (size + page - 1) / page * page;
    char *mem = mmap(NULL, size + page, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mem == MAP_FAILED)
        return OC_ENOMEM;
    if (mprotect(mem + page, size, PROT_READ | PROT_WRITE) != 0) {
        (void)munmap(mem, size + page);
        return OC_ENOMEM;
    }
    /* Huge pages would make every flow cost 2 MiB. */
    (void)madvise(mem + page, size, MADV_NOHUGEPAGE);
    *ret = (struct stack){.base = mem + page, .size = size, .measured = measured};
    ret->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(mem + page, mem + page + size);
    if (measured)
        put_canary(ret);
    return 0;
}

void stack_unmap(struct stack *s)
{
    size_t page = page_size();
    if (!s->base)
        return;
    VALGRIND_STACK_DEREGISTER(s->valgrind_id);
    (void)munmap((char *)s->base - page, s->size + page);
    *s = (struct stack){0};
}

__attribute__((no_sanitize("address"))) size_t stack_peak(struct stack *s)
{
    if (!s->measured)
        return 0;
    const volatile uint64_t *word = s->base;
    size_t at = 1, words = s->size / sizeof *word;
    CHECK(word[0] == CANARY);
    while (at < words && word[at] == 0)
        at++;
    return (words - at) * sizeof *word;
}

/* Room for the frames of the calls that are made meanwhile. */
#define TRIM_SPARE 512U

void stack_trim(struct stack *s, const void *sp)
{
    size_t page = page_size();
    size_t at = (size_t)((const char *)sp - (const char *)s->base);
    CHECK(at <= s->size);
    if (at < TRIM_SPARE + page)
        return;
    at = (at - TRIM_SPARE) / page * page;
    (void)madvise(s->base, at, MADV_DONTNEED);
    if (s->measured)
        put_canary(s);
}
