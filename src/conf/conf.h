/* The public face of conf: YAML text to a checked C struct, with every mistake named by file, line
 * and column. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "conf/error.h"
#include "conf/schema.h"
#include "conf/snapshot.h"
#include "conf/tree.h"

#endif
