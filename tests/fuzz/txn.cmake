onecard_fuzzer(hold_answer fuzz_hold_answer.c LIBS onecard_txn)
