/* The daemon's and the agent's configuration files by their real tables: a file loads, or there is
 * a mistake with a place; what loads prints as a file that loads again. */
#include "serve/config.h"
#include "terminal/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool load(const struct conf_schema *schema, const void *text, size_t len,
                 struct conf_errors *errors, struct buf *dump)
{
    struct conf_snapshot *s = NULL;
    if (conf_snapshot_parse("/site/f.yaml", text, len, schema, errors, &s) != 0)
        return false;
    conf_snapshot_dump(s, dump);
    conf_snapshot_put(&s);
    return true;
}

static void by_table(const struct conf_schema *schema, const uint8_t *data, size_t size)
{
    struct conf_errors errors;
    struct buf dump, again, text;
    conf_errors_init(&errors);
    buf_init(&dump, 0);
    buf_init(&again, 0);
    buf_init(&text, 0);
    bool good = load(schema, data, size, &errors, &dump);
    CHECK(good || errors.count > 0);
    if (good && !dump.err && dump.len < CONF_TEXT_MAX)
        CHECK(load(schema, dump.data, dump.len, &errors, &again) && dump.len == again.len);
    conf_errors_print(&errors, &text);
    buf_fini(&text);
    buf_fini(&again);
    buf_fini(&dump);
    conf_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    by_table(serve_config_schema(), data, size);
    by_table(terminal_config_schema(), data, size);
    return 0;
}
