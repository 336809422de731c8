/* A table with one row of each type, as a daemon might have it. */
#ifndef CITY_TABLE_H
#define CITY_TABLE_H

#include "conf/conf.h"

enum mode { MODE_OPEN, MODE_STRICT };
struct gate {
    const char *name; /* the section's key */
    uint8_t lane;
    fen_t fare;
};
struct route {
    const char *host;
    int64_t retry;
};
struct backup {
    const char *folder;
};
struct city {
    const char *name, *store, *password;
    uint16_t port;
    int32_t offset;
    bool test;
    fen_t ceiling;
    int64_t idle, cache;
    int night;
    uint8_t region[4];
    uint16_t fid;
    struct conf_bytes seed;
    struct conf_bytes_list aids;
    enum mode mode;
    struct conf_list readers;
    struct conf_map labels;
    struct route route;
    struct backup *backup;
    struct conf_array gates, spare;
    const struct conf_node *modules;
};

extern const struct conf_schema city_schema;

#endif
