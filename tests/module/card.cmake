# card: the PIN on the chip, asked for and never seen.
module_test(test_card.c SOURCES ${module_sources}/card/card.c)
