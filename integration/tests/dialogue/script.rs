//! What is asked, in this order: later requests meet what earlier ones left.

use crate::ask::{Ask, Host};
use Host::{Three, Two};

/// One request and its name.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) ask: Ask,
}

const IP1: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
const IP2: &str = "urn:schemas-upnp-org:service:WANIPConnection:2";
const COMMON: &str = "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1";
const PINHOLE: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";

/// A search for `target` in the form that UDA 1.0 §1.2.2 gives.
pub(crate) fn search(target: &str) -> String {
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
         MX: 1\r\nST: {target}\r\n\r\n"
    )
}

fn searches(steps: &mut Vec<Step>) {
    let mut ask = |name, group, text: String| {
        steps.push(Step {
            name,
            ask: Ask::Search { group, text },
        });
    };
    let device = |name: &str| search(&format!("urn:schemas-upnp-org:device:{name}"));
    let service = |name: &str| search(&format!("urn:schemas-upnp-org:service:{name}"));
    ask("search group rootdevice", true, search("upnp:rootdevice"));
    ask(
        "search group IGD:1",
        true,
        device("InternetGatewayDevice:1"),
    );
    ask("search rootdevice", false, search("upnp:rootdevice"));
    ask("search IGD:1", false, device("InternetGatewayDevice:1"));
    ask("search IGD:2", false, device("InternetGatewayDevice:2"));
    ask("search IGD:3", false, device("InternetGatewayDevice:3"));
    ask("search WANDevice:1", false, device("WANDevice:1"));
    ask(
        "search WANConnectionDevice:2",
        false,
        device("WANConnectionDevice:2"),
    );
    ask("search IPConn:1", false, service("WANIPConnection:1"));
    ask("search IPConn:2", false, service("WANIPConnection:2"));
    ask("search PPPConn:1", false, service("WANPPPConnection:1"));
    ask(
        "search Common:1",
        false,
        service("WANCommonInterfaceConfig:1"),
    );
    ask(
        "search Pinhole:1",
        false,
        service("WANIPv6FirewallControl:1"),
    );
    ask("search nothing", false, service("NoSuchThing:1"));
    ask("search all", false, search("ssdp:all"));
    let root = search("upnp:rootdevice");
    ask(
        "search MAN bare",
        false,
        root.replace("\"ssdp:discover\"", "ssdp:discover"),
    );
    ask(
        "search no MAN",
        false,
        root.replace("MAN: \"ssdp:discover\"\r\n", ""),
    );
    ask("search no MX", false, root.replace("MX: 1\r\n", ""));
    ask("search group no MX", true, root.replace("MX: 1\r\n", ""));
    ask(
        "search group no MAN",
        true,
        root.replace("MAN: \"ssdp:discover\"\r\n", ""),
    );
    ask(
        "search no ST",
        false,
        root.replace("ST: upnp:rootdevice\r\n", ""),
    );
    ask("search no end", false, root.replace("\r\n\r\n", "\r\n"));
    ask(
        "search lower case",
        false,
        root.to_lowercase()
            .replace("m-search * http", "M-SEARCH * HTTP"),
    );
    ask(
        "search HTTP/1.0",
        false,
        root.replace("HTTP/1.1", "HTTP/1.0"),
    );
    ask("search NOTIFY", false, root.replace("M-SEARCH", "NOTIFY"));
}

