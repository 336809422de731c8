/* The table of the agent's configuration keys, and what single rows cannot check. */
#include "terminal/config.h"

#include "terminal/terminal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool is_loopback(const char *host)
{
    uint8_t four[4], six[16];
    static const uint8_t one[16] = {[15] = 1};
    return (inet_pton(AF_INET, host, four) == 1 && four[0] == 127) ||
           (inet_pton(AF_INET6, host, six) == 1 && memcmp(six, one, sizeof one) == 0);
}

int address_split(const char *text, bool any, char host[HOST_MAX], int *ret_port)
{
    const char *colon = strrchr(text, ':');
    const char *from = text, *to = colon;
    char *end = NULL;
    if (!colon || colon == text)
        return OC_EINVAL;
    if (text[0] == '[') {
        from = text + 1;
        to = colon - 1;
        if (*to != ']')
            return OC_EINVAL;
    } else if (memchr(text, ':', (size_t)(colon - text))) {
        return OC_EINVAL; /* IPv6 without brackets */
    }
    long port = colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : -1;
    if (port < (any ? 0 : 1) || port > 65535 || *end != '\0' || to <= from || to - from >= HOST_MAX)
        return OC_EINVAL;
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *ret_port = (int)port;
    return 0;
}

static void check_switch(const struct conf_check *c, void *value)
{
    struct terminal_switch *sw = value;
    char host[HOST_MAX];
    int port;
    for (size_t i = 0; i < sw->addresses.count; i++)
        if (address_split(sw->addresses.items[i], false, host, &port) != 0)
            conf_complain(c, "addresses", "\"%.100s\" must look like \"switch.example:7443\"",
                          sw->addresses.items[i]);
    if (sw->retry_max_ms < sw->retry_min_ms)
        conf_complain(c, "retry_max", "'retry_max' is less than 'retry_min'");
}
static const struct conf_item switch_items[] = {
    {CONF_AT(struct terminal_switch, addresses, CONF_LIST), .min = 1, .max = ADDRESSES_MAX,
     .required = true,
     .help = "Where the switch listens, \"host:port\" each: tried in this order, from the one that "
             "worked last."},
    {CONF_AT(struct terminal_switch, name, CONF_STRING), .min = 1, .max = 253,
     .help = "Name in the switch's certificate. Absent: the host of the address."},
    {CONF_KEY(struct terminal_switch, "retry_min", retry_min_ms, CONF_DURATION), .min = 50,
     .max = 60000, .dflt = "200ms",
     .help =
         "First pause before connecting again; it doubles, less a random part, up to the next."},
    {CONF_KEY(struct terminal_switch, "retry_max", retry_max_ms, CONF_DURATION), .min = 50,
     .max = 600000, .dflt = "30s", .help = "Longest pause."},
    {CONF_KEY(struct terminal_switch, "connect", connect_ms, CONF_DURATION), .min = 200,
     .max = 120000, .dflt = "10s",
     .help = "Patience with one address: name, connection, handshake and welcome."},
};
static const struct conf_schema switch_schema =
    CONF_SCHEMA(struct terminal_switch, switch_items, check_switch);

static void check_identity(const struct conf_check *c, void *value)
{
    struct terminal_identity *id = value;
    if (!id->certificate != !id->key || !id->certificate != !id->authority)
        conf_complain(c, NULL, "'certificate', 'key' and 'authority' go together");
}
static const struct conf_item identity_items[] = {
    {CONF_AT(struct terminal_identity, certificate, CONF_PATH), .max = 4000,
     .help = "PEM file of a certificate from the city's own authority. Absent: the one that "
             "enrolling brought."},
    {CONF_AT(struct terminal_identity, key, CONF_PATH), .max = 4000,
     .help = "PEM file of its key."},
    {CONF_AT(struct terminal_identity, authority, CONF_PATH), .max = 4000,
     .help = "PEM file of the authority that the switch's certificate comes from."},
};
static const struct conf_schema identity_schema =
    CONF_SCHEMA(struct terminal_identity, identity_items, check_identity);

static const struct conf_word mode_words[] = {{"desk", LANE_DESK}, {"gate", LANE_GATE}, {NULL, 0}};
static const struct conf_word technology_words[] = {
    {"contact", LANE_CONTACT}, {"contactless", LANE_CONTACTLESS}, {NULL, 0}};
