/* Commands that change a card's files, keys and state: personalisation (FMCOS dialect) and
 * application locking. Facts §1.1, §4.4, §6.1. Plain forms; where the card wants secure messaging,
 * apdu_sm_open/close go over them. int results: OC_EINVAL when the data do not fit a short APDU. */
#ifndef WIRE_APDU_ADMIN_H
#define WIRE_APDU_ADMIN_H

#include "wire/apdu.h"

/** APPLICATION BLOCK 84 1E 00 00|01, without its MAC: open, MAC, close. Permanent cannot be undone.
 */
void apdu_app_block(struct apdu *ret, bool permanent);
/** APPLICATION UNBLOCK 84 18 00 00, without its MAC. Three wrong MACs lock the application for
 * ever. */
void apdu_app_unblock(struct apdu *ret);
/** CREATE FILE 80 E0 FID with the file's control information (FMCOS). */
int apdu_create_file(struct apdu *ret, uint16_t fid, const void *info, size_t len) MUST_USE;
/** WRITE KEY 80 D4 p1 kid with a key record. p1: 01 add, else the key type to change. */
int apdu_write_key(struct apdu *ret, uint8_t p1, uint8_t kid, const void *record,
                   size_t len) MUST_USE;
/** UPDATE BINARY 00 D6 of file `sfi` (1–30) at `offset`. */
int apdu_update_binary_sfi(struct apdu *ret, uint8_t sfi, uint8_t offset, const void *data,
                           size_t len) MUST_USE;
/** UPDATE BINARY 00 D6 of the selected file at `offset` (under 32768). */
int apdu_update_binary(struct apdu *ret, uint16_t offset, const void *data, size_t len) MUST_USE;
/** UPDATE RECORD 00 DC number `record` of file `sfi`: P2 = SFI<<3 | 4. */
int apdu_update_record(struct apdu *ret, uint8_t sfi, uint8_t record, const void *data,
                       size_t len) MUST_USE;
/** UPDATE RECORD 00 DC of the record that begins with `tag`: P1 = tag, P2 = SFI<<3. */
int apdu_update_record_tag(struct apdu *ret, uint8_t sfi, uint8_t tag, const void *data,
                           size_t len) MUST_USE;
/** APPEND RECORD 00 E2 00 SFI<<3. */
int apdu_append_record(struct apdu *ret, uint8_t sfi, const void *data, size_t len) MUST_USE;
/** ERASE DF 80 0E 00 00: everything under the selected DF goes (FMCOS). */
void apdu_erase_df(struct apdu *ret);

#endif
