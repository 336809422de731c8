/* A collector's file of offline records (CSV): whatever stands in it, the heading is taken or
 * refused with a place, and each line is an item that the daemon's fields can hold, or a place
 * inside the line and a reason. */
#include "offline_file.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_place(const struct offline_file *f, size_t len)
{
    CHECK(f->why[0] && f->at >= 1 && (size_t)f->at <= len + 1);
}

static void check_number(json_t *item, const char *name, int64_t min, int64_t max)
{
    const json_t *v = json_object_get(item, name);
    CHECK(!v ||
          (json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max));
}

static void check_item(json_t *item)
{
    static const char *const needed[] = {"serial", "type",    "counter", "amount_fen",
                                         "sam",    "sam_seq", "date",    "time"};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        CHECK(json_object_get(item, needed[i]));
    check_number(item, "counter", 0, 65535);
    check_number(item, "amount_fen", 0, 4294967295);
    check_number(item, "balance_fen", -2147483648, 4294967295);
    check_number(item, "sam_seq", 0, 4294967295);
    check_number(item, "key_version", 0, 255);
    CHECK(strlen(json_string_value(json_object_get(item, "sam"))) == 12);
    CHECK(json_object_size(item) <= OFFLINE_COLUMNS);
}

static void take_line(struct offline_file *f, char *line, size_t len)
{
    char *kept = strdup(line);
    CHECK(kept);
    json_t *item = offline_file_line(f, line);
    if (item)
        check_item(item);
    else
        check_place(f, len);
    int at = offline_file_at(f, kept, "sam");
    CHECK(at >= 1 && (size_t)at <= len + 1);
    json_decref(item);
    free(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct offline_file f = {.columns = 0};
    char *text = malloc(size + 1), *s = text;
    CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    while (s < text + size && f.columns >= 0) {
        size_t len = strcspn(s, "\n");
        s[len] = '\0';
        size_t had = strlen(s);
        if (f.columns > 0)
            take_line(&f, s, had);
        else if (!offline_file_heading(&f, s)) {
            check_place(&f, had);
            f.columns = -1;
        }
        s += len + 1;
    }
    free(text);
    return 0;
}
