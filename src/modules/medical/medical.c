/* The module: its configuration. The services stand in services.c. */
#include "medical.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct onecard_conf_item conf_items[] = {
    {"hospitals", ONECARD_CONF_TEXT, NULL,
     "Participants that may push schedules, bills, reports, dispenses and stays, and be asked for "
     "referrals and consultations, with blanks between; none: all whose terminals may run the "
     "services.",
     0, 0},
    {"book_days", ONECARD_CONF_INT, "14", "How many days ahead appointments are booked.", 1, 365},
    {"open_max", ONECARD_CONF_INT, "3", "Appointments of one citizen that may lie ahead.", 1,
     OPEN_MAX},
    {"cancel_minutes", ONECARD_CONF_INT, "60",
     "An appointment is cancelled so many minutes before its time at the latest.", 0, 10080},
    {"late_minutes", ONECARD_CONF_INT, "60",
     "How many minutes after its time an appointment is still checked in.", 0, 720},
    {"late_register_minutes", ONECARD_CONF_INT, "30",
     "A slot that began so many minutes ago may still be registered for.", 0, 720},
    {"missed_max", ONECARD_CONF_INT, "3",
     "So many missed appointments within missed_days: no new ones; 0: no limit.", 0, MISSED_MAX},
    {"missed_days", ONECARD_CONF_INT, "90", "For how many days a missed appointment counts.", 1,
     730},
    {"unregister_days", ONECARD_CONF_INT, "0",
     "So many days after the visit's day a registration may still be given back.", 0, 30},
    {"access_minutes", ONECARD_CONF_INT, "15",
     "How long what was opened may be read by medical.read.", 1, 1440},
    {"cash_back_where_paid", ONECARD_CONF_BOOL, "true",
     "Cash is given back only at terminals of the participant that took it.", 0, 0},
    {"recognition", ONECARD_CONF_MAP, NULL,
     "Mutual recognition by item code: \"DAYS\", then \"from H,H\" and \"at H,H\" where it is not "
     "the whole city.",
     0, 0},
    {"interactions", ONECARD_CONF_MAP, NULL,
     "Warnings for two substances taken together: CODE+CODE (or their beginnings): a sentence.", 0,
     0},
};

static int complain(const struct onecard_host *host, const char *what, const char *which)
{
    char text[160];
    snprintf(text, sizeof(text), "%s: %.60s", what, which);
    host->log("medical", ONECARD_LOG_ERROR, text);
    return OC_EINVAL;
}

static int check_maps(const struct onecard_host *host, const struct onecard_conf *conf)
{
    const char *name, *value;
    for (size_t i = 0; host->conf_map_at(conf, "recognition", i, &name, &value); i++) {
        if (!id_ok(name, 24) || !recognise_rule_ok(value)) {
            return complain(host, "recognition: write CODE: DAYS [from H,H] [at H,H]; wrong is",
                            name);
        }
    }
    for (size_t i = 0; host->conf_map_at(conf, "interactions", i, &name, &value); i++) {
        const char *plus = strchr(name, '+');
        if (!plus || plus == name || !plus[1] || !*value || strlen(value) > 200) {
            return complain(host, "interactions: write CODE+CODE: a sentence; wrong is", name);
        }
    }
    return 0;
}

static int load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx)
{
    int rc = check_maps(host, conf);
    if (rc) {
        return rc;
    }
    struct medical *m = calloc(1, sizeof(*m));
    if (!m) {
        return OC_ENOMEM;
    }
    m->conf = conf;
    m->hospitals = host->conf_text(conf, "hospitals");
    m->book_days = host->conf_int(conf, "book_days");
    m->open_max = host->conf_int(conf, "open_max");
    m->cancel_minutes = host->conf_int(conf, "cancel_minutes");
    m->late_minutes = host->conf_int(conf, "late_minutes");
    m->late_register_minutes = host->conf_int(conf, "late_register_minutes");
    m->missed_max = host->conf_int(conf, "missed_max");
    m->missed_days = host->conf_int(conf, "missed_days");
    m->unregister_days = host->conf_int(conf, "unregister_days");
    m->access_minutes = host->conf_int(conf, "access_minutes");
    m->same_participant_cash = host->conf_bool(conf, "cash_back_where_paid");
    *ret_ctx = m;
    return 0;
}

ONECARD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = ONECARD_ABI_MAJOR,
    .abi_minor = ONECARD_ABI_MINOR,
    .size = sizeof(struct onecard_module),
    .name = "medical",
    .version = "1.0",
    .title_en = "Medical services",
    .title_zh = "医疗服务",
    .conf_items = conf_items,
    .conf_count = sizeof(conf_items) / sizeof(conf_items[0]),
    .load = load,
    .unload = free,
    .services = medical_services,
    .service_count = MEDICAL_SERVICES,
};
