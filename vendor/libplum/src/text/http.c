/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/http.h"

#include <string.h>

#include "text/ascii.h"

enum { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, ENDED };

/* A chunk's size line with its extension; longer ones serve nobody. */
#define CHUNK_LINE_MAX 256u
/* At most so many 1xx answers before the answer (RFC 9110 section 15.2 sets no limit; a hostile
 * host would use that). */
#define INTERIM_MAX 8

void plum_http_init(plum_http *h)
{
    static const plum_http none;
    *h = none;
}

/* A line without its end, CRLF or LF alone. False: it has not ended yet. */
static bool read_line(plum_reader *r, plum_span *line)
{
    if (!plum_reader_until(r, "\n", line))
        return false;
    if (line->size && line->at[line->size - 1] == '\r')
        line->size--;
    return true;
}

plum_span plum_http_header(plum_span head, const char *name)
{
    static const plum_span none;
    plum_reader r;
    plum_span line;
    plum_reader_init_span(&r, head);
    while (read_line(&r, &line)) {
        plum_reader in;
        plum_span before;
        plum_reader_init_span(&in, line);
        if (plum_reader_until(&in, ":", &before) &&
            plum_span_is_nocase(plum_span_trim(before), name))
            return plum_span_trim(plum_reader_rest(&in));
    }
    return none;
}

/* "HTTP/1.x NNN reason" */
static int read_status(plum_span line)
{
    plum_reader r;
    plum_span version;
    uint64_t status;
    plum_reader_init_span(&r, line);
    if (!plum_reader_accept(&r, "HTTP/") || !plum_reader_until(&r, " ", &version))
        return -1;
    (void)plum_reader_while(&r, plum_ascii_is_blank);
    plum_span code = plum_reader_while(&r, plum_ascii_is_digit);
    if (code.size != 3 || !plum_span_decimal(code, 999, &status) || status < 100)
        return -1;
    return (int)status;
}

/* Does the list of transfer codings end in "chunked" (RFC 9112 section 6.1)? */
static bool is_chunked(plum_span codings)
{
    static const char chunked[] = "chunked";
    size_t n = sizeof chunked - 1;
    if (codings.size < n)
        return false;
    plum_span tail = {codings.at + (codings.size - n), n};
    return plum_span_is_nocase(tail, chunked);
}

static plum_parse choose_framing(plum_http *h)
{
    uint64_t length;
    plum_span codings = plum_http_header(h->head, "transfer-encoding");
    plum_span text = plum_http_header(h->head, "content-length");
    if (h->status == 204 || h->status == 304) {
        h->stage = ENDED;
        return PLUM_DONE;
    }
    if (codings.size) {
        if (!is_chunked(codings))
            return PLUM_BROKEN; /* a coding that we did not ask for */
        h->framing = PLUM_HTTP_CHUNKED;
        h->stage = CHUNK_SIZE;
    } else if (text.size) {
        if (!plum_span_decimal(text, PLUM_HTTP_BODY_MAX, &length))
            return PLUM_BROKEN;
        h->framing = PLUM_HTTP_LENGTH;
        h->left = (size_t)length;
        h->stage = BODY;
    } else {
        h->framing = PLUM_HTTP_TO_EOF;
        h->stage = BODY;
    }
    return PLUM_MORE;
}

/* The head that starts at h->start: MORE while it is not whole, DONE when it is one (1xx ones are
 * skipped). */
static plum_parse read_head(plum_http *h, const uint8_t *buf, size_t size)
{
    for (; h->interim <= INTERIM_MAX; h->interim++) {
        plum_reader r;
        plum_span line, first;
        plum_reader_init(&r, buf, size);
        plum_reader_skip(&r, h->start);
        if (!read_line(&r, &first))
            return size - h->start > PLUM_HTTP_HEAD_MAX ? PLUM_BROKEN : PLUM_MORE;
        int status = read_status(first);
        if (status < 0)
            return PLUM_BROKEN;
        size_t lines = size - plum_reader_left(&r), end;
        do {
            end = size - plum_reader_left(&r);
            if (end - h->start > PLUM_HTTP_HEAD_MAX)
                return PLUM_BROKEN;
            if (!read_line(&r, &line))
                return size - h->start > PLUM_HTTP_HEAD_MAX ? PLUM_BROKEN : PLUM_MORE;
        } while (line.size);
        h->at = size - plum_reader_left(&r);
        if (status >= 200) {
            h->status = status;
            h->lines = lines;
            h->head.at = buf + lines;
            h->head.size = end - lines;
            h->body = h->at;
            return PLUM_DONE;
        }
        h->start = h->at;
    }
    return PLUM_BROKEN;
}

