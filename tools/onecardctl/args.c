/* What was given on the command line: by the names of options, and as the body of an API call. */
#include "cli.h"

#include <ctype.h>
#include <string.h>

static size_t option_index(const struct cli_args *a, const char *name)
{
    const struct cli_command *c = a->command;
    for (size_t i = 0; i < c->option_count; i++)
        if (strcmp(c->options[i].name, name) == 0)
            return i;
    bool option_is_in_the_commands_table = false;
    CHECK(option_is_in_the_commands_table);
    return 0;
}

const char *cli_text(const struct cli_args *a, const char *option)
{
    return a->text[option_index(a, option)];
}

bool cli_given(const struct cli_args *a, const char *option)
{
    return cli_text(a, option) != NULL;
}

int64_t cli_number(const struct cli_args *a, const char *option, int64_t dflt)
{
    size_t i = option_index(a, option);
    return a->text[i] ? a->number[i] : dflt;
}

static json_t *upper_hex(const char *text)
{
    char up[256];
    size_t n = 0;
    for (; text[n] != '\0' && n < sizeof up - 1; n++)
        up[n] = (char)toupper((unsigned char)text[n]);
    json_t *j = json_stringn(up, n);
    secret_wipe(up, sizeof up); /* keys in clear pass through here */
    return j;
}

static json_t *option_json(const struct cli_args *a, size_t i)
{
    switch (a->command->options[i].kind) {
    case CLI_FLAG:
        return json_true();
    case CLI_YUAN:
    case CLI_INT:
    case CLI_SECONDS:
        return json_integer(a->number[i]);
    case CLI_HEX:
        return upper_hex(a->text[i]);
    case CLI_PAIR:
        return json_incref(a->pairs);
    case CLI_TEXT:
    case CLI_DATE:
    case CLI_WORD:
    case CLI_STDIN:
        break;
    }
    return json_string(a->text[i]);
}

/* Sets "a" or "a.b". */
static int set_field(json_t *body, const char *field, json_t *value)
{
    char outer[48];
    const char *dot = strchr(field, '.');
    if (!dot)
        return json_object_set_new(body, field, value);
    (void)snprintf(outer, sizeof outer, "%.*s", (int)(dot - field), field);
    if (!json_object_get(body, outer) && json_object_set_new(body, outer, json_object()) != 0) {
        json_decref(value);
        return -1;
    }
    return json_object_set_new(json_object_get(body, outer), dot + 1, value);
}

json_t *cli_body(const struct cli_args *a)
{
    json_t *body = json_object();
    for (size_t i = 0; body && i < a->command->option_count; i++) {
        const struct cli_option *o = &a->command->options[i];
        if (!o->field || !a->text[i])
            continue;
        if (set_field(body, o->field, option_json(a, i)) != 0) {
            json_decref(body);
            return NULL;
        }
    }
    return body;
}
