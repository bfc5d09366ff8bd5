/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text/http.h"

#include "check.h"
#include "guard.h"
#include "text/ascii.h"

static plum_http h;
static uint8_t *buf;

/* All at once, from a block of exactly that size. */
static plum_parse whole(const char *text, bool eof)
{
    free(buf);
    buf = check_exact(text, strlen(text));
    plum_http_init(&h);
    return plum_http_read(&h, buf, strlen(text), eof);
}

/* Byte by byte, in a block that moves each time. */
static plum_parse trickled(const char *text, bool eof)
{
    size_t size = strlen(text);
    plum_parse got = PLUM_MORE;
    plum_http_init(&h);
    free(buf);
    buf = check_exact("", 0);
    for (size_t n = 1; n <= size && got == PLUM_MORE; n++) {
        uint8_t *bigger = malloc(n);
        memcpy(bigger, buf, n - 1);
        bigger[n - 1] = (uint8_t)text[n - 1];
        free(buf);
        buf = bigger;
        got = plum_http_read(&h, buf, n, eof && n == size);
    }
    return got;
}

static bool body_is(const char *want)
{
    return plum_span_is(plum_http_body(&h, buf), want);
}

static void both(const char *text, bool eof, int status, const char *body)
{
    CHECK_EQ(whole(text, eof), PLUM_DONE);
    CHECK_EQ(h.status, status);
    CHECK(body_is(body));
    CHECK_EQ(trickled(text, eof), PLUM_DONE);
    CHECK_EQ(h.status, status);
    CHECK(body_is(body));
}

static void each_framing(void)
{
    both("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello");
    both("HTTP/1.1 500 Internal Server Error\r\nCONTENT-LENGTH: 5 \r\n\r\nhello", false, 500,
         "hello");
    both("HTTP/1.0 200 OK\nServer: x\n\nhello", true, 200, "hello");
    both("HTTP/1.1 200\r\n\r\n", true, 200, "");
    both("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, my "
         "world\r\n0\r\nTrailer: t\r\n\r\n",
         false, 200, "hello, my world");
    both("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n00000000\r\n\r\n", false, 200,
         "");
    both("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 200 "
         "OK\r\nContent-Length: 2\r\n\r\nok",
         false, 200, "ok");
    both("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", false, 204, "");
    both("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "");
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", false), PLUM_DONE);
    CHECK(body_is("ok"));
}

static void headers_are_found_at_line_starts_alone(void)
{
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nUser-Agent: x st: wrong\r\nST:right\r\nEmpty:\r\nno "
                   "colon\r\nst: second\r\n\r\n",
                   true),
             PLUM_DONE);
    CHECK(plum_span_is(plum_http_header(h.head, "St"), "right"));
    CHECK_EQ(plum_http_header(h.head, "empty").size, 0);
    CHECK_EQ(plum_http_header(h.head, "absent").size, 0);
    CHECK(plum_span_is(plum_http_header(h.head, "user-agent"), "x st: wrong"));
}

static void what_ends_early_is_broken(void)
{
    static const char *const cut[] = {
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        CHECK_EQ(whole(cut[i], false), PLUM_MORE);
        CHECK_EQ(whole(cut[i], true), PLUM_BROKEN);
    }
}

static void what_is_hostile_is_broken(void)
{
    static const char *const bad[] = {
        "<html>\r\n",
        "HTTP/1.1 ok\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 x\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (whole(bad[i], false) != PLUM_BROKEN || trickled(bad[i], false) != PLUM_BROKEN) {
            fprintf(stderr, "case %zu\n", i);
            CHECK(false);
        }
    }
}

/* `n` times `piece` behind `head`, byte-wise growing; how far is it read on? */
static size_t endless(const char *head, const char *piece, size_t most)
{
    size_t size = strlen(head), step = strlen(piece);
    uint8_t *big = malloc(size + most + step);
    memcpy(big, head, size);
    plum_http_init(&h);
    plum_parse got = PLUM_MORE;
    while (got == PLUM_MORE && size < most) {
        memcpy(big + size, piece, step);
        size += step;
        got = plum_http_read(&h, big, size, false);
    }
    free(big);
    CHECK_EQ(got, PLUM_BROKEN);
    return size;
}

static void endless_answers_end(void)
{
    CHECK(endless("HTTP/1.1 200 OK\r\n", "X-Header: again and again and again\r\n", 100000) <=
          PLUM_HTTP_HEAD_MAX + 100);
    CHECK(endless("HTTP/1.1 200 OK", "no line end at all ", 100000) <= PLUM_HTTP_HEAD_MAX + 100);
    CHECK(endless("", "HTTP/1.1 100 Continue\r\n\r\n", 100000) <= 300);
    CHECK(endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "1;extension=that goes on", 100000) <= 500);
    CHECK(endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "Trailer: x\r\n",
                  1000000) <= 300000);
    char piece[1025];
    memset(piece, 'x', 1024);
    piece[1024] = 0;
    CHECK(endless("HTTP/1.1 200 OK\r\n\r\n", piece, 1000000) <= PLUM_HTTP_BODY_MAX + 2000);
}

int main(void)
{
    RUN(each_framing);
    RUN(headers_are_found_at_line_starts_alone);
    RUN(what_ends_early_is_broken);
    RUN(what_is_hostile_is_broken);
    RUN(endless_answers_end);
    free(buf);
    return check_end();
}
