/* From the command line to the verb and back to an exit status; and what verbs have in common: the
 * way to the daemon, one clear sentence for each way in which that fails. */
#include "ctl.h"

#include "memory.h"
#include "site.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void vsay(struct ctl *c, const char *fmt, va_list ap) PRINTF_FN(2, 0);
static void vsay(struct ctl *c, const char *fmt, va_list ap)
{
    char *text = NULL;
    c->said = true;
    (void)fputs("onecardctl: ", c->err);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL; /* undefined after a failure */
    out_text(c->err, text ? text : "out of memory");
    free(text);
    (void)fputc('\n', c->err);
}

int ctl_fail(struct ctl *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsay(c, fmt, ap);
    va_end(ap);
    return CTL_FAILED;
}

int ctl_usage(struct ctl *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsay(c, fmt, ap);
    va_end(ap);
    return CTL_USAGE;
}

int ctl_no_body(struct ctl *c)
{
    return memory_missed() ? ctl_fail(c, "out of memory")
                           : ctl_usage(c, "a value is not UTF-8 text");
}

/* ---- the way to the daemon ---- */

static int no_connection(struct ctl *c, const struct site_paths *s, const char *socket)
{
    struct stat st;
    int why = api_probe(socket);
    if (why == ENOENT || why == ECONNREFUSED) {
        if (s && access(s->config, F_OK) != 0 && errno == ENOENT)
            return ctl_fail(c,
                            "%s holds no site (there is no onecardd.yaml): 'onecardctl init --dir "
                            "%s' makes one",
                            s->dir, s->dir);
        if (s)
            return ctl_fail(c,
                            "onecardd does not run for the site %s: start it with 'onecardd -c %s'",
                            s->dir, s->config);
        return ctl_fail(c, "nobody listens at %s: does onecardd run?", socket);
    }
    if (why == EACCES) {
        const struct group *g = stat(socket, &st) == 0 ? getgrgid(st.st_gid) : NULL;
        return ctl_fail(
            c, "you may not use the socket %s: ask to be let into its group%s%s, or use sudo",
            socket, g ? " " : "", g ? g->gr_name : "");
    }
    return ctl_fail(c, "the socket %s: %s", socket,
                    why == 0 ? "the daemon is too busy to answer" : strerror(why));
}

int ctl_connect(struct ctl *c)
{
    struct site_paths *s = NULL;
    int rc = CTL_DONE;
    if (c->api)
        return CTL_DONE;
    if (!c->socket) {
        s = malloc(sizeof *s);
        rc = s ? site_find(c, s) : ctl_fail(c, "out of memory");
    }
    const char *socket = c->socket ? c->socket : s ? s->socket : "";
    if (rc == CTL_DONE && api_probe(socket) != 0)
        rc = no_connection(c, s, socket);
    if (rc == CTL_DONE && api_new(socket, &c->api) != 0)
        rc = ctl_fail(c, "out of memory");
    free(s);
    return rc;
}

int ctl_api_error(struct ctl *c, const struct api_answer *answer)
{
    const json_t *error = json_object_get(answer->json, "error");
    const char *message =
        json_string_value(json_is_object(error) ? json_object_get(error, "message")
                                                : json_object_get(answer->json, "message"));
    if (c->json && answer->json)
        out_json(c->out, answer->json);
    if (message)
        return ctl_fail(c, "%s", message);
    if (answer->status < 400)
        return ctl_fail(c,
                        "the daemon did what was asked, but its answer cannot be read%s: look "
                        "before asking again",
                        memory_missed() ? " (out of memory)" : "");
    return ctl_fail(c, "the daemon answered with HTTP status %ld and no explanation",
                    answer->status);
}

int ctl_call(struct ctl *c, const char *method, const char *path, const json_t *body,
             int timeout_ms, json_t **ret_json)
{
    struct api_answer answer = {0};
    int rc = ctl_connect(c);
    if (rc != CTL_DONE)
        return rc;
    int err = api_call(c->api, method, path, body, timeout_ms > 0 ? timeout_ms : 30000, &answer);
    if (err == OC_ENOMEM)
        return ctl_fail(c, "out of memory: nothing was asked of the daemon");
    if (err == OC_ETIMEDOUT)
        return ctl_fail(c, "the daemon did not answer in time; what was asked may still be done");
    if (err != 0)
        return ctl_fail(c, "the daemon gave no proper answer: %s", api_error(c->api));
    if (answer.status >= 400 || !answer.json) {
        rc = ctl_api_error(c, &answer);
        api_answer_fini(&answer);
        return rc;
    }
    *ret_json = answer.json;
    return CTL_DONE;
}

int ctl_send(struct ctl *c, const struct cli_args *a, const char *method, const char *path,
             json_t **ret_json)
{
    json_t *body = cli_body(a);
    int rc = body ? ctl_call(c, method, path, body, 0, ret_json) : ctl_no_body(c);
    json_decref(body);
    return rc;
}

