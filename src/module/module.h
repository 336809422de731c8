/* The public face of module: loading backend modules and asking them. Modules decide, the switch
 * executes: what comes out of here is a checked plan, plain data (R2, R6, R7, R14 are looked at
 * again by whoever executes it). */
#ifndef MODULE_MODULE_H
#define MODULE_MODULE_H

#include "module/host.h"
#include "module/load.h"
#include "module/plan.h"

#endif
