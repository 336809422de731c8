/* The table of onecard-copy's configuration keys. */
#include "copy/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* "192.0.2.7:7445" or "[2001:db8::7]:7445". */
static bool split(const char *text, struct follower_config *c)
{
    const char *colon = strrchr(text, ':'), *from = text, *to = colon;
    char *end = NULL;
    uint8_t any[16];
    if (!colon || colon == text)
        return false;
    if (*text == '[' && colon[-1] == ']') {
        from++;
        to--;
    }
    long port = strtol(colon + 1, &end, 10);
    if (to <= from || (size_t)(to - from) >= sizeof c->host || *end || port < 1 || port > 65535)
        return false;
    memcpy(c->host, from, (size_t)(to - from));
    c->host[to - from] = '\0';
    c->port = (int)port;
    return inet_pton(AF_INET, c->host, any) == 1 || inet_pton(AF_INET6, c->host, any) == 1;
}

static void check_follower(const struct conf_check *c, void *value)
{
    struct follower_config *f = value;
    if (strlen(f->name) >= COPY_NAME)
        conf_complain(c, "name", "'name' has at most %d letters", COPY_NAME - 1);
    if (f->connect[0] == '/') {
        if (strlen(f->connect) > 107)
            conf_complain(c, "connect",
                          "'connect' is longer than the 107 bytes a Unix socket may have");
        return;
    }
    if (!split(f->connect, f))
        conf_complain(
            c, "connect",
            "'connect' must be the whole path of a Unix socket, or an address and port such "
            "as \"192.0.2.7:7445\"");
    if (!f->certificate || !f->key || !f->authority)
        conf_complain(c, NULL, "over the network 'certificate', 'key' and 'authority' are needed");
}

#define F struct follower_config
static const struct conf_word level_words[] = {
    {"debug", LOG_DEBUG}, {"info", LOG_INFO}, {"warn", LOG_WARN}, {"error", LOG_ERROR}, {NULL, 0}};
static const struct conf_item log_items[] = {
    {CONF_AT(struct follower_log, level, CONF_ENUM), .words = level_words, .dflt = "info",
     .help = "Lines above this level are not written."},
};
static const struct conf_schema log_schema = CONF_SCHEMA(struct follower_log, log_items, NULL);
static const struct conf_item follower_items[] = {
    {CONF_AT(F, name, CONF_STRING), .min = 1, .max = COPY_NAME - 1, .dflt = "copy",
     .help =
         "Name of this copy at the daemon: letters, digits, '.', '_', '-'; another one for each."},
    {CONF_AT(F, connect, CONF_STRING), .min = 2, .max = 4000, .required = true,
     .help = "The daemon's copy.socket (a whole path), or address and port of its copy.listen."},
    {CONF_AT(F, ledger, CONF_PATH), .min = 1, .max = 4000, .dflt = "copy.db",
     .help =
         "The copy. A backup put here is where it begins; absent: it begins with the first row."},
    {CONF_AT(F, keystore, CONF_PATH), .min = 1, .max = 4000, .dflt = "keystore",
     .help = "This copy's own key store, not the site's."},
    {CONF_AT(F, passphrase_file, CONF_PATH), .max = 4000,
     .help = "First line: its passphrase, where it has one."},
    {CONF_AT(F, chain, CONF_PATH), .min = 1, .max = 4000, .dflt = "chain",
     .help = "The site's chain key under that key store, as `onecardctl copy init` made it."},
    {CONF_AT(F, certificate, CONF_PATH), .max = 4000,
     .help = "PEM file of this side's certificate; over the network only."},
    {CONF_AT(F, key, CONF_PATH), .max = 4000, .help = "PEM file of its private key."},
    {CONF_AT(F, authority, CONF_PATH), .max = 4000,
     .help = "PEM file: whom the daemon's certificate must come from."},
    {CONF_AT(F, log, CONF_SECTION), .section = &log_schema, .help = "The log."},
};
#undef F
static const struct conf_schema follower_schema =
    CONF_SCHEMA(struct follower_config, follower_items, check_follower);

const struct conf_schema *follower_config_schema(void)
{
    return &follower_schema;
}
