/* The daemon's configuration: one table of rows says every key, its range, its default and one
 * sentence of help. The file is checked by it, the sample is printed from it, `--dump` shows it. */
#ifndef SERVE_CONFIG_H
#define SERVE_CONFIG_H

#include "base/base.h"
#include "conf/conf.h"

struct serve_site {
    const char *name;
    uint8_t issuer[OC_ISSUER_LEN];
    uint8_t shard;
};
struct serve_city {
    const char *utc_offset;
    int offset_min; /* of the text above */
};
struct serve_settlement {
    int cutover, at; /* minutes after midnight in the city */
};
struct serve_paths {
    const char *ledger, *keystore, *passphrase_file, *profiles, *modules, *settlement;
};
struct serve_api {
    const char *socket, *mode;
    unsigned mode_bits; /* of the text above */
    struct conf_list users, groups;
    uint16_t max_requests;
};
struct serve_requests {
    uint16_t max, keep;
    int64_t keep_ms, lease_ms;
};
struct serve_keys {
    bool allow_clear;
};
struct serve_sam {
    bool software;
};
struct serve_ceiling {
    fen_t anonymous, named;
};
struct serve_policy {
    fen_t single_max, card_day_max, terminal_day_max;
    uint32_t card_day_count;
    fen_t load_quota;
    struct serve_ceiling ceiling;
    int64_t loss_effective_ms, command_ms, replacement_ms;
    const char *loss_bearer;
    uint32_t offline_days;
};
struct serve_desk {
    int64_t wait_ms, retap_ms;
};
struct serve_gate {
    int64_t retap_ms;
};
struct serve_readers {
    bool pcsc;
};
struct serve_log {
    enum log_level level;
};
struct serve_watch {
    int64_t doubt_age_ms, checkpoint_age_ms, message_age_ms, fetch_age_ms;
    uint32_t wal_mib;
};

#define SERVE_LISTEN_MAX 8
struct serve_terminals {
    struct conf_list listen, names;
    const char *authority;
    uint32_t authority_days, certificate_days, token_hours;
    int64_t heartbeat_ms, handshake_ms, write_ms;
    uint32_t max_connections, handshakes, max_requests, frames_per_second, burst, max_active, queue;
};
/** One of `listen` taken apart. */
struct serve_address {
    char host[64];
    int port;
};
/** "0.0.0.0:7443" or "[::]:7443". OC_EINVAL. */
int serve_listen_parse(const char *text, struct serve_address *ret) MUST_USE;
/** May it stand in a certificate as a DNS name or an address? */
bool serve_name_ok(const char *name);

/** A route to an institution's system; `name` is the participant's id. */
struct serve_upstream {
    const char *name;
    const char *url, *ca, *certificate, *key;
    int64_t connect_ms, timeout_ms, lane_wait_ms, slow_ms, open_ms, open_max_ms, retry_ms, retry_max_ms;
    uint32_t lanes, failures, attempts;
};

/** The door for institutions' own systems; listen NULL: none. */
struct serve_institutions {
    const char *listen, *certificate, *key, *ca;
    uint32_t max_requests, at_once, per_second, burst, connections;
};
/** Doors for a second copy; socket and listen NULL: none. */
struct serve_copy {
    const char *socket, *listen, *certificate, *key, *authority, *follower;
    int64_t wait_ms, behind_ms;
};
struct serve_retention {
    uint32_t transactions_years, medical_years;
};

struct serve_config {
    struct serve_site site;
    struct serve_city city;
    struct serve_settlement settlement;
    struct serve_paths paths;
    struct serve_api api;
    struct serve_requests requests;
    struct serve_keys keys;
    struct serve_sam sam;
    struct serve_policy policy;
    struct serve_desk desk;
    struct serve_gate gate;
    struct serve_readers readers;
    struct serve_log log;
    struct serve_watch watch;
    struct serve_terminals terminals;
    struct serve_institutions institutions;
    struct serve_retention retention;
    struct serve_copy copy;
    struct conf_array upstreams; /* of struct serve_upstream */
    const struct conf_node *modules; /* list of names, or name: section */
    const char *const *module_names; /* of the node above; the built-in two when it is absent */
    size_t module_count;
};

/** The table; sections `terminals`, `upstreams`, `institutions`, `retention` and `copy` have files of
 * their own. */
extern const struct conf_schema serve_terminals_schema, serve_upstream_schema,
    serve_institutions_schema, serve_retention_schema, serve_copy_schema;
const struct conf_schema *serve_config_schema(void);
/** The folder of profiles in force: the configured one, else `profiles` beside the configuration
 * file, else the one installed with the program. In `a`; NULL: no memory. Blocks. */
const char *serve_profile_dir(const struct serve_config *c, const char *file,
                              struct arena *a) MUST_USE WORKER_FN;
/** The same for modules: configured, else ../lib/onecard/modules beside the program. */
const char *serve_module_dir(const struct serve_config *c, struct arena *a) MUST_USE WORKER_FN;
/** The node that gives modules their sections, or NULL. */
const struct conf_node *serve_module_conf(const struct serve_config *c);

/** Reads and checks a file with everything it points to (profiles, modules and their sections) and
 * prints each mistake on its own line to `out`. 0, or OC_EINVAL where there is any. Blocks. */
int serve_config_check(const char *file, struct buf *out) MUST_USE WORKER_FN;
/** Appends what is in force with this file, defaults included, or its mistakes. OC_EINVAL. */
int serve_config_dump(const char *file, struct buf *out) MUST_USE WORKER_FN;
/** Appends the commented sample file, with the sections of the modules found beside the program. */
void serve_config_sample(struct buf *out) WORKER_FN;
/** Appends the smallest file that makes sense. */
void serve_config_minimal(struct buf *out);

#endif
