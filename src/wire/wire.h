/* The public face of wire: codecs between bytes and structures. No IO, no clock, no memory of its
 * own. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "wire/apdu.h"
#include "wire/apdu_admin.h"
#include "wire/apdu_purse.h"
#include "wire/atr.h"
#include "wire/ep_file.h"
#include "wire/frame.h"
#include "wire/sw.h"
#include "wire/tlv.h"

#endif
