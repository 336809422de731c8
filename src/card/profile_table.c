/* The table card profiles are read by: one row a key. Bytes of commands are hexadecimal, as in the
 * standards' papers; offsets and lengths are decimal. The arrays are filled through a pointer and a
 * count that lie side by side. */
#include "card/profile_intern.h"

#define SIDE_BY_SIDE(S, first, second)                                                             \
    _Static_assert(offsetof(S, second) == offsetof(S, first) + offsetof(struct conf_array, count), \
                   "pointer, count")
SIDE_BY_SIDE(struct profile_keys, factors, levels);
SIDE_BY_SIDE(struct profile_identity_file, pieces, piece_count);
SIDE_BY_SIDE(struct profile_holder_file, pieces, piece_count);
SIDE_BY_SIDE(struct card_profile, slots, slot_count);
SIDE_BY_SIDE(struct profile_capp, fields, field_count);
SIDE_BY_SIDE(struct profile_personalise, files, file_count);
SIDE_BY_SIDE(struct profile_personalise, keys, key_count);

static const struct conf_word auth_words[] = {{"never", PROFILE_AUTH_NEVER},
                                              {"if_key", PROFILE_AUTH_IF_KEY},
                                              {"required", PROFILE_AUTH_REQUIRED},
                                              {NULL, 0}};
static const struct conf_word counter_words[] = {
    {"after", PROFILE_COUNTER_AFTER}, {"before", PROFILE_COUNTER_BEFORE}, {NULL, 0}};
static const struct conf_word order_words[] = {{"any", PROFILE_PROVE_ANY},
                                               {"mac_tac", PROFILE_PROVE_MAC_TAC},
                                               {"tac_mac", PROFILE_PROVE_TAC_MAC},
                                               {NULL, 0}};
static const struct conf_word balance_words[] = {
    {"plain", PROFILE_BALANCE_PLAIN}, {"tunion", PROFILE_BALANCE_TUNION}, {NULL, 0}};
static const struct conf_word pin_words[] = {
    {"bcd", PROFILE_PIN_BCD}, {"ascii", PROFILE_PIN_ASCII}, {NULL, 0}};
static const struct conf_word encoding_words[] = {
    {"const", CAPP_CONST},       {"be", CAPP_BE},
    {"bcd", CAPP_BCD},           {"bcd_datetime", CAPP_BCD_DATETIME},
    {"bcd_date", CAPP_BCD_DATE}, {"bcd_time", CAPP_BCD_TIME},
    {"hex", CAPP_HEX},           {"ascii", CAPP_ASCII},
    {"crc16", CAPP_CRC16},       {NULL, 0}};

#define S struct profile_slice
static const struct conf_item slice_items[] = {
    {CONF_AT(S, offset, CONF_INT), .required = true, .help = "First byte, from 0."},
    {CONF_AT(S, length, CONF_INT), .max = PROFILE_IDENTITY_MAX, .required = true,
     .help = "Bytes; 0: not there."},
};
#undef S
static const struct conf_schema slice_table = CONF_SCHEMA(struct profile_slice, slice_items, NULL);

#define SLICE(member_key, needed, text)                                                            \
    {                                                                                              \
        CONF_AT(S, member_key, CONF_SECTION), .section = &slice_table, .required = (needed),       \
                                              .absent_zero = true, .help = (text)                  \
    }

#define S struct profile_match
static const struct conf_item match_items[] = {
    {CONF_AT(S, aids, CONF_BYTES_LIST), .min = 5, .max = 16,
     .help = "Names to SELECT, in this order."},
    {CONF_AT(S, atr, CONF_STRING), .dflt = "",
     .help = "Pattern over the ATR's historical bytes; x is any digit."},
    {CONF_AT(S, identity, CONF_STRING), .dflt = "",
     .help = "Pattern over file 0015 from its first byte."},
    {CONF_AT(S, adf, CONF_HEXNUM), .dflt = "0000",
     .help = "File id to SELECT where no name answers; 0000: none."},
    {CONF_AT(S, priority, CONF_INT), .dflt = "100",
     .help = "Profiles with smaller numbers are tried first."},
};
#undef S
static const struct conf_schema match_table =
    CONF_SCHEMA(struct profile_match, match_items, profile_check_match);

