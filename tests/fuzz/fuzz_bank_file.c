/* A bank's result file and a fund's answer: each is refused whole with a reason, or every line is
 * good or says what is wrong with it; and the id of an item that stands in one is read back as it
 * is written, or not at all. The first byte says which kind of file. */
#include "bank_file.h"
#include "settle/settle.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_item(const char *text)
{
    struct settle_item_id id, again;
    char back[SETTLE_ITEM];
    if (!text || settle_item_parse(text, &id) != 0)
        return;
    CHECK(settle_item_parse(settle_item_text(&id, back), &again) == 0);
    CHECK(strcmp(back, text) == 0 && id.attempt == again.attempt && id.attempt <= SETTLE_ATTEMPTS);
}

static void check_lines(const struct bank_file *f, const struct bank_format *format)
{
    size_t i;
    json_t *j;
    json_int_t lines = json_integer_value(json_object_get(f->heads, "count"));
    json_array_foreach(f->items, i, j)
    {
        CHECK(json_is_integer(json_object_get(j, "line")));
        for (size_t c = 0; c < format->column_count; c++)
            CHECK(!format->columns[c].required || json_object_get(j, format->columns[c].field));
        check_item(json_string_value(json_object_get(j, "item")));
    }
    CHECK((json_int_t)json_array_size(f->items) <= lines);
    json_array_foreach(f->errors, i, j)
        CHECK(json_string_value(json_object_get(j, "message")) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bank_file f;
    if (size == 0 || memchr(data, '\0', size))
        return 0;
    const struct bank_format *format = data[0] == 'd' ? &bank_answer_format : &bank_result_format;
    char *text = malloc(size);
    CHECK(text);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    int rc = bank_file_parse(&f, format, text);
    CHECK(rc == 0 || (rc == OC_EPARSE && f.why[0]));
    if (rc == 0)
        check_lines(&f, format);
    bank_file_fini(&f);
    free(text);
    return 0;
}
