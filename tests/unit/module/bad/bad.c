/* One tiny module with a mistake chosen at compile time: what the loader must refuse, and with
 * which words. Built as <mistake>.so; without any define it is sound. */
#include <onecard/module.h>

#ifndef BAD_NAME
#define BAD_NAME "good"
#endif
#ifndef BAD_MAJOR
#define BAD_MAJOR ONECARD_ABI_MAJOR
#endif
#ifndef BAD_MINOR
#define BAD_MINOR ONECARD_ABI_MINOR
#endif
#ifndef BAD_SIZE
#define BAD_SIZE sizeof(struct onecard_module)
#endif
#ifndef BAD_SERVICE
#define BAD_SERVICE BAD_NAME ".hello"
#endif
#ifndef BAD_NEEDS
#define BAD_NEEDS 0
#endif
#ifndef BAD_SECOND
#define BAD_SECOND BAD_NAME ".bye"
#endif

static int load(const struct onecard_host *host, const struct onecard_conf *conf, void **ret_ctx)
{
    *ret_ctx = NULL;
    return host->conf_int(conf, "answer") == 13 ? OC_ESTATE : 0;
}

static int decide(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    (void)ctx;
    req->host->plan_reply_text(plan, "greeting", "hello");
    return 0;
}

static const struct onecard_conf_item items[] = {
    {"answer", ONECARD_CONF_INT, "42", "A number.", 1, 100},
    {"names", ONECARD_CONF_MAP, NULL, "Names.", 0, 0},
};
static const struct onecard_service hello = {.size = sizeof(hello),
                                             .name = BAD_SERVICE,
                                             .title_en = "Hello",
                                             .title_zh = "你好",
                                             .needs = BAD_NEEDS,
                                             .decide = decide};
static const struct onecard_service bye = {.size = sizeof(bye),
                                           .name = BAD_SECOND,
                                           .title_en = "Bye",
                                           .title_zh = "再见",
                                           .decide = decide};
static const struct onecard_service *const services[] = {&hello, &bye};

#ifdef BAD_HIDDEN
#define BAD_EXPORT __attribute__((visibility("hidden")))
#else
#define BAD_EXPORT ONECARD_EXPORT
#endif
BAD_EXPORT const struct onecard_module onecard_module = {
    .abi_major = BAD_MAJOR,
    .abi_minor = BAD_MINOR,
    .size = BAD_SIZE,
    .name = BAD_NAME,
    .version = "1",
    .title_en = "A module",
    .title_zh = "模块",
    .conf_items = items,
    .conf_count = sizeof(items) / sizeof(items[0]),
    .load = load,
    .services = services,
    .service_count = 2,
};
