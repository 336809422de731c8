/* A small city for the tests of social security: the module with the rules of conf/bureau, a
 * citizen who is insured, and a settlement that asks for the split and pays the rest from the
 * purse. */
#ifndef SOCIAL_CITY_H
#define SOCIAL_CITY_H

#include "fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern struct fake f;
extern void *ctx;

/** Loads the module (conf/bureau, or another folder) and makes citizen c1 with 100 yuan on the
 * chip. */
int city_setup(void **state);
int city_teardown(void **state);
int city_load(const char *folder);
/** The next request: everything that the last one named is gone, the city's records stay. */
void city_next(int32_t date);
void city_param(const char *name, const char *value);
/** Asks social.NAME. */
int city_ask(const char *name, fen_t amount);
/** At a terminal of that participant. */
void city_at(const char *participant);
/** The citizen's medical insurance as the bureau pushed it: {"insurance":"employee",…}. */
void city_insure(const char *citizen, const char *medical);

/** Settles a bill (JSON) of c1 as medical would, and commits. 0 or the refusal's OC_EREFUSED. */
int city_settle(const char *bill, const char *replaces);
/** Decides only. */
int city_plan(const char *bill);
int city_cancel(const char *settlement);
/** Of the last settlement's reply: settlement_id, cash_fen, lines.0.fund_fen … */
const char *city_said(const char *path);
fen_t city_said_fen(const char *path);
/** A member of c1's year record; -1: none. */
fen_t city_year(int year, const char *member);

#endif
