/* Status, services, flows, metrics, reload: the daemon about itself. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int64_t memory_kib(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    (void)fclose(f);
    return (int64_t)resident * sysconf(_SC_PAGESIZE) / 1024;
}

struct reader_list {
    const struct serve *s;
    json_t *items;
};

static void add_reader(struct reader *r, void *arg)
{
    struct reader_list *l = arg;
    json_t *ids = json_array();
    LIST_EACH(at, &l->s->stations)
    {
        const struct station *st = CONTAINER_OF(at, struct station, link);
        if (st->lane && st->lane->reader == r && !st->row.t.closed)
            json_array_append_new(ids, json_text(st->row.t.id));
    }
    json_array_append_new(l->items, json_pack("{s:o, s:s, s:o, s:I}", "name", json_text(r->name),
                                              "state", reader_state_name(r->state), "terminals",
                                              ids, "arrival", (json_int_t)r->arrival));
}

static const char *station_state(const struct station *st)
{
    if (st->row.t.closed)
        return "closed";
    if (st->session)
        return "connected";
    if (!st->lane)
        return "no_reader";
    if (st->lane->reader->state == READER_GONE)
        return "reader_gone";
    if (st->lane->reader->state == READER_MUTE)
        return "reader_mute";
    if (st->busy || st->lane->lock.owner)
        return "busy";
    return st->flow ? "watching" : "idle";
}

/* Those with a reader of this machine, and of the others the first hundred: a city has thousands,
 * which GET /v1/terminals and /v1/sessions list by pages. */
#define REMOTE_SHOWN 100

static json_t *terminals_json(const struct serve *s, unsigned *ret_all, unsigned *ret_connected)
{
    json_t *list = json_array();
    unsigned remote = 0;
    *ret_all = *ret_connected = 0;
    LIST_EACH(at, &s->stations)
    {
        const struct station *st = CONTAINER_OF(at, struct station, link);
        (*ret_all)++;
        if (st->session)
            (*ret_connected)++;
        if (!st->lane && remote++ >= REMOTE_SHOWN)
            continue;
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:s, s:o, s:o}", "id", json_text(st->row.t.id), "kind",
                            json_text(st->row.t.kind), "state", station_state(st), "gate",
                            json_text_or_null(st->row.t.gate), "last",
                            st->last ? result_json(s, st->last) : json_null()));
    }
    return list;
}

static json_t *alarms_json(const struct serve *s)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < ALARM_COUNT; i++)
        if (s->alarms[i].since_ms != 0)
            json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "kind", watch_alarm_name(i),
                                                  "text", s->alarms[i].text, "since",
                                                  json_time(s, s->alarms[i].since_ms)));
    return list;
}

static json_t *modules_json(const struct serve *s)
{
    json_t *list = json_array();
    const struct onecard_module *before = NULL;
    for (size_t i = 0; i < module_service_count(s->modules); i++) {
        const struct onecard_module *m = service_module(module_service_at(s->modules, i));
        if (m != before)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", m->name, "version",
                                                  m->version, "title", m->title_en));
        before = m;
    }
    return list;
}

static int get_status(struct api_call *c) CO_FN;
static int get_status(struct api_call *c)
{
    struct serve *s = c->s;
    struct ledger_stats st;
    const char *why = "";
    bool healthy = ledger_healthy(s->ledger, &why);
    ledger_stats(s->ledger, &st);
    int64_t oldest = st.open_txns > 0 ? watch_co_oldest_doubt(s) / 1000 : 0;
    struct reader_list readers = {.s = s, .items = json_array()};
    readers_each(s->readers, add_reader, &readers);
    c->reply = json_pack(
        "{s:s, s:o, s:b, s:b, s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:I}", "version", ONECARD_VERSION,
        "site", json_text(s->fixed->site.name), "ready", s->ready, "healthy", healthy,
        "health_reason", healthy ? json_null() : json_text_or_null(why), "uptime_s",
        (json_int_t)((clock_mono_ns(s->env.clock) - s->started_ns) / NS_PER_S), "open_day",
        json_date(st.open_day), "city_time", json_time(s, serve_now_ms(s)), "journal_seq",
        (json_int_t)st.journal_seq, "open_doubts", (json_int_t)st.open_txns, "oldest_doubt_s",
        (json_int_t)oldest, "cards", (json_int_t)st.cards);
    if (!c->reply)
        return 0;
    json_object_set_new(c->reply, "issuer", json_hex(s->fixed->site.issuer, OC_ISSUER_LEN));
    json_object_set_new(c->reply, "pcscd", json_boolean(s->pcsc && pcsc_connected(s->pcsc)));
    json_object_set_new(c->reply, "software_sam", json_boolean(s->fixed->sam.software));
    json_object_set_new(c->reply, "readers", readers.items);
    unsigned all, connected;
    json_object_set_new(c->reply, "terminals", terminals_json(s, &all, &connected));
    json_object_set_new(c->reply, "terminals_all", json_integer(all));
    json_object_set_new(c->reply, "terminals_connected", json_integer(connected));
    json_object_set_new(c->reply, "alarms", alarms_json(s));
    json_object_set_new(c->reply, "modules", modules_json(s));
    json_object_set_new(c->reply, "memory_kib", json_integer(memory_kib()));
    json_object_set_new(c->reply, "wal_bytes", json_integer(st.wal_bytes));
    json_object_set_new(c->reply, "queue", json_integer(st.queue));
    json_object_set_new(c->reply, "flows", json_integer(loop_flows(s->loop)));
    return 0;
}

