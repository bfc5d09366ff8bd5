/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The IGD conversation against scripted answers: each line of QUIRKS' "SOAP behaviour" that bears
 * on it. */
#include "proto/igd.h"

#include "check.h"

static plum_igd c;
static plum_soap_call call;
static unsigned asked;

static plum_igd_wish wish(plum_igd_goal goal)
{
    plum_igd_wish w = {.goal = goal,
                       .internal_port = 8080,
                       .external_port = 8080,
                       .lease = 7200,
                       .client = plum_ip_v4(192, 168, 1, 2),
                       .description = "libplum",
                       .seed = 7};
    return w;
}

static void begin(const plum_igd_wish *w)
{
    static const plum_igd_habits none;
    plum_igd_begin(&c, w, &none);
    asked = 0;
}

/* What it asks now. */
static const char *asks(void)
{
    plum_igd_call(&c, &call);
    asked++;
    return call.action;
}

static const char *arg(const char *name)
{
    plum_igd_call(&c, &call);
    for (size_t i = 0; i < call.count; i++)
        if (strcmp(call.args[i].name, name) == 0)
            return call.args[i].value;
    return "(none)";
}

static plum_igd_next fault(uint32_t code)
{
    plum_soap m = {.fault = true, .code = code};
    return plum_igd_answer(&c, 500, &m);
}

static void add_arg(plum_soap *m, const char *name, const char *value)
{
    memcpy(m->args[m->count].name, name, strlen(name) + 1);
    memcpy(m->args[m->count++].value, value, strlen(value) + 1);
}

static plum_igd_next entry(const char *client, const char *port, const char *lease)
{
    plum_soap m = {0};
    add_arg(&m, "NewInternalPort", port);
    add_arg(&m, "NewInternalClient", client);
    add_arg(&m, "NewEnabled", "1");
    add_arg(&m, "NewPortMappingDescription", "rewritten by the router");
    add_arg(&m, "NewLeaseDuration", lease);
    return plum_igd_answer(&c, 200, &m);
}

static plum_igd_next fine(void)
{
    plum_soap m = {0};
    return plum_igd_answer(&c, 200, &m);
}

static void adds_and_reads_back(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    begin(&w);
    CHECK_STR(asks(), "GetSpecificPortMappingEntry");
    CHECK_EQ(call.count, 3);
    CHECK_STR(call.args[0].name, "NewRemoteHost"); /* the service's own order */
    CHECK_STR(call.args[1].name, "NewExternalPort");
    CHECK_STR(call.args[2].value, "TCP");
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_STR(asks(), "AddPortMapping");
    static const char *const order[] = {"NewRemoteHost",
                                        "NewExternalPort",
                                        "NewProtocol",
                                        "NewInternalPort",
                                        "NewInternalClient",
                                        "NewEnabled",
                                        "NewPortMappingDescription",
                                        "NewLeaseDuration"};
    CHECK_EQ(call.count, 8);
    for (size_t i = 0; i < 8; i++)
        CHECK_STR(call.args[i].name, order[i]);
    CHECK_STR(arg("NewInternalClient"), "192.168.1.2");
    CHECK_STR(arg("NewLeaseDuration"), "7200");
    CHECK_EQ(fine(), PLUM_IGD_ASK);
    CHECK_STR(asks(), "GetSpecificPortMappingEntry");
    CHECK_EQ(entry("192.168.1.2", "8080", "7199"), PLUM_IGD_DONE);
    CHECK_EQ(c.result.why, PLUM_IGD_FINE);
    CHECK_EQ(c.result.external_port, 8080);
    CHECK_EQ(c.result.lease, 7199);
}

static void others_are_left_alone(void)
{
    static const struct {
        const char *client, *port;
    } foreign[] = {{"192.168.1.3", "8080"}, {"192.168.1.2", "9090"}, {"nonsense", "8080"}};
    for (size_t i = 0; i < 3; i++) {
        plum_igd_wish w = wish(PLUM_IGD_DELETE);
        begin(&w);
        CHECK_EQ(entry(foreign[i].client, foreign[i].port, "0"), PLUM_IGD_DONE);
        CHECK_EQ(c.result.why, PLUM_IGD_FOREIGN);
        w = wish(PLUM_IGD_ADD);
        begin(&w);
        CHECK_EQ(entry(foreign[i].client, foreign[i].port, "0"), PLUM_IGD_ASK);
        CHECK_STR(asks(), "GetSpecificPortMappingEntry"); /* of another port */
        CHECK(strcmp(arg("NewExternalPort"), "8080") != 0);
        w.insists = true;
        begin(&w);
        CHECK_EQ(entry(foreign[i].client, foreign[i].port, "0"), PLUM_IGD_FAILED);
        CHECK_EQ(c.result.why, PLUM_IGD_TAKEN);
    }
}

