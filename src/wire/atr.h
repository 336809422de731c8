/* Answer to reset (ISO 7816-3 §8) and what PC/SC part 3 §3.1.3.2.3 makes of a contactless card's
 * ATS. */
#ifndef WIRE_ATR_H
#define WIRE_ATR_H

#include "base/base.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATR_MAX 33

enum atr_kind {
    ATR_CONTACT,     /* a chip in contact with the reader */
    ATR_CONTACTLESS, /* 3B 8n 80 01 …: historical bytes of an ISO 14443-4 card's ATS (or type B
                        application data) */
    ATR_STORAGE /* 3B 8F 80 01 80 4F 0C A0 00 00 03 06 …: a memory card, named by standard and card
                   name */
};
struct atr {
    enum atr_kind kind;
    bool inverse;       /* TS 3F */
    uint8_t ta1;        /* 11 when absent */
    uint16_t protocols; /* bit n: T=n is offered; bit 0 alone when no TD says otherwise */
    bool has_tck;
    uint8_t historical[15];
    size_t historical_len;
    uint8_t storage_standard; /* ATR_STORAGE */
    uint16_t storage_name;    /* ATR_STORAGE: 0001 Mifare Classic 1K … */
};

/** Reads an ATR of `len` bytes. OC_EPARSE: wrong TS, cut short, bytes too many, wrong TCK. */
int atr_parse(const uint8_t *bytes, size_t len, struct atr *ret) MUST_USE;

#endif
