/* An application's slot on the chip: what it says, and the issuer's word written over it under the
 * card's maintenance key, on each kind of card. */
#include "sim_rig.h"

static const struct kind kinds[] = {
    {"pboc-ep", CARDSIM_PBOC, false},
    {"mohurd", CARDSIM_MOHURD, true},
    {"tunion", CARDSIM_TUNION, false},
};

static void each_kind(int (*body)(struct rig *r))
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct sim *x = sim_new(&kinds[i], false);
        rig_run(x->r, body);
        sim_free(x);
    }
}

static struct slot_want want_of(const char *category, date_t until)
{
    struct slot_want w = {.in_force = true, .word = {.from = 20260901, .until = until}};
    (void)snprintf(w.word.category, sizeof(w.word.category), "%s", category);
    return w;
}

static CO_FN int select_card(struct rig *r)
{
    EXPECT(card_co_select(&r->s, r->set, NULL), 0);
    EXPECT(card_use_profile(&r->s, profile_get(r->set, sim_of(r)->kind->name)), 0);
    return 0;
}

static CO_FN int reopen(struct rig *r)
{
    card_co_close(&r->s);
    if (r->reader->state != READER_CARD)
        reader_sim_return(sim_of(r)->reader);
    EXPECT(card_co_open(&r->s, r->reader, 0, FLOW_FOREVER), 0);
    return select_card(r);
}

static const struct profile_slot *slot_of(const struct rig *r)
{
    return profile_slot(r->s.profile, "transit");
}

static CO_FN int written_body(struct rig *r)
{
    struct slot_chip chip;
    struct slot_want student = want_of("student", 20270831), none = {.in_force = false};
    if (select_card(r) || r->line)
        return 0;
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(!slot_says(&r->s, slot_of(r), &chip, &student));
    STEP(slot_says(&r->s, slot_of(r), &chip, &none)); /* nothing was ever said */
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student), 0);
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(slot_says(&r->s, slot_of(r), &chip, &student));
    if (reopen(r) || r->line) /* it survives the field, and everybody can read it */
        return 0;
    STEP(!strcmp(r->s.identity.category, "student"));
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(chip.record == SLOT_RECORD_THERE && !strcmp(chip.word.category, "student"));
    STEP(chip.word.from == 20260901 && chip.word.until == 20270831);
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student), 0);
    STEP(reader_sim_commands(sim_of(r)->reader) == before); /* it says so: nothing is sent */
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &none), 0);
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(slot_says(&r->s, slot_of(r), &chip, &none) && chip.word.until == 0);
    STEP(!strcmp(r->s.identity.category, "adult"));
    return 0;
}

static void R17_word_is_written_read_back_and_taken_away(void **state)
{
    (void)state;
    each_kind(written_body);
}

static CO_FN int over_body(struct rig *r)
{
    struct slot_chip chip;
    struct slot_want student = want_of("student", 20270831);
    if (select_card(r) || r->line)
        return 0;
    student.in_force =
        false; /* its days are not now: a gate that reads file 0015 alone sees none */
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student), 0);
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(slot_says(&r->s, slot_of(r), &chip, &student));
    STEP(!strcmp(chip.word.category, "student") && !strcmp(r->s.identity.category, "adult"));
    student.in_force = true;
    STEP(!slot_says(&r->s, slot_of(r), &chip, &student));
    return 0;
}

static void R17_category_outside_its_days_stands_in_the_record_only(void **state)
{
    (void)state;
    each_kind(over_body);
}

/* ---- torn, and refused ---- */

static const struct tear {
    const char *spec;
} tears[] = {{"torn-before@DC"}, {"torn-after@DC"},  {"torn-before@D6"},
             {"torn-after@D6"},  {"torn-before@84"}, {"torn-after@84"}};
static const char *spec;

