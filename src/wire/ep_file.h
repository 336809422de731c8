/* The files of a purse application: 0015 public data, 0016 holder, 0018 log (facts §6.1). Parse and
 * build. Dates and times stay packed BCD as the card has them; texts are the card's bytes (GBK),
 * trimmed. */
#ifndef WIRE_EP_FILE_H
#define WIRE_EP_FILE_H

#include "base/base.h"
#include <onecard/types.h>
#include <stdbool.h>
#include <stddef.h>

#define EP_APP_LEN           30 /* file 0015 */
#define EP_APP_ETC_LEN       43 /* the same with a number plate */
#define EP_HOLDER_LEN        39 /* file 0016 */
#define EP_HOLDER_MOHURD_LEN 55
#define EP_LOG_LEN           23

/** File 0015. */
struct ep_app {
    uint8_t issuer[OC_ISSUER_LEN]; /* 0 */
    uint8_t type_flag; /* 8: MOHURD 00 not enabled, 01 enabled; what it means is the profile's */
    uint8_t version;   /* 9 */
    uint8_t serial[OC_SERIAL_LEN]; /* 10: BCD */
    uint8_t start[4], expiry[4];   /* 20, 24: YYYYMMDD in BCD */
    uint8_t fci[2];    /* 28: issuer's data (MOHURD: card main and sub type); 0 on ETC cards */
    uint8_t plate[12]; /* ETC: 28; else zeros */
};
/** 30 or 43 bytes; else OC_ECARD_DATA. */
int ep_app_parse(const uint8_t *data, size_t len, struct ep_app *ret) MUST_USE;
/** The 30-byte form. */
void ep_app_build(const struct ep_app *app, uint8_t ret[EP_APP_LEN]);

/** File 0016. */
struct ep_holder {
    uint8_t type, staff;
    char name[21]; /* bytes without trailing 00, FF and blanks, NUL-terminated */
    char id[33];
    uint8_t id_type;
};
/** 39 or 55 bytes; else OC_ECARD_DATA. */
int ep_holder_parse(const uint8_t *data, size_t len, struct ep_holder *ret) MUST_USE;
/** `len` chooses the form: 39 or 55. OC_EINVAL: another length, or an id longer than 16 in the
 * short form. */
int ep_holder_build(const struct ep_holder *holder, uint8_t *ret, size_t len) MUST_USE;

/** One record of file 0018. The counter is the one after the increment (facts §3, two real cards).
 */
struct ep_log {
    uint16_t counter;
    uint32_t overdraft; /* 24 bits */
    fen_t amount;
    uint8_t type; /* enum ep_type */
    uint8_t sam[OC_SAM_LEN];
    uint8_t date[4], time[3];
};
/** 23 bytes. OC_ENOENT: an empty record (all 00 or all FF). OC_ECARD_DATA: another length. */
int ep_log_parse(const uint8_t *data, size_t len, struct ep_log *ret) MUST_USE;
/** OC_EINVAL: amount not in 0 … 2^32-1 or overdraft over 24 bits. */
int ep_log_build(const struct ep_log *log, uint8_t ret[EP_LOG_LEN]) MUST_USE;

#endif
