/* YAML text through the tree, a table with a row of every type, and back out as a dump that must
 * load again. */
#include "conf/conf.h"

struct inner {
    const char *name;
    uint8_t level;
    struct conf_bytes_list codes;
};
struct outer {
    const char *text, *path;
    int64_t idle, size;
    fen_t fare;
    int night, mode;
    bool on;
    uint8_t id[2];
    uint16_t fid;
    struct conf_bytes seed;
    struct conf_list words;
    struct conf_map map;
    struct inner one, *maybe;
    struct conf_array many, named;
    const struct conf_node *tree;
};

static const struct conf_word modes[] = {{"a", 1}, {"b", 2}, {NULL, 0}};
static const struct conf_item inner_items[] = {
    {CONF_AT(struct inner, level, CONF_INT), .max = 9, .dflt = "1", .help = "h"},
    {CONF_AT(struct inner, codes, CONF_BYTES_LIST), .min = 1, .max = 4, .dflt = "01, 02",
     .help = "h"},
};
static const struct conf_schema inner_schema = CONF_SCHEMA(struct inner, inner_items, NULL);
#define S struct outer
static const struct conf_item outer_items[] = {
    {CONF_AT(S, text, CONF_STRING), .help = "h"},
    {CONF_AT(S, path, CONF_PATH), .help = "h"},
    {CONF_AT(S, idle, CONF_DURATION), .dflt = "5s", .help = "h"},
    {CONF_AT(S, size, CONF_SIZE), .help = "h"},
    {CONF_AT(S, fare, CONF_FEN), .help = "h"},
    {CONF_AT(S, night, CONF_TIME_OF_DAY), .help = "h"},
    {CONF_AT(S, mode, CONF_ENUM), .words = modes, .dflt = "a", .help = "h"},
    {CONF_AT(S, on, CONF_BOOL), .help = "h"},
    {CONF_AT(S, id, CONF_HEX), .help = "h"},
    {CONF_AT(S, fid, CONF_HEXNUM), .help = "h"},
    {CONF_AT(S, seed, CONF_BYTES), .help = "h"},
    {CONF_AT(S, words, CONF_LIST), .help = "h"},
    {CONF_AT(S, map, CONF_MAP), .help = "h"},
    {CONF_AT(S, one, CONF_SECTION), .section = &inner_schema, .help = "h"},
    {CONF_AT(S, maybe, CONF_SECTION), .section = &inner_schema, .optional = true, .help = "h"},
    {CONF_AT(S, many, CONF_SECTION_LIST), .section = &inner_schema, .help = "h"},
    {CONF_AT(S, named, CONF_SECTION_MAP), .section = &inner_schema, .help = "h"},
    {CONF_AT(S, tree, CONF_TREE), .help = "h"},
};
#undef S
static const struct conf_schema outer_schema = CONF_SCHEMA(struct outer, outer_items, NULL);

static bool read_text(const void *text, size_t len, struct conf_errors *errors, struct buf *dump)
{
    struct conf_snapshot *s = NULL;

    if (conf_snapshot_parse("f", text, len, &outer_schema, errors, &s) != 0)
        return false;
    conf_snapshot_dump(s, dump);
    conf_snapshot_put(&s);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_errors errors;
    struct buf dump, again, text;

    conf_errors_init(&errors);
    buf_init(&dump, 0);
    buf_init(&again, 0);
    buf_init(&text, 0);
    bool good = read_text(data, size, &errors, &dump);
    CHECK(good || errors.count > 0);
    if (good && !dump.err && dump.len < CONF_TEXT_MAX)
        CHECK(read_text(dump.data, dump.len, &errors, &again) && dump.len == again.len);
    conf_errors_print(&errors, &text);
    buf_fini(&text);
    buf_fini(&again);
    buf_fini(&dump);
    conf_errors_fini(&errors);
    return 0;
}
