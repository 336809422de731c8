onecard_fuzzer(identity fuzz_identity.c LIBS onecard_terminal)
onecard_fuzzer(local_request fuzz_local_request.c LIBS onecard_terminal)
