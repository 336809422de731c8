/* onecardctl card pin: the holder changes the PIN on the chip, or a clerk unblocks it. */
#include "pin.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

const struct cli_option pin_options[PIN_OPTIONS] = {
    {.name = "terminal",
     .value = "T",
     .field = "terminal",
     .required = true,
     .help = "the terminal on whose reader the card lies"},
    {.name = "pin",
     .value = "FILE",
     .max = 4095,
     .help = "where the PINs are read, a line each: the old one (change), the new one; - standard "
             "input (the default: typed by hand, unseen)"},
    {.name = "checked",
     .value = "TEXT",
     .max = 63,
     .help = "unblock (required): by what the holder was known, kept with the note"},
    {.name = "wait",
     .value = "S",
     .kind = CLI_SECONDS,
     .field = "wait_ms",
     .help = "seconds to wait for the card"},
};

static void wipe_member(json_t *body, const char *member)
{
    union {
        const char *shown;
        char *own;
    } pin = {.shown = json_string_value(json_object_get(body, member))};
    if (pin.own)
        secret_wipe(pin.own, json_string_length(json_object_get(body, member)));
}

void pin_drop_body(json_t *body)
{
    wipe_member(body, "pin");
    wipe_member(body, "new_pin");
    json_decref(body);
}

/* A line of the stream, typed unseen where somebody types. */
static bool read_line(struct ctl *c, FILE *f, const char *prompt, char *line, size_t cap)
{
    struct termios seen, unseen;
    bool by_hand = prompt && isatty(fileno(f)) && tcgetattr(fileno(f), &seen) == 0;
    if (by_hand) {
        unseen = seen;
        unseen.c_lflag &= (tcflag_t)~ECHO;
        (void)fprintf(c->err, "onecardctl: %s: ", prompt);
        (void)fflush(c->err);
        (void)tcsetattr(fileno(f), TCSAFLUSH, &unseen);
    }
    bool read = fgets(line, (int)cap, f) != NULL;
    if (by_hand) {
        (void)tcsetattr(fileno(f), TCSAFLUSH, &seen);
        (void)fputc('\n', c->err);
    }
    line[strcspn(line, "\r\n")] = '\0';
    return read;
}

static int add_line(struct ctl *c, FILE *f, const char *prompt, const char *member, json_t *body)
{
    char line[32] = "";
    bool read = read_line(c, f, prompt, line, sizeof line);
    bool digits = read && *line != '\0' && strspn(line, "0123456789") == strlen(line);
    int rc = digits && json_object_set_new(body, member, json_string(line)) == 0 ? 0 : 1;
    secret_wipe(line, sizeof line);
    return rc;
}

/* Unbuffered: no buffer of stdio's has the digits. */
static FILE *open_unseen(const char *file)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
    secret_harden_process(); /* not before: /dev/fd/N cannot be opened after it */
    if (f && setvbuf(f, NULL, _IONBF, 0) != 0 && f != stdin) {
        (void)fclose(f);
        f = NULL;
    }
    return f;
}

int pin_add(struct ctl *c, const char *file, const char *prompt, const char *member, json_t *body)
{
    FILE *f = open_unseen(file);
    int rc = f ? add_line(c, f, prompt, member, body) : 1;
    if (f && f != stdin)
        (void)fclose(f);
    return rc == 0 ? 0 : ctl_fail(c, "%s: no PIN can be read", file);
}

static int add_pins(struct ctl *c, const char *file, bool change, json_t *body)
{
    FILE *f = open_unseen(file);
    int rc = f ? 0 : 1;
    if (rc == 0 && change)
        rc = add_line(c, f, "old PIN 原密码", "pin", body);
    if (rc == 0)
        rc = add_line(c, f, "new PIN 新密码", "new_pin", body);
    if (f && f != stdin)
        (void)fclose(f);
    return rc == 0 ? 0
                   : ctl_fail(c, "%s: %s wanted, digits only", file,
                              change ? "a line with the old PIN and one with the new one are"
                                     : "a line with the new PIN is");
}

/* The ledger's id of the card that must lie there. */
static int find_card(struct ctl *c, const char *ref, json_t *params)
{
    char path[512];
    json_t *card = NULL;
    int rc = ctl_call(c, "GET", ctl_path(path, "/v1/cards/", ref, ""), NULL, 0, &card);
    if (rc == CTL_DONE && json_object_set(params, "card", json_object_get(card, "id")) != 0)
        rc = ctl_fail(c, "out of memory");
    json_decref(card);
    return rc;
}

int pin_run(struct ctl *c, const struct cli_args *a)
{
    const char *file = cli_text(a, "pin"), *checked = cli_text(a, "checked");
    bool change = strcmp(a->word[0], "change") == 0;
    if (!change && strcmp(a->word[0], "unblock") != 0)
        return ctl_usage(c, "card pin change CARD, or card pin unblock CARD");
    if (change && checked)
        return ctl_usage(c, "--checked goes with unblock");
    if (!change && !checked)
        return ctl_usage(c, "by what was the holder known? --checked \"identity card\"");
    json_t *body = cli_body(a), *params = json_object(), *result = NULL;
    if (!body || !params ||
        json_object_set_new(body, "service",
                            json_string(change ? "card.pin_change" : "card.pin_unblock")) != 0)
        return ctl_no_body(c);
    int rc = find_card(c, a->word[1], params);
    if (rc == CTL_DONE && checked)
        (void)json_object_set_new(params, "checked", json_string(checked));
    (void)json_object_set_new(body, "params", params);
    if (rc == CTL_DONE)
        rc = add_pins(c, file ? file : "-", change, body);
    if (rc == CTL_DONE)
        rc = run_request(c, "/v1/requests", body, &result);
    if (result)
        run_print(c, result);
    json_decref(result);
    pin_drop_body(body);
    return rc;
}