fn documents(steps: &mut Vec<Step>) {
    let mut ask = |name, text: &str| {
        let text = text.to_owned();
        steps.push(Step {
            name,
            ask: Ask::Http { from: Two, text },
        });
    };
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n");
    ask("GET description", &get("/rootDesc.xml"));
    ask("GET IPConn", &get("{scpd:WANIPConn1}"));
    ask("GET Common", &get("{scpd:WANCommonIFC1}"));
    ask("GET Pinhole", &get("{scpd:WANIPv6Firewall1}"));
    ask("GET nothing", &get("/nothing.xml"));
    ask("GET root", &get("/"));
    ask("GET HTTP/1.0", "GET /nothing.xml HTTP/1.0\r\n\r\n");
    ask(
        "GET no Host",
        "GET /nothing.xml HTTP/1.1\r\nConnection: close\r\n\r\n",
    );
    ask("HEAD", &get("/rootDesc.xml").replace("GET", "HEAD"));
    ask("PUT", &get("/rootDesc.xml").replace("GET", "PUT"));
    ask("nonsense", "\r\n\r\n");
    let gena = |text: &str| text.replace("EVENTS", "/evt/IPConn HTTP/1.1\r\nHost: {host}\r\n");
    ask(
        "SUBSCRIBE no callback",
        &gena("SUBSCRIBE EVENTSNT: upnp:event\r\n\r\n"),
    );
    ask("SUBSCRIBE elsewhere", &gena(
        "SUBSCRIBE EVENTSCallback: <http://192.168.77.9:9/>\r\nNT: upnp:event\r\nTimeout: Second-1800\r\n\r\n"));
    ask(
        "SUBSCRIBE wrong NT",
        &gena("SUBSCRIBE EVENTSCallback: <http://192.168.77.2:9/>\r\nNT: nonsense\r\n\r\n"),
    );
    ask("SUBSCRIBE", &gena(
        "SUBSCRIBE EVENTSCallback: <http://192.168.77.2:9/>\r\nNT: upnp:event\r\nTimeout: Second-1800\r\n\r\n"));
    ask(
        "SUBSCRIBE renew unknown",
        &gena("SUBSCRIBE EVENTSSID: uuid:1\r\n\r\n"),
    );
    ask("SUBSCRIBE both", &gena(
        "SUBSCRIBE EVENTSSID: uuid:1\r\nNT: upnp:event\r\nCallback: <http://192.168.77.2:9/>\r\n\r\n"));
    ask("UNSUBSCRIBE no SID", &gena("UNSUBSCRIBE EVENTS\r\n"));
    ask(
        "UNSUBSCRIBE unknown",
        &gena("UNSUBSCRIBE EVENTSSID: uuid:1\r\n\r\n"),
    );
}

/// A control request (UDA 1.0 §3.2.1).
fn control(path: &str, service: &str, action: &str, args: &[(&str, &str)]) -> String {
    let args: String = args
        .iter()
        .map(|(name, value)| format!("<{name}>{value}</{name}>"))
        .collect();
    let body = format!(
        "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
         <u:{action} xmlns:u=\"{service}\">{args}</u:{action}></s:Body></s:Envelope>\r\n"
    );
    format!(
        "POST {path} HTTP/1.1\r\nHost: {{host}}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
         SOAPAction: \"{service}#{action}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

const CONNECTION: &str = "/ctl/IPConn";

struct Talk<'a>(&'a mut Vec<Step>);

impl Talk<'_> {
    fn http(&mut self, name: &'static str, from: Host, text: String) {
        self.0.push(Step {
            name,
            ask: Ask::Http { from, text },
        });
    }

    fn act(&mut self, name: &'static str, action: &str, args: &[(&str, &str)]) {
        self.http(name, Two, control(CONNECTION, IP2, action, args));
    }

    /// AddPortMapping as most clients send it, with some arguments changed.
    fn add(&mut self, name: &'static str, from: Host, changed: &[(&str, &str)]) {
        self.http(
            name,
            from,
            control(CONNECTION, IP2, "AddPortMapping", &mapping(from, changed)),
        );
    }

    fn entry(&mut self, name: &'static str, from: Host, action: &str, port: &str, transport: &str) {
        let args = [
            ("NewRemoteHost", ""),
            ("NewExternalPort", port),
            ("NewProtocol", transport),
        ];
        self.http(name, from, control(CONNECTION, IP2, action, &args));
    }

    fn get(&mut self, name: &'static str, port: &str) {
        self.entry(name, Two, "GetSpecificPortMappingEntry", port, "TCP");
    }

    fn delete(&mut self, name: &'static str, from: Host, port: &str) {
        self.entry(name, from, "DeletePortMapping", port, "TCP");
    }

    fn packet(&mut self, name: &'static str, from: Host, bytes: Vec<u8>) {
        self.0.push(Step {
            name,
            ask: Ask::Packet { from, bytes },
        });
    }
}

