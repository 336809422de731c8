/* The shape that most adding verbs have: options to a body, one POST, one line about what came of
 * it. */
#include "simple.h"

int simple_post(struct ctl *c, const struct cli_args *a, const char *path, const char *done,
                const char *member)
{
    json_t *j = NULL;
    int rc = ctl_send(c, a, "POST", path, &j);
    if (rc == CTL_DONE && c->json) {
        out_json(c->out, j);
    } else if (rc == CTL_DONE) {
        const char *name = json_string_value(out_member(j, member));
        (void)fprintf(c->out, "%s ", done);
        out_text(c->out, name ? name : "");
        (void)fputc('\n', c->out);
        out_object(c, j, 2);
    }
    json_decref(j);
    return rc;
}
