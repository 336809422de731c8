/* The table of the daemon's configuration keys, and what single rows cannot check. */
#include "serve/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf_item site_items[] = {
    {CONF_AT(struct serve_site, name, CONF_STRING), .min = 1, .max = 63, .required = true,
     .help = "Name of the site, for people."},
    {CONF_AT(struct serve_site, issuer, CONF_HEX), .required = true,
     .help = "The issuer id of this site's cards: bytes 0 to 7 of their file 0015."},
    {CONF_AT(struct serve_site, shard, CONF_INT), .min = 0, .max = 255, .dflt = "0",
     .help = "Number of this ledger among those of the city; it is part of every transaction id."},
};
static const struct conf_schema site_schema = CONF_SCHEMA(struct serve_site, site_items, NULL);

/* "08:00" to minutes; false: not in this form. */
static bool read_offset(const char *s, int *ret)
{
    static const char form[] = "dd:dd";
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
            return false;
    *ret = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 + s[4] - '0';
    return s[5] == '\0' && s[3] < '6' && *ret <= 14 * 60;
}

static void check_city(const struct conf_check *c, void *value)
{
    struct serve_city *city = value;
    const char *s = city->utc_offset;
    int minute = 0;
    if ((s[0] != '+' && s[0] != '-') || !read_offset(s + 1, &minute)) {
        conf_complain(c, "utc_offset", "'utc_offset' must look like \"+08:00\", up to 14 hours");
        return;
    }
    city->offset_min = s[0] == '-' ? -minute : minute;
}
static const struct conf_item city_items[] = {
    {CONF_AT(struct serve_city, utc_offset, CONF_STRING), .min = 6, .max = 6, .dflt = "+08:00",
     .help = "The city's time, east of UTC: the one the ledger was made with. The machine's time "
             "zone is never used."},
};
static const struct conf_schema city_schema =
    CONF_SCHEMA(struct serve_city, city_items, check_city);

static const struct conf_item settlement_items[] = {
    {CONF_AT(struct serve_settlement, cutover, CONF_TIME_OF_DAY), .dflt = "00:00",
     .help = "City time at which the clearing day closes and the next one opens."},
    {CONF_AT(struct serve_settlement, at, CONF_TIME_OF_DAY), .dflt = "02:00",
     .help = "City time of the settlement run over the closed days."},
};
static const struct conf_schema settlement_schema =
    CONF_SCHEMA(struct serve_settlement, settlement_items, NULL);

static const struct conf_item paths_items[] = {
    {CONF_AT(struct serve_paths, ledger, CONF_PATH), .min = 1, .max = 4000, .dflt = "ledger.db",
     .help = "The ledger. Relative paths count from this file's folder."},
    {CONF_AT(struct serve_paths, keystore, CONF_PATH), .min = 1, .max = 4000, .dflt = "keystore",
     .help = "The sealed key store."},
    {CONF_AT(struct serve_paths, passphrase_file, CONF_PATH), .max = 4000,
     .help = "First line: the key store's passphrase, where it has one. Absent: the credential "
             "\"passphrase\" of the service manager."},
    {CONF_AT(struct serve_paths, profiles, CONF_PATH), .max = 4000,
     .help = "Folder of card profiles. Absent: the folder profiles beside this file, else the "
             "installed ones."},
    {CONF_AT(struct serve_paths, modules, CONF_PATH), .max = 4000,
     .help = "Folder of backend modules. Absent: the installed ones."},
    {CONF_AT(struct serve_paths, settlement, CONF_PATH), .min = 1, .max = 4000,
     .dflt = "settlement", .help = "Where settlement files are published."},
};
static const struct conf_schema paths_schema = CONF_SCHEMA(struct serve_paths, paths_items, NULL);

