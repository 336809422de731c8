#include "fuzz_files.h"

#include "module/doc.h"
#include "module/module.h"

#include <stdlib.h>
#include <string.h>

static struct files {
    struct onecard_host host;
    struct arena arena;
    char *text[FUZZ_FILES];
    size_t len[FUZZ_FILES];
    size_t count;
    const uint8_t *rest, *end;
    const char *folder_key;
    unsigned mistakes;
} f;

static const char *const names[FUZZ_FILES] = {"f/0.yaml", "f/1.yaml", "f/2.yaml",
                                              "f/3.yaml", "f/4.yaml", "f/5.yaml"};

static void h_log(const char *module, enum onecard_log_level level, const char *text)
{
    CHECK(module[0] && text[0]);
    f.mistakes += level == ONECARD_LOG_ERROR;
}

static const char *h_text(const struct onecard_conf *conf, const char *key)
{
    (void)conf;
    return strcmp(key, f.folder_key) == 0 ? "folder" : NULL;
}

static int64_t h_number(const struct onecard_conf *conf, const char *key)
{
    (void)conf;
    (void)key;
    return 0;
}

static bool h_bool(const struct onecard_conf *conf, const char *key)
{
    return h_number(conf, key) != 0;
}

static const char *h_map(const struct onecard_conf *conf, const char *key, const char *name)
{
    (void)conf;
    (void)key;
    (void)name;
    return NULL;
}

static bool h_map_at(const struct onecard_conf *conf, const char *key, size_t i,
                     const char **ret_name, const char **ret_value)
{
    (void)ret_name;
    (void)ret_value;
    return h_map(conf, key, "") && i;
}

static const char *h_folder(const struct onecard_conf *conf, const char *folder, const char *suffix,
                            size_t i)
{
    (void)conf;
    CHECK(strcmp(folder, "folder") == 0 && strcmp(suffix, ".yaml") == 0);
    return i < f.count ? names[i] : NULL;
}

static struct onecard_doc *h_load(const struct onecard_conf *conf, const char *path,
                                  const char **ret_why)
{
    struct conf_errors errors;
    struct conf_tree tree;
    size_t i = (size_t)(path[2] - '0');
    (void)conf;
    CHECK(i < f.count);
    conf_errors_init(&errors);
    int rc = conf_tree_parse(path, f.text[i], f.len[i], &f.arena, &errors, &tree);
    struct onecard_doc *d = rc == 0 ? doc_from_conf(&tree, &f.arena) : NULL;
    CHECK(d || errors.count > 0);
    conf_errors_fini(&errors);
    *ret_why = "it does not parse";
    return d;
}

static void take_files(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;
    for (f.count = 0; f.count < FUZZ_FILES && data < end; f.count++) {
        const uint8_t *nul = memchr(data, 0, (size_t)(end - data));
        const uint8_t *stop = nul ? nul : end;
        if (stop == data) {
            data++;
            break;
        }
        f.len[f.count] = (size_t)(stop - data);
        f.text[f.count] = malloc(f.len[f.count] + 1);
        CHECK(f.text[f.count]);
        memcpy(f.text[f.count], data, f.len[f.count]);
        f.text[f.count][f.len[f.count]] = '\0';
        data = nul ? stop + 1 : end;
    }
    f.rest = data;
    f.end = end;
}

const struct onecard_host *fuzz_files(const uint8_t *data, size_t size, const char *folder_key)
{
    f.host = *module_host();
    f.host.log = h_log;
    f.host.conf_text = h_text;
    f.host.conf_int = f.host.conf_fen = h_number;
    f.host.conf_bool = h_bool;
    f.host.conf_map = h_map;
    f.host.conf_map_at = h_map_at;
    f.host.folder_at = h_folder;
    f.host.doc_load = h_load;
    f.folder_key = folder_key;
    f.mistakes = 0;
    arena_init(&f.arena, 0);
    take_files(data, size);
    return &f.host;
}

unsigned fuzz_files_mistakes(void)
{
    return f.mistakes;
}

uint32_t fuzz_files_number(uint32_t n)
{
    uint32_t v = 0;
    for (int i = 0; i < 3 && f.rest < f.end; i++)
        v = v << 8 | *f.rest++;
    return n ? v % n : 0;
}

void fuzz_files_done(void)
{
    for (size_t i = 0; i < f.count; i++)
        free(f.text[i]);
    arena_fini(&f.arena);
}
