/* Every dialogue once for each answer of the card that can be another than the honest one's: an
 * error, no data, too few, too many, nonsense; the command done or not. What the requester hears is
 * true of the chip, nothing posts on such a word alone, and the next honest presentation leaves
 * nothing open (R1, R3, R5). */
#include "scenes.h"

#include <string.h>

static struct city c;

/* ---- the card's answers ---- */

static const struct lie {
    const char *name;
    bool done;    /* the command is done all the same */
    uint16_t sw;  /* 0: the card's own */
    int len;      /* of the data; -1: as many as the card gave, -2: one fewer */
    uint8_t fill; /* what they are then; 0: the card's own */
} lies[] = {
    {"refused with 6A82 at command", false, 0x6A82, 0, 0},
    {"refused with 6985 at command", false, 0x6985, 0, 0},
    {"refused with 6F00 at command", false, 0x6F00, 0, 0},
    {"done, but 6F00 at command", true, 0x6F00, 0, 0},
    {"done, without data at command", true, 0, 0, 0},
    {"done, a byte short at command", true, 0, -2, 0},
    {"done, all bytes FF at command", true, 0, -1, 0xFF},
    {"done, 200 bytes at command", true, 0, 200, 0x11},
};

static const struct lie *lie;
static unsigned left;

int __real_cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *ret,
                            size_t cap, size_t *ret_len);
int __wrap_cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *ret,
                            size_t cap, size_t *ret_len);

static void answer(uint8_t *ret, size_t cap, size_t *ret_len)
{
    size_t had = *ret_len >= 2 ? *ret_len - 2 : 0;
    uint16_t sw = lie->sw != 0 ? lie->sw : had + 2 == *ret_len ? be16(ret + had) : 0x9000;
    size_t len = lie->len == -1 ? had : lie->len == -2 ? had - (had > 0) : (size_t)lie->len;
    if (len + 2 > cap)
        len = cap - 2;
    if (lie->fill != 0)
        memset(ret, lie->fill, len);
    put_be16(ret + len, sw);
    *ret_len = len + 2;
}

int __wrap_cardsim_transmit(struct cardsim *card, const uint8_t *cmd, size_t len, uint8_t *ret,
                            size_t cap, size_t *ret_len)
{
    bool now = lie != NULL && left > 0 && --left == 0;
    if (now && !lie->done)
        *ret_len = 0;
    else {
        int rc = __real_cardsim_transmit(card, cmd, len, ret, cap, ret_len);
        if (rc != 0 || !now)
            return rc;
    }
    answer(ret, cap, ret_len);
    return 0;
}

/* ---- all of them ---- */

static bool lies_at(const struct scene *s, const struct lie *how, unsigned n)
{
    scene_begin(s);
    lie = how;
    left = n;
    scene_run();
    bool struck = left == 0;
    lie = NULL;
    const char *wrong = scene_wrong();
    if (wrong != NULL)
        scene_fail(s, how->name, n, wrong);
    return struck;
}

static void each(enum cardsim_profile kind, const char *profile)
{
    scenes_open(&c, kind, profile);
    for (size_t i = 0; i < scene_count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(lies); k++) {
            unsigned n = 1;
            while (lies_at(&scenes[i], &lies[k], n))
                n++;
        }
    }
    city_agrees(&c, 1, 0); /* the books; card 0 may await records by counters that it only said */
    scenes_close();
}

static void R1_R3_R5_no_answer_of_a_pboc_card_makes_a_dialogue_untrue(void **state)
{
    (void)state;
    each(CARDSIM_PBOC, "pboc-ep");
}

static void R1_R3_R5_no_answer_of_a_tunion_card_makes_a_dialogue_untrue(void **state)
{
    (void)state;
    each(CARDSIM_TUNION, "tunion");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R1_R3_R5_no_answer_of_a_pboc_card_makes_a_dialogue_untrue),
        cmocka_unit_test(R1_R3_R5_no_answer_of_a_tunion_card_makes_a_dialogue_untrue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
