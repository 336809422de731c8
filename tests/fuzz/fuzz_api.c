/* Bodies of API calls as a handler reads them: JSON, the table of fields, the small texts inside.
 * Whatever comes in, the answer is one error or well-formed values. */
#include "serve/api.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *text;
    size_t len;
};

static void read_values(struct api_call *c)
{
    char text[LEDGER_ID] = "", serial[24] = "";
    uint8_t issuer[OC_ISSUER_LEN], bytes[OC_SERIAL_LEN];
    int64_t number = 0;
    date_t date = 0;
    bool flag = false;
    json_t *object = NULL, *list = NULL;
    const struct field fields[] = {
        {.name = "id", .kind = FIELD_TEXT, .out = text, .size = sizeof text},
        {.name = "serial", .kind = FIELD_TEXT, .out = serial, .size = sizeof serial},
        {.name = "issuer", .kind = FIELD_HEX, .out = issuer, .size = sizeof issuer},
        {.name = "amount_fen", .kind = FIELD_INT, .out = &number, .min = 1, .max = 1000},
        {.name = "date", .kind = FIELD_DATE, .out = &date},
        {.name = "closed", .kind = FIELD_BOOL, .out = &flag},
        {.name = "params", .kind = FIELD_OBJECT, .out = &object},
        {.name = "items", .kind = FIELD_ARRAY, .out = &list}};
    if (api_fields(c, fields, ARRAY_LEN(fields)) != 0) {
        CHECK(c->reply != NULL && c->status == 400);
        return;
    }
    CHECK(strlen(text) < sizeof text && strlen(serial) < sizeof serial);
    CHECK(number >= 0 && number <= 1000 && (date == 0 || date_valid(date)));
    (void)api_id_ok(text);
    if (serial_parse(serial, bytes) == 0)
        CHECK(serial[0] != '\0');
}

static int body(void *arg) CO_FN;
static int body(void *arg)
{
    struct input *in = arg;
    struct api_call c = {.status = 200};
    if (text_depth_ok(in->text, in->len, TEXT_DEPTH_MAX))
        c.body = json_loadb(in->text, in->len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(c.body))
        read_values(&c);
    json_decref(c.body);
    json_decref(c.reply);
    json_t *raw = NULL;
    char *text = arena_printf(flow_arena(), "%.*s", (int)in->len, in->text);
    if (text)
        raw = json_raw(text);
    json_decref(raw);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    struct input in = {.text = (const char *)data, .len = size};
    if (size > 65536 || (!loop && loop_new(&loop, NULL) != 0))
        return 0;
    return loop_run_flow(loop, "fuzz", body, &in);
}
