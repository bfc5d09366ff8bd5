//! One table for all protocols, and the quirks of mapping.

use super::*;
use crate::model::{Restart, TableModel, Transport, Writer};

const MAP_TCP_8080: [u8; 12] = [0, 2, 0, 0, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x0e, 0x10];
const DELETE_TCP_8080: [u8; 12] = [0, 2, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 0, 0];

fn nat_pmp(m: &mut Model, now: Duration, bytes: &[u8]) -> Vec<u8> {
    m.receive(now, alice(), bytes);
    m.poll(now).unwrap().bytes
}

fn same() -> Add<'static> {
    Add {
        internal: "8080",
        ..ADD
    }
}

#[test]
fn what_one_protocol_deletes_the_other_loses() {
    let mut m = model(|_| {});
    same().to(&mut m, secs(1), alice(), IP1);
    assert_eq!(nat_pmp(&mut m, secs(1), &DELETE_TCP_8080)[2..4], [0, 0]);
    assert_eq!(delete(&mut m, secs(1), alice(), IP1, "8080"), 714);
    nat_pmp(&mut m, secs(2), &MAP_TCP_8080);
    let entry = act(
        &mut m,
        secs(2),
        alice(),
        IP1,
        "GetSpecificPortMappingEntry",
        &key("8080"),
    );
    assert_eq!(
        value(&entry, "NewPortMappingDescription"),
        "NAT-PMP 8080 tcp"
    );
    assert_eq!(delete(&mut m, secs(2), alice(), IP1, "8080"), 0);
    assert_eq!(m.rules(), []);
}

#[test]
fn one_rule_changes_hands() {
    let mut m = model(|_| {});
    nat_pmp(&mut m, secs(1), &MAP_TCP_8080);
    assert_eq!(same().to(&mut m, secs(1), alice(), IP1), 0);
    assert_eq!((m.rules().len(), m.rules()[0].writer), (1, Writer::Upnp));
    nat_pmp(&mut m, secs(1), &MAP_TCP_8080);
    assert_eq!((m.rules().len(), m.rules()[0].writer), (1, Writer::NatPmp));
}

#[test]
fn static_rules_are_nobodys() {
    let mut m = model(|_| {});
    m.insert_static(secs(1), Transport::Tcp, alice().ip(), 80, 8080);
    assert_eq!(ADD.to(&mut m, secs(1), alice(), IP1), 718);
    assert_eq!(delete(&mut m, secs(1), alice(), IP1, "8080"), 606);
}

#[test]
fn a_strict_table_protects_what_pcp_wrote() {
    let mut m = model(|k| k.table = TableModel::StrictNonce);
    let mut map = vec![2, 1, 0, 0, 0, 0, 14, 16];
    map.extend(Ipv4Addr::new(192, 168, 1, 20).to_ipv6_mapped().octets());
    map.extend([7; 12]); // nonce
    map.extend([6, 0, 0, 0, 0x1f, 0x90, 0x1f, 0x90]);
    map.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
    m.receive(secs(1), alice(), &map);
    assert_eq!(m.poll(secs(1)).unwrap().bytes[3], 0);
    assert_eq!(same().to(&mut m, secs(1), alice(), IP1), 718);
    assert_eq!(delete(&mut m, secs(1), alice(), IP1, "8080"), 606);
    m.set(|k| k.upnp.igd = Igd::V2).unwrap();
    assert_eq!(same().to(&mut m, secs(1), alice(), IP2), 729);
}

#[test]
fn a_restart_loses_the_table_or_keeps_it() {
    let mut m = model(|_| {});
    ADD.to(&mut m, secs(1), alice(), IP1);
    m.restart(secs(2), Restart::KeepTable);
    assert_eq!(m.rules().len(), 1);
    m.restart(secs(3), Restart::LoseTable);
    assert_eq!(m.rules(), []);
}

#[test]
fn quirks_of_leases() {
    let add = |quirk, lease: &'static str| {
        let mut m = quirky(&[quirk]);
        let code = Add { lease, ..ADD }.to(&mut m, secs(1), alice(), IP1);
        (code, m.rules().first().and_then(|r| r.remaining))
    };
    assert_eq!(add(Quirk::PermanentOnly, "1"), (725, None));
    assert_eq!(add(Quirk::PermanentOnly, "0"), (0, None));
    assert_eq!(add(Quirk::WeekAtMost, "0"), (402, None));
    assert_eq!(add(Quirk::WeekAtMost, "604801"), (402, None));
    assert_eq!(add(Quirk::WeekAtMost, "604800"), (0, Some(secs(604_800))));
    assert_eq!(add(Quirk::LeaseZeroIsAWeek, "0"), (0, Some(secs(604_800))));
    assert_eq!(
        add(Quirk::Miniupnpd, "4294967295"),
        (0, Some(secs(604_800)))
    );
}