static CO_FN int torn_body(struct rig *r)
{
    struct slot_chip chip;
    struct slot_want student = want_of("student", 20270831);
    bool appends = sim_of(r)->kind->sim != CARDSIM_MOHURD && strstr(spec, "DC");
    char fault[32];
    if (select_card(r) || r->line)
        return 0;
    /* These cards have no such record yet: it is appended. */
    (void)snprintf(fault, sizeof(fault), "%.*s%s", (int)(strlen(spec) - 2), spec,
                   appends ? "E2" : spec + strlen(spec) - 2);
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(chip.record ==
         (sim_of(r)->kind->sim == CARDSIM_MOHURD ? SLOT_RECORD_THERE : SLOT_RECORD_ABSENT));
    STEP(cardsim_fault_add(sim_of(r)->card, fault) == 0);
    r->rc = slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student);
    STEP(r->rc == OC_ECARD_LOST);
    STEP(cardsim_fault_count(sim_of(r)->card) == 0);
    if (reopen(r) || r->line)
        return 0;
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student), 0);
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(slot_says(&r->s, slot_of(r), &chip, &student));
    return 0;
}

static void R17_card_torn_before_or_after_any_command_is_written_the_next_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tears); i++) {
        spec = tears[i].spec;
        each_kind(torn_body);
    }
}

static CO_FN int no_key_body(struct rig *r)
{
    struct slot_chip chip;
    struct slot_want student = want_of("student", 20270831), vip = want_of("vip", 0);
    struct custody_slot slot = {
        .purpose = KEY_MAINTENANCE, .alg = PBOC_3DES, .version = 1, .all_issuers = true};
    uint8_t other[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7};
    if (select_card(r) || r->line)
        return 0;
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &vip), OC_EINVAL);
    EXPECT(custody_remove(r->custody, &slot), 0);
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student), OC_ENOKEY);
    STEP(reader_sim_commands(sim_of(r)->reader) == before); /* the card was not asked */
    EXPECT(custody_add(r->custody, &slot, other), 0);
    EXPECT(slot_co_write(&r->s, r->custody, slot_of(r), &chip, &student), OC_ECARD_SW);
    STEP(r->s.sw == 0x6988);
    STEP(reader_sim_commands(sim_of(r)->reader) == before + 2); /* once, never again by itself */
    EXPECT(slot_co_read(&r->s, slot_of(r), &chip), 0);
    STEP(!slot_says(&r->s, slot_of(r), &chip, &student));
    return 0;
}

static void word_without_code_or_key_is_not_sent_and_a_wrong_mac_only_once(void **state)
{
    (void)state;
    each_kind(no_key_body);
}

/* ---- pure ---- */

static CO_FN int strange_body(struct rig *r)
{
    uint8_t record[PROFILE_SLOT_RECORD_MAX];
    struct slot_word word;
    struct slot_want student = want_of("student", 20270831);
    struct slot_chip chip = {.record = SLOT_RECORD_STRANGE};
    if (select_card(r) || r->line)
        return 0;
    const struct profile_slot *s = slot_of(r);
    EXPECT(profile_slot_encode(r->s.profile, s, &student.word, record), 0);
    EXPECT(profile_slot_decode(r->s.profile, s, record, s->length, &word), 0);
    STEP(!strcmp(word.category, "student") && word.from == 20260901 && word.until == 20270831);
    EXPECT(profile_slot_decode(r->s.profile, s, record, s->length - 1U, &word), OC_ECARD_DATA);
    record[s->until] = 0xAA; /* no date */
    EXPECT(profile_slot_decode(r->s.profile, s, record, s->length, &word), OC_ECARD_DATA);
    memset(record + 2, 0, s->length - 2U);
    EXPECT(profile_slot_decode(r->s.profile, s, record, s->length, &word), OC_ENOENT);
    record[s->length - 1] = 1; /* something that our layout never writes */
    EXPECT(profile_slot_decode(r->s.profile, s, record, s->length, &word), OC_ECARD_DATA);
    unsigned before = reader_sim_commands(sim_of(r)->reader);
    EXPECT(slot_co_write(&r->s, r->custody, s, &chip, &student), OC_EEXIST);
    STEP(reader_sim_commands(sim_of(r)->reader) == before);
    STEP(!profile_slot(r->s.profile, "park"));
    return 0;
}

static void record_of_another_system_is_known_and_never_written(void **state)
{
    (void)state;
    each_kind(strange_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R17_word_is_written_read_back_and_taken_away),
        cmocka_unit_test(R17_category_outside_its_days_stands_in_the_record_only),
        cmocka_unit_test(R17_card_torn_before_or_after_any_command_is_written_the_next_time),
        cmocka_unit_test(word_without_code_or_key_is_not_sent_and_a_wrong_mac_only_once),
        cmocka_unit_test(record_of_another_system_is_known_and_never_written),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
