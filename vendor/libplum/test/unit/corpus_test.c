/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What real routers sent, read by our parsers: each description gives the services that its folder
 * expects, each SSDP answer its location, each SOAP reply its action or code. The data belong to
 * others and are not in this repository; LIBPLUM_CORPUS names the folder.
 */
#include <dirent.h>

#include "check.h"
#include "proto/desc.h"
#include "proto/soap.h"
#include "proto/ssdp.h"
#include "text/ascii.h"

typedef struct {
    char *bytes;
    size_t size;
} file;

static file slurp(const char *folder, const char *name, const char *sub)
{
    char path[1024];
    file f = {NULL, 0};
    if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", folder, name, sub) >= sizeof path)
        return f;
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return f;
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    rewind(in);
    f.bytes = malloc((size_t)size + 1);
    f.size = fread(f.bytes, 1, (size_t)size, in);
    f.bytes[f.size] = 0;
    fclose(in);
    return f;
}

/* The next string or number of `"key": ` in about.json, which holds no escaped quotes where we
 * look. */
static char *value(char **at, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    char *v = strstr(*at, quoted);
    if (v == NULL)
        return NULL;
    v += strlen(quoted);
    size_t skip = *v == '"';
    v += skip;
    size_t n = strcspn(v, skip ? "\"" : ",\n} ");
    *at = v + n + 1;
    v[n] = 0;
    return v;
}

static const char *router;

static void complain(const char *what, const char *got, const char *want)
{
    fprintf(stderr, "%s: %s: got \"%s\", want \"%s\"\n", router, what, got, want);
    CHECK(false);
}

static plum_desc d;

static void check_service(unsigned i, const char *type, const char *control, const char *port)
{
    if (i >= d.count) {
        complain("services", "fewer", type);
        return;
    }
    if (strcmp(d.services[i].type, type) != 0)
        complain("type", d.services[i].type, type);
    if (strcmp(d.services[i].control, control) != 0)
        complain("control", d.services[i].control, control);
    CHECK_EQ(d.services[i].port, strtol(port, NULL, 10));
}

static void keep_connections(void)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < d.count; i++)
        if (d.services[i].kind == PLUM_SERVICE_IP || d.services[i].kind == PLUM_SERVICE_PPP)
            d.services[kept++] = d.services[i];
    d.count = kept;
}

static void description(const char *folder)
{
    file xml = slurp(folder, router, "desc.xml"), about = slurp(folder, router, "about.json");
    REQUIRE(xml.bytes != NULL && about.bytes != NULL);
    char *copy = malloc(about.size + 1), *at = copy;
    memcpy(copy, about.bytes, about.size + 1);
    plum_url url;
    char *location = value(&at, "location");
    REQUIRE(location != NULL && plum_url_parse(plum_span_of(location), &url));
    plum_span document = {(uint8_t *)xml.bytes, xml.size};
    CHECK_EQ(plum_desc_read(document, &url, &d), PLUM_DONE);
    keep_connections();
    at = about.bytes;
    unsigned n = 0;
    char *list = strstr(at, "\"expect\"");
    REQUIRE(list != NULL);
    at = list;
    char *end = strchr(list, ']');
    for (char *type; at < end && (type = value(&at, "service")) != NULL && type < end; n++) {
        char *control = value(&at, "control");
        char *port = value(&at, "port");
        REQUIRE(control != NULL && port != NULL);
        check_service(n, type, control, port);
    }
    CHECK(n > 0);
    CHECK_EQ(d.count, n);
    free(copy);
    free(xml.bytes);
    free(about.bytes);
}

static unsigned answers, replies;

static void search_answer(const char *folder)
{
    file ssdp = slurp(folder, router, "ssdp.txt");
    if (ssdp.bytes == NULL)
        return;
    plum_ssdp m;
    plum_url url;
    CHECK(plum_ssdp_read((uint8_t *)ssdp.bytes, ssdp.size, &m));
    CHECK(plum_ssdp_is_gateway(m.target));
    CHECK(plum_url_parse(m.location, &url));
    free(ssdp.bytes);
    answers++;
}

/* ACTION.txt, or ACTION-CODE.txt for a failure. */
static void reply(const char *folder, const char *name)
{
    char sub[300];
    snprintf(sub, sizeof sub, "replies/%s", name);
    file f = slurp(folder, router, sub);
    REQUIRE(f.bytes != NULL);
    plum_http h;
    plum_soap s;
    plum_http_init(&h);
    CHECK_EQ(plum_http_read(&h, (uint8_t *)f.bytes, f.size, true), PLUM_DONE);
    CHECK_EQ(plum_soap_read(plum_http_body(&h, (uint8_t *)f.bytes), &s), PLUM_DONE);
    const char *dash = strchr(name, '-');
    CHECK_EQ(s.fault, dash != NULL);
    if (dash)
        CHECK_EQ(s.code, strtol(dash + 1, NULL, 10));
    else if (strncmp(s.action, name, strlen(s.action)) != 0)
        complain("action", s.action, name);
    free(f.bytes);
    replies++;
}

static void all_replies(const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/replies", folder, router);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            reply(folder, e->d_name);
    if (dir != NULL)
        closedir(dir);
}

static void every_router(void)
{
    const char *folder = getenv("LIBPLUM_CORPUS");
    DIR *dir = opendir(folder);
    REQUIRE(dir != NULL);
    unsigned routers = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        router = e->d_name;
        file about = slurp(folder, router, "about.json");
        free(about.bytes);
        if (router[0] == '.' || about.bytes == NULL)
            continue;
        description(folder);
        search_answer(folder);
        all_replies(folder);
        routers++;
    }
    closedir(dir);
    printf("%u routers, %u search answers, %u replies\n", routers, answers, replies);
    CHECK(routers > 0);
}

int main(void)
{
    if (getenv("LIBPLUM_CORPUS") == NULL) {
        printf("skipped: LIBPLUM_CORPUS does not name a folder of captures\n");
        return CHECK_SKIPPED;
    }
    RUN(every_router);
    return check_end();
}
