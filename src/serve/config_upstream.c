/* The table of section `upstreams`: one route to an institution's system under the participant's
 * id. */
#include "serve/config.h"

#include <string.h>

static void check_route(const struct conf_check *c, void *value)
{
    struct serve_upstream *u = value;
    if (strncmp(u->url, "https://", 8) != 0)
        conf_complain(c, "url", "'url' must begin with https://");
    if ((u->certificate == NULL) != (u->key == NULL))
        conf_complain(c, u->key == NULL ? "certificate" : "key",
                      "'certificate' and 'key' go together");
    if (u->retry_max_ms < u->retry_ms)
        conf_complain(c, "retry_max", "'retry_max' must not be less than 'retry'");
    if (u->open_max_ms < u->open_ms)
        conf_complain(c, "open_max", "'open_max' must not be less than 'open'");
    if (strlen(u->name) > 31)
        conf_complain(c, NULL, "a participant's id has at most 31 characters");
}

#define U struct serve_upstream
static const struct conf_item upstream_items[] = {
    {CONF_AT(U, url, CONF_STRING), .min = 9, .max = 400, .required = true,
     .help = "Where its system listens, such as https://bank.example:8443/onecard."},
    {CONF_AT(U, ca, CONF_PATH), .min = 1, .max = 4000, .required = true,
     .help = "PEM file of the authorities that its certificate must come from; no others are "
             "trusted."},
    {CONF_AT(U, certificate, CONF_PATH), .max = 4000,
     .help = "PEM file of this site's certificate for it. Absent: none is shown."},
    {CONF_AT(U, key, CONF_PATH), .max = 4000,
     .help = "PEM file of that certificate's private key, without passphrase."},
    {CONF_KEY(U, "connect", connect_ms, CONF_DURATION), .min = 100, .max = 60000, .dflt = "3s",
     .help = "Patience with name, connection and handshake."},
    {CONF_KEY(U, "timeout", timeout_ms, CONF_DURATION), .min = 100, .max = 60000, .dflt = "8s",
     .help = "Patience with one call: after it the outcome is unknown, and a hold is reversed."},
    {CONF_KEY(U, "lane_wait", lane_wait_ms, CONF_DURATION), .min = 1, .max = 60000, .dflt = "1s",
     .help = "How long a call waits for a free lane."},
    {CONF_KEY(U, "slow", slow_ms, CONF_DURATION), .min = 10, .max = 60000, .dflt = "5s",
     .help = "An answer that took longer counts as a failure."},
    {CONF_AT(U, lanes, CONF_INT), .min = 1, .max = 256, .dflt = "4",
     .help = "Calls at one time; messages of the outbox take half of them at most."},
    {CONF_AT(U, failures, CONF_INT), .min = 1, .max = 1000, .dflt = "5",
     .help = "Failures in a row after which calls are refused for a while (breaker)."},
    {CONF_KEY(U, "open", open_ms, CONF_DURATION), .min = 10, .max = 600000, .dflt = "2s",
     .help = "How long that while is at first; it doubles until a probe succeeds."},
    {CONF_KEY(U, "open_max", open_max_ms, CONF_DURATION), .min = 10, .max = 3600000, .dflt = "1m",
     .help = "How long it is at most."},
    {CONF_AT(U, attempts, CONF_INT), .min = 1, .max = 100000, .dflt = "20",
     .help = "A message that it refused so often is dead: a person must look. Being away never "
             "kills one."},
    {CONF_KEY(U, "retry", retry_ms, CONF_DURATION), .min = 10, .max = 3600000, .dflt = "1s",
     .help = "Pause before a message is sent again; it doubles each time."},
    {CONF_KEY(U, "retry_max", retry_max_ms, CONF_DURATION), .min = 10, .max = 86400000,
     .dflt = "5m", .help = "How long that pause is at most."},
};
#undef U
const struct conf_schema serve_upstream_schema =
    CONF_SCHEMA(struct serve_upstream, upstream_items, check_route);
