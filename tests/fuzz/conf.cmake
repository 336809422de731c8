onecard_fuzzer(yaml fuzz_yaml.c LIBS onecard_conf)
if(TARGET onecard_card)
  onecard_fuzzer(profile fuzz_profile.c LIBS onecard_card)
endif()
