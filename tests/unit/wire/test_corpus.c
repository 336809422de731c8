/* Each fuzzer over its corpus, in the ordinary build: the fuzz build is not everywhere. The
 * fuzzers' invariants abort. */
#include "cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define LLVMFuzzerTestOneInput fuzz_apdu
#include "../../fuzz/fuzz_apdu.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_answer
#include "../../fuzz/fuzz_answer.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tlv
#include "../../fuzz/fuzz_tlv.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_atr
#include "../../fuzz/fuzz_atr.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ep_file
#include "../../fuzz/fuzz_ep_file.c"
#undef LLVMFuzzerTestOneInput

static void run_file(int (*fuzz)(const uint8_t *, size_t), const char *path)
{
    static uint8_t bytes[4096];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    /* A copy of exact size, so that reading past the end is seen by the sanitizer. */
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    for (size_t cut = 0; cut <= len; cut++)
        fuzz(exact + cut, len - cut);
    for (size_t cut = 0; cut < len; cut++)
        fuzz(exact, cut);
    free(exact);
}

static unsigned run_corpus(int (*fuzz)(const uint8_t *, size_t), const char *name)
{
    char path[512];
    unsigned files = 0;
    struct dirent *e;
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", ONECARD_SOURCE_DIR, name);
    DIR *d = opendir(path);
    assert_non_null(d);
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s/%s", ONECARD_SOURCE_DIR, name,
                 e->d_name);
        run_file(fuzz, path);
        files++;
    }
    closedir(d);
    return files;
}

static void every_parser_survives_its_corpus_whole_and_cut(void **state)
{
    (void)state;
    assert_true(run_corpus(fuzz_apdu, "apdu") > 0);
    assert_true(run_corpus(fuzz_answer, "answer") > 0);
    assert_true(run_corpus(fuzz_tlv, "tlv") > 0);
    assert_true(run_corpus(fuzz_atr, "atr") > 0);
    assert_true(run_corpus(fuzz_ep_file, "ep_file") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parser_survives_its_corpus_whole_and_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
