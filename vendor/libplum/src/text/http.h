/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/1.1 responses (RFC 9112) from a buffer that fills: whole answers, byte by byte, HTTP/1.0,
 * 1xx before the answer, Content-Length, chunked, and bodies that end with the connection. Bounded;
 * nothing is allocated.
 */
#ifndef PLUM_TEXT_HTTP_H
#define PLUM_TEXT_HTTP_H

#include "text/reader.h"

#define PLUM_HTTP_HEAD_MAX 8192u
#define PLUM_HTTP_BODY_MAX 262144u

typedef enum { PLUM_BROKEN = -1, PLUM_MORE = 0, PLUM_DONE = 1 } plum_parse;

typedef enum { PLUM_HTTP_TO_EOF, PLUM_HTTP_LENGTH, PLUM_HTTP_CHUNKED } plum_http_framing;

typedef struct {
    int status;     /* 200 to 999; 0: the head is not read yet */
    plum_span head; /* the header lines; valid while the buffer stays where it is */
    plum_http_framing framing;
    size_t body;      /* offset of the body; chunks are joined in place */
    size_t body_size; /* so far */
    /* private */
    size_t start, lines, at, left;
    int stage, interim;
} plum_http;

void plum_http_init(plum_http *h);

/*
 * Reads on in buf[0..size), which holds the whole answer so far (it may have moved; its bytes may
 * not have changed, but for what this function changed). `eof`: nothing more will come. DONE:
 * status, head and body are complete. BROKEN: no HTTP, or beyond a bound; also when it ended too
 * early. Bytes behind the answer are not looked at.
 */
plum_parse plum_http_read(plum_http *h, uint8_t *buf, size_t size, bool eof);

/* The body so far. */
plum_span plum_http_body(const plum_http *h, const uint8_t *buf);

/* A header's value, trimmed, or an empty span. Names are looked for at the start of lines alone, in
 * any case. `head`: lines of an HTTP or SSDP message. */
plum_span plum_http_header(plum_span head, const char *name);

#endif