/* Moves the next `n` bytes to the end of the body. */
static bool keep(plum_http *h, uint8_t *buf, size_t n)
{
    if (n > PLUM_HTTP_BODY_MAX - h->body_size)
        return false;
    if (n && h->at != h->body + h->body_size)
        memmove(buf + h->body + h->body_size, buf + h->at, n);
    h->body_size += n;
    h->at += n;
    return true;
}

static plum_parse read_plain(plum_http *h, uint8_t *buf, size_t size, bool eof)
{
    size_t n = size - h->at;
    if (h->framing == PLUM_HTTP_LENGTH && n > h->left)
        n = h->left;
    if (!keep(h, buf, n))
        return PLUM_BROKEN;
    if (h->framing == PLUM_HTTP_LENGTH) {
        h->left -= n;
        return h->left == 0 ? PLUM_DONE : eof ? PLUM_BROKEN : PLUM_MORE;
    }
    return eof ? PLUM_DONE : PLUM_MORE;
}

/* 1*HEXDIG, blanks, and perhaps ";extension" */
static bool read_chunk_size(plum_span line, size_t *out)
{
    size_t v = 0, digits = 0;
    plum_reader r;
    plum_reader_init_span(&r, plum_span_trim(line));
    for (int d; (d = plum_ascii_hex(plum_reader_peek(&r))) >= 0 && digits <= 8; digits++) {
        v = v << 4 | (size_t)d;
        plum_reader_skip(&r, 1);
    }
    (void)plum_reader_while(&r, plum_ascii_is_blank);
    *out = v;
    return digits > 0 && digits <= 8 && v <= PLUM_HTTP_BODY_MAX &&
           (plum_reader_left(&r) == 0 || plum_reader_peek(&r) == ';');
}

static plum_parse chunk_line(plum_http *h, const uint8_t *buf, size_t size, plum_span *line)
{
    plum_reader r;
    plum_reader_init(&r, buf, size);
    plum_reader_skip(&r, h->at);
    if (!read_line(&r, line))
        return size - h->at > CHUNK_LINE_MAX ? PLUM_BROKEN : PLUM_MORE;
    h->at = size - plum_reader_left(&r);
    return PLUM_DONE;
}

static plum_parse read_chunks(plum_http *h, uint8_t *buf, size_t size, bool eof)
{
    for (;;) {
        plum_span line;
        plum_parse got = PLUM_DONE;
        if (h->stage == CHUNK) {
            size_t n = size - h->at < h->left ? size - h->at : h->left;
            if (!keep(h, buf, n))
                return PLUM_BROKEN;
            h->left -= n;
            if (h->left)
                return eof ? PLUM_BROKEN : PLUM_MORE;
            h->stage = CHUNK_END;
        }
        got = chunk_line(h, buf, size, &line);
        if (got != PLUM_DONE)
            return got == PLUM_MORE && eof ? PLUM_BROKEN : got;
        if (h->stage == CHUNK_END) {
            if (line.size)
                return PLUM_BROKEN;
            h->stage = CHUNK_SIZE;
        } else if (h->stage == CHUNK_SIZE) {
            if (!read_chunk_size(line, &h->left))
                return PLUM_BROKEN;
            h->stage = h->left ? CHUNK : TRAILER;
        } else if (line.size == 0) {
            return PLUM_DONE; /* the trailers are over */
        } else if (h->at - h->body > PLUM_HTTP_BODY_MAX + 2 * PLUM_HTTP_HEAD_MAX) {
            return PLUM_BROKEN;
        }
    }
}

plum_parse plum_http_read(plum_http *h, uint8_t *buf, size_t size, bool eof)
{
    plum_parse got;
    if (h->stage == HEAD) {
        got = read_head(h, buf, size);
        if (got != PLUM_DONE)
            return got == PLUM_MORE && eof ? PLUM_BROKEN : got;
        got = choose_framing(h);
        if (got == PLUM_BROKEN)
            return got;
    }
    /* The buffer may have moved since the head was read. */
    h->head.at = buf + h->lines;
    if (h->stage == ENDED)
        return PLUM_DONE;
    got = h->framing == PLUM_HTTP_CHUNKED ? read_chunks(h, buf, size, eof)
                                          : read_plain(h, buf, size, eof);
    if (got == PLUM_DONE)
        h->stage = ENDED;
    return got;
}

plum_span plum_http_body(const plum_http *h, const uint8_t *buf)
{
    plum_span s = {buf + h->body, h->body_size};
    return s;
}
