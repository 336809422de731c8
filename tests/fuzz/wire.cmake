# One fuzzer for each kind of bytes that comes from outside.
onecard_fuzzer(apdu fuzz_apdu.c LIBS onecard_wire)
onecard_fuzzer(answer fuzz_answer.c LIBS onecard_wire)
onecard_fuzzer(tlv fuzz_tlv.c LIBS onecard_wire)
onecard_fuzzer(atr fuzz_atr.c LIBS onecard_wire)
onecard_fuzzer(ep_file fuzz_ep_file.c LIBS onecard_wire)
onecard_fuzzer(frame_to_switch fuzz_frame_to_switch.c LIBS onecard_wire)
onecard_fuzzer(frame_to_terminal fuzz_frame_to_terminal.c LIBS onecard_wire)
