/* The frame fuzzers over their corpus, whole and cut at each byte, in the ordinary build. */
#include "cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define LLVMFuzzerTestOneInput fuzz_to_switch
#include "../../fuzz/fuzz_frame_to_switch.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_to_terminal
#include "../../fuzz/fuzz_frame_to_terminal.c"
#undef LLVMFuzzerTestOneInput

static void run_file(int (*fuzz)(const uint8_t *, size_t), const char *path)
{
    static uint8_t bytes[4096];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    /* Of exact size each, so that reading past the end is seen by the sanitizer. */
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        fuzz(exact, cut);
        for (size_t i = 0; i < cut && cut == len; i++) {
            exact[i] ^= 0xFF;
            fuzz(exact, len);
            exact[i] ^= 0xFF;
        }
        free(exact);
    }
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

static void every_message_survives_whole_cut_and_damaged(void **state)
{
    (void)state;
    assert_true(run_corpus(fuzz_to_switch, "frame_to_switch") >= 12);
    assert_true(run_corpus(fuzz_to_terminal, "frame_to_terminal") >= 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_whole_cut_and_damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