int ctl_show(struct ctl *c, const char *path)
{
    json_t *j = NULL;
    int rc = ctl_call(c, "GET", path, NULL, 0, &j);
    if (rc == CTL_DONE)
        out_answer(c, j);
    json_decref(j);
    return rc;
}

/* ---- paths and lists ---- */

static size_t encode(char *out, size_t cap, const char *word)
{
    size_t n = 0;
    for (const unsigned char *s = (const unsigned char *)word; *s != '\0' && n + 4 < cap; s++) {
        if (isalnum(*s) || strchr("-._~", *s))
            out[n++] = (char)*s;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", *s);
    }
    out[n] = '\0';
    return n;
}

const char *ctl_path(char out[512], const char *prefix, const char *word, const char *suffix)
{
    char safe[400];
    (void)encode(safe, sizeof safe, word);
    (void)snprintf(out, 512, "%s%s%s", prefix, safe, suffix);
    return out;
}

/* "option=member" asks option, sends member. */
static void add_query(struct buf *b, const struct cli_args *a, const char *spec, char *sep)
{
    char option[48], safe[400];
    const char *eq = strchr(spec, '=');
    (void)snprintf(option, sizeof option, "%.*s", (int)(eq ? (size_t)(eq - spec) : strlen(spec)),
                   spec);
    const char *v = cli_text(a, option);
    if (!v)
        return;
    (void)encode(safe, sizeof safe, v);
    buf_printf(b, "%c%s=%s", *sep, eq ? eq + 1 : option, safe);
    *sep = '&';
}

int ctl_list(struct ctl *c, const struct cli_args *a, const struct ctl_list *l)
{
    struct buf path;
    char sep = strchr(l->path, '?') ? '&' : '?';
    json_t *j = NULL;
    buf_init(&path, 4096);
    buf_puts(&path, l->path);
    for (const char *const *q = l->query; q && *q; q++)
        add_query(&path, a, *q, &sep);
    int rc = path.err ? ctl_fail(c, "out of memory") /* with a filter less it would be another list */
                      : ctl_call(c, "GET", buf_cstr(&path), NULL, 0, &j);
    buf_fini(&path);
    if (rc != CTL_DONE)
        return rc;
    const json_t *items = json_object_get(j, "items");
    if (!json_is_array(items)) {
        json_decref(j);
        return ctl_fail(c, "the daemon's answer to %s holds no list", l->path);
    }
    char *next = out_cell(c, j, &(struct out_column){.path = "next"});
    if (c->json)
        out_json(c->out, j);
    else if (json_array_size(items) == 0)
        (void)fprintf(c->out, "%s\n", l->empty);
    else
        out_table(c, items, l->columns, l->column_count);
    if (!c->json && next && *next != '\0')
        (void)fprintf(c->err, "there are more: --after %s\n", next);
    free(next);
    json_decref(j);
    return CTL_DONE;
}

/* ---- the program ---- */

static bool wants_zh(const struct cli_globals *g)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    if (g->lang)
        return strncmp(g->lang, "zh", 2) == 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *v = getenv(names[i]);
        if (v && *v != '\0')
            return strncmp(v, "zh", 2) == 0;
    }
    return false;
}

static bool wants_colour(FILE *out)
{
    int fd = fileno(out);
    const char *no = getenv("NO_COLOR");
    return fd >= 0 && isatty(fd) == 1 && !(no && *no != '\0');
}

static int run(struct ctl *c, const struct cli_globals *g, const struct cli_args *a)
{
    const char *env = getenv("ONECARD_DIR");
    if (g->version) {
        (void)fprintf(c->out, "onecardctl %s\n", ONECARD_VERSION);
        return CTL_DONE;
    }
    if (g->help) {
        cli_help(c->out, a->noun, a->command);
        return CTL_DONE;
    }
    if (g->lang && strcmp(g->lang, "en") != 0 && strncmp(g->lang, "zh", 2) != 0)
        return ctl_usage(c, "--lang '%s' is not en or zh", g->lang);
    c->dir = g->dir ? g->dir : env && *env != '\0' ? env : NULL;
    c->socket = g->socket;
    c->json = g->json;
    c->zh = wants_zh(g);
    c->colour = !g->json && wants_colour(c->out);
    return a->command->run(c, a);
}

int ctl_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct ctl c = {.out = out, .err = err};
    struct cli_globals g;
    struct cli_args a;
    memory_watch();
    int rc = cli_parse(argc, argv, err, &g, &a);
    if (rc == CTL_DONE)
        rc = run(&c, &g, &a);
    cli_args_fini(&a);
    api_free(&c.api);
    bool whole = fflush(out) == 0 && !ferror(out) && !memory_missed();
    if (!whole && (rc == CTL_DONE || !c.said))
        (void)ctl_fail(&c, "the answer could not be written whole%s%s",
                       memory_missed() ? ": out of memory" : "",
                       c.moved ? ", but what was asked is done: do not ask again" : "");
    if (!whole && rc == CTL_DONE)
        rc = c.moved ? CTL_DOUBT : CTL_FAILED;
    return rc;
}