#[test]
fn quirks_of_renewal() {
    let mut m = quirky(&[Quirk::NoExtend]);
    ADD.to(&mut m, secs(0), alice(), IP1);
    assert_eq!(ADD.to(&mut m, secs(600), alice(), IP1), 0);
    assert_eq!(m.rules()[0].remaining, Some(secs(3000)));
    let mut m = quirky(&[Quirk::ConflictOnRenewal]);
    ADD.to(&mut m, secs(0), alice(), IP1);
    assert_eq!(ADD.to(&mut m, secs(600), alice(), IP1), 718);
    assert_eq!(delete(&mut m, secs(601), alice(), IP1, "8080"), 0);
    assert_eq!(ADD.to(&mut m, secs(602), alice(), IP1), 0);
}

#[test]
fn quirks_of_mapping() {
    let add = |quirk, add: Add<'_>| add.to(&mut quirky(&[quirk]), secs(1), alice(), IP1);
    assert_eq!(add(Quirk::EqualPorts, ADD), 724);
    assert_eq!(add(Quirk::EqualPorts, same()), 0);
    assert_eq!(
        add(
            Quirk::NoEmptyDescription,
            Add {
                description: "",
                ..ADD
            }
        ),
        402
    );
    assert_eq!(add(Quirk::NoEmptyDescription, ADD), 0);
    assert_eq!(add(Quirk::Disabled, ADD), 606);
    assert_eq!(add(Quirk::WanEmpty, ADD), 501);
    assert_eq!(add(Quirk::PrivateWan, ADD), 501);
    assert_eq!(add(Quirk::Cgnat, ADD), 0);
    let mut m = quirky(&[Quirk::AcceptedNotListed]);
    assert_eq!(ADD.to(&mut m, secs(1), alice(), IP1), 0);
    assert_eq!(m.rules(), []);
    let mut m = quirky(&[Quirk::LookupFails]);
    assert_eq!(ADD.to(&mut m, secs(1), alice(), IP1), 0);
    assert_eq!(
        act(
            &mut m,
            secs(1),
            alice(),
            IP1,
            "GetSpecificPortMappingEntry",
            &key("8080")
        ),
        Err(501)
    );
}

#[test]
fn quirks_of_the_wan() {
    let told = |quirk| {
        let mut m = quirky(&[quirk]);
        value(
            &act(&mut m, secs(1), alice(), IP1, "GetExternalIPAddress", &[]),
            "NewExternalIPAddress",
        )
    };
    assert_eq!(told(Quirk::WanEmpty), "");
    assert_eq!(told(Quirk::WanZero), "0.0.0.0");
    assert_eq!(told(Quirk::Cgnat), "100.64.1.2");
    assert_eq!(told(Quirk::PrivateWan), "");
    let mut m = quirky(&[Quirk::WanReconnect]);
    ADD.to(&mut m, secs(1), alice(), IP1);
    m.change_external_ip(secs(60), Some("203.0.113.8".parse().unwrap()))
        .unwrap();
    assert_eq!(m.rules(), []);
    let info = act(&mut m, secs(61), alice(), IP1, "GetStatusInfo", &[]);
    assert_eq!(value(&info, "NewUptime"), "1");
}

#[test]
fn two_wan_services() {
    let mut m = quirky(&[Quirk::TwoWanServices]);
    let mut at = |path: &str, action, args: &[(&str, &str)]| {
        act_at(&mut m, secs(1), alice(), path, IP1, action, args)
    };
    assert_eq!(
        value(
            &at("/ctl/IPConn", "GetStatusInfo", &[]),
            "NewConnectionStatus"
        ),
        "Disconnected"
    );
    assert_eq!(at("/ctl/IPConn", "AddPortMapping", &ADD.args()), Err(501));
    assert_eq!(
        value(
            &at("/ctl/IPConn2", "GetStatusInfo", &[]),
            "NewConnectionStatus"
        ),
        "Connected"
    );
    assert_eq!(
        at("/ctl/IPConn2", "AddPortMapping", &ADD.args()),
        Ok(Vec::new())
    );
}

