/* The second copy as the daemon has it: its section of the configuration, its life, what is told of
 * it. What it does is in src/copy. */
#include "serve/api.h"

#include "copy/copy.h"

#include <string.h>

static void check_copy(const struct conf_check *c, void *value)
{
    struct serve_copy *p = value;
    struct serve_address a;
    if (p->socket && strlen(p->socket) > 107)
        conf_complain(c, "socket", "'socket' is longer than the 107 bytes a Unix socket may have");
    if (!p->listen)
        return;
    if (serve_listen_parse(p->listen, &a) != 0)
        conf_complain(c, "listen",
                      "'%.60s' is no address and port: write \"0.0.0.0:7445\" or \"[::]:7445\"",
                      p->listen);
    if (!p->certificate || !p->key || !p->authority || !p->follower)
        conf_complain(
            c, NULL,
            "with 'listen' go 'certificate', 'key', 'authority' and 'follower': `onecardctl "
            "copy init` makes them");
}

#define C struct serve_copy
static const struct conf_item copy_items[] = {
    {CONF_AT(C, socket, CONF_PATH), .max = 4000,
     .help = "Unix socket for a copy on another disk of this host, such as run/copy.sock. Absent: "
             "none."},
    {CONF_AT(C, listen, CONF_STRING), .min = 3, .max = 80,
     .help = "Address and port for a copy on another host (TLS), such as \"0.0.0.0:7445\". Absent: "
             "none."},
    {CONF_AT(C, certificate, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file of this side's certificate, for the name onecard-copy."},
    {CONF_AT(C, key, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file of its private key, without passphrase."},
    {CONF_AT(C, authority, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file: whom the copy's certificate must come from."},
    {CONF_AT(C, follower, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file of the copy's certificate: no other key is let in."},
    {CONF_KEY(C, "wait", wait_ms, CONF_DURATION), .min = 0, .max = 60000, .dflt = "0s",
     .help =
         "So long an answer waits until the copy has it as well; a copy that is later than this is "
         "not waited for until it is near again. 0: answers do not wait."},
    {CONF_KEY(C, "behind", behind_ms, CONF_DURATION), .min = 100, .max = 86400000, .dflt = "10s",
     .help = "A copy further behind than this, or away for so long, raises an alarm."},
};
#undef C
const struct conf_schema serve_copy_schema = CONF_SCHEMA(struct serve_copy, copy_items, check_copy);

static WORKER_FN int open_source(struct serve *s, const struct serve_copy *c)
{
    struct serve_address at = {.host = ""};
    int rc = c->listen ? serve_listen_parse(c->listen, &at) : 0;
    if (rc == 0 && c->listen)
        rc = serve_check_key_file("copy.key", c->key);
    if (rc != 0)
        return rc;
    const char *host = c->listen ? arena_printf(&s->arena, "%s", at.host) : NULL;
    const struct copy_source_opts o = {.loop = s->loop,
                                       .ledger = s->ledger,
                                       .metrics = s->metrics,
                                       .pool = s->pool,
                                       .socket = c->socket,
                                       .host = host,
                                       .port = at.port,
                                       .certificate = c->certificate,
                                       .key = c->key,
                                       .authority = c->authority,
                                       .follower = c->follower,
                                       .wait_ms = c->wait_ms};
    return c->listen && !host ? OC_ENOMEM : copy_source_new(&o, &s->copies);
}

int copies_open(struct serve *s)
{
    const struct serve_copy *c = &s->fixed->copy;
    if (!c->socket && !c->listen)
        return 0;
    int rc = open_source(s, c);
    if (rc != 0)
        log_error("serve", "the door for the second copy: %s (section copy)", oc_strerror(rc));
    return rc;
}

static void on_stop(struct loop_task *task)
{
    copy_source_stop(CONTAINER_OF(task, struct serve, copies_stop)->copies);
}

int copies_start(struct serve *s)
{
    if (!s->copies)
        return 0;
    int rc = copy_source_start(s->copies);
    s->copies_stop.fn = on_stop;
    if (rc == 0)
        loop_on_stop(s->loop, &s->copies_stop);
    else
        log_error("serve", "the door for the second copy: %s", oc_strerror(rc));
    return rc;
}

int64_t copies_behind_ms(const struct serve *s)
{
    return s->copies ? copy_source_behind_ms(s->copies) : 0;
}

void copies_close(struct serve *s)
{
    copy_source_free(&s->copies);
}

/* ---- told ---- */

static int get_copies(struct api_call *c) CO_FN;
static int get_copies(struct api_call *c)
{
    struct serve *s = c->s;
    struct copy_state rows[COPY_PEERS];
    struct ledger_stats st;
    json_t *list = json_array();
    unsigned n = s->copies ? copy_source_list(s->copies, rows) : 0;
    ledger_stats(s->ledger, &st);
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:b, s:o, s:I, s:I, s:I}", "name", json_text(rows[i].name),
                      "peer", json_text(rows[i].peer), "connected", rows[i].connected, "since",
                      json_time(s, rows[i].since_ms), "row", (json_int_t)rows[i].row, "behind_rows",
                      (json_int_t)rows[i].behind_rows, "behind_ms", (json_int_t)rows[i].behind_ms));
    c->reply = json_pack("{s:b, s:I, s:b, s:I, s:o}", "configured", s->copies != NULL, "row",
                         (json_int_t)st.journal_seq, "answers_wait", ledger_copy_waits(s->ledger),
                         "behind_ms", (json_int_t)copies_behind_ms(s), "items", list);
    return 0;
}

const struct api_route api_copy_routes[] = {{"GET", "/v1/copies", get_copies, NULL},
                                            {NULL, NULL, NULL, NULL}};
