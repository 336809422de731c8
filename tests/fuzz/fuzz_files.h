/* A module's files for fuzzers: what load() asks its host for comes out of the fuzzer's bytes. The
 * input is up to FUZZ_FILES YAML texts, a NUL after each; what follows an empty text is for the
 * harness itself. */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include <onecard/module.h>

#include <stddef.h>
#include <stdint.h>

#define FUZZ_FILES 6

/** The switch's own table, but for the files and the configuration: every text that is asked for is
 * "folder" where `folder_key` names it, NULL else; numbers are 0. Valid until the next call. */
const struct onecard_host *fuzz_files(const uint8_t *data, size_t size, const char *folder_key);
/** What the log was told since then: mistakes. */
unsigned fuzz_files_mistakes(void);
/** A number below `n` out of the input's rest, 0 where it has ended. */
uint32_t fuzz_files_number(uint32_t n);
/** Gives back what was read. */
void fuzz_files_done(void);

#endif
