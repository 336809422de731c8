/* The agent's configuration: one table of rows, as the daemon's. */
#ifndef TERMINAL_CONFIG_H
#define TERMINAL_CONFIG_H

#include "base/base.h"
#include "conf/conf.h"

#define LANES_MAX     4 /* readers of one terminal, as the protocol numbers them */
#define ADDRESSES_MAX 8
#define HOST_MAX      254

struct terminal_switch {
    struct conf_list addresses; /* "host:port" */
    const char *name;           /* NULL: the host of the address */
    int64_t retry_min_ms, retry_max_ms, connect_ms;
};
struct terminal_identity {
    const char *certificate, *key, *authority; /* of an authority outside; NULL: enrolled here */
};
enum lane_mode { LANE_DESK, LANE_GATE };
enum lane_technology { LANE_CONTACT = 1, LANE_CONTACTLESS = 2 };
struct lane_config {
    const char *match;
    uint32_t number;
    enum lane_mode mode;
    enum lane_technology technology;
    int64_t hold_ms;
};
struct terminal_local {
    const char *socket, *mode, *group;
    unsigned mode_bits;
    const char *listen; /* "127.0.0.1:8477"; "": none */
    char host[64];      /* of it */
    int port;
    uint32_t max_requests;
};
struct terminal_desk {
    int64_t wait_ms, retap_ms;
};
struct terminal_log {
    enum log_level level;
};
struct terminal_config {
    struct terminal_switch sw;
    const char *state;
    struct terminal_identity identity;
    struct conf_array readers; /* struct lane_config */
    struct terminal_local local;
    struct terminal_desk desk;
    uint32_t keep;
    struct terminal_log log;
};

const struct conf_schema *terminal_config_schema(void);
/** "host:port", "[v6]:port" to its parts; port 0 is taken only where `any`. OC_EINVAL. */
/** Is it the number of this machine itself? "127.0.0.1.example" is a name. */
bool is_loopback(const char *host);
int address_split(const char *text, bool any, char host[HOST_MAX], int *ret_port) MUST_USE;

#endif
