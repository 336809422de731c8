onecard_fuzzer(op fuzz_op.c LIBS onecard_ledger)
