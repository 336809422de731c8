# Social security: the bureau's arithmetic alone, the rules as data, and the services with the fake host.
set(social_sources)
foreach(part accounts answer asked benefit bill book collect common family identity insured legs lists personal read reconcile
    rules services settle social split year)
  list(APPEND social_sources ${module_sources}/social/${part}.c)
endforeach()
onecard_unit_test(module test_social_split.c SOURCES ${module_sources}/social/split.c)
target_include_directories(module_test_social_split PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
foreach(test rules settle asked people benefit)
  module_test(test_social_${test}.c SOURCES ${social_sources} ${CMAKE_CURRENT_SOURCE_DIR}/social_city.c)
  target_include_directories(module_test_social_${test} PRIVATE ${CMAKE_SOURCE_DIR}/src)
endforeach()
