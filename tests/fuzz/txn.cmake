onecard_fuzzer(hold_answer fuzz_hold_answer.c LIBS onecard_txn)
# A whole city, as its flow tests have it.
if(TARGET onecard_testlib AND TARGET module_payment)
  onecard_fuzzer(dialogue fuzz_dialogue.c SOURCES ../flow/city.c ../flow/city_play.c
    LIBS onecard_txn onecard_testlib PkgConfig::CMOCKA)
  onecard_fuzzer_of_city(dialogue)
endif()