fn mapping<'a>(from: Host, changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = match from {
        Two => "192.168.77.2",
        Three => "192.168.77.3",
    };
    let usual = [
        ("NewRemoteHost", ""),
        ("NewExternalPort", "8080"),
        ("NewProtocol", "TCP"),
        ("NewInternalPort", "8080"),
        ("NewInternalClient", own),
        ("NewEnabled", "1"),
        ("NewPortMappingDescription", "a test"),
        ("NewLeaseDuration", "3600"),
    ];
    let value = |(name, value)| {
        let changed = changed.iter().find(|(n, _)| *n == name);
        (name, changed.map_or(value, |(_, value)| *value))
    };
    // An argument changed to this is left out.
    usual
        .map(value)
        .into_iter()
        .filter(|(_, value)| *value != "(none)")
        .collect()
}

fn actions(t: &mut Talk<'_>) {
    for (name, action) in [
        ("GetExternalIPAddress", "GetExternalIPAddress"),
        ("GetStatusInfo", "GetStatusInfo"),
        ("GetConnectionTypeInfo", "GetConnectionTypeInfo"),
        ("GetNATRSIPStatus", "GetNATRSIPStatus"),
        ("RequestConnection", "RequestConnection"),
        ("ForceTermination", "ForceTermination"),
        ("no such action", "NoSuchAction"),
        ("action of another service", "GetTotalBytesSent"),
    ] {
        t.act(name, action, &[]);
    }
    t.act(
        "SetConnectionType",
        "SetConnectionType",
        &[("NewConnectionType", "IP_Routed")],
    );
    let ask = |action| control(CONNECTION, IP1, action, &[]);
    t.http("as IPConn:1", Two, ask("GetStatusInfo"));
    t.http(
        "as Common",
        Two,
        control("/ctl/CmnIfCfg", COMMON, "GetCommonLinkProperties", &[]),
    );
    t.http(
        "SOAPAction bare",
        Two,
        ask("GetStatusInfo").replace(
            &format!("\"{IP1}#GetStatusInfo\""),
            &format!("{IP1}#GetStatusInfo"),
        ),
    );
    t.http(
        "SOAPAction none",
        Two,
        ask("GetStatusInfo").replace("SOAPAction:", "X-Action:"),
    );
    t.http(
        "SOAPAction no #",
        Two,
        ask("GetStatusInfo").replace("#GetStatusInfo", ""),
    );
    t.http(
        "control elsewhere",
        Two,
        control("/ctl/Nowhere", IP2, "GetStatusInfo", &[]),
    );
    t.http("body nonsense", Two, format!(
        "POST {CONNECTION} HTTP/1.1\r\nHost: {{host}}\r\nSOAPAction: \"{IP2}#AddPortMapping\"\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<a><b"));
    t.http(
        "expect 100",
        Two,
        ask("GetNATRSIPStatus")
            .replace("\r\nConnection:", "\r\nExpect: 100-continue\r\nConnection:"),
    );
}

