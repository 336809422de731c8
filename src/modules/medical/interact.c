/* Whether two substances are the pair that a rule of the configuration names. Pure. */
#include "medical.h"

#include <string.h>

static bool begins(const char *code, const char *prefix, size_t len)
{
    return len > 0 && strncmp(code, prefix, len) == 0;
}

bool interaction_fits(const char *rule, const char *code, const char *other)
{
    const char *plus = strchr(rule, '+');
    if (!plus) {
        return false;
    }
    size_t first = (size_t)(plus - rule), second = strlen(plus + 1);
    return (begins(code, rule, first) && begins(other, plus + 1, second)) ||
           (begins(other, rule, first) && begins(code, plus + 1, second));
}
