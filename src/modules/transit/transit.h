/* Inside the transit module. */
#ifndef TRANSIT_TRANSIT_H
#define TRANSIT_TRANSIT_H

#include "fare.h"

#include <onecard/module.h>

struct transit {
    fen_t fare;                /* where the terminal names none */
    int64_t same_card_seconds; /* R8; likewise */
    struct fare_table table;
    const struct onecard_conf *conf;
};

/** Reads the configuration into a new context. OC_ENOMEM; OC_EINVAL: logged. */
int transit_load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx);

#endif
