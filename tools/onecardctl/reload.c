/* onecardctl reload: the daemon reads its configuration again. */
#include "ctl.h"

static int reload_run(struct ctl *c, const struct cli_args *a)
{
    json_t *j = NULL;
    size_t i;
    const json_t *name;
    (void)a;
    int rc = ctl_call(c, "POST", "/v1/reload", NULL, 60000, &j);
    const json_t *left = json_object_get(j, "restart_for");
    if (rc == CTL_DONE && c->json) {
        out_json(c->out, j);
    } else if (rc == CTL_DONE) {
        (void)fputs("the configuration is in force", c->out);
        json_array_foreach(left, i, name)
        {
            (void)fprintf(c->out, "%s%s", i == 0 ? "; changed, and read at the start only: " : ", ",
                          json_string_value(name) ?: "");
        }
        (void)fputs(json_array_size(left) > 0 ? " (restart onecardd)\n" : "\n", c->out);
    }
    json_decref(j);
    return rc;
}

static const struct cli_command commands[] = {
    {.args = "",
     .summary = "Has the daemon read its configuration again; names what needs a restart",
     .run = reload_run},
};
const struct cli_noun noun_reload = CLI_NOUN("reload", "the configuration, read again", commands);