static void check_api(const struct conf_check *c, void *value)
{
    struct serve_api *api = value;
    char *end = NULL;
    unsigned long bits = strtoul(api->mode, &end, 8);
    if (strlen(api->mode) != 4 || *end != '\0' || bits > 0777 || (bits & 0007) != 0)
        conf_complain(c, "mode",
                      "'mode' must be four octal digits such as \"0660\", with nothing "
                      "for others");
    else
        api->mode_bits = (unsigned)bits;
    if (strlen(api->socket) > 107)
        conf_complain(c, "socket", "'socket' is longer than the 107 bytes a Unix socket may have");
}
static const struct conf_item api_items[] = {
    {CONF_AT(struct serve_api, socket, CONF_PATH), .min = 1, .max = 4000,
     .dflt = "run/onecardd.sock", .help = "Unix socket of the HTTP+JSON API."},
    {CONF_AT(struct serve_api, mode, CONF_STRING), .min = 4, .max = 4, .dflt = "0660",
     .help = "Permission bits of the socket."},
    {CONF_AT(struct serve_api, users, CONF_LIST), .max = 64,
     .help = "Users that may ask, besides root and the daemon's own user."},
    {CONF_AT(struct serve_api, groups, CONF_LIST), .max = 64,
     .help = "Groups whose members may ask."},
    {CONF_AT(struct serve_api, max_requests, CONF_INT), .min = 8, .max = 4096, .dflt = "256",
     .help = "HTTP requests at work at one time; more are answered 503."},
};
static const struct conf_schema api_schema = CONF_SCHEMA(struct serve_api, api_items, check_api);

static const struct conf_item requests_items[] = {
    {CONF_AT(struct serve_requests, max, CONF_INT), .min = 1, .max = 4096, .dflt = "256",
     .help = "Card requests that wait or run at one time; more are answered 503."},
    {CONF_AT(struct serve_requests, keep, CONF_INT), .min = 1, .max = 10000, .dflt = "1000",
     .help = "Finished requests whose result can still be asked for."},
    {CONF_KEY(struct serve_requests, "keep_for", keep_ms, CONF_DURATION), .min = 10000,
     .max = 86400000, .dflt = "10m", .help = "How long a finished request is kept."},
    {CONF_KEY(struct serve_requests, "lease", lease_ms, CONF_DURATION), .min = 1000, .max = 600000,
     .dflt = "10s",
     .help = "A request that nobody asked about for so long is cancelled before it charges."},
};
static const struct conf_schema requests_schema =
    CONF_SCHEMA(struct serve_requests, requests_items, NULL);

static const struct conf_item keys_items[] = {
    {CONF_AT(struct serve_keys, allow_clear, CONF_BOOL), .dflt = "false",
     .help = "Take card master keys in clear over the API. Test sites only."},
};
static const struct conf_schema keys_schema = CONF_SCHEMA(struct serve_keys, keys_items, NULL);

static const struct conf_item sam_items[] = {
    {CONF_AT(struct serve_sam, software, CONF_BOOL), .dflt = "false",
     .help = "Compute purchase MACs here from the city-wide key, without a SAM. Test sites only."},
};
static const struct conf_schema sam_schema = CONF_SCHEMA(struct serve_sam, sam_items, NULL);

static const struct conf_item ceiling_items[] = {
    {CONF_AT(struct serve_ceiling, anonymous, CONF_FEN), .dflt = "1000.00",
     .help = "Most that an unnamed card may hold."},
    {CONF_AT(struct serve_ceiling, named, CONF_FEN), .dflt = "5000.00",
     .help = "Most that a named card may hold."},
};
static const struct conf_schema ceiling_schema =
    CONF_SCHEMA(struct serve_ceiling, ceiling_items, NULL);

