/*
 * Cards whose identity stands in records with tag and length: the social security card and the
 * resident health card, as the drivers of such cards read them. Neither has a purse.
 */
#include "record.h"

#include <string.h>

static const uint8_t aid_ssc[] = {0x73, 0x78, 0x31, 0x2E, 0x73, 0x68, 0x2E, 0xC9,
                                  0xE7, 0xBB, 0xE1, 0xB1, 0xA3, 0xD5, 0xCF};
static const uint8_t region_ssc[] = {0x37, 0x17, 0x00}, city_health[] = {0x41, 0x01, 0x00};

void cs_record_app(const struct cardsim_personal *p, struct node *app)
{
    static const char health[] = "HEALTH.DDF1";
    bool ssc = p->profile == CARDSIM_SSC;
    *app = (struct node){.kind = KIND_DF,
                         .fid = ssc ? 0xDF01 : 0xDDF1,
                         .access1 = 0xF0,
                         .access2 = 0xEF,
                         .tail = 0x1E};
    app->name_len = ssc ? sizeof aid_ssc : sizeof health - 1;
    memcpy(app->name, ssc ? aid_ssc : (const uint8_t *)health, app->name_len);
}

/* "371700sx", or "41000000": digits as text. */
void cs_record_region(const struct cardsim_personal *p, uint8_t out[8])
{
    bool ssc = p->profile == CARDSIM_SSC;
    size_t n = ssc ? 3 : 1;
    memcpy(out, ssc ? "??????sx" : "??000000", 8);
    for (size_t i = 0; i < n; i++) {
        uint8_t b = ssc ? region_ssc[i] : city_health[i];
        out[2 * i] = (uint8_t)('0' + (b >> 4));
        out[2 * i + 1] = (uint8_t)('0' + (b & 15));
    }
}

static int add(struct cardsim *c, uint8_t file, uint8_t tag, const void *value, uint8_t len)
{
    uint8_t record[2 + 64] = {tag, len};
    memcpy(record + 2, value, len);
    return cs_record_append(c, &c->nodes[file], record, 2U + len) == SW_OK ? 0 : CARDSIM_EFULL;
}

/* The end of the serial number as text. */
static void number_text(const struct cardsim_personal *p, char *out, size_t digits)
{
    for (size_t i = 0; i < digits; i++) {
        size_t at = 20 - digits + i;
        out[i] = (char)('0' + (at % 2 ? p->serial[at / 2] & 15 : p->serial[at / 2] >> 4));
    }
}

static int fill_ssc(struct cardsim *c, uint8_t card, uint8_t holder,
                    const struct cardsim_personal *p)
{
    uint8_t id[16] = {0}, org[12] = {0};
    char number[9];
    memcpy(id, region_ssc, 3);
    memcpy(id + 6, p->serial, 10);
    memcpy(org, p->issuer, 8);
    number_text(p, number, sizeof number);
    int err = add(c, card, 0x01, id, 16);
    err = err ? err : add(c, card, 0x02, "1", 1);
    err = err ? err : add(c, card, 0x03, "3.00", 4);
    err = err ? err : add(c, card, 0x04, org, 12);
    err = err ? err : add(c, card, 0x05, p->start, 4);
    err = err ? err : add(c, card, 0x06, p->expiry, 4);
    err = err ? err : add(c, card, 0x07, number, 9);
    err = err ? err : add(c, holder, 0x08, p->holder + 30, 18);
    return err ? err : add(c, holder, 0x09, p->holder, 30);
}

static int fill_health(struct cardsim *c, uint8_t card, uint8_t holder,
                       const struct cardsim_personal *p)
{
    static const uint8_t zeros[30];
    uint8_t code[11] = {0};
    char number[18];
    memcpy(code, p->issuer, 8);
    number_text(p, number, sizeof number);
    int err = add(c, card, 0x01, "1", 1);
    err = err ? err : add(c, card, 0x02, "1.00", 4);
    err = err ? err : add(c, card, 0x03, zeros, 30);
    err = err ? err : add(c, card, 0x04, code, 11);
    err = err ? err : add(c, card, 0x05, zeros, 1);
    err = err ? err : add(c, card, 0x06, p->start, 4);
    err = err ? err : add(c, card, 0x08, number, 18);
    err = err ? err : add(c, card, 0x09, zeros, 3);
    err = err ? err : add(c, card, 0x0A, p->serial, 10);
    err = err ? err : add(c, card, 0x39, city_health, 3);
    err = err ? err : add(c, holder, 0x0B, p->holder, 30);
    err = err ? err : add(c, holder, 0x0C, zeros, 1);
    err = err ? err : add(c, holder, 0x0D, zeros, 1);
    err = err ? err : add(c, holder, 0x0E, zeros, 4);
    return err ? err : add(c, holder, 0x0F, p->holder + 30, 18);
}

static uint8_t add_file(struct cardsim *c, uint8_t df, uint16_t fid, uint8_t read)
{
    struct node n = {.kind = KIND_VARIABLE,
                     .prot = PROT_MAC,
                     .fid = fid,
                     .access1 = read,
                     .access2 = 0xF0,
                     .tail = 0xFF,
                     .size = 256};
    return cs_node_add(c, df, &n);
}

int cs_record_card(struct cardsim *c, uint8_t df, const struct cardsim_personal *p)
{
    uint8_t holder = add_file(c, df, 0xEF06, 0xF2), card = add_file(c, df, 0xEF05, 0xF0);
    if (holder == NONE || card == NONE)
        return CARDSIM_EFULL;
    if (p->profile == CARDSIM_SSC)
        return fill_ssc(c, card, holder, p);
    uint8_t validity = add_file(c, df, 0xEF08, 0xF0);
    if (validity == NONE)
        return CARDSIM_EFULL;
    int err = add(c, validity, 0x07, p->expiry, 4);
    return err ? err : fill_health(c, card, holder, p);
}
