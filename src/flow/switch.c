/* The switch. The only file that knows ucontext. See switch.h.
 *
 * glibc's fortified longjmp takes a jump to another stack for an attack, so fortification is off in
 * this file. */
#undef _FORTIFY_SOURCE
#include "flow/switch.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#if FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define IDLE_MAX 512U /* fibers kept for the next flows; beyond, the mapping goes back */

struct fiber_boot {
    ucontext_t self, home;
};

/* makecontext passes ints: a pointer travels in two halves. */
static struct fiber *fiber_of(unsigned hi, unsigned lo)
{
    return (struct fiber *)(((uintptr_t)hi << 32) | (uintptr_t)lo);
}

#if FIBER_ASAN || FIBER_TSAN

static void switched_in(struct fiber *f)
{
#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(f->self_fake, &f->home_bottom, &f->home_size);
#else
    (void)f;
#endif
}

void fiber_enter(struct fiber *f)
{
#if FIBER_ASAN
    __sanitizer_start_switch_fiber(&f->home_fake, f->stack.base, f->stack.size);
#endif
#if FIBER_TSAN
    f->home_tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->self_tsan, 0);
#endif
    CHECK(swapcontext(&f->home, &f->self) == 0);
#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(f->home_fake, NULL, NULL);
#endif
}

void fiber_leave(struct fiber *f)
{
#if FIBER_ASAN
    __sanitizer_start_switch_fiber(&f->self_fake, f->home_bottom, f->home_size);
#endif
#if FIBER_TSAN
    __tsan_switch_to_fiber(f->home_tsan, 0);
#endif
    CHECK(swapcontext(&f->self, &f->home) == 0);
    switched_in(f);
}

static void fiber_main(unsigned hi, unsigned lo)
{
    struct fiber *f = fiber_of(hi, lo);
    switched_in(f);
    for (;;) {
        f->run(f->arg);
        fiber_leave(f);
    }
}

static int fiber_boot(struct fiber_pool *p, struct fiber *f)
{
    uintptr_t at = (uintptr_t)f;
    (void)p;
    if (getcontext(&f->self) != 0)
        return OC_EIO;
    f->self.uc_stack.ss_sp = f->stack.base;
    f->self.uc_stack.ss_size = f->stack.size;
    f->self.uc_link = NULL;
    makecontext(&f->self, (void (*)(void))fiber_main, 2, (unsigned)(at >> 32), (unsigned)at);
    /* AddressSanitizer forgets all it knows about the stack named here at each swapcontext: name
     * none. */
    f->self.uc_stack = (stack_t){0};
#if FIBER_TSAN
    f->self_tsan = __tsan_create_fiber(0);
#endif
    return 0;
}

static void fiber_unboot(struct fiber *f)
{
#if FIBER_TSAN
    __tsan_destroy_fiber(f->self_tsan);
#else
    (void)f;
#endif
}

#else

void fiber_enter(struct fiber *f)
{
    if (_setjmp(f->home) == 0)
        _longjmp(f->self, 1);
}

void fiber_leave(struct fiber *f)
{
    if (_setjmp(f->self) == 0)
        _longjmp(f->home, 1);
}

static void fiber_main(unsigned hi, unsigned lo)
{
    struct fiber *f = fiber_of(hi, lo);
    for (;;) {
        fiber_leave(f); /* the first time back to fiber_boot */
        f->run(f->arg);
    }
}

/* Runs the new context up to its first fiber_leave; from then on it is jumps alone. */
static int fiber_boot(struct fiber_pool *p, struct fiber *f)
{
    ucontext_t *uc = &p->boot->self;
    uintptr_t at = (uintptr_t)f;
    if (getcontext(uc) != 0)
        return OC_EIO;
    uc->uc_stack.ss_sp = f->stack.base;
    uc->uc_stack.ss_size = f->stack.size;
    uc->uc_link = NULL;
    makecontext(uc, (void (*)(void))fiber_main, 2, (unsigned)(at >> 32), (unsigned)at);
    if (_setjmp(f->home) == 0)
        (void)swapcontext(&p->boot->home, uc);
    return 0;
}

static void fiber_unboot(struct fiber *f)
{
    (void)f;
}

#endif

int fiber_pool_init(struct fiber_pool *p, size_t stack_size, bool measured)
{
    *p = (struct fiber_pool){.stack_size = stack_size ? stack_size : stack_default_size(),
                             .measured = measured};
    list_init(&p->idle);
    p->boot = calloc(1, sizeof *p->boot);
    return p->boot ? 0 : OC_ENOMEM;
}

void fiber_pool_fini(struct fiber_pool *p)
{
    struct list *l;
    while ((l = list_pop(&p->idle)) != NULL)
        fiber_drop(CONTAINER_OF(l, struct fiber, link));
    free(p->boot);
    p->boot = NULL;
}

static struct fiber *fiber_new(struct fiber_pool *p)
{
    struct fiber *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    list_init(&f->link);
    if (stack_map(&f->stack, p->stack_size, p->measured) != 0) {
        free(f);
        return NULL;
    }
    if (fiber_boot(p, f) != 0) {
        stack_unmap(&f->stack);
        free(f);
        return NULL;
    }
    return f;
}

struct fiber *fiber_take(struct fiber_pool *p, void (*run)(void *arg), void *arg)
{
    struct list *l = list_pop(&p->idle);
    struct fiber *f = l ? CONTAINER_OF(l, struct fiber, link) : NULL;
    if (f)
        p->idle_count--;
    else
        f = fiber_new(p);
    if (!f)
        return NULL;
    f->run = run;
    f->arg = arg;
    return f;
}

static void note_peak(struct fiber_pool *p, struct fiber *f)
{
    size_t peak = stack_peak(&f->stack);
    p->peak = peak > p->peak ? peak : p->peak;
}

void fiber_trim(struct fiber_pool *p, struct fiber *f, const void *sp)
{
#if FIBER_ASAN || FIBER_TSAN
    /* Their locals may live elsewhere, so that an address tells nothing about the stack. */
    (void)p;
    (void)f;
    (void)sp;
#else
    if (p->measured)
        note_peak(p, f);
    stack_trim(&f->stack, sp);
#endif
}

void fiber_give(struct fiber_pool *p, struct fiber *f)
{
    if (p->measured)
        note_peak(p, f);
    if (p->idle_count >= IDLE_MAX) {
        fiber_drop(f);
        return;
    }
    /* The one used last is the warmest. */
    list_add_tail(p->idle.next, &f->link);
    p->idle_count++;
}

void fiber_drop(struct fiber *f)
{
    fiber_unboot(f);
#if FIBER_ASAN
    /* Or frames that never returned would poison what is mapped here next. */
    ASAN_UNPOISON_MEMORY_REGION(f->stack.base, f->stack.size);
#endif
    stack_unmap(&f->stack);
    free(f);
}