static const struct conf_item policy_items[] = {
    {CONF_AT(struct serve_policy, single_max, CONF_FEN), .dflt = "0.00",
     .help = "Most that one purchase may take; 0: no limit."},
    {CONF_AT(struct serve_policy, card_day_max, CONF_FEN), .dflt = "0.00",
     .help = "Most that one card may spend in a day; 0: no limit."},
    {CONF_AT(struct serve_policy, card_day_count, CONF_INT), .min = 0, .max = 100000, .dflt = "0",
     .help = "Purchases of one card in a day; 0: no limit."},
    {CONF_AT(struct serve_policy, terminal_day_max, CONF_FEN), .dflt = "0.00",
     .help = "Most that one terminal may take in a day; 0: no limit."},
    {CONF_AT(struct serve_policy, load_quota, CONF_FEN), .dflt = "100000.00",
     .help = "How much cash for loads a new participant may owe (R7)."},
    {CONF_AT(struct serve_policy, ceiling, CONF_SECTION), .section = &ceiling_schema,
     .help = "Purse ceilings by kind of card (R20)."},
    {CONF_KEY(struct serve_policy, "loss_effective", loss_effective_ms, CONF_DURATION), .min = 0,
     .max = 604800000, .dflt = "24h",
     .help = "From a report of loss until the issuer bears what offline terminals still took."},
    {CONF_AT(struct serve_policy, loss_bearer, CONF_STRING), .min = 1, .max = 31,
     .dflt = "issuer",
     .help = "Whose bearer account pays what the holder of a lost card need not (R15)."},
    {CONF_KEY(struct serve_policy, "replacement", replacement_ms, CONF_DURATION), .min = 0,
     .max = INT64_C(366) * 86400000, .dflt = "168h",
     .help = "From when a loss took effect until the lost card's purse may go to another card."},
    {CONF_AT(struct serve_policy, offline_days, CONF_INT), .min = 0, .max = 3660, .dflt = "180",
     .help = "Records of offline terminals older than so many days are too late; 0: none is."},
    {CONF_KEY(struct serve_policy, "command", command_ms, CONF_DURATION), .min = 200, .max = 60000,
     .dflt = "3s", .help = "Patience with one card command."},
};
static const struct conf_schema policy_schema =
    CONF_SCHEMA(struct serve_policy, policy_items, NULL);

static const struct conf_item desk_items[] = {
    {CONF_KEY(struct serve_desk, "wait", wait_ms, CONF_DURATION), .min = 0, .max = 600000,
     .dflt = "30s", .help = "How long a request waits for a card where it does not say."},
    {CONF_KEY(struct serve_desk, "retap", retap_ms, CONF_DURATION), .min = 0, .max = 600000,
     .dflt = "15s", .help = "How long it then waits for a torn card to come back."},
};
static const struct conf_schema desk_schema = CONF_SCHEMA(struct serve_desk, desk_items, NULL);

static const struct conf_item gate_items[] = {
    {CONF_KEY(struct serve_gate, "retap", retap_ms, CONF_DURATION), .min = 0, .max = 600000,
     .dflt = "5s",
     .help = "How long a gate waits for a torn card; a terminal's parameter retap (seconds) wins."},
};
static const struct conf_schema gate_schema = CONF_SCHEMA(struct serve_gate, gate_items, NULL);

static const struct conf_item readers_items[] = {
    {CONF_AT(struct serve_readers, pcsc, CONF_BOOL), .dflt = "true",
     .help = "Use the PC/SC readers of this machine (pcscd)."},
};
static const struct conf_schema readers_schema =
    CONF_SCHEMA(struct serve_readers, readers_items, NULL);

