/* What every verb is given: where the site is, how to answer, the way to the daemon. */
#ifndef ONECARDCTL_CTL_H
#define ONECARDCTL_CTL_H

#include "api.h"
#include "cli.h"
#include "out.h"

#define CTL_PATH 1024

struct ctl {
    FILE *out, *err;
    const char *dir;    /* --dir, ONECARD_DIR or NULL */
    const char *socket; /* --socket or NULL */
    bool json, zh, colour;
    struct api *api; /* made at the first call */
    bool said;       /* why it failed */
    bool moved;      /* what was asked is done and must not be asked again, even if nobody reads of it */
};

/** The whole program. `out` gets answers, `err` everything else. Returns an enum ctl_exit. */
int ctl_main(int argc, char **argv, FILE *out, FILE *err);

/** One line "onecardctl: …" to `err`; returns CTL_FAILED. */
int ctl_fail(struct ctl *c, const char *fmt, ...) PRINTF_FN(2, 3);
/** The same for what the caller typed; returns CTL_USAGE. */
int ctl_usage(struct ctl *c, const char *fmt, ...) PRINTF_FN(2, 3);

/** What cli_body()'s NULL means, to `err`; its exit status. */
int ctl_no_body(struct ctl *c);

/** One API call; `body` may be NULL and stays the caller's. CTL_DONE: *ret_json is the answer (the
 * caller's to json_decref). CTL_FAILED: it was said why, on `err` and with --json on `out` too.
 * Blocks, at most `timeout_ms` (0: 30 s). */
int ctl_call(struct ctl *c, const char *method, const char *path, const json_t *body,
             int timeout_ms, json_t **ret_json) MUST_USE;
/** ctl_call with the body that the options make. */
int ctl_send(struct ctl *c, const struct cli_args *a, const char *method, const char *path,
             json_t **ret_json) MUST_USE;
/** Says what an answer of status 400 and above means; returns CTL_FAILED. */
int ctl_api_error(struct ctl *c, const struct api_answer *answer);
/** Makes c->api. CTL_FAILED: it was said why. */
int ctl_connect(struct ctl *c) MUST_USE;

/** GET of one thing; prints it whole. */
int ctl_show(struct ctl *c, const char *path);
/** GET of a page of `path` (with the options limit, after and further query members) as a table. */
struct ctl_list {
    const char *path; /* may have a query of its own */
    const struct out_column *columns;
    size_t column_count;
    const char *const *
        query; /* options that become query members: "option" or "option=member"; NULL-terminated */
    const char *empty; /* what to say of an empty list */
};
int ctl_list(struct ctl *c, const struct cli_args *a, const struct ctl_list *l);

/** "/v1/cards/" and the percent-encoded word. `out` of at least 512 bytes; returns it. */
const char *ctl_path(char out[512], const char *prefix, const char *word, const char *suffix);

#define CTL_PAGE_OPTIONS                                                                           \
    {.name = "limit",                                                                              \
     .value = "N",                                                                                 \
     .kind = CLI_INT,                                                                              \
     .min = 1,                                                                                     \
     .max = 500,                                                                                   \
     .help = "at most so many lines"},                                                             \
    {                                                                                              \
        .name = "after", .value = "CURSOR", .kind = CLI_TEXT,                                      \
        .help = "go on where the last page ended"                                                  \
    }

#endif