fn mappings(t: &mut Talk<'_>) {
    // Nothing is there.
    t.get("get nothing", "8080");
    t.act(
        "list nothing",
        "GetGenericPortMappingEntry",
        &[("NewPortMappingIndex", "0")],
    );
    t.delete("delete nothing", Two, "8080");
    let range = |start, end, transport| {
        [
            ("NewStartPort", start),
            ("NewEndPort", end),
            ("NewProtocol", transport),
            ("NewManage", "0"),
        ]
    };
    t.act(
        "delete range of nothing",
        "DeletePortMappingRange",
        &range("1", "65535", "TCP"),
    );

    // One mapping and everything about it.
    t.add("add", Two, &[]);
    t.get("get", "8080");
    t.act(
        "list",
        "GetGenericPortMappingEntry",
        &[("NewPortMappingIndex", "0")],
    );
    t.act(
        "list beyond",
        "GetGenericPortMappingEntry",
        &[("NewPortMappingIndex", "1")],
    );
    t.act("list by nothing", "GetGenericPortMappingEntry", &[]);
    t.add("add again", Two, &[]);
    t.add("add longer", Two, &[("NewLeaseDuration", "7200")]);
    t.get("get longer", "8080");
    t.add(
        "add under another name",
        Two,
        &[
            ("NewPortMappingDescription", "other"),
            ("NewLeaseDuration", "600"),
        ],
    );
    t.get("get under another name", "8080");
    t.add("add to another port", Two, &[("NewInternalPort", "9090")]);
    t.get("get another port", "8080");
    t.add("add from another", Three, &[]);
    t.delete("delete another's", Three, "8080");
    t.entry("get UDP", Two, "GetSpecificPortMappingEntry", "8080", "UDP");
    t.delete("delete", Two, "8080");
    t.delete("delete again", Two, "8080");

    // Leases.
    t.add("lease 0", Two, &[("NewLeaseDuration", "0")]);
    t.get("get lease 0", "8080");
    t.add(
        "lease 1",
        Two,
        &[("NewExternalPort", "8081"), ("NewLeaseDuration", "10")],
    );
    t.add("lease a week", Two, &[("NewLeaseDuration", "604800")]);
    t.add(
        "lease more than a week",
        Two,
        &[("NewLeaseDuration", "604801")],
    );
    t.get("get lease more than a week", "8080");
    t.add("lease missing", Two, &[("NewLeaseDuration", "(none)")]);
    t.add("lease nonsense", Two, &[("NewLeaseDuration", "soon")]);
    t.delete("delete lease 1", Two, "8081");
    t.delete("delete leases", Two, "8080");

    // Arguments that are not right.
    t.add("external port 0", Two, &[("NewExternalPort", "0")]);
    t.add(
        "external port missing",
        Two,
        &[("NewExternalPort", "(none)")],
    );
    t.add(
        "external port below 1024",
        Two,
        &[("NewExternalPort", "80")],
    );
    t.add(
        "external port too large",
        Two,
        &[("NewExternalPort", "65536")],
    );
    t.add("internal port 0", Two, &[("NewInternalPort", "0")]);
    t.add(
        "internal port missing",
        Two,
        &[("NewInternalPort", "(none)")],
    );
    t.add("protocol missing", Two, &[("NewProtocol", "(none)")]);
    t.add(
        "client foreign",
        Two,
        &[("NewInternalClient", "192.168.77.3")],
    );
    t.add("client nonsense", Two, &[("NewInternalClient", "nobody")]);
    t.add("client missing", Two, &[("NewInternalClient", "(none)")]);
    t.add(
        "disabled",
        Two,
        &[("NewExternalPort", "8082"), ("NewEnabled", "0")],
    );
    t.get("get disabled", "8082");
    t.add(
        "no description",
        Two,
        &[
            ("NewExternalPort", "8083"),
            ("NewPortMappingDescription", ""),
        ],
    );
    t.get("get no description", "8083");
    t.add(
        "description escaped",
        Two,
        &[
            ("NewExternalPort", "8084"),
            ("NewPortMappingDescription", "a &amp; b &lt;c&gt;"),
        ],
    );
    t.get("get description escaped", "8084");
    t.add(
        "remote host",
        Two,
        &[("NewExternalPort", "8085"), ("NewRemoteHost", "1.2.3.9")],
    );
    t.get("get remote host", "8085");
    t.act("AddPortMapping of nothing", "AddPortMapping", &[]);
    t.act("DeletePortMapping of nothing", "DeletePortMapping", &[]);
    t.act("GetSpecific of nothing", "GetSpecificPortMappingEntry", &[]);

    // The list, and what :2 adds.
    let list = |start, end, count| {
        [
            ("NewStartPort", start),
            ("NewEndPort", end),
            ("NewProtocol", "TCP"),
            ("NewManage", "1"),
            ("NewNumberOfPorts", count),
        ]
    };
    t.act(
        "list all",
        "GetListOfPortMappings",
        &list("1", "65535", "0"),
    );
    t.act(
        "list two",
        "GetListOfPortMappings",
        &list("8080", "8090", "2"),
    );
    t.act(
        "list empty range",
        "GetListOfPortMappings",
        &list("20000", "20010", "0"),
    );
    t.act(
        "list range reversed",
        "GetListOfPortMappings",
        &list("8090", "8080", "0"),
    );
    t.act("list of nothing", "GetListOfPortMappings", &[]);
    t.http(
        "list all by another",
        Three,
        control(
            CONNECTION,
            IP2,
            "GetListOfPortMappings",
            &list("1", "65535", "0"),
        ),
    );
    let any = |t: &mut Talk<'_>, name, from, changed: &[(&str, &str)]| {
        t.http(
            name,
            from,
            control(
                CONNECTION,
                IP2,
                "AddAnyPortMapping",
                &mapping(from, changed),
            ),
        );
    };
    any(t, "any free", Two, &[("NewExternalPort", "8086")]);
    any(
        t,
        "any own",
        Two,
        &[("NewExternalPort", "8086"), ("NewInternalPort", "8087")],
    );
    any(
        t,
        "any taken",
        Three,
        &[("NewExternalPort", "8086"), ("NewInternalPort", "8087")],
    );
    any(
        t,
        "any client foreign",
        Two,
        &[("NewInternalClient", "192.168.77.3")],
    );
    t.http(
        "any as :1",
        Two,
        control(
            CONNECTION,
            IP1,
            "AddAnyPortMapping",
            &mapping(Two, &[("NewExternalPort", "8088")]),
        ),
    );
    t.act(
        "delete range reversed",
        "DeletePortMappingRange",
        &range("8090", "8080", "TCP"),
    );
    t.act(
        "delete range",
        "DeletePortMappingRange",
        &range("8080", "8084", "TCP"),
    );
    t.act(
        "delete range rest",
        "DeletePortMappingRange",
        &range("1", "65535", "TCP"),
    );
    t.http(
        "delete range by another",
        Three,
        control(
            CONNECTION,
            IP2,
            "DeletePortMappingRange",
            &range("1", "65535", "TCP"),
        ),
    );
    t.act(
        "list at the end",
        "GetGenericPortMappingEntry",
        &[("NewPortMappingIndex", "0")],
    );
}

