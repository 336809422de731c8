/* Verbs of settle about payments (R18): what the bank and the funds say. */
#ifndef ONECARDCTL_PAYMENT_H
#define ONECARDCTL_PAYMENT_H

#include "ctl.h"

int payment_list_run(struct ctl *c, const struct cli_args *a);
int payment_show_run(struct ctl *c, const struct cli_args *a);
int payment_deduct_run(struct ctl *c, const struct cli_args *a);
int payment_result_run(struct ctl *c, const struct cli_args *a);

#endif
