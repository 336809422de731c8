onecard_fuzzer(module_params fuzz_module_params.c LIBS onecard_module)
onecard_fuzzer(module_doc fuzz_module_doc.c LIBS onecard_module)