fn pinholes(t: &mut Talk<'_>) {
    let mut ask = |name, action, args: &[(&str, &str)]| {
        t.http(name, Two, control("/ctl/IP6FCtl", PINHOLE, action, args));
    };
    ask("GetFirewallStatus", "GetFirewallStatus", &[]);
    let pinhole = |client| {
        [
            ("RemoteHost", ""),
            ("RemotePort", "0"),
            ("InternalClient", client),
            ("InternalPort", "8080"),
            ("Protocol", "6"),
            ("LeaseTime", "3600"),
        ]
    };
    ask(
        "AddPinhole over IPv4",
        "AddPinhole",
        &pinhole("2001:db8::2"),
    );
    ask("AddPinhole of nothing", "AddPinhole", &[]);
    ask(
        "GetOutboundPinholeTimeout",
        "GetOutboundPinholeTimeout",
        &pinhole("2001:db8::2")[..5],
    );
    ask(
        "UpdatePinhole unknown",
        "UpdatePinhole",
        &[("UniqueID", "1"), ("NewLeaseTime", "60")],
    );
    ask(
        "DeletePinhole unknown",
        "DeletePinhole",
        &[("UniqueID", "1")],
    );
    ask(
        "CheckPinholeWorking unknown",
        "CheckPinholeWorking",
        &[("UniqueID", "1")],
    );
    ask(
        "GetPinholePackets unknown",
        "GetPinholePackets",
        &[("UniqueID", "1")],
    );
}

