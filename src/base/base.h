/* The public face of base: what every layer may use. Nothing here does IO but the log, knows cards or money movement. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <onecard/err.h>
#include <onecard/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/ident.h"
#include "base/list.h"
#include "base/log.h"
#include "base/manager.h"
#include "base/map.h"
#include "base/metric.h"
#include "base/money.h"
#include "base/role.h"
#include "base/secret.h"
#include "base/sm.h"
#include "base/text.h"
#include "base/trace.h"

#endif
