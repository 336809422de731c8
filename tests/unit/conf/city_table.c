#include "city_table.h"

static const struct conf_item gate_items[] = {
    {CONF_AT(struct gate, lane, CONF_INT), .min = 1, .max = 20, .dflt = "1", .help = "Lane."},
    {CONF_AT(struct gate, fare, CONF_FEN), .required = true, .help = "the fare in yuan"},
};
static const struct conf_schema gate_schema = CONF_SCHEMA(struct gate, gate_items, NULL);

static void check_route(const struct conf_check *c, void *value)
{
    const struct route *r = value;

    if (r->retry > 60000)
        conf_complain(c, "retry", "waiting over a minute is a mistake");
}
static const struct conf_item route_items[] = {
    {CONF_AT(struct route, host, CONF_STRING), .min = 1, .max = 20, .dflt = "localhost",
     .help = "Where."},
    {CONF_AT(struct route, retry, CONF_DURATION), .dflt = "5s", .help = "When again."},
};
static const struct conf_schema route_schema = CONF_SCHEMA(struct route, route_items, check_route);

static const struct conf_item backup_items[] = {
    {CONF_AT(struct backup, folder, CONF_PATH), .required = true, .help = "the folder"},
};
static const struct conf_schema backup_schema = CONF_SCHEMA(struct backup, backup_items, NULL);

static const struct conf_word modes[] = {{"open", MODE_OPEN}, {"strict", MODE_STRICT}, {NULL, 0}};

#define S struct city
static const struct conf_item city_items[] = {
    {CONF_AT(S, name, CONF_STRING), .required = true, .help = "the city's name"},
    {CONF_AT(S, store, CONF_PATH), .dflt = "ledger.db", .help = "The ledger's file."},
    {CONF_AT(S, password, CONF_STRING), .secret = true, .help = "Password."},
    {CONF_AT(S, port, CONF_INT), .min = 1, .max = 65535, .dflt = "8080", .help = "Port."},
    {CONF_AT(S, offset, CONF_INT), .min = -720, .max = 840, .dflt = "480",
     .help = "Minutes east of UTC."},
    {CONF_AT(S, test, CONF_BOOL), .dflt = "false", .help = "A test site."},
    {CONF_AT(S, ceiling, CONF_FEN), .max = 500000, .dflt = "1000", .help = "Largest balance."},
    {CONF_AT(S, idle, CONF_DURATION), .min = 1000, .max = 3600000, .dflt = "30s",
     .help = "Idle time."},
    {CONF_AT(S, cache, CONF_SIZE), .dflt = "64KiB", .help = "Cache."},
    {CONF_AT(S, night, CONF_TIME_OF_DAY), .dflt = "02:30", .help = "Settlement."},
    {CONF_AT(S, region, CONF_HEX), .dflt = "41000000", .help = "Region."},
    {CONF_AT(S, fid, CONF_HEXNUM), .dflt = "0015", .help = "File."},
    {CONF_AT(S, seed, CONF_BYTES), .min = 1, .max = 4, .help = "Seed."},
    {CONF_AT(S, aids, CONF_BYTES_LIST), .min = 5, .max = 16, .dflt = "A000000386, A00000063201",
     .help = "Names."},
    {CONF_AT(S, mode, CONF_ENUM), .words = modes, .dflt = "strict", .help = "Mode."},
    {CONF_AT(S, readers, CONF_LIST), .max = 3, .dflt = "one, two", .help = "Readers."},
    {CONF_AT(S, labels, CONF_MAP), .help = "Labels."},
    {CONF_AT(S, route, CONF_SECTION), .section = &route_schema, .help = "The route."},
    {CONF_AT(S, backup, CONF_SECTION), .section = &backup_schema, .optional = true,
     .help = "The second copy."},
    {CONF_AT(S, gates, CONF_SECTION_MAP), .section = &gate_schema, .help = "Gates by name."},
    {CONF_AT(S, spare, CONF_SECTION_LIST), .section = &route_schema, .max = 2,
     .help = "Other routes."},
    {CONF_AT(S, modules, CONF_TREE), .help = "What modules read."},
};
#undef S
const struct conf_schema city_schema = CONF_SCHEMA(struct city, city_items, NULL);