/// A PCP MAP for TCP 8080 (RFC 6887 §11.1); a delete suggests nothing (§15.1).
fn pcp(from: Host, nonce: u8, lifetime: u32) -> Vec<u8> {
    let mut bytes = vec![2, 1, 0, 0];
    bytes.extend(lifetime.to_be_bytes());
    bytes.extend(from.ip().to_ipv6_mapped().octets());
    bytes.extend([nonce; 12]);
    bytes.extend([6, 0, 0, 0, 0x1f, 0x90]);
    if lifetime == 0 {
        bytes.extend([0; 18]);
    } else {
        bytes.extend([0x1f, 0x90]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);
    }
    bytes
}

/// A NAT-PMP mapping request for TCP 8080 (RFC 6886 §3.3).
fn nat_pmp(lifetime: u32) -> Vec<u8> {
    let mut bytes = vec![0, 2, 0, 0, 0x1f, 0x90];
    bytes.extend(if lifetime == 0 { [0, 0] } else { [0x1f, 0x90] });
    bytes.extend(lifetime.to_be_bytes());
    bytes
}

/// One table for three protocols: what one writes, the others meet.
fn races(t: &mut Talk<'_>) {
    t.packet("pcp delete of nothing", Two, pcp(Two, 1, 0));
    t.packet("natpmp delete of nothing", Two, nat_pmp(0));
    t.packet("natpmp address", Two, vec![0, 0]);

    // PCP, then a delete by UPnP: the rule is gone for PCP too.
    t.packet("pcp map", Two, pcp(Two, 1, 600));
    t.get("get pcp's", "8080");
    t.delete("upnp deletes pcp's", Two, "8080");
    t.packet("pcp delete after that", Two, pcp(Two, 1, 0));
    t.packet("pcp renew after that", Two, pcp(Two, 1, 600));

    // Two nonces for one internal port.
    t.packet("pcp second nonce", Two, pcp(Two, 2, 600));
    t.packet("pcp first nonce deletes", Two, pcp(Two, 1, 0));
    t.packet("pcp second nonce deletes", Two, pcp(Two, 2, 0));

    // UPnP first.
    t.add("upnp first", Two, &[]);
    t.packet("pcp over upnp", Two, pcp(Two, 3, 600));
    t.get("get after pcp over upnp", "8080");
    t.packet("pcp of another", Three, pcp(Three, 4, 600));
    t.add("upnp over pcp", Two, &[]);
    t.get("get after upnp over pcp", "8080");
    t.packet("pcp delete after upnp", Two, pcp(Two, 3, 0));
    t.add("upnp by another", Three, &[]);
    t.http(
        "list of all",
        Three,
        control(
            CONNECTION,
            IP2,
            "GetListOfPortMappings",
            &[
                ("NewStartPort", "1"),
                ("NewEndPort", "65535"),
                ("NewProtocol", "TCP"),
                ("NewManage", "1"),
                ("NewNumberOfPorts", "0"),
            ],
        ),
    );
    t.delete("delete it", Two, "8080");
    t.delete("delete another's again", Three, "8080");

    // NAT-PMP takes the rule of PCP.
    t.packet("pcp for natpmp", Two, pcp(Two, 5, 600));
    t.packet("natpmp over pcp", Two, nat_pmp(600));
    t.get("get natpmp's", "8080");
    t.packet("pcp delete after natpmp", Two, pcp(Two, 5, 0));
    t.delete("upnp deletes natpmp's", Two, "8080");
    t.packet("natpmp delete after that", Two, nat_pmp(0));
}

/// Everything, in order.
pub(crate) fn script() -> Vec<Step> {
    let mut steps = Vec::new();
    searches(&mut steps);
    documents(&mut steps);
    let mut talk = Talk(&mut steps);
    actions(&mut talk);
    mappings(&mut talk);
    pinholes(&mut talk);
    races(&mut talk);
    steps
}
