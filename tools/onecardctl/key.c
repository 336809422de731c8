/* onecardctl key: card master keys. The daemon makes them or takes them in; no answer ever carries
 * one. */
#include "simple.h"

#include <stdlib.h>
#include <string.h>

static const char *const purposes[] = {
    "purchase", "load",   "tac",         "internal",   "maintenance", "main",      "external",
    "lock",     "unlock", "pin-unblock", "pin-reload", "unload",      "overdraft", NULL};
static const char *const algs[] = {"3des", "des", "sm4", NULL};

#define SLOT_OPTIONS                                                                               \
    {.name = "purpose",                                                                            \
     .value = "P",                                                                                 \
     .kind = CLI_WORD,                                                                             \
     .words = purposes,                                                                            \
     .field = "purpose",                                                                           \
     .required = true,                                                                             \
     .help = "purchase load tac internal maintenance main external lock unlock …"},                \
        {.name = "alg",                                                                            \
         .value = "ALG",                                                                           \
         .kind = CLI_WORD,                                                                         \
         .words = algs,                                                                            \
         .field = "alg",                                                                           \
         .help = "3des (default), des, sm4"},                                                      \
        {.name = "version",                                                                        \
         .value = "N",                                                                             \
         .kind = CLI_INT,                                                                          \
         .max = 255,                                                                               \
         .field = "version",                                                                       \
         .required = true,                                                                         \
         .help = "the key version that cards name, 0 to 255"},                                     \
    {                                                                                              \
        .name = "issuer", .value = "16HEX", .kind = CLI_HEX, .min = 16, .max = 16,                 \
        .field = "issuer", .help = "only for cards of this issuer (default: for all)"              \
    }

static const struct cli_option generate_options[] = {SLOT_OPTIONS};
static const struct cli_option import_options[] = {
    SLOT_OPTIONS,
    {.name = "clear",
     .value = "HEX|-",
     .required = true,
     .help = "the key in clear, 32 hex digits; - reads it from standard input"},
};

static int generate_run(struct ctl *c, const struct cli_args *a)
{
    return simple_post(c, a, "/v1/keys/generate", "generated", "purpose");
}

/* A key on the command line is seen by everybody on the machine: "-" keeps it from there. */
static int read_clear(struct ctl *c, const char *given, char *out, size_t cap)
{
    if (strcmp(given, "-") != 0)
        (void)snprintf(out, cap, "%s", given);
    else if (setvbuf(stdin, NULL, _IONBF, 0) != 0 || !fgets(out, (int)cap, stdin)) /* no buffer of stdio's keeps it */
        return ctl_usage(c, "standard input holds no key");
    out[strcspn(out, " \t\r\n")] = '\0';
    if (strlen(out) != 32 || strspn(out, "0123456789abcdefABCDEF") != 32)
        return ctl_usage(c, "the key must be 32 hexadecimal digits, this has %zu characters",
                         strlen(out));
    return CTL_DONE;
}

static void drop_body(json_t *body)
{
    union {
        const char *shown;
        char *own;
    } key = {.shown = json_string_value(json_object_get(body, "clear"))};
    if (key.own)
        secret_wipe(key.own, json_string_length(json_object_get(body, "clear")));
    json_decref(body);
}

static int import_run(struct ctl *c, const struct cli_args *a)
{
    char clear[128], upper[33];
    uint8_t key[16];
    json_t *j = NULL, *body = NULL;
    int rc = read_clear(c, cli_text(a, "clear"), clear, sizeof clear);
    if (rc == CTL_DONE && hex_decode(clear, key, sizeof key) != 0)
        rc = CTL_USAGE;
    if (rc == CTL_DONE) {
        body = cli_body(a);
        (void)json_object_set_new(body, "clear", json_string(hex_encode(key, sizeof key, upper)));
        rc = ctl_call(c, "POST", "/v1/keys/import", body, 0, &j);
    }
    secret_wipe(clear, sizeof clear);
    secret_wipe(upper, sizeof upper);
    secret_wipe(key, sizeof key);
    if (rc == CTL_DONE && !c->json)
        (void)fprintf(c->out, "imported; compare the check value (kcv) with your papers\n");
    if (rc == CTL_DONE)
        out_answer(c, j);
    drop_body(body);
    json_decref(j);
    return rc;
}

static int list_run(struct ctl *c, const struct cli_args *a)
{
    static const struct out_column columns[] = {
        {"purpose", "purpose", OUT_TEXT}, {"alg", "alg", OUT_TEXT},
        {"version", "version", OUT_INT},  {"issuer", "issuer", OUT_TEXT},
        {"check value", "kcv", OUT_TEXT}, {"revoked", "revoked", OUT_TEXT},
        {"since", "created", OUT_TIME},
    };
    return ctl_list(c, a,
                    &(struct ctl_list){.path = "/v1/keys",
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns),
                                       .empty = "no keys: 'onecardctl key generate' makes them"});
}

static const struct cli_command commands[] = {
    {.name = "generate",
     .args = "",
     .summary = "Makes a new random key inside the daemon",
     CLI_TABLE(generate_options),
     .run = generate_run},
    {.name = "import",
     .args = "",
     .summary = "Brings in a key in clear; only where the configuration allows it",
     CLI_TABLE(import_options),
     .run = import_run,
     .more = "Example:\n  onecardctl key import --purpose purchase --alg 3des --version 1 --clear "
             "- <key.hex"},
    {.name = "list",
     .args = "",
     .summary = "Lists the keys with their check values",
     .run = list_run},
};
const struct cli_noun noun_key = CLI_NOUN("key", "card master keys", commands);
