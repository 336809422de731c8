# What a terminal says about cards: its scripts' answers, and the answers to lists.
onecard_fuzzer(remote fuzz_remote.c LIBS onecard_card)
if(TARGET fuzz_remote)
  target_compile_definitions(fuzz_remote PRIVATE ONECARD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endif()