#define S struct profile_piece
static const struct conf_item piece_items[] = {
    {CONF_AT(S, fid, CONF_HEXNUM), .dflt = "0000", .help = "File to SELECT; 0000: P2 names it."},
    {CONF_AT(S, record, CONF_HEXNUM), .dflt = "00", .help = "P1 of READ RECORD; 00: the tag."},
    {CONF_AT(S, p2, CONF_HEXNUM), .dflt = "00", .help = "P2 of READ RECORD."},
    {CONF_AT(S, tag, CONF_HEXNUM), .dflt = "00", .help = "Tag that the record begins with."},
    {CONF_AT(S, length, CONF_INT), .max = PROFILE_IDENTITY_MAX, .dflt = "0",
     .help = "Bytes of its value."},
    {CONF_AT(S, historical, CONF_INT), .max = 15, .dflt = "0",
     .help = "Instead of a record: the last so many historical bytes of the ATR."},
};
#undef S
static const struct conf_schema piece_table =
    CONF_SCHEMA(struct profile_piece, piece_items, profile_check_piece);

#define PIECES                                                                                     \
    {                                                                                              \
        CONF_AT(S, pieces, CONF_SECTION_LIST), .max = PROFILE_PIECES_MAX, .section = &piece_table, \
                                               .help = "Values of records that take the file's "   \
                                                       "place, one behind the other."              \
    }

#define S struct profile_identity_file
static const struct conf_item identity_items[] = {
    PIECES,
    {CONF_AT(S, sfi, CONF_HEXNUM), .dflt = "15", .help = "Short file id."},
    {CONF_AT(S, fid, CONF_HEXNUM), .dflt = "0015", .help = "File id."},
    {CONF_AT(S, min_len, CONF_INT), .min = 20, .max = PROFILE_IDENTITY_MAX, .dflt = "30",
     .help = "Shortest answer taken."},
    {CONF_AT(S, max_len, CONF_INT), .min = 20, .max = PROFILE_IDENTITY_MAX, .dflt = "43",
     .help = "Longest answer taken."},
    SLICE(issuer, true, "Issuer id, 8 bytes."),
    SLICE(serial, true, "Application serial number, 10 bytes."),
    SLICE(number, false, "Number printed on the card; absent: the serial number."),
    {CONF_AT(S, number_skip, CONF_INT), .dflt = "0",
     .help = "Hexadecimal digits left out at the number's front."},
    {CONF_AT(S, number_ascii, CONF_BOOL), .dflt = "false", .help = "The number is text."},
    {CONF_AT(S, app_flag, CONF_INT), .min = -1, .max = 63, .required = true,
     .help = "Offset of the application type flag; -1: none."},
    {CONF_AT(S, app_enabled, CONF_BYTES), .min = 1, .max = 16, .dflt = "01",
     .help = "Flags that mean enabled."},
    {CONF_AT(S, version, CONF_INT), .max = 63, .required = true,
     .help = "Offset of the application version."},
    {CONF_AT(S, start, CONF_INT), .max = 63, .required = true, .help = "Offset of the first day."},
    {CONF_AT(S, expiry, CONF_INT), .max = 63, .required = true, .help = "Offset of the last day."},
    SLICE(category, false, "Category code; absent: bytes 28 and 29."),
    {CONF_AT(S, categories, CONF_MAP), .help = "Category code in hexadecimal: name."},
    {CONF_AT(S, category_until, CONF_INT), .min = -1, .max = 63, .dflt = "24",
     .help = "Offset of the category's last day; -1: none."},
};
static const struct conf_schema identity_table =
    CONF_SCHEMA(struct profile_identity_file, identity_items, profile_check_identity);
#undef S

