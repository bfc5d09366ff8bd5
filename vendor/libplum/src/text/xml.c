/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/xml.h"

#include "text/ascii.h"
#include "text/writer.h"

void plum_xml_init(plum_xml *x, plum_span document)
{
    static const plum_xml none;
    *x = none;
    plum_reader_init_span(&x->in, document);
    (void)plum_reader_accept(&x->in, "\xef\xbb\xbf"); /* a byte order mark */
}

static bool is_name_byte(uint8_t c)
{
    return c > 0x20 && c != '/' && c != '>' && c != '=' && c != '<' && c != '"' && c != '\'';
}

static bool is_text_byte(uint8_t c)
{
    return c != '<';
}

static plum_xml_event broken(plum_xml *x)
{
    x->broken = true;
    return PLUM_XML_BROKEN;
}

/* "s:Envelope" without its prefix. A colon at the end leaves nothing, and that is no name. */
static plum_span local_name(plum_span qualified)
{
    plum_reader r;
    plum_span prefix;
    plum_reader_init_span(&r, qualified);
    if (!plum_reader_until(&r, ":", &prefix))
        return qualified;
    return plum_reader_rest(&r);
}

/* The quoted value of an attribute. MORE: it has not ended. */
static plum_xml_event skip_value(plum_reader *r)
{
    plum_span value;
    const char *quote = plum_reader_accept(r, "\"")  ? "\""
                        : plum_reader_accept(r, "'") ? "'"
                                                     : NULL;
    if (!quote)
        return plum_reader_left(r) ? PLUM_XML_BROKEN : PLUM_XML_MORE;
    return plum_reader_until(r, quote, &value) ? PLUM_XML_DONE : PLUM_XML_MORE;
}

/* Everything up to the end of a start tag; *empty: it was "/>". */
static plum_xml_event skip_attributes(plum_reader *r, bool *empty)
{
    for (;;) {
        (void)plum_reader_while(r, plum_ascii_is_space);
        *empty = plum_reader_accept(r, "/>");
        if (*empty || plum_reader_accept(r, ">"))
            return PLUM_XML_DONE;
        plum_span name = plum_reader_while(r, is_name_byte);
        if (plum_reader_left(r) == 0 || (plum_reader_left(r) == 1 && plum_reader_peek(r) == '/'))
            return PLUM_XML_MORE;
        if (name.size == 0)
            return PLUM_XML_BROKEN;
        (void)plum_reader_while(r, plum_ascii_is_space);
        if (!plum_reader_accept(r, "=")) {
            if (plum_reader_left(r) == 0)
                return PLUM_XML_MORE;
            continue; /* an attribute without a value: seen, and harmless */
        }
        (void)plum_reader_while(r, plum_ascii_is_space);
        plum_xml_event got = skip_value(r);
        if (got != PLUM_XML_DONE)
            return got;
    }
}

static plum_xml_event start_tag(plum_xml *x, plum_reader r)
{
    bool empty;
    plum_span name = local_name(plum_reader_while(&r, is_name_byte));
    if (plum_reader_left(&r) == 0)
        return PLUM_XML_MORE;
    if (name.size == 0 || x->depth == PLUM_XML_DEPTH)
        return broken(x);
    plum_xml_event got = skip_attributes(&r, &empty);
    if (got != PLUM_XML_DONE)
        return got == PLUM_XML_BROKEN ? broken(x) : got;
    x->in = r;
    x->open[x->depth++] = name;
    x->name = name;
    x->begun = true;
    x->closing = empty;
    return PLUM_XML_START;
}

static plum_xml_event close_element(plum_xml *x)
{
    x->name = x->open[--x->depth];
    x->done = x->depth == 0;
    return PLUM_XML_END;
}

/* An end tag closes the element that it names. One that names another is forgiven where that one is
 * open further out (the inner ones were left open), and ignored where it is not open at all. */
static plum_xml_event end_tag(plum_xml *x, plum_reader r)
{
    plum_span name = local_name(plum_reader_while(&r, is_name_byte));
    (void)plum_reader_while(&r, plum_ascii_is_space);
    if (plum_reader_left(&r) == 0)
        return PLUM_XML_MORE;
    if (!plum_reader_accept(&r, ">"))
        return broken(x);
    unsigned at = x->depth;
    while (at > 0 && !plum_span_equal(x->open[at - 1], name))
        at--;
    if (at == 0) {
        x->in = r;
        return PLUM_XML_DONE; /* skipped */
    }
    if (at == x->depth)
        x->in = r; /* else this tag is read again until its own element is the innermost */
    return close_element(x);
}