static const struct conf_item lane_items[] = {
    {CONF_AT(struct lane_config, number, CONF_INT), .min = 1, .max = LANES_MAX, .required = true,
     .help = "The reader's number at the switch, 1 to 4."},
    {CONF_AT(struct lane_config, match, CONF_STRING), .min = 1, .max = 127, .dflt = "*",
     .help = "Pattern of its PC/SC name (* and ?); the first name that fits and is not taken yet."},
    {CONF_AT(struct lane_config, mode, CONF_ENUM), .words = mode_words, .dflt = "desk",
     .help = "desk: somebody asks; gate: each card that comes is served once."},
    {CONF_AT(struct lane_config, technology, CONF_ENUM), .words = technology_words,
     .dflt = "contactless", .help = "contact: a slot; contactless: a field."},
    {CONF_KEY(struct lane_config, "hold", hold_ms, CONF_DURATION), .min = 100, .max = 600000,
     .dflt = "5s",
     .help = "So long a card stays powered, and the reader ours alone, after the last command when "
             "nothing is open."},
};
static const struct conf_schema lane_schema = CONF_SCHEMA(struct lane_config, lane_items, NULL);

static void check_listen(const struct conf_check *c, struct terminal_local *local)
{
    char host[HOST_MAX];
    if (local->listen[0] == '\0')
        return;
    bool good = address_split(local->listen, true, host, &local->port) == 0 &&
                strlen(host) < sizeof local->host;
    if (good && is_loopback(host))
        memcpy(local->host, host, strlen(host) + 1);
    else
        conf_complain(c, "listen",
                      "'listen' must be a loopback address: \"127.0.0.1:8477\" or \"[::1]:8477\"");
}
static void check_local(const struct conf_check *c, void *value)
{
    struct terminal_local *local = value;
    char *end = NULL;
    unsigned long bits = strtoul(local->mode, &end, 8);
    if (strlen(local->mode) != 4 || *end != '\0' || bits > 0777 || (bits & 0007) != 0)
        conf_complain(c, "mode",
                      "'mode' must be four octal digits such as \"0660\", with nothing for others");
    else
        local->mode_bits = (unsigned)bits;
    if (strlen(local->socket) > 107)
        conf_complain(c, "socket", "'socket' is longer than the 107 bytes a Unix socket may have");
    check_listen(c, local);
}
static const struct conf_item local_items[] = {
    {CONF_AT(struct terminal_local, socket, CONF_PATH), .min = 0, .max = 4000,
     .dflt = "run/onecard-terminal.sock", .help = "Unix socket of the local HTTP+JSON interface."},
    {CONF_AT(struct terminal_local, mode, CONF_STRING), .min = 4, .max = 4, .dflt = "0660",
     .help = "Permission bits of the socket."},
    {CONF_AT(struct terminal_local, group, CONF_STRING), .min = 1, .max = 64,
     .help = "Group that owns the socket: the people who work here. Absent: the agent's own."},
    {CONF_AT(struct terminal_local, listen, CONF_STRING), .min = 0, .max = 80, .dflt = "",
     .help = "Loopback address for a browser, such as \"127.0.0.1:8477\"; \"\": none."},
    {CONF_AT(struct terminal_local, max_requests, CONF_INT), .min = 4, .max = 1024, .dflt = "64",
     .help = "HTTP requests at work at one time, listeners of events included."},
};
static const struct conf_schema local_schema =
    CONF_SCHEMA(struct terminal_local, local_items, check_local);

static const struct conf_item desk_items[] = {
    {CONF_KEY(struct terminal_desk, "wait", wait_ms, CONF_DURATION), .min = 1000, .max = 600000,
     .dflt = "60s", .help = "How long a request waits for a card where it does not say."},
    {CONF_KEY(struct terminal_desk, "retap", retap_ms, CONF_DURATION), .min = 0, .max = 600000,
     .dflt = "0s",
     .help = "How long it then waits for a torn card to come back; 0: as the switch says."},
};
static const struct conf_schema desk_schema = CONF_SCHEMA(struct terminal_desk, desk_items, NULL);

