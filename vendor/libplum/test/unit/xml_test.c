/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/xml.h"

#include "check.h"
#include "guard.h"
#include "text/ascii.h"

/* The events of a document as one line: (a "text" a) and so on; '?' MORE, '!' BROKEN, '.' DONE. */
static const char *story(const char *document, size_t size)
{
    static char out[4096];
    size_t n = 0;
    uint8_t *exact = check_exact(document, size);
    plum_span s = {exact, size};
    plum_xml x;
    plum_xml_init(&x, s);
    for (;;) {
        plum_xml_event e = plum_xml_next(&x);
        if (n > sizeof out - 300)
            break;
        if (e == PLUM_XML_START || e == PLUM_XML_END) {
            out[n++] = e == PLUM_XML_START ? '(' : ')';
            for (size_t i = 0; i < x.name.size && i < 64; i++)
                out[n++] = (char)x.name.at[i];
        } else if (e == PLUM_XML_TEXT) {
            out[n++] = '"';
            CHECK(plum_xml_decode(&x, out, n + 128, &n));
            out[n++] = '"';
        } else {
            out[n++] = e == PLUM_XML_MORE ? '?' : e == PLUM_XML_BROKEN ? '!' : '.';
            break;
        }
    }
    out[n] = 0;
    free(exact);
    return out;
}

static void says(const char *document, const char *want)
{
    CHECK_STR(story(document, strlen(document)), want);
}

static void elements_text_and_prefixes(void)
{
    says("<a><b>x</b><c/></a>", "(a(b\"x\")b(c)c)a.");
    says(
        "<?xml version=\"1.0\"?>\r\n<s:a xmlns:s='u:v'>\n <s:b  at = \"1>2\" >x</s:b >\n</s:a>\n\n",
        "(a(b\"x\")b)a.");
    says("\xef\xbb\xbf<a/>", "(a)a.");
    says("<a>one<!-- <b> -- > -->two<![CDATA[<&amp;]]></a>", "(a\"one\"\"two\"\"<&amp;\")a.");
    says("<!DOCTYPE a SYSTEM \"x\"><a b checked c='\"'></a>", "(a)a.");
    says("<a>\n\t urn:x\n </a>junk <that is not read", "(a\"urn:x\")a.");
}

static void entities_and_references(void)
{
    says("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#xe4;</a>", "(a\"<>&\"'AB\xc3\xa4\")a.");
    says("<a>&#x20ac;&#x1F600;</a>", "(a\"\xe2\x82\xac\xf0\x9f\x98\x80\")a.");
    says("<a>&nbsp;&;& &#; &#x; &#12</a>",
         "(a\"&nbsp;&;& &#; &#x; &#12\")a."); /* unknown: as written */
    says("<a>&#0;&#xd800;&#99999999999;</a>", "(a\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\")a.");
}

static void tags_that_do_not_match(void)
{
    says("<a><b>x</a>", "(a(b\"x\")b)a."); /* left open: closed by the outer one */
    says("<a></x></y></a>", "(a)a.");      /* never opened: nothing */
    says("</x><a/>", "(a)a.");
}

static void what_is_no_xml_is_broken(void)
{
    says("hello", "?");
    says("hello <a/>", "!");
    says("<a><></a>", "(a!");
    says("<a:/>", "!");
    says("<a =\"x\"/>", "!");
    says("<a b=x/>", "!");
    says("<a></a b>", "(a!");
    says("<!ELEMENT a><a/>", "!");
    says("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "!");
    says("<![CDATA[x]]><a/>", "!");
}

static void every_part_is_more_and_never_read_beyond(void)
{
    static const char document[] = "\xef\xbb\xbf<?xml version=\"1.0\"?><!-- c --><s:a x='1' "
                                   "y=\"2\"><b>t &amp; u<![CDATA[v]]></b><c /></s:a>";
    size_t size = sizeof document - 1;
    check_guard g = check_guard_new(size);
    for (size_t n = 0; n < size; n++) {
        const char *s = story(document, n);
        CHECK_EQ(s[strlen(s) - 1], '?');
        plum_span at_the_edge = {check_guard_put(&g, document, n), n};
        plum_xml x;
        plum_xml_init(&x, at_the_edge);
        plum_xml_event e;
        do
            e = plum_xml_next(&x);
        while (e > PLUM_XML_MORE && e != PLUM_XML_DONE);
        CHECK_EQ(e, PLUM_XML_MORE);
    }
    const char *s = story(document, size);
    CHECK_EQ(s[strlen(s) - 1], '.');
    check_guard_free(&g);
}

static void a_hundred_thousand_of_anything(void)
{
    static const char *const pieces[] = {"<a>",  "</a>",   "<a/>",  "<!--",     "<!---->",
                                         "&lt;", "<a b='", "<?x?>", "<![CDATA["};
    size_t room = 100000 * 10;
    char *big = malloc(room);
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        size_t size = 0, step = strlen(pieces[p]);
        memcpy(big, "<r>", 3);
        size = 3;
        for (int i = 0; i < 100000; i++, size += step)
            memcpy(big + size, pieces[p], step);
        plum_span s = {(const uint8_t *)big, size};
        plum_xml x;
        plum_xml_init(&x, s);
        plum_xml_event e;
        size_t events = 0;
        do {
            e = plum_xml_next(&x);
            events++;
            CHECK(x.depth <= PLUM_XML_DEPTH);
        } while (e > PLUM_XML_MORE && e != PLUM_XML_DONE);
        CHECK(events <= 200010);
    }
    free(big);
}

static void text_is_cut_at_the_buffer(void)
{
    plum_xml x;
    char out[6];
    size_t size = 0;
    plum_xml_init(&x, plum_span_of("<a>abc&#x20ac;def</a>"));
    CHECK_EQ(plum_xml_next(&x), PLUM_XML_START);
    CHECK_EQ(plum_xml_next(&x), PLUM_XML_TEXT);
    CHECK(!plum_xml_decode(&x, out, sizeof out, &size));
    CHECK(strncmp(out, "abc", 3) == 0 && out[size] == 0 && size < sizeof out);
}

int main(void)
{
    RUN(elements_text_and_prefixes);
    RUN(entities_and_references);
    RUN(tags_that_do_not_match);
    RUN(what_is_no_xml_is_broken);
    RUN(every_part_is_more_and_never_read_beyond);
    RUN(a_hundred_thousand_of_anything);
    RUN(text_is_cut_at_the_buffer);
    return check_end();
}
