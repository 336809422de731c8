onecard_fuzzer(http fuzz_http.c LIBS onecard_flow)
