/* The table of section `terminals`: the door for terminals over the network. */
#include "serve/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int serve_listen_parse(const char *text, struct serve_address *ret)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (!colon || colon == text || colon[1] < '0' || colon[1] > '9')
        return OC_EINVAL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    bool six = text[0] == '[' && colon[-1] == ']';
    size_t skip = six ? 1 : 0, len = (size_t)(colon - text) - 2 * skip;
    if (*end != '\0' || port > 65535 || len == 0 || len >= sizeof ret->host ||
        (!six && memchr(text, ':', len) != NULL))
        return OC_EINVAL;
    struct serve_address a = {.port = (int)port};
    memcpy(a.host, text + skip, len);
    *ret = a;
    return 0;
}

bool serve_name_ok(const char *name)
{
    size_t len = strlen(name);
    uint8_t six[16];
    if (inet_pton(AF_INET6, name, six) == 1)
        return true;
    return len >= 1 && len <= 253 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*") ==
               len;
}

static void check_terminals(const struct conf_check *c, void *value)
{
    struct serve_terminals *t = value;
    struct serve_address a;
    for (size_t i = 0; i < t->listen.count; i++)
        if (t->listen.items[i][0] != '\0' && serve_listen_parse(t->listen.items[i], &a) != 0)
            conf_complain(c, "listen",
                          "'%.60s' is no address and port: write \"0.0.0.0:7443\" or \"[::]:7443\"",
                          t->listen.items[i]);
    for (size_t i = 0; i < t->names.count; i++)
        if (t->names.items[i][0] != '\0' && !serve_name_ok(t->names.items[i]))
            conf_complain(c, "names",
                          "'%.60s' is neither a DNS name nor an address: write "
                          "\"switch.example\", without a port",
                          t->names.items[i]);
    if (t->burst < t->frames_per_second)
        conf_complain(c, "burst", "'burst' must not be less than 'frames_per_second'");
}

#define T struct serve_terminals
static const struct conf_item terminals_items[] = {
    {CONF_AT(T, listen, CONF_LIST), .max = SERVE_LISTEN_MAX,
     .help = "Addresses and ports to listen on for terminals, such as \"0.0.0.0:7443\". Absent: "
             "no terminals over the network."},
    {CONF_AT(T, names, CONF_LIST), .max = 32,
     .help = "DNS names and addresses at which terminals reach this switch, for its certificate. "
             "The machine's name and the loopback addresses are always in it."},
    {CONF_AT(T, authority, CONF_PATH), .max = 4000,
     .help = "PEM file of the city's own authority for terminals' certificates. Absent: the "
             "built-in one."},
    {CONF_AT(T, authority_days, CONF_INT), .min = 30, .max = 36500, .dflt = "7300",
     .help = "Life of the built-in authority; counts when it is made, once."},
    {CONF_AT(T, certificate_days, CONF_INT), .min = 1, .max = 3650, .dflt = "400",
     .help = "Life of a terminal's certificate; it renews itself when a third is left."},
    {CONF_AT(T, token_hours, CONF_INT), .min = 1, .max = 720, .dflt = "24",
     .help = "How long a token for enrolment is good."},
    {CONF_KEY(T, "heartbeat", heartbeat_ms, CONF_DURATION), .min = 200, .max = 600000,
     .dflt = "15s",
     .help = "How often a terminal says that it lives; cut after three silent ones."},
    {CONF_KEY(T, "handshake", handshake_ms, CONF_DURATION), .min = 500, .max = 120000,
     .dflt = "10s", .help = "Patience with a handshake, and with the first message after it."},
    {CONF_KEY(T, "write", write_ms, CONF_DURATION), .min = 200, .max = 120000, .dflt = "10s",
     .help = "A terminal that takes nothing for so long is cut."},
    {CONF_AT(T, max_connections, CONF_INT), .min = 1, .max = 30000, .dflt = "20000",
     .help = "Connections at one time; more are closed at once."},
    {CONF_AT(T, handshakes, CONF_INT), .min = 1, .max = 4096, .dflt = "256",
     .help = "Handshakes at one time; further ones wait."},
    {CONF_AT(T, max_requests, CONF_INT), .min = 1, .max = 64, .dflt = "4",
     .help = "Open requests of one terminal."},
    {CONF_AT(T, frames_per_second, CONF_INT), .min = 10, .max = 1000000, .dflt = "200",
     .help = "Messages a second that one terminal may send for long."},
    {CONF_AT(T, burst, CONF_INT), .min = 10, .max = 1000000, .dflt = "400",
     .help = "Messages that it may send at once after a rest."},
    {CONF_AT(T, max_active, CONF_INT), .min = 1, .max = 16384, .dflt = "512",
     .help = "Dialogues at work at one time, local ones counted. Changed by a reload."},
    {CONF_AT(T, queue, CONF_INT), .min = 0, .max = 65536, .dflt = "16384",
     .help = "Requests that wait for a place, taken in turn from the terminals; more are answered "
             "Busy. Changed by a reload."},
};
#undef T
const struct conf_schema serve_terminals_schema =
    CONF_SCHEMA(struct serve_terminals, terminals_items, check_terminals);
