# medical: its decisions with the fake host and a small city around it.
file(GLOB medical_all CONFIGURE_DEPENDS ${module_sources}/medical/*.c)
set(medical_city ${medical_all} ${CMAKE_CURRENT_SOURCE_DIR}/medical_city.c)
module_test(test_medical.c SOURCES ${medical_city})
module_test(test_medical_bill.c SOURCES ${medical_city})
module_test(test_medical_record.c SOURCES ${medical_city})
onecard_unit_test(module test_medical_pure.c SOURCES ${module_sources}/medical/text.c ${module_sources}/medical/recognise.c
  ${module_sources}/medical/interact.c)
# With the real social security and its rules: what the two say to each other.
file(GLOB medical_social CONFIGURE_DEPENDS ${module_sources}/social/*.c)
if(NOT TARGET linked_social)
  module_linked(social ${medical_social})
endif()
module_test(test_medical_social.c SOURCES ${medical_city} MODULES social)
# In the real switch, with the software card: tests/flow has the city.
if(TARGET onecard_testcity)
  onecard_unit_test(module test_medical_card.c LIBS onecard_testcity)
  target_include_directories(module_test_medical_card PRIVATE ${CMAKE_SOURCE_DIR}/tests/flow)
  target_compile_options(module_test_medical_card PRIVATE -Wno-frame-larger-than)
  add_dependencies(module_test_medical_card module_medical module_social)
  set_tests_properties(module/test_medical_card PROPERTIES LABELS "flow;threads" TIMEOUT 170)
endif()