#define S struct profile_holder_file
static const struct conf_item holder_items[] = {
    PIECES,
    {CONF_AT(S, pin, CONF_BOOL), .dflt = "true", .help = "Readable only after VERIFY PIN."},
    {CONF_AT(S, sfi, CONF_HEXNUM), .dflt = "16", .help = "Short file id."},
    {CONF_AT(S, fid, CONF_HEXNUM), .dflt = "0016", .help = "File id."},
    {CONF_AT(S, min_len, CONF_INT), .max = 128, .dflt = "39", .help = "Shortest answer taken."},
    SLICE(type, false, "Kind of holder."),
    SLICE(staff, false, "Whether one of the issuer's staff."),
    SLICE(name, false, "Name."),
    SLICE(id, false, "Number of the identity document."),
    SLICE(id_type, false, "Kind of the identity document."),
};
static const struct conf_schema holder_table =
    CONF_SCHEMA(struct profile_holder_file, holder_items, profile_check_holder);
#undef S

#define S struct profile_pin
static const struct conf_item pin_items[] = {
    {CONF_AT(S, kid, CONF_HEXNUM), .dflt = "00", .help = "Its key id."},
    {CONF_AT(S, min, CONF_INT), .min = 4, .max = 12, .dflt = "6", .help = "Fewest digits."},
    {CONF_AT(S, max, CONF_INT), .min = 4, .max = 12, .dflt = "6", .help = "Most digits."},
    {CONF_AT(S, form, CONF_ENUM), .words = pin_words, .dflt = "bcd",
     .help = "How digits stand in VERIFY."},
    {CONF_AT(S, pad_to, CONF_INT), .max = 6, .dflt = "0",
     .help = "Filled with FF to so many bytes; 0: not."},
};
static const struct conf_schema pin_table =
    CONF_SCHEMA(struct profile_pin, pin_items, profile_check_pin);
#undef S

#define S struct profile_factor
static const struct conf_item factor_items[] = {
    {CONF_AT(S, prefix, CONF_BYTES), .max = 8, .help = "Constant bytes in front."},
    SLICE(from, false, "Bytes of file 0015."),
    {CONF_AT(S, digits, CONF_BOOL), .dflt = "false", .help = "Their hexadecimal digits as text."},
    {CONF_AT(S, suffix, CONF_BYTES), .max = 8, .help = "Constant bytes behind."},
};
static const struct conf_schema factor_table =
    CONF_SCHEMA(struct profile_factor, factor_items, profile_check_factor);
#undef S

#define S struct profile_keys
static const struct conf_item keys_items[] = {
    {CONF_AT(S, factors, CONF_SECTION_LIST), .max = PROFILE_LEVELS_MAX, .section = &factor_table,
     .help = "Diversification, a factor of 8 bytes a level, outer level first."},
    {CONF_AT(S, internal, CONF_ENUM), .words = auth_words, .dflt = "if_key",
     .help = "Internal authentication."},
    {CONF_AT(S, internal_kid, CONF_HEXNUM), .dflt = "00", .help = "Its key id."},
    {CONF_AT(S, internal_p1, CONF_HEXNUM), .dflt = "00", .help = "Its P1: 00 encrypts."},
    {CONF_AT(S, external, CONF_ENUM), .words = auth_words, .dflt = "never",
     .help = "External authentication."},
    {CONF_AT(S, external_kid, CONF_HEXNUM), .dflt = "00", .help = "Its key id."},
    {CONF_AT(S, external_session, CONF_BOOL), .dflt = "false",
     .help = "The challenge diversifies the key; our own bytes are enciphered and go along."},
    {CONF_AT(S, external_suffix, CONF_BYTES), .max = 4, .help = "What follows them."},
};
static const struct conf_schema keys_table = CONF_SCHEMA(struct profile_keys, keys_items, NULL);
#undef S