static void other_ports_are_bounded(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    begin(&w);
    plum_igd_next next = PLUM_IGD_ASK;
    while (next == PLUM_IGD_ASK && asked < 100) {
        (void)asks();
        CHECK(strtol(arg("NewExternalPort"), NULL, 10) >= 1024 &&
              strcmp(arg("NewExternalPort"), "5351") != 0);
        next = c.step == PLUM_IGD_STEP_LOOK ? fault(714) : fault(718);
    }
    CHECK_EQ(next, PLUM_IGD_FAILED);
    CHECK_EQ(c.result.why, PLUM_IGD_TAKEN);
    CHECK_EQ(c.result.code, 718);
    CHECK_EQ(asked, 2 * PLUM_IGD_PORTS);
}

/* The leases that a router was asked for, one behind the other, until it is content with the n-th.
 */
static void ladder(uint32_t code, const char *const *leases, size_t count)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(asks(), "AddPortMapping");
        CHECK_STR(arg("NewLeaseDuration"), leases[i]);
        CHECK_EQ(i + 1 < count ? fault(code) : fine(), PLUM_IGD_ASK);
    }
    CHECK_EQ(fault(501), PLUM_IGD_DONE); /* it cannot tell: believed */
    CHECK_EQ(c.habits.lease, count - 1 > 1 || code != 725 ? count - 1 : 3);
    /* The next conversation begins with what worked. */
    plum_igd_habits learnt = c.habits;
    plum_igd_begin(&c, &w, &learnt);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_STR(arg("NewLeaseDuration"), leases[count - 1]);
}

static void leases_step_down(void)
{
    static const char *const permanent[] = {"7200", "0"};
    static const char *const whole[] = {"7200", "3600", "604800", "0"};
    ladder(725, permanent, 2);
    for (size_t n = 1; n <= 4; n++) {
        ladder(402, whole, n);
        ladder(501, whole, n);
        ladder(0, whole, n); /* a bare 500 */
    }
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    w.lease = UINT32_MAX;
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_STR(arg("NewLeaseDuration"), "604800");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(fault(402), PLUM_IGD_ASK);
    CHECK_EQ(fault(402), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.why, PLUM_IGD_REFUSED);
    CHECK_EQ(c.result.code, 402);
}

static void equal_ports_alone(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    w.external_port = 9999;
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fault(724), PLUM_IGD_ASK);
    CHECK_STR(asks(), "GetSpecificPortMappingEntry");
    CHECK_STR(arg("NewExternalPort"), "8080");
    CHECK(c.habits.equal_ports);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fault(718), PLUM_IGD_FAILED); /* and no other */
    CHECK_EQ(c.result.why, PLUM_IGD_TAKEN);
}

static void below_1024_is_often_not_permitted(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    w.external_port = 80;
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fault(606), PLUM_IGD_ASK);
    CHECK(strtol(arg("NewExternalPort"), NULL, 10) >= 1024);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fault(606), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.code, 606);
}

static void definite_refusals(void)
{
    static const uint32_t codes[] = {715, 716, 732, 733, 600, 604, 731};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        plum_igd_wish w = wish(PLUM_IGD_ADD);
        begin(&w);
        CHECK_EQ(fault(714), PLUM_IGD_ASK);
        CHECK_EQ(fault(codes[i]), PLUM_IGD_FAILED);
        CHECK_EQ(c.result.why, PLUM_IGD_REFUSED);
        CHECK_EQ(c.result.code, codes[i]);
    }
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fault(728), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.why, PLUM_IGD_FULL);
}

static void any_port_by_either_name(void)
{
    static const char *const names[] = {"NewReservedPort", "NewExternalPort"};
    for (size_t i = 0; i < 2; i++) {
        plum_igd_wish w = wish(PLUM_IGD_ADD);
        plum_soap m = {0};
        w.has_any = true;
        begin(&w);
        CHECK_EQ(entry("192.168.1.9", "80", "0"), PLUM_IGD_ASK); /* taken: it chooses another */
        CHECK_STR(asks(), "AddAnyPortMapping");
        add_arg(&m, names[i], "9001");
        CHECK_EQ(plum_igd_answer(&c, 200, &m), PLUM_IGD_ASK);
        CHECK_STR(arg("NewExternalPort"), "9001");
        CHECK_EQ(entry("192.168.1.2", "8080", "7200"), PLUM_IGD_DONE);
        CHECK_EQ(c.result.external_port, 9001);
    }
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    plum_soap zero = {0};
    w.has_any = true;
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    add_arg(&zero, "NewReservedPort", "0");
    CHECK_EQ(plum_igd_answer(&c, 200, &zero), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.why, PLUM_IGD_NO_EFFECT);
}

static void without_any_there_is_the_old_action(void)
{
    static const uint32_t codes[] = {401, 402, 602};
    for (size_t i = 0; i < 3; i++) {
        plum_igd_wish w = wish(PLUM_IGD_ADD);
        w.has_any = true;
        begin(&w);
        CHECK_EQ(fault(714), PLUM_IGD_ASK);
        CHECK_STR(asks(), "AddAnyPortMapping");
        CHECK_EQ(fault(codes[i]), PLUM_IGD_ASK);
        CHECK_EQ(fault(714), PLUM_IGD_ASK);
        CHECK_STR(asks(), "AddPortMapping");
        CHECK(c.habits.no_any);
    }
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    w.has_any = w.holds = true; /* a renewal keeps its port */
    begin(&w);
    CHECK_EQ(entry("192.168.1.2", "8080", "100"), PLUM_IGD_ASK);
    CHECK_STR(asks(), "AddPortMapping");
}

