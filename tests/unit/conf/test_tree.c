/* YAML text to tree: places, bounds, what is refused. */
#include "conf_test.h"

#include <stdio.h>
#include <stdlib.h>

static void places_are_those_of_the_text(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    assert_int_equal(parse(&f, "a: 1\nb:\n  c: [x, \"y z\"]\n  d: {e: 5}\n"), 0);
    const struct conf_node *c = conf_subtree(&f.tree, "b.c");
    const struct conf_node *e = conf_subtree(&f.tree, "b.d.e");
    assert_int_equal(c->kind, CONF_SEQUENCE);
    assert_int_equal(c->count, 2);
    assert_int_equal(c->line, 3);
    assert_int_equal(c->col, 6);
    assert_int_equal(c->key_col, 3);
    assert_string_equal(c->first->next->text, "y z");
    assert_true(c->first->next->quoted);
    assert_int_equal(e->line, 4);
    assert_int_equal(e->col, 10);
    assert_string_equal(e->text, "5");
    assert_null(conf_subtree(&f.tree, "b.x"));
    assert_null(conf_subtree(&f.tree, "a.x"));
    fixture_fini(&f);
}

static void empty_documents_are_empty_sections(void **state)
{
    static const char *const texts[] = {"", "# only a comment\n", "---\n", "~\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct fixture f;
        fixture_init(&f);
        assert_int_equal(parse(&f, texts[i]), 0);
        assert_int_equal(f.tree.root->kind, CONF_MAPPING);
        assert_int_equal(f.tree.root->count, 0);
        fixture_fini(&f);
    }
}

static void expect(const char *text, int rc, const char *want)
{
    struct fixture f;

    fixture_init(&f);
    assert_int_equal(parse(&f, text), rc);
    assert_string_equal(mistakes(&f), want);
    fixture_fini(&f);
}

static void duplicate_keys_are_reported_with_both_places(void **state)
{
    (void)state;
    expect("a: 1\nb: 2\na: 3\nc:\n  b: 1\n  b: 2\n", OC_EPARSE,
           "x.yaml:3:1: 'a' stands here a second time; the first is in line 1\n"
           "x.yaml:6:3: 'b' stands here a second time; the first is in line 5\n");
}

static void anchors_aliases_and_tags_are_refused_all_at_once(void **state)
{
    (void)state;
    expect("a: &x 1\nb: *x\nc: !!str 5\n", OC_EPARSE,
           "x.yaml:1:4: anchors (&name) are not taken here: write the value out\n"
           "x.yaml:2:4: aliases (*name) are not taken here: write the value out\n"
           "x.yaml:3:4: tags (!name) are not taken here\n");
}

static void syntax_errors_have_their_place(void **state)
{
    (void)state;
    expect("a: 1\nb: [1, 2\nc: 3\n", OC_EPARSE,
           "x.yaml:3:2: not YAML: did not find expected ',' or ']' (while parsing a flow sequence "
           "that began in "
           "line 2)\n");
    expect(
        "a: 1\n\tb: 2\n", OC_EPARSE,
        "x.yaml:2:1: not YAML: found a tab character that violates indentation (while scanning a "
        "plain scalar that began in line 1)\n");
}

static void second_documents_and_odd_keys_are_refused(void **state)
{
    (void)state;
    expect("a: 1\n---\nb: 2\n", OC_EPARSE,
           "x.yaml:2:1: a second document begins here: a file holds one\n");
    expect("[a, b]: 1\n", OC_EPARSE,
           "x.yaml:1:1: a key must be a single word, not a list or a section\n");
    expect("a: \"x\\0y\"\n", OC_EPARSE, "x.yaml:1:4: this text holds a NUL character\n");
}

static void text_that_is_no_utf8_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    assert_int_equal(parse(&f, "a: \xff\xfe\n"), OC_EPARSE);
    assert_non_null(strstr(mistakes(&f), "not readable as UTF-8 text"));
    fixture_fini(&f);
}

static void depth_is_bounded(void **state)
{
    char text[200] = "";

    (void)state;
    for (int i = 0; i < 40; i++)
        strcat(text, "[");
    expect(text, OC_ELIMIT, "x.yaml:1:33: nested too deep: at most 32 levels\n");
}

static char *repeated(const char *piece, size_t count)
{
    size_t len = strlen(piece);
    char *text = malloc(len * count + 1);

    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, piece, len);
    text[len * count] = '\0';
    return text;
}

static void size_and_number_are_bounded(void **state)
{
    struct fixture f;
    char *many = repeated("- 1\n", CONF_NODES_MAX + 10), *large = repeated("#", CONF_TEXT_MAX + 1);

    (void)state;
    fixture_init(&f);
    assert_int_equal(parse(&f, many), OC_ELIMIT);
    assert_int_equal(parse(&f, large), OC_ELIMIT);
    assert_non_null(strstr(mistakes(&f), "x.yaml: the file is larger than 1 MiB\n"));
    assert_non_null(strstr(mistakes(&f), "too many values"));
    fixture_fini(&f);
    free(many);
    free(large);
}

static void many_keys_of_one_section_stay_fast(void **state)
{
    struct fixture f;
    struct buf b;

    (void)state;
    fixture_init(&f);
    buf_init(&b, 0);
    for (int i = 0; i < 50000; i++)
        buf_printf(&b, "k%d: 1\n", i);
    assert_int_equal(parse(&f, buf_cstr(&b)), 0);
    assert_int_equal(f.tree.root->count, 50000);
    buf_fini(&b);
    fixture_fini(&f);
}

static void missing_file_is_said(void **state)
{
    struct fixture f;

    (void)state;
    ROLE_ENTER_WORKER();
    fixture_init(&f);
    assert_int_equal(conf_tree_read("/nonexistent/x.yaml", &f.arena, &f.errors, &f.tree),
                     OC_ENOENT);
    assert_string_equal(mistakes(&f), "/nonexistent/x.yaml: there is no such file\n");
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_those_of_the_text),
        cmocka_unit_test(empty_documents_are_empty_sections),
        cmocka_unit_test(duplicate_keys_are_reported_with_both_places),
        cmocka_unit_test(anchors_aliases_and_tags_are_refused_all_at_once),
        cmocka_unit_test(syntax_errors_have_their_place),
        cmocka_unit_test(second_documents_and_odd_keys_are_refused),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_and_number_are_bounded),
        cmocka_unit_test(many_keys_of_one_section_stay_fast),
        cmocka_unit_test(missing_file_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
