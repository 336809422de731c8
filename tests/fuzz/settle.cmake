onecard_fuzzer(carried fuzz_carried.c LIBS onecard_settle)
