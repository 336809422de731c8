/* Transit: rides at a flat fare, journeys between stations, passes, and the station desk. What a
 * ride costs is fare.c's (R17); this file says what there is to ask for. */
#include "transit.h"

static const struct onecard_conf_item conf_items[] = {
    {"fare", ONECARD_CONF_FEN, "2.00",
     "Flat fare in yuan, where the terminal has no parameter fare and no table.", 1,
     ONECARD_AMOUNT_MAX},
    {"same_card_seconds", ONECARD_CONF_INT, "0",
     "The same card at the same terminal within so many seconds is refused, or a companion's (R8); "
     "0: every tap is a ride.",
     0, 86400},
    {"concessions", ONECARD_CONF_MAP, NULL,
     "What the citizen pays by category: student: 50%, elder: free; in fare tables without their "
     "own.",
     0, 0},
    {"bearers", ONECARD_CONF_MAP, NULL, "Who bears the rest, by category: student: education.", 0,
     0},
    {"bearer", ONECARD_CONF_TEXT, "treasury", "Who bears the rest where bearers names nobody.", 1,
     31},
    {"category_codes", ONECARD_CONF_MAP, NULL,
     "What the journey record's category field holds, by category, as its card profile encodes it.",
     0, 0},
    {"fares", ONECARD_CONF_TEXT, NULL,
     "Folder of fare tables (*.yaml), from the folder of this file; keep those of the past.", 1,
     255},
    {"table", ONECARD_CONF_TEXT, NULL,
     "Name of the fare table where the terminal has no parameter table.", 1, 31},
    {"refund_days", ONECARD_CONF_INT, "7",
     "For how many days a ride may be given back; 0: as long as it can be counted again.", 0, 365},
    {"card_sums", ONECARD_CONF_BOOL, "false",
     "The cards' journey records have the fields day_sum and month_sum.", 0, 0},
};

static const struct onecard_param ride_params[] = {
    {"companion", "yes: a companion of the card's holder rides, at full fare", false},
};
static const struct onecard_param pass_params[] = {
    {"pass", "which pass of the table", true},
    {"table", "of which fare table", false},
    {"from", "its first day, today to 60 days on", false},
    {"pay", "card (the default) or cash", false},
};
static const struct onecard_param correct_params[] = {
    {"entry", "never let in: the station where it began", false},
    {"exit", "never let out: the station where it ends", false},
    {"waive", "yes: the journey ends and costs nothing", false},
    {"table", "of which fare table", false},
};
static const struct onecard_param renew_params[] = {
    {"what", "what social security is asked for: student, elder …; none: the slot ends", true},
};
static const struct onecard_param refund_params[] = {
    {"txn", "the ride's transaction", true},
    {"reason", "why", false},
};
static const struct onecard_param fare_params[] = {
    {"from", "station, by number or name", false},
    {"to", "station, by number or name", false},
    {"category", "concession", false},
    {"at", "when, as 2026-12-01 08:30; else now", false},
    {"table", "fare table", false},
    {"line", "of a flat table", false},
};

#define SERVICE(word, en, zh, what, ...)                                                           \
    static const struct onecard_service word##_service = {.size = sizeof(word##_service),          \
                                                          .name = "transit." #word,                \
                                                          .title_en = (en),                        \
                                                          .title_zh = (zh),                        \
                                                          .needs = (what),                         \
                                                          .decide = transit_##word,                \
                                                          __VA_ARGS__}
#define PARAMS(rows) .params = (rows), .param_count = sizeof(rows) / sizeof((rows)[0])
#define AT_GATE      (OC_NEEDS_CARD | OC_NEEDS_JOURNEY)

SERVICE(ride, "Ride at a flat fare", "乘车", OC_NEEDS_CARD, PARAMS(ride_params));
SERVICE(entry, "Enter a station", "进站", AT_GATE, .params = NULL);
SERVICE(exit, "Leave a station", "出站", AT_GATE, .params = NULL);
SERVICE(gate, "Pass a gate", "过闸", AT_GATE, .params = NULL);
SERVICE(pass, "Buy a period pass", "购买定期票", OC_NEEDS_CARD | OC_NEEDS_OPERATOR,
        PARAMS(pass_params));
SERVICE(correct, "Set a journey right", "补票更新", AT_GATE | OC_NEEDS_OPERATOR,
        PARAMS(correct_params));
SERVICE(refund, "Give a ride back", "退还车费",
        OC_NEEDS_CARD | OC_NEEDS_ORIGINAL | OC_NEEDS_OPERATOR, PARAMS(refund_params));
SERVICE(renew, "Renew a concession", "优待续期",
        OC_NEEDS_CARD | OC_TAKES_NUMBER | OC_NEEDS_CITIZEN | OC_NEEDS_OPERATOR, PARAMS(renew_params));
SERVICE(fare, "What a journey costs", "票价查询", 0, PARAMS(fare_params));
SERVICE(journey, "The card's journey and passes", "行程查询", AT_GATE, .params = NULL);

static const struct onecard_service *const services[] = {
    &ride_service,    &entry_service,  &exit_service, &gate_service,   &pass_service,
    &correct_service, &refund_service, &renew_service, &fare_service, &journey_service};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "transit",
    .version = "2.0",
    .title_en = "Public transport",
    .title_zh = "公共交通",
    .conf_items = conf_items,
    .conf_count = sizeof(conf_items) / sizeof(conf_items[0]),
    .load = transit_load,
    .unload = transit_unload,
    .services = services,
    .service_count = sizeof(services) / sizeof(services[0]),
};