#define S struct profile_purse
static const struct conf_item purse_items[] = {
    {CONF_AT(S, p2, CONF_HEXNUM), .dflt = "02",
     .help = "02 electronic purse, 01 electronic deposit."},
    {CONF_AT(S, kid_load, CONF_HEXNUM), .dflt = "01", .help = "Key index for loads."},
    {CONF_AT(S, kid_purchase, CONF_HEXNUM), .dflt = "01", .help = "Key index for purchases."},
    {CONF_AT(S, type_load, CONF_HEXNUM), .dflt = "02", .help = "Transaction type of a load."},
    {CONF_AT(S, type_purchase, CONF_HEXNUM), .dflt = "06",
     .help = "Transaction type of a purchase."},
    {CONF_AT(S, type_capp, CONF_HEXNUM), .dflt = "09",
     .help = "Transaction type of a CAPP purchase."},
    {CONF_AT(S, balance, CONF_ENUM), .words = balance_words, .dflt = "plain",
     .help = "How the balance is found."},
    {CONF_AT(S, balance_p1, CONF_HEXNUM), .dflt = "00", .help = "P1 of GET BALANCE."},
    {CONF_AT(S, balance_used_p1, CONF_HEXNUM), .dflt = "02",
     .help = "P1 for the overdraft used (tunion)."},
    {CONF_AT(S, balance_mask, CONF_HEXNUM), .dflt = "7FFFFFFF",
     .help = "Bits of a balance that count."},
    {CONF_AT(S, overdraft, CONF_BOOL), .dflt = "false", .help = "The card may go below zero."},
    {CONF_AT(S, security_code, CONF_BOOL), .dflt = "false", .help = "GET SECURITY CODE exists."},
    {CONF_AT(S, code_in_purchase, CONF_BOOL), .dflt = "false",
     .help = "Its 9 bytes end a purchase's MAC1."},
    {CONF_AT(S, code_in_capp, CONF_BOOL), .dflt = "false",
     .help = "Its 9 bytes end a CAPP purchase's MAC1."},
    {CONF_AT(S, refused_sw, CONF_BYTES_LIST), .min = 2, .max = 2, .dflt = "6982, 6988, 9302",
     .help = "Status words after CREDIT or DEBIT that mean: MAC rejected, nothing moved."},
    {CONF_AT(S, prove, CONF_BOOL), .dflt = "true", .help = "GET TRANSACTION PROVE exists."},
    {CONF_AT(S, prove_counter, CONF_ENUM), .words = counter_words, .dflt = "after",
     .help = "Counter it asks with."},
    {CONF_AT(S, prove_order, CONF_ENUM), .words = order_words, .dflt = "any",
     .help = "Order of its 8 bytes."},
};
static const struct conf_schema purse_table =
    CONF_SCHEMA(struct profile_purse, purse_items, profile_check_purse);
#undef S

#define S struct profile_log
static const struct conf_item log_items[] = {
    {CONF_AT(S, sfi, CONF_HEXNUM), .dflt = "18", .help = "Short file id."},
    {CONF_AT(S, load_sfi, CONF_HEXNUM), .dflt = "00",
     .help = "Short file id of the loads' log; 00: the same."},
    {CONF_AT(S, record_length, CONF_INT), .min = 1, .max = 128, .dflt = "23",
     .help = "Bytes of a record."},
    {CONF_AT(S, records, CONF_INT), .min = 1, .max = 100, .dflt = "10",
     .help = "Number of records."},
    {CONF_AT(S, newest_first, CONF_BOOL), .dflt = "true", .help = "Record 1 is the newest."},
    {CONF_AT(S, counter, CONF_ENUM), .words = counter_words, .dflt = "after",
     .help = "Counter in a record."},
    SLICE(seq, true, "Transaction counter."),
    SLICE(overdraft, false, "Overdraft limit."),
    SLICE(amount, true, "Amount in fen."),
    SLICE(type, true, "Transaction type."),
    SLICE(sam, true, "SAM number."),
    SLICE(date, true, "Date, BCD."),
    SLICE(time, true, "Time, BCD."),
};
static const struct conf_schema log_table =
    CONF_SCHEMA(struct profile_log, log_items, profile_check_log);
#undef S

#define S struct capp_field
static const struct conf_item field_items[] = {
    {CONF_AT(S, name, CONF_STRING), .required = true, .help = "What it holds."},
    {CONF_AT(S, offset, CONF_INT), .max = CAPP_RECORD_MAX, .required = true,
     .help = "First byte in the record."},
    {CONF_AT(S, length, CONF_INT), .min = 1, .max = CAPP_RECORD_MAX, .required = true,
     .help = "Bytes."},
    {CONF_AT(S, encoding, CONF_ENUM), .words = encoding_words, .required = true,
     .help = "How it is written."},
    {CONF_KEY(S, "default", dflt, CONF_BYTES), .max = CAPP_RECORD_MAX,
     .help = "Bytes where no value is given."},
};
static const struct conf_schema field_table =
    CONF_SCHEMA(struct capp_field, field_items, profile_check_field);