static const struct conf_word level_words[] = {
    {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {NULL, 0}};
static const struct conf_item log_items[] = {
    {CONF_AT(struct serve_log, level, CONF_ENUM), .words = level_words, .dflt = "info",
     .help = "Lines above this level are not written."},
};
static const struct conf_schema log_schema = CONF_SCHEMA(struct serve_log, log_items, NULL);

static const struct conf_item watch_items[] = {
    {CONF_KEY(struct serve_watch, "doubt_age", doubt_age_ms, CONF_DURATION), .min = 60000,
     .max = INT64_C(31) * 86400000, .dflt = "24h",
     .help = "A doubt older than this is named in the log once a day."},
    {CONF_KEY(struct serve_watch, "checkpoint_age", checkpoint_age_ms, CONF_DURATION), .min = 10000,
     .max = 86400000, .dflt = "10m",
     .help = "A write-ahead log that was not copied into the ledger for so long raises an alarm."},
    {CONF_KEY(struct serve_watch, "message_age", message_age_ms, CONF_DURATION), .min = 1000,
     .max = INT64_C(31) * 86400000, .dflt = "1h",
     .help = "A message to an institution that waits longer than this raises an alarm."},
    {CONF_KEY(struct serve_watch, "fetch_age", fetch_age_ms, CONF_DURATION), .min = 1000,
     .max = INT64_C(366) * 86400000, .dflt = "30d",
     .help = "A message that an institution without a route did not fetch for so long is dead: a "
             "person must look."},
    {CONF_AT(struct serve_watch, wal_mib, CONF_INT), .min = 16, .max = 65536, .dflt = "256",
     .help = "A write-ahead log larger than this many MiB raises an alarm."},
};
static const struct conf_schema watch_schema = CONF_SCHEMA(struct serve_watch, watch_items, NULL);

static const char *const default_modules[] = {"payment", "transit", "card"};

static void check_config(const struct conf_check *c, void *value)
{
    struct serve_config *cfg = value;
    const struct conf_node *m = cfg->modules;
    cfg->module_names = default_modules;
    cfg->module_count = ARRAY_LEN(default_modules);
    if (!m || conf_is_null(m))
        return;
    if (m->kind == CONF_SCALAR) {
        conf_complain_at(c, m, "'modules' must be a list of names, or names with their sections");
        return;
    }
    const char **names = arena_alloc(c->arena, (m->count + 1) * sizeof(*names));
    size_t n = 0;
    for (const struct conf_node *it = m->first; it && names; it = it->next) {
        if (m->kind == CONF_SEQUENCE && it->kind != CONF_SCALAR)
            conf_complain_at(c, it,
                             "a list of modules has names only; to give sections, write "
                             "'name:' lines");
        else
            names[n++] = m->kind == CONF_SEQUENCE ? it->text : it->key;
    }
    cfg->module_names = names;
    cfg->module_count = names ? n : 0;
}

#define SECTION(name, text)                                                                        \
    {                                                                                              \
        CONF_AT(struct serve_config, name, CONF_SECTION), .section = &name##_schema, .help = text  \
    }
static const struct conf_item config_items[] = {
    {CONF_AT(struct serve_config, site, CONF_SECTION), .section = &site_schema, .required = true,
     .help = "Who this site is."},
    SECTION(city, "Where it is."),
    SECTION(settlement, "The night."),
    SECTION(paths, "Files and folders."),
    SECTION(api, "The door for operators and other programs."),
    {CONF_AT(struct serve_config, terminals, CONF_SECTION), .section = &serve_terminals_schema,
     .help = "The door for terminals over the network (TLS)."},
    SECTION(requests, "Card requests at local terminals."),
    SECTION(keys, "Card master keys."),
    SECTION(sam, "Where purchase MACs are computed."),
    SECTION(policy, "Limits (amounts in yuan). Changed by a reload, without a restart."),
    SECTION(desk, "Terminals where an operator asks. Changed by a reload."),
    SECTION(gate, "Terminals that serve each arriving card. Changed by a reload."),
    SECTION(readers, "Card readers."),
    SECTION(log, "The log, on stderr. Changed by a reload."),
    SECTION(watch, "What the daemon reminds of by itself. Changed by a reload."),
    {CONF_AT(struct serve_config, institutions, CONF_SECTION), .section = &serve_institutions_schema,
     .help = "The door for institutions' own systems (HTTPS, each request signed)."},
    {CONF_AT(struct serve_config, retention, CONF_SECTION), .section = &serve_retention_schema,
     .help = "How long citizens' documents outlive the wish to be forgotten. Changed by a reload."},
    {CONF_AT(struct serve_config, copy, CONF_SECTION), .section = &serve_copy_schema,
     .help = "Doors for a second copy of the ledger, kept by onecard-copy."},
    {CONF_AT(struct serve_config, upstreams, CONF_SECTION_MAP), .section = &serve_upstream_schema,
     .max = 4096,
     .help = "Routes to the systems of institutions, by the participant's id. Changed by a reload, with their files."},
    {CONF_AT(struct serve_config, modules, CONF_TREE),
     .help = "Backend modules to load: a list [payment, transit], or each name with its section."},
};
static const struct conf_schema config_schema =
    CONF_SCHEMA(struct serve_config, config_items, check_config);

const struct conf_schema *serve_config_schema(void)
{
    return &config_schema;
}

const struct conf_node *serve_module_conf(const struct serve_config *c)
{
    return c->modules && c->modules->kind == CONF_MAPPING ? c->modules : NULL;
}
