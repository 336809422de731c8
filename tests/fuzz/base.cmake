onecard_fuzzer(text fuzz_text.c LIBS onecard_base)