#undef S

#define S struct capp_crc
static const struct conf_item crc_items[] = {
    {CONF_AT(S, poly, CONF_HEXNUM), .dflt = "1021", .help = "Polynomial."},
    {CONF_AT(S, init, CONF_HEXNUM), .dflt = "FFFF", .help = "First value."},
    {CONF_AT(S, xorout, CONF_HEXNUM), .dflt = "0000", .help = "XORed onto the result."},
    {CONF_AT(S, reflect, CONF_BOOL), .dflt = "false", .help = "Lowest bit first."},
    {CONF_AT(S, little, CONF_BOOL), .dflt = "false", .help = "Low byte first in the record."},
    {CONF_AT(S, from, CONF_INT), .max = CAPP_RECORD_MAX, .dflt = "0",
     .help = "First byte covered."},
};
static const struct conf_schema crc_table = CONF_SCHEMA(struct capp_crc, crc_items, NULL);
#undef S

#define S struct profile_capp
static const struct conf_item capp_items[] = {
    {CONF_AT(S, sfi, CONF_HEXNUM), .required = true,
     .help = "Short file id of the journey records."},
    {CONF_AT(S, update_p1, CONF_HEXNUM), .required = true, .help = "P1 of UPDATE CAPP DATA CACHE."},
    {CONF_AT(S, update_p2, CONF_HEXNUM), .required = true, .help = "P2 of UPDATE CAPP DATA CACHE."},
    {CONF_AT(S, reads, CONF_BYTES_LIST), .min = 2, .max = 2, .required = true,
     .help = "P1 P2 of READ RECORD, tried in this order."},
    {CONF_AT(S, length, CONF_INT), .min = 1, .max = CAPP_RECORD_MAX, .required = true,
     .help = "Bytes of the record."},
    {CONF_AT(S, head, CONF_BYTES), .max = 8, .help = "What each record begins with."},
    {CONF_AT(S, zero_moves_counter, CONF_BOOL), .dflt = "false",
     .help = "A zero amount moves the offline counter."},
    {CONF_AT(S, fields, CONF_SECTION_LIST), .min = 1, .max = CAPP_FIELDS_MAX,
     .section = &field_table, .required = true, .help = "The layout."},
    {CONF_AT(S, crc, CONF_SECTION), .section = &crc_table, .help = "The CRC of crc16 fields."},
};
static const struct conf_schema capp_table =
    CONF_SCHEMA(struct profile_capp, capp_items, profile_check_capp);
#undef S

#define S struct profile_offline
static const struct conf_item offline_items[] = {
    {CONF_AT(S, counter, CONF_ENUM), .words = counter_words, .dflt = "before",
     .help = "Which counter a terminal's record carries."},
};
static const struct conf_schema offline_table =
    CONF_SCHEMA(struct profile_offline, offline_items, NULL);
#undef S

#define S struct profile_file
static const struct conf_item file_items[] = {
    {CONF_AT(S, name, CONF_STRING), .required = true, .help = "For people."},
    {CONF_AT(S, fid, CONF_HEXNUM), .required = true, .help = "File id."},
    {CONF_AT(S, type, CONF_HEXNUM), .required = true,
     .help = "File type, with 80 for MAC and C0 for encipherment."},
    {CONF_AT(S, size, CONF_HEXNUM), .required = true, .help = "The two bytes of size."},
    {CONF_AT(S, read, CONF_HEXNUM), .dflt = "F0", .help = "Who may read."},
    {CONF_AT(S, write, CONF_HEXNUM), .dflt = "F0", .help = "Who may write."},
    {CONF_AT(S, b6, CONF_HEXNUM), .dflt = "FF", .help = "Last byte but one."},
    {CONF_AT(S, b7, CONF_HEXNUM), .dflt = "FF", .help = "Last byte."},
    {CONF_AT(S, in_mf, CONF_BOOL), .dflt = "false", .help = "In the MF."},
    {CONF_AT(S, content, CONF_STRING), .dflt = "", .help = "identity, holder or nothing."},
    {CONF_AT(S, records, CONF_BYTES_LIST), .max = 128, .help = "Heads of the records to append."},
    {CONF_AT(S, record_length, CONF_INT), .max = 128, .dflt = "0",
     .help = "Each head is filled with zeros to this."},
};
static const struct conf_schema file_table =
    CONF_SCHEMA(struct profile_file, file_items, profile_check_file);
