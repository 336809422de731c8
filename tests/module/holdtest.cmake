# The module for tests of holds as a shared object, for the end-to-end tests; never installed.
add_library(module_holdtest MODULE holdtest.c)
onecard_warnings(module_holdtest)
target_include_directories(module_holdtest PRIVATE ${CMAKE_SOURCE_DIR}/include)
target_compile_options(module_holdtest PRIVATE -fvisibility=hidden)
set_target_properties(module_holdtest PROPERTIES PREFIX "" OUTPUT_NAME holdtest LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/modules)
