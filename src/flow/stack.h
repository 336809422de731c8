/* Stacks of flows: mapped with a guard page below, kept in a pool for the next flow. One owner
 * thread, no locks. */
#ifndef FLOW_STACK_H
#define FLOW_STACK_H

#include "base/base.h"
#include <stdbool.h>
#include <stddef.h>

/** What a stack is for the switch: usable memory [base, base + size), growing down. */
struct stack {
    void *base;
    size_t size;
    unsigned valgrind_id;
    bool measured; /* canary at base, zeroes above it: stack_peak() works */
};

/** 64 KiB; 256 KiB under AddressSanitizer, whose frames are several times larger. */
size_t stack_default_size(void);
/** Flows that the kernel's limit of mappings (vm.max_map_count, two a stack) leaves room for. */
unsigned stack_max_count(void);
/** Maps a stack of at least `size` bytes and a guard page. OC_ENOMEM. */
int stack_map(struct stack *ret, size_t size, bool measured) MUST_USE;
void stack_unmap(struct stack *s);
/** Bytes used at most so far, of a measured stack; 0 of another. Aborts when the canary is damaged.
 * Not while code runs on it. */
size_t stack_peak(struct stack *s);

/** Gives the kernel back the whole pages that lie below `sp`, an address on this stack with half a
 * kibibyte of room beneath what is in use. Not of a measured stack's lowest page. */
void stack_trim(struct stack *s, const void *sp);

#endif
