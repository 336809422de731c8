#include "base/text.h"

/* Bytes of the character at p; 0: none begins here; negative: the text ends inside it. Overlong forms, surrogates and
 * numbers beyond Unicode are none. */
static int length_of(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    int n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    for (int i = 1; i < n; i++) {
        if (p[i] == '\0')
            return -1;
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

char *text_trim_utf8(char *s)
{
    for (unsigned char *p = (unsigned char *)s; *p != '\0';) {
        int n = length_of(p);
        if (n < 0)
            *p = '\0';
        else if (n == 0)
            *p++ = '?';
        else
            p += n;
    }
    return s;
}

size_t text_utf8_len(const char *s, size_t max)
{
    unsigned char c[4 + 1] = {0};
    for (size_t i = 0; i < 4 && i < max && s[i] != '\0'; i++)
        c[i] = (unsigned char)s[i];
    int n = max > 0 ? length_of(c) : 0;
    return n > 0 ? (size_t)n : 0;
}
