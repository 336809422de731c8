onecard_fuzzer(api fuzz_api.c LIBS onecard_serve)