/// What miniupnpd 2.3.1 answered to the same requests in a network namespace.
#[test]
fn miniupnpd_reads_as_c_does() {
    let mut m = quirky(&[Quirk::Miniupnpd]);
    let cases = [
        (
            Add {
                external: "0",
                ..ADD
            },
            716,
        ),
        (
            Add {
                external: "-1",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "65536",
                ..ADD
            },
            716,
        ),
        (
            Add {
                external: "x",
                ..ADD
            },
            716,
        ),
        (
            Add {
                external: "",
                ..ADD
            },
            716,
        ),
        (
            Add {
                external: "+80",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "70000",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: " 9004 ",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "9005",
                internal: "0",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "9006",
                protocol: "SCTP",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "9007",
                client: "",
                ..ADD
            },
            501,
        ),
        (
            Add {
                external: "9007",
                client: "nohost",
                ..ADD
            },
            402,
        ),
        (
            Add {
                external: "9008",
                enabled: "x",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "9013",
                remote: "nohost",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "9003",
                lease: "-5",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "9003",
                lease: "x",
                ..ADD
            },
            0,
        ),
        (
            Add {
                external: "5351",
                protocol: "UDP",
                ..ADD
            },
            0,
        ),
    ];
    for (add, code) in cases {
        let args = add.args();
        assert_eq!(add.to(&mut m, secs(1), alice(), IP2), code, "{args:?}");
    }
    let ports: Vec<u16> = m.rules().iter().map(|r| r.external_port).collect();
    assert_eq!(
        ports,
        [80, 4464, 9003, 9004, 9005, 9006, 9008, 9013, 65535, 5351]
    );
    let ask = |m: &mut Model, action, args: &[(&str, &str)]| {
        code_of(act(m, secs(1), alice(), IP2, action, args))
    };
    assert_eq!(
        ask(&mut m, "DeletePortMapping", &key("1")),
        0,
        "nothing was there"
    );
    assert_eq!(ask(&mut m, "DeletePortMapping", &key("x")), 402);
    assert_eq!(ask(&mut m, "GetSpecificPortMappingEntry", &key("0")), 402);
    assert_eq!(
        ask(
            &mut m,
            "GetGenericPortMappingEntry",
            &[("NewPortMappingIndex", "-1")]
        ),
        713
    );
    assert_eq!(
        ask(
            &mut m,
            "GetGenericPortMappingEntry",
            &[("NewPortMappingIndex", "x")]
        ),
        402
    );
    assert_eq!(ask(&mut m, "SetConnectionType", &[]), 731);
    assert_eq!(ask(&mut m, "RequestConnection", &[]), 606);
    let any = act(
        &mut m,
        secs(1),
        alice(),
        IP2,
        "AddAnyPortMapping",
        &Add {
            external: "9004",
            internal: "1",
            ..ADD
        }
        .args(),
    );
    assert_eq!(
        value(&any, "NewReservedPort"),
        "9004",
        "its own entry is overwritten"
    );
    // Neither body nor Host is needed, and HEAD is not known.
    let text = format!("POST /ctl/IPConn HTTP/1.1\r\nSOAPAction: {IP2}#GetStatusInfo\r\nContent-Length: 2\r\n\r\nxx");
    assert!(exchange(&mut m, secs(1), alice(), text.as_bytes()).starts_with("HTTP/1.1 200 "));
    let head = exchange(
        &mut m,
        secs(1),
        alice(),
        b"HEAD /rootDesc.xml HTTP/1.0\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.0 501 "), "{head}");
}

#[test]
fn miniupnpd_in_its_own_words() {
    let mut m = quirky(&[Quirk::Miniupnpd]);
    let foreign = Add {
        client: "192.168.1.99",
        ..ADD
    };
    assert_eq!(foreign.to(&mut m, secs(1), alice(), IP2), 718);
    assert_eq!(
        act(
            &mut m,
            secs(1),
            alice(),
            IP2,
            "AddAnyPortMapping",
            &foreign.args()
        ),
        Err(606)
    );
    let range = [
        ("NewStartPort", "1"),
        ("NewEndPort", "9"),
        ("NewProtocol", "TCP"),
        ("NewManage", "1"),
        ("NewNumberOfPorts", "0"),
    ];
    let empty = act(
        &mut m,
        secs(1),
        alice(),
        IP2,
        "GetListOfPortMappings",
        &range,
    );
    assert!(
        value(&empty, "NewPortListing").contains("PortMappingList"),
        "200 and an empty list"
    );
}
