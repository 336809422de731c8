/* A card's answer, read as the answer to each command in turn. */
#include "base/base.h"
#include "wire/wire.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct apdu_answer a;
    struct init_load_answer load;
    struct init_purchase_answer purchase;
    struct debit_answer debit;
    struct credit_answer credit;
    struct prove_answer prove;
    uint8_t code[EP_CODE_LEN];
    fen_t balance;
    if (apdu_answer_split(data, size, &a))
        return 0;
    CHECK(a.len + 2 == size);
    CHECK(sw_text(a.sw) != NULL);
    CHECK((sw_class(a.sw) == SW_CLASS_TRIES_LEFT) == (sw_tries_left(a.sw) >= 0));
    if (apdu_parse_balance(a.data, a.len, &balance) == 0)
        CHECK(balance >= 0 && balance <= UINT32_MAX);
    if (apdu_parse_init_load(a.data, a.len, &load) == 0)
        CHECK(load.balance >= 0);
    if (apdu_parse_init_purchase(a.data, a.len, &purchase) == 0)
        CHECK(purchase.overdraft <= 0xFFFFFF);
    int parsed = (apdu_parse_debit(a.data, a.len, &debit) == 0) +
                 (apdu_parse_credit(a.data, a.len, &credit) == 0) +
                 (apdu_parse_prove(a.data, a.len, &prove) == 0) +
                 (apdu_parse_security_code(a.data, a.len, code) == 0);
    CHECK(parsed <= 2); /* debit and prove share a length */
    return 0;
}
