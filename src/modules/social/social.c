/* Social security 社会保障: identity, the five insurances, personal accounts, the split of medical
 * bills, benefits. This file is what the switch sees of the module: its configuration and its
 * beginning. */
#include "social.h"

#include <stdlib.h>
#include <string.h>

static int strength_of(const char *word)
{
    static const char *const words[] = {"code", "chip", "pin"};
    static const int strengths[] = {OC_STRENGTH_CODE, OC_STRENGTH_CHIP, OC_STRENGTH_PIN};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word && strcmp(words[i], word) == 0) {
            return strengths[i];
        }
    }
    return -1;
}

static void unload(void *ctx)
{
    struct social *s = ctx;
    if (s) {
        book_free(&s->book);
        free(s);
    }
}

static int load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx)
{
    struct social *s = calloc(1, sizeof(*s));
    if (!s) {
        return OC_ENOMEM;
    }
    const char *folder = host->conf_text(conf, "rules");
    s->bureau = host->conf_text(conf, "bureau");
    s->city = host->conf_text(conf, "city");
    s->family_max = host->conf_int(conf, "family_max");
    s->collect_max = host->conf_fen(conf, "collect_max");
    s->collect_without_pin = host->conf_fen(conf, "collect_without_pin");
    s->identity_strength = strength_of(host->conf_text(conf, "identity"));
    int rc = 0;
    if (s->identity_strength < 0) {
        host->log("social", ONECARD_LOG_ERROR, "identity: write code, chip or pin");
        rc = OC_EINVAL;
    }
    if (rc == 0 && folder && *folder) {
        rc = book_load(host, conf, folder, &s->book);
    }
    if (rc) {
        unload(s);
        return rc;
    }
    *ret_ctx = s;
    return 0;
}

static const struct onecard_conf_item conf_items[] = {
    {"rules", ONECARD_CONF_TEXT, NULL,
     "Folder with the rules of insurances, the catalogue, hospitals and eligibility; none: nobody "
     "is "
     "insured.",
     0, 0},
    {"bureau", ONECARD_CONF_TEXT, "bureau",
     "Participant at whose terminals the bureau pushes, pays and reconciles.", 1, 31},
    {"city", ONECARD_CONF_TEXT, NULL,
     "Whose registered address begins so is a resident, where the register does not say.", 0, 0},
    {"identity", ONECARD_CONF_TEXT, "code",
     "How sure it must be that the citizen is there before a question is answered: code, chip or "
     "pin.",
     1, 8},
    {"family_max", ONECARD_CONF_INT, "8", "Relatives that one owner may bind.", 1, 12},
    {"collect_max", ONECARD_CONF_FEN, "5000", "Most that is paid out in cash at a time, in yuan.",
     100, 10000000},
    {"collect_without_pin", ONECARD_CONF_FEN, "500",
     "Up to how much the card alone suffices, in yuan.", 0, 10000000},
};

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "social",
    .version = "1.0",
    .title_en = "Social security",
    .title_zh = "社会保障",
    .conf_items = conf_items,
    .conf_count = sizeof(conf_items) / sizeof(conf_items[0]),
    .load = load,
    .unload = unload,
    .services = social_services,
    .service_count = SOCIAL_SERVICES,
};