/* ---- services ---- */

static json_t *needs_json(unsigned needs)
{
    static const struct {
        unsigned bit;
        const char *name;
    } words[] = {{OC_NEEDS_CARD, "card"},         {OC_NEEDS_AMOUNT, "amount"},
                 {OC_NEEDS_BALANCE, "balance"},   {OC_NEEDS_LOG, "log"},
                 {OC_NEEDS_ORIGINAL, "original"}, {OC_NEEDS_OPERATOR, "operator"},
                 {OC_TAKES_NUMBER, "or_number"},
                 {OC_NEEDS_ACCOUNT, "account"},
                 {OC_NEEDS_JOURNEY, "journey"},
                 {OC_NEEDS_PIN, "pin"},
                 {OC_NEEDS_CITIZEN, "citizen"},
                 {OC_NEEDS_PRESENCE, "presence"},
                 {OC_NEEDS_DOCUMENT, "document"},
                 {OC_BY_PARTICIPANT, "by_institution"},
                 {OC_ASKABLE, "askable"},
                 {OC_SEES_PERSON, "sees_person"}};
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (needs & words[i].bit)
            json_array_append_new(list, json_string(words[i].name));
    return list;
}

static int get_services(struct api_call *c) CO_FN;
static int get_services(struct api_call *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < module_service_count(c->s->modules); i++) {
        const struct service *svc = module_service_at(c->s->modules, i);
        const struct onecard_service *abi = service_abi(svc);
        json_t *params = json_array();
        for (size_t p = 0; p < abi->param_count; p++)
            json_array_append_new(params, json_pack("{s:s, s:s?, s:b}", "name", abi->params[p].name,
                                                    "help", abi->params[p].help_en, "required",
                                                    abi->params[p].required));
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s?, s:s, s:o, s:o, s:b}", "name",
                                              abi->name, "title_en", abi->title_en, "title_zh",
                                              abi->title_zh, "module", service_module(svc)->name,
                                              "needs", needs_json(service_needs(svc)), "params", params,
                                              "disabled", service_disabled(svc)));
    }
    c->reply = api_page(list, json_null());
    return 0;
}

/* ---- flows, metrics, reload ---- */

static void add_flow(const char *name, const char *note, int64_t age_ms, const char *state,
                     void *arg)
{
    json_array_append_new(arg, json_pack("{s:o, s:o, s:I, s:s}", "name", json_text(name), "note",
                                         note ? json_text(note) : json_null(), "age_ms",
                                         (json_int_t)age_ms, "state", state));
}

static int get_flows(struct api_call *c) CO_FN;
static int get_flows(struct api_call *c)
{
    json_t *list = json_array();
    flow_list(c->s->loop, add_flow, list);
    c->reply = api_page(list, json_null());
    return 0;
}

static int get_metrics(struct api_call *c) CO_FN;
static int get_metrics(struct api_call *c)
{
    struct buf out;
    watch_co_gauges(c->s);
    buf_init(&out, 0);
    metrics_print(c->s->metrics, &out);
    c->text = arena_strdup(flow_arena(), buf_cstr(&out));
    buf_fini(&out);
    return 0;
}

static int post_reload(struct api_call *c) CO_FN;
static int post_reload(struct api_call *c)
{
    struct buf errors;
    struct reload_left left;
    int rc = api_fields(c, NULL, 0);
    if (rc != 0)
        return rc;
    buf_init(&errors, 64 * 1024);
    rc = reload_co(c->s, &errors, &left);
    if (rc == 0) {
        json_t *list = json_array();
        for (unsigned i = 0; i < left.count; i++)
            json_array_append_new(list, json_string(left.section[i]));
        c->reply = json_pack("{s:b, s:o}", "reloaded", 1, "restart_for", list);
    } else {
        rc = api_fail(c, 409, "bad_configuration", "%s", buf_cstr(&errors));
    }
    buf_fini(&errors);
    return rc;
}

const struct api_route api_status_routes[] = {
    {"GET", "/v1/status", get_status, NULL},   {"GET", "/v1/services", get_services, NULL},
    {"GET", "/v1/flows", get_flows, NULL},     {"GET", "/metrics", get_metrics, NULL},
    {"POST", "/v1/reload", post_reload, NULL}, {NULL, NULL, NULL, NULL}};
