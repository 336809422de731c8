/* The small text parsers of base: what one reads, its printer writes back, and the log stays one
 * line. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void numbers(const char *text)
{
    fen_t fen, fen_again;
    char out[FEN_TEXT];
    if (fen_parse(text, &fen) == 0)
        CHECK(fen_parse(fen_plain(fen, out), &fen_again) == 0 && fen_again == fen);
    date_t date, date_again;
    char day[11];
    if (date_parse(text, &date) == 0) {
        CHECK(date_parse(date_text(date, day), &date_again) == 0 && date_again == date);
        CHECK(city_date(city_ms(date, 0, 480), 480) == date);
    }
    int64_t id, id_again;
    char name[IDENT_TEXT];
    if (ident_parse(text, &id) == 0)
        CHECK(ident_parse(ident_text(id, name), &id_again) == 0 && id_again == id);
}

static void bytes(const char *text)
{
    uint8_t b[64], again[64];
    char hex[129];
    size_t len;
    if (hex_decode_any(text, b, sizeof(b), &len) == 0) {
        CHECK(hex_decode(hex_encode(b, len, hex), again, len) == 0);
        CHECK(memcmp(b, again, len) == 0);
    }
}

static void one_line(const char *text)
{
    char *line = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&line, &len);
    CHECK(stream != NULL);
    log_set_stream(stream);
    log_set_level(LOG_INFO); /* of warnings a burst is cut */
    log_info("fuzz", "%s", text);
    log_set_stream(NULL);
    fclose(stream);
    CHECK(len > 0 && len <= 2048 && memchr(line, '\n', len) == line + len - 1);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    numbers(text);
    bytes(text);
    one_line(text);
    free(text);
    return 0;
}
