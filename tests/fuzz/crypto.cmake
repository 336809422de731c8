onecard_fuzzer(x509_request fuzz_x509_request.c LIBS onecard_crypto)
onecard_fuzzer(signed fuzz_signed.c LIBS onecard_crypto)