#undef S

#define S struct profile_key
static const struct conf_item key_items[] = {
    {CONF_AT(S, name, CONF_STRING), .required = true, .help = "For people."},
    {CONF_AT(S, purpose, CONF_STRING), .required = true, .help = "Which master key it comes from."},
    {CONF_AT(S, type, CONF_HEXNUM), .required = true, .help = "Key type."},
    {CONF_AT(S, kid, CONF_HEXNUM), .required = true, .help = "Key id."},
    {CONF_AT(S, use, CONF_HEXNUM), .dflt = "F0", .help = "Who may use it."},
    {CONF_AT(S, change, CONF_HEXNUM), .dflt = "EF", .help = "Who may change it."},
    {CONF_AT(S, versioned, CONF_BOOL), .dflt = "false",
     .help = "The next two bytes are version and algorithm."},
    {CONF_AT(S, b4, CONF_HEXNUM), .dflt = "FF", .help = "Otherwise: the state it grants, or FF."},
    {CONF_AT(S, b5, CONF_HEXNUM), .dflt = "33", .help = "Otherwise: tries."},
    {CONF_AT(S, in_mf, CONF_BOOL), .dflt = "false", .help = "In the MF."},
    {CONF_AT(S, diversified, CONF_BOOL), .dflt = "true",
     .help = "The card's own key, not the master key."},
};
static const struct conf_schema key_table =
    CONF_SCHEMA(struct profile_key, key_items, profile_check_key);
#undef S

#define S struct profile_personalise
static const struct conf_item personalise_items[] = {
    {CONF_AT(S, transport_key, CONF_BYTES), .min = 16, .max = 16, .secret = true, .required = true,
     .help = "A blank card's key."},
    {CONF_AT(S, transport_kid, CONF_HEXNUM), .dflt = "00", .help = "Its key id."},
    {CONF_AT(S, erase, CONF_BOOL), .dflt = "true", .help = "Erase the MF first."},
    {CONF_AT(S, mf, CONF_HEXNUM), .dflt = "3F00", .help = "File id of the MF."},
    {CONF_AT(S, adf, CONF_HEXNUM), .required = true, .help = "File id of the application."},
    {CONF_AT(S, aid, CONF_BYTES), .min = 5, .max = 16, .required = true,
     .help = "Name of the application."},
    {CONF_AT(S, adf_size, CONF_HEXNUM), .required = true, .help = "Bytes for the application."},
    {CONF_AT(S, adf_create, CONF_HEXNUM), .dflt = "F0", .help = "Who may create files in it."},
    {CONF_AT(S, adf_erase, CONF_HEXNUM), .dflt = "F0", .help = "Who may erase it."},
    {CONF_AT(S, adf_app_id, CONF_HEXNUM), .dflt = "95",
     .help = "Short id of the file whose bytes the FCI shows."},
    {CONF_AT(S, mf_key_size, CONF_HEXNUM), .dflt = "0050", .help = "Bytes for the MF's keys."},
    {CONF_AT(S, mf_key_app, CONF_HEXNUM), .dflt = "01", .help = "Third byte of the MF's key file."},
    {CONF_AT(S, mf_key_add, CONF_HEXNUM), .dflt = "F0", .help = "Who may add keys in the MF."},
    {CONF_AT(S, key_size, CONF_HEXNUM), .dflt = "0180",
     .help = "Bytes for the application's keys."},
    {CONF_AT(S, key_app, CONF_HEXNUM), .dflt = "95", .help = "Third byte of its key file."},
    {CONF_AT(S, key_add, CONF_HEXNUM), .dflt = "F0",
     .help = "Who may add keys in the application."},
    {CONF_AT(S, files, CONF_SECTION_LIST), .min = 1, .max = 40, .section = &file_table,
     .required = true, .help = "Files to create, in this order."},
    {CONF_AT(S, keys, CONF_SECTION_LIST), .min = 1, .max = 40, .section = &key_table,
     .required = true, .help = "Keys to write, in this order."},
    {CONF_AT(S, identity, CONF_BYTES), .min = 20, .max = PROFILE_IDENTITY_MAX, .required = true,
     .help = "Template of file 0015."},
    {CONF_AT(S, valid_years, CONF_INT), .min = 1, .max = 50, .dflt = "10",
     .help = "Years until a new card expires."},
};
static const struct conf_schema personalise_table =
    CONF_SCHEMA(struct profile_personalise, personalise_items, profile_check_personalise);
