/* The two roles exist for the compiler's analysis alone; nothing ever touches them. */
#include "base/role.h"

struct role role_flow;
struct role role_worker;