/* <!-- -->, <![CDATA[ ]]>, <!DOCTYPE >, <? ?>. DONE: skipped. */
static plum_xml_event markup(plum_xml *x)
{
    plum_reader r = x->in;
    plum_span skipped;
    if (plum_reader_accept(&r, "<!--")) {
        if (!plum_reader_until(&r, "-->", &skipped))
            return PLUM_XML_MORE;
    } else if (plum_reader_accept(&r, "<![CDATA[")) {
        if (!plum_reader_until(&r, "]]>", &x->text))
            return PLUM_XML_MORE;
        x->in = r;
        x->is_cdata = true;
        return x->depth ? PLUM_XML_TEXT : broken(x);
    } else if (plum_reader_accept(&r, "<?")) {
        if (!plum_reader_until(&r, "?>", &skipped))
            return PLUM_XML_MORE;
    } else {
        /* A document type, at most a name and identifiers: declarations would be the way to an
         * entity bomb. */
        if (plum_reader_left(&r) < 9)
            return PLUM_XML_MORE;
        if (!plum_reader_accept(&r, "<!DOCTYPE"))
            return broken(x);
        if (!plum_reader_until(&r, ">", &skipped))
            return PLUM_XML_MORE;
        for (size_t i = 0; i < skipped.size; i++)
            if (skipped.at[i] == '[')
                return broken(x);
    }
    x->in = r;
    return PLUM_XML_DONE;
}

static plum_xml_event text(plum_xml *x)
{
    plum_reader r = x->in;
    x->text = plum_reader_while(&r, is_text_byte);
    x->is_cdata = false;
    if (plum_reader_left(&r) == 0)
        return PLUM_XML_MORE;
    x->in = r;
    bool blank = plum_span_trim(x->text).size == 0;
    if (blank)
        return PLUM_XML_DONE;
    return x->depth ? PLUM_XML_TEXT : broken(x);
}

plum_xml_event plum_xml_next(plum_xml *x)
{
    if (x->broken)
        return PLUM_XML_BROKEN;
    if (x->closing) {
        x->closing = false;
        return close_element(x);
    }
    while (!x->done) {
        plum_xml_event got;
        plum_reader r = x->in;
        if (plum_reader_left(&r) == 0)
            return PLUM_XML_MORE;
        if (!plum_reader_accept(&r, "<"))
            got = text(x);
        else if (plum_reader_left(&r) == 0)
            return PLUM_XML_MORE;
        else if (plum_reader_accept(&r, "/"))
            got = end_tag(x, r);
        else if (plum_reader_peek(&r) == '!' || plum_reader_peek(&r) == '?')
            got = markup(x);
        else
            return start_tag(x, r);
        if (got != PLUM_XML_DONE)
            return got;
    }
    return PLUM_XML_DONE;
}

/* ---- decoding ---- */

static void put_utf8(plum_writer *w, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        plum_writer_u8(w, (uint8_t)c);
    } else if (c < 0x800) {
        plum_writer_u8(w, (uint8_t)(0xc0 | c >> 6));
        plum_writer_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        plum_writer_u8(w, (uint8_t)(0xe0 | c >> 12));
        plum_writer_u8(w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        plum_writer_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        plum_writer_u8(w, (uint8_t)(0xf0 | c >> 18));
        plum_writer_u8(w, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        plum_writer_u8(w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        plum_writer_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

/* Behind "&#": 12; or x1f; */
static bool reference(plum_reader *r, uint32_t *out)
{
    uint32_t base = plum_reader_accept(r, "x") ? 16 : 10, v = 0;
    size_t digits = 0;
    for (int d; (d = plum_ascii_hex(plum_reader_peek(r))) >= 0 && (uint32_t)d < base; digits++) {
        v = v > 0x10ffff ? v : v * base + (uint32_t)d;
        plum_reader_skip(r, 1);
    }
    *out = v;
    return digits > 0 && plum_reader_accept(r, ";");
}

static bool entity(plum_reader *r, uint32_t *out)
{
    static const struct {
        const char *name;
        uint32_t c;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (plum_reader_accept(r, known[i].name)) {
            *out = known[i].c;
            return true;
        }
    plum_reader start = *r;
    if (plum_reader_accept(r, "&#") && reference(r, out))
        return true;
    *r = start;
    return false;
}

bool plum_xml_decode(const plum_xml *x, char *out, size_t room, size_t *size)
{
    plum_reader r;
    plum_writer w;
    uint32_t c;
    plum_writer_init(&w, out + *size, room - *size);
    plum_reader_init_span(&r, plum_span_trim(x->text));
    while (plum_reader_left(&r) && !plum_writer_failed(&w)) {
        if (!x->is_cdata && entity(&r, &c))
            put_utf8(&w, c);
        else
            plum_writer_u8(&w, plum_reader_u8(&r));
    }
    bool fits = !plum_writer_failed(&w) && plum_writer_size(&w) < room - *size;
    plum_writer_end(&w);
    *size += plum_writer_size(&w);
    return fits;
}