#undef S

#define S struct profile_slot
static const struct conf_item slot_items[] = {
    {CONF_AT(S, app, CONF_STRING), .min = 1, .max = 15, .required = true,
     .help = "Name of the slot in the ledger."},
    {CONF_AT(S, in_identity, CONF_BOOL), .dflt = "false",
     .help = "The category's code stands in file 0015 as well."},
    {CONF_AT(S, sfi, CONF_HEXNUM), .dflt = "00",
     .help = "Short file id of its record; 00: there is none."},
    {CONF_AT(S, tag, CONF_HEXNUM), .dflt = "00", .help = "Tag that the record begins with."},
    {CONF_AT(S, length, CONF_INT), .max = PROFILE_SLOT_RECORD_MAX, .dflt = "0",
     .help = "Bytes of the record, head included."},
    SLICE(category, false, "Code of the category."),
    {CONF_AT(S, from, CONF_INT), .max = PROFILE_SLOT_RECORD_MAX, .dflt = "0",
     .help = "Offset of its first day, BCD; zeros: open."},
    {CONF_AT(S, until, CONF_INT), .max = PROFILE_SLOT_RECORD_MAX, .dflt = "0",
     .help = "Offset of its last day, BCD; zeros: open."},
    {CONF_AT(S, categories, CONF_MAP), .help = "Code, hexadecimal: name of the category; absent: "
                                               "the identity's."},
};
static const struct conf_schema slot_table =
    CONF_SCHEMA(struct profile_slot, slot_items, profile_check_slot);
#undef S

#define S struct card_profile
#define PART(key_, text, needed)                                                                   \
    {                                                                                              \
        CONF_AT(S, key_, CONF_SECTION), .section = &key_##_table, .required = (needed),            \
                                        .absent_zero = true, .help = (text)                        \
    }
static const struct conf_item profile_items[] = {
    {CONF_AT(S, name, CONF_STRING), .min = 1, .max = PROFILE_NAME_MAX, .required = true,
     .help = "The profile's name: that of the file without .yaml."},
    {CONF_AT(S, title, CONF_STRING), .required = true, .help = "For people."},
    {CONF_AT(S, title_zh, CONF_STRING), .required = true, .help = "The same in Chinese."},
    PART(match, "How such a card is found.", true),
    PART(identity, "File 0015.", true),
    PART(holder, "File 0016.", false),
    {CONF_AT(S, slots, CONF_SECTION_LIST), .max = PROFILE_SLOTS_MAX, .section = &slot_table,
     .help = "What applications say of the holder: category and its days."},
    PART(pin, "The holder's PIN.", false),
    PART(keys, "Diversification and authentication.", true),
    PART(purse, "The purse.", false),
    PART(log, "The card's own log.", false),
    PART(capp, "The journey record of CAPP purchases.", false),
    {CONF_AT(struct card_profile, offline, CONF_SECTION), .section = &offline_table,
     .help = "Records from terminals."},
    PART(personalise, "How a blank card becomes such a card.", false),
};
#undef S
const struct conf_schema profile_table =
    CONF_SCHEMA(struct card_profile, profile_items, profile_check_all);