static const struct conf_word level_words[] = {
    {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {NULL, 0}};
static const struct conf_item log_items[] = {
    {CONF_AT(struct terminal_log, level, CONF_ENUM), .words = level_words, .dflt = "info",
     .help = "Lines above this level are not written."},
};
static const struct conf_schema log_schema = CONF_SCHEMA(struct terminal_log, log_items, NULL);

static void check_config(const struct conf_check *c, void *value)
{
    const struct terminal_config *cfg = value;
    const struct lane_config *lanes = cfg->readers.items;
    for (size_t i = 0; i < cfg->readers.count; i++)
        for (size_t k = 0; k < i; k++)
            if (lanes[i].number == lanes[k].number)
                conf_complain(c, "readers", "two readers have the number %u", lanes[i].number);
    if (cfg->local.socket[0] == '\0' && cfg->local.listen[0] == '\0')
        conf_complain(c, "local", "the local interface needs a 'socket' or a 'listen' address");
}
static const struct conf_item config_items[] = {
    {CONF_KEY(struct terminal_config, "switch", sw, CONF_SECTION), .section = &switch_schema,
     .required = true, .help = "The switch."},
    {CONF_AT(struct terminal_config, state, CONF_PATH), .min = 1, .max = 4000, .dflt = "state",
     .help = "Folder of key, certificate and open requests; nobody else may read it. Relative "
             "paths count from this file's folder."},
    {CONF_AT(struct terminal_config, identity, CONF_SECTION), .section = &identity_schema,
     .help = "Only where the city has an authority of its own."},
    {CONF_AT(struct terminal_config, readers, CONF_SECTION_LIST), .section = &lane_schema,
     .max = LANES_MAX, .help = "Card readers, by number."},
    {CONF_AT(struct terminal_config, local, CONF_SECTION), .section = &local_schema,
     .help = "The interface for the clerk's software and the page."},
    {CONF_AT(struct terminal_config, desk, CONF_SECTION), .section = &desk_schema,
     .help = "Requests at desks."},
    {CONF_AT(struct terminal_config, keep, CONF_INT), .min = 100, .max = 1000000, .dflt = "10000",
     .help = "Answered requests that are kept."},
    {CONF_AT(struct terminal_config, log, CONF_SECTION), .section = &log_schema,
     .help = "The log, on stderr."},
};
static const struct conf_schema config_schema =
    CONF_SCHEMA(struct terminal_config, config_items, check_config);

const struct conf_schema *terminal_config_schema(void)
{
    return &config_schema;
}

/* ---- the file as a whole ---- */

static WORKER_FN int open_or_tell(const char *file, struct buf *out, struct conf_snapshot **ret)
{
    struct conf_errors errors;
    conf_errors_init(&errors);
    int rc = conf_snapshot_open(file, &config_schema, &errors, ret);
    if (rc != 0 && errors.count == 0)
        conf_errors_add(&errors, file, 0, 0, "%s", oc_strerror(rc));
    conf_errors_print(&errors, out);
    conf_errors_fini(&errors);
    return rc != 0 ? OC_EINVAL : 0;
}

int terminal_config_check(const char *file, struct buf *out)
{
    struct conf_snapshot *s = NULL;
    int rc = open_or_tell(file, out, &s);
    conf_snapshot_put(&s);
    return rc;
}

int terminal_config_dump(const char *file, struct buf *out)
{
    struct conf_snapshot *s = NULL;
    int rc = open_or_tell(file, out, &s);
    if (rc == 0)
        conf_snapshot_dump(s, out);
    conf_snapshot_put(&s);
    return rc;
}

void terminal_config_sample(struct buf *out)
{
    buf_puts(out,
             "# onecard-terminal: every key with its default. Printed by `onecard-terminal "
             "--sample`; check a file\n"
             "# with `onecard-terminal --check -c FILE`. Paths count from this file's folder.\n");
    conf_sample(&config_schema, 0, out);
}

void terminal_config_minimal(struct buf *out)
{
    buf_puts(out, "# The smallest file that makes a terminal; every other key has its default (see "
                  "onecard-terminal.yaml).\n"
                  "switch:\n"
                  "  addresses: [\"switch.example:7443\"]\n"
                  "readers:\n"
                  "  - number: 1\n");
}
