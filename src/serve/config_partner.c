/* The tables of sections `institutions`, the door for institutions' own systems, and `retention`,
 * how long citizens' documents are kept. */
#include "serve/config.h"

static void check_institutions(const struct conf_check *c, void *value)
{
    struct serve_institutions *p = value;
    struct serve_address a;
    if (!p->listen)
        return;
    if (serve_listen_parse(p->listen, &a) != 0)
        conf_complain(c, "listen",
                      "'%.60s' is no address and port: write \"0.0.0.0:7444\" or \"[::]:7444\"",
                      p->listen);
    if (!p->certificate || !p->key)
        conf_complain(c, p->certificate ? "key" : "certificate",
                      "'%s' is missing: institutions see it before they say anything",
                      p->certificate ? "key" : "certificate");
    if (p->burst < p->per_second)
        conf_complain(c, "burst", "'burst' must not be less than 'per_second'");
}

#define P struct serve_institutions
static const struct conf_item institutions_items[] = {
    {CONF_AT(P, listen, CONF_STRING), .min = 3, .max = 80,
     .help = "Address and port for institutions' own systems (HTTPS), such as \"0.0.0.0:7444\". "
             "Absent: no such door."},
    {CONF_AT(P, certificate, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file of this door's certificate, those of its issuers after it."},
    {CONF_AT(P, key, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file of its private key, without passphrase."},
    {CONF_AT(P, ca, CONF_PATH), .min = 1, .max = 4000,
     .help = "PEM file of authorities: clients must show a certificate of theirs. Absent: the "
             "signature of each request is enough."},
    {CONF_AT(P, max_requests, CONF_INT), .min = 1, .max = 4096, .dflt = "128",
     .help = "Requests at work at one time, of all of them; more are answered 503."},
    {CONF_AT(P, at_once, CONF_INT), .min = 1, .max = 1024, .dflt = "16",
     .help = "Requests at work at one time of one institution; more are answered 429."},
    {CONF_AT(P, per_second, CONF_INT), .min = 1, .max = 100000, .dflt = "50",
     .help = "Requests a second that one institution may send for long."},
    {CONF_AT(P, burst, CONF_INT), .min = 1, .max = 100000, .dflt = "200",
     .help = "Requests that it may send at once after a rest."},
    {CONF_AT(P, connections, CONF_INT), .min = 1, .max = 10000, .dflt = "512",
     .help = "Connections at one time; more are closed at once."},
};
#undef P
const struct conf_schema serve_institutions_schema =
    CONF_SCHEMA(struct serve_institutions, institutions_items, check_institutions);

#define R struct serve_retention
static const struct conf_item retention_items[] = {
    {CONF_AT(R, transactions_years, CONF_INT), .min = 1, .max = 100, .dflt = "5",
     .help = "Years that a citizen's documents are kept after the newest one, whoever wishes to be "
             "forgotten."},
    {CONF_AT(R, medical_years, CONF_INT), .min = 1, .max = 100, .dflt = "15",
     .help = "The same for medical documents; 30 where inpatients' records are kept here."},
};
#undef R
const struct conf_schema serve_retention_schema =
    CONF_SCHEMA(struct serve_retention, retention_items, NULL);