static void success_without_effect(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fine(), PLUM_IGD_ASK);
    CHECK_EQ(fault(714), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.why, PLUM_IGD_NO_EFFECT);
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(fine(), PLUM_IGD_ASK);
    CHECK_EQ(entry("192.168.1.3", "8080", "0"), PLUM_IGD_ASK); /* somebody was faster */
    CHECK(strcmp(arg("NewExternalPort"), "8080") != 0);
}

static void a_conflict_with_ourselves_is_none(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    w.holds = true;
    begin(&w);
    CHECK_EQ(entry("192.168.1.2", "8080", "3000"), PLUM_IGD_ASK);
    CHECK_EQ(fault(718), PLUM_IGD_DONE);
    CHECK_EQ(c.result.why, PLUM_IGD_FINE);
    CHECK_EQ(c.result.lease, 3000); /* not extended: the caller sees it */
}

static void lookups_that_fail_tell_nothing(void)
{
    static const uint32_t codes[] = {402, 501, 606, 0};
    for (size_t i = 0; i < 4; i++) {
        plum_igd_wish w = wish(PLUM_IGD_CHECK);
        begin(&w);
        CHECK_EQ(fault(codes[i]), PLUM_IGD_DONE);
        CHECK_EQ(c.result.why, PLUM_IGD_UNKNOWN);
        w = wish(PLUM_IGD_ADD);
        begin(&w);
        CHECK_EQ(fault(codes[i]), PLUM_IGD_ASK);
        CHECK_STR(asks(), "AddPortMapping");
        for (int n = 0; n < 3; n++)
            CHECK_EQ(fault(501), PLUM_IGD_ASK); /* the ladder */
        CHECK_EQ(fault(501), PLUM_IGD_ASK);     /* then ports: nobody could tell that it was free */
        CHECK_STR(asks(), "GetSpecificPortMappingEntry");
        CHECK_EQ(fault(714), PLUM_IGD_ASK);
        CHECK_STR(arg("NewLeaseDuration"), "7200");
    }
}

static void checks_and_deletes(void)
{
    plum_igd_wish w = wish(PLUM_IGD_CHECK);
    begin(&w);
    CHECK_EQ(entry("192.168.1.2", "8080", "60"), PLUM_IGD_DONE);
    CHECK_EQ(c.result.why, PLUM_IGD_FINE);
    CHECK_EQ(c.result.lease, 60);
    begin(&w);
    CHECK_EQ(fault(713), PLUM_IGD_DONE);
    CHECK_EQ(c.result.why, PLUM_IGD_NOTHING);
    w = wish(PLUM_IGD_DELETE);
    w.udp = true;
    begin(&w);
    CHECK_EQ(entry("192.168.1.2", "8080", "60"), PLUM_IGD_ASK);
    CHECK_STR(asks(), "DeletePortMapping");
    CHECK_STR(arg("NewProtocol"), "UDP");
    CHECK_EQ(call.count, 3);
    CHECK_EQ(fine(), PLUM_IGD_DONE);
    begin(&w);
    CHECK_EQ(fault(501), PLUM_IGD_ASK); /* it cannot tell whose it is: ours, by all we know */
    CHECK_EQ(fault(714), PLUM_IGD_DONE);
    CHECK_EQ(c.result.why, PLUM_IGD_NOTHING);
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_DONE);
    begin(&w);
    CHECK_EQ(entry("192.168.1.2", "8080", "60"), PLUM_IGD_ASK);
    CHECK_EQ(fault(606), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.code, 606);
}

static void no_answer_is_silence(void)
{
    plum_igd_wish w = wish(PLUM_IGD_ADD);
    begin(&w);
    CHECK_EQ(plum_igd_answer(&c, 0, NULL), PLUM_IGD_FAILED);
    CHECK_EQ(c.result.why, PLUM_IGD_SILENT);
    begin(&w);
    CHECK_EQ(plum_igd_answer(&c, 200, NULL), PLUM_IGD_FAILED); /* a page that is no SOAP */
    begin(&w);
    CHECK_EQ(fault(714), PLUM_IGD_ASK);
    CHECK_EQ(plum_igd_answer(&c, 404, NULL), PLUM_IGD_FAILED); /* the control URL has moved */
    CHECK_EQ(c.result.why, PLUM_IGD_REFUSED);
}

int main(void)
{
    RUN(adds_and_reads_back);
    RUN(others_are_left_alone);
    RUN(other_ports_are_bounded);
    RUN(leases_step_down);
    RUN(equal_ports_alone);
    RUN(below_1024_is_often_not_permitted);
    RUN(definite_refusals);
    RUN(any_port_by_either_name);
    RUN(without_any_there_is_the_old_action);
    RUN(success_without_effect);
    RUN(a_conflict_with_ourselves_is_none);
    RUN(lookups_that_fail_tell_nothing);
    RUN(checks_and_deletes);
    RUN(no_answer_is_silence);
    return check_end();
}
