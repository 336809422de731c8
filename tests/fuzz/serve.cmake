onecard_fuzzer(api fuzz_api.c LIBS onecard_serve)
onecard_fuzzer(code fuzz_code.c LIBS onecard_serve)
onecard_fuzzer(config fuzz_config.c LIBS onecard_serve onecard_terminal)
# A whole daemon, as its unit tests have it.
if(TARGET onecard_testlib AND TARGET module_payment)
  onecard_fuzzer(routes fuzz_routes.c SOURCES ../unit/serve/site.c LIBS onecard_serve onecard_testlib PkgConfig::CMOCKA)
  onecard_fuzzer_of_city(routes)
endif()
