/* Exports something by the right name that is no module at all: too short to be looked into. */
__attribute__((visibility("default"))) extern const int onecard_module;
const int onecard_module = 1;
