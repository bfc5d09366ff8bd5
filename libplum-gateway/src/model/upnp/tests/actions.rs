//! The actions of the connection services and their error codes.

use super::*;

#[test]
fn a_mapping_lives_as_long_as_its_lease() {
    let mut m = model(|_| {});
    assert_eq!(ADD.to(&mut m, secs(10), alice(), IP1), 0);
    let entry = act(
        &mut m,
        secs(20),
        alice(),
        IP1,
        "GetSpecificPortMappingEntry",
        &key("8080"),
    );
    let names: Vec<_> = entry
        .as_ref()
        .unwrap()
        .iter()
        .map(|(n, _)| n.as_str())
        .collect();
    let order = [
        "NewInternalPort",
        "NewInternalClient",
        "NewEnabled",
        "NewPortMappingDescription",
        "NewLeaseDuration",
    ];
    assert_eq!(names, order, "in the order of the standard");
    assert_eq!(value(&entry, "NewLeaseDuration"), "3590");
    assert_eq!(value(&entry, "NewPortMappingDescription"), "a program");
    assert_eq!(m.deadline(), Some(secs(3610)));
    m.advance(secs(3610));
    assert_eq!(m.rules(), []);
    assert_eq!(delete(&mut m, secs(3611), alice(), IP1, "8080"), 714);
}

#[test]
fn renewing_extends_and_lease_zero_is_for_ever_in_version_1() {
    let mut m = model(|_| {});
    ADD.to(&mut m, secs(0), alice(), IP1);
    assert_eq!(ADD.to(&mut m, secs(1800), alice(), IP1), 0);
    assert_eq!(m.rules()[0].remaining, Some(secs(3600)));
    assert_eq!(
        Add { lease: "0", ..ADD }.to(&mut m, secs(1900), alice(), IP1),
        0
    );
    assert_eq!(m.rules()[0].remaining, None);
    let entry = act(
        &mut m,
        secs(99_999),
        alice(),
        IP1,
        "GetSpecificPortMappingEntry",
        &key("8080"),
    );
    assert_eq!(value(&entry, "NewLeaseDuration"), "0");
}

#[test]
fn leases_of_version_2() {
    let mut m = model(|k| k.upnp.igd = Igd::V2);
    assert_eq!(
        Add { lease: "0", ..ADD }.to(&mut m, secs(0), alice(), IP2),
        0
    );
    assert_eq!(m.rules()[0].remaining, Some(secs(604_800)));
    assert_eq!(
        Add {
            lease: "604801",
            ..ADD
        }
        .to(&mut m, secs(0), alice(), IP2),
        601
    );
    // The older name of the service is answered as well.
    assert_eq!(
        Add { lease: "60", ..ADD }.to(&mut m, secs(0), alice(), IP1),
        0
    );
}

/// (what is asked, the code of WANIPConnection:1, of :2)
#[test]
fn each_wrong_argument_has_its_code() {
    let cases = [
        (
            Add {
                external: "0",
                ..ADD
            },
            716,
            716,
        ),
        (
            Add {
                internal: "0",
                ..ADD
            },
            402,
            732,
        ),
        (
            Add {
                external: "65536",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                external: "-1",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                external: "+80",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                external: "0x50",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                external: "",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                internal: "99999999999999999999",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                protocol: "SCTP",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                protocol: "",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                client: "not-an-address",
                ..ADD
            },
            402,
            402,
        ),
        (Add { client: "", ..ADD }, 402, 402),
        (
            Add {
                enabled: "maybe",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                lease: "soon",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                remote: "example.org",
                ..ADD
            },
            402,
            402,
        ),
        (
            Add {
                client: "192.168.1.99",
                ..ADD
            },
            718,
            606,
        ),
        (
            Add {
                protocol: "tcp",
                ..ADD
            },
            0,
            0,
        ),
        (
            Add {
                enabled: "0",
                ..ADD
            },
            0,
            0,
        ),
        (
            Add {
                description: "",
                ..ADD
            },
            0,
            0,
        ),
    ];
    for (igd, urn) in [(Igd::V1, IP1), (Igd::V2, IP2)] {
        for (add, one, two) in &cases {
            let mut m = model(|k| k.upnp.igd = igd);
            let code = if igd == Igd::V1 { *one } else { *two };
            assert_eq!(
                add.to(&mut m, secs(1), alice(), urn),
                code,
                "{urn} {:?}",
                add.args()
            );
            assert_eq!(m.rules().len(), usize::from(code == 0));
        }
    }
    let long = "x".repeat(256);
    let mut m = model(|_| {});
    assert_eq!(
        Add {
            description: &long,
            ..ADD
        }
        .to(&mut m, secs(1), alice(), IP1),
        605
    );
}

#[test]
fn an_argument_that_is_missing_is_402() {
    for missing in 0..8 {
        let mut args = ADD.args().to_vec();
        let (name, _) = args.remove(missing);
        let add = |m: &mut Model| code_of(act(m, secs(1), alice(), IP1, "AddPortMapping", &args));
        assert_eq!(add(&mut model(|_| {})), 402, "{name}");
        let forgiven = [
            "NewRemoteHost",
            "NewEnabled",
            "NewPortMappingDescription",
            "NewLeaseDuration",
        ]
        .contains(&name);
        let code = match name {
            _ if forgiven => 0,
            "NewInternalClient" => 501,
            _ => 402,
        };
        assert_eq!(
            add(&mut quirky(&[Quirk::Miniupnpd])),
            code,
            "miniupnpd, {name}"
        );
    }
}

#[test]
fn actions_that_are_not_there_are_401() {
    let mut m = model(|_| {});
    for action in [
        "AddAnyPortMapping",
        "GetListOfPortMappings",
        "NoSuchAction",
        "GetLinkLayerMaxBitRates",
    ] {
        assert_eq!(
            act(&mut m, secs(1), alice(), IP1, action, &[]),
            Err(401),
            "{action}"
        );
    }
    let other = "urn:schemas-upnp-org:service:WANPPPConnection:1";
    assert_eq!(
        act(&mut m, secs(1), alice(), other, "GetStatusInfo", &[]),
        Err(401),
        "another service"
    );
    assert_eq!(
        act(&mut m, secs(1), alice(), IP2, "GetStatusInfo", &[]),
        Err(401),
        "a newer service"
    );
    // The header says one thing, the body another.
    let text = request("/ctl/IPConn", IP1, "GetStatusInfo", &[])
        .replace("#GetStatusInfo", "#GetNATRSIPStatus");
    let answer = exchange(&mut m, secs(1), alice(), text.as_bytes());
    assert!(answer.contains("<errorCode>401<"), "{answer}");
}

#[test]
fn conflicts_and_who_may_delete() {
    let mut m = model(|_| {});
    ADD.to(&mut m, secs(1), alice(), IP1);
    let bobs = Add {
        client: "192.168.1.30",
        ..ADD
    };
    assert_eq!(bobs.to(&mut m, secs(1), bob(), IP1), 718);
    assert_eq!(delete(&mut m, secs(1), bob(), IP1, "8080"), 606);
    // The same host, another program: the first one's traffic is redirected.
    assert_eq!(
        Add {
            internal: "81",
            ..ADD
        }
        .to(&mut m, secs(1), alice(), IP1),
        0
    );
    assert_eq!((m.rules().len(), m.rules()[0].internal_port), (1, 81));
    m.set(|k| k.upnp.secure_mode = false).unwrap();
    assert_eq!(
        Add {
            external: "9090",
            ..ADD
        }
        .to(&mut m, secs(1), bob(), IP1),
        0,
        "for alice, by bob"
    );
    assert_eq!(delete(&mut m, secs(1), bob(), IP1, "8080"), 0);
}

#[test]
fn a_full_table_and_reserved_ports() {
    for (igd, urn, full) in [(Igd::V1, IP1, 501), (Igd::V2, IP2, 728)] {
        let mut m = model(|k| {
            k.upnp.igd = igd;
            k.max_rules = 1;
            k.reserved_ports.insert(7000);
            k.upnp.lowest_port = 1024;
        });
        assert_eq!(
            Add {
                external: "7000",
                ..ADD
            }
            .to(&mut m, secs(1), alice(), urn),
            718
        );
        assert_eq!(
            Add {
                external: "1023",
                ..ADD
            }
            .to(&mut m, secs(1), alice(), urn),
            606
        );
        assert_eq!(ADD.to(&mut m, secs(1), alice(), urn), 0);
        assert_eq!(
            Add {
                external: "8081",
                ..ADD
            }
            .to(&mut m, secs(1), alice(), urn),
            full
        );
        assert_eq!(
            ADD.to(&mut m, secs(1), alice(), urn),
            0,
            "renewing needs no room"
        );
    }
}

#[test]
fn any_port() {
    let mut m = model(|k| k.upnp.igd = Igd::V2);
    let any = |m: &mut Model, peer, add: Add<'_>| {
        act(m, secs(1), peer, IP2, "AddAnyPortMapping", &add.args())
    };
    assert_eq!(value(&any(&mut m, alice(), ADD), "NewReservedPort"), "8080");
    let bobs = || Add {
        client: "192.168.1.30",
        ..ADD
    };
    assert_eq!(
        value(&any(&mut m, bob(), bobs()), "NewReservedPort"),
        "8081"
    );
    assert_eq!(
        value(
            &any(
                &mut m,
                bob(),
                Add {
                    external: "0",
                    internal: "4000",
                    ..bobs()
                }
            ),
            "NewReservedPort"
        ),
        "4000"
    );
    assert_eq!(any(&mut m, bob(), ADD), Err(606), "for another client");
    m.set(|k| k.upnp.external_port_name = true).unwrap();
    assert_eq!(value(&any(&mut m, alice(), ADD), "NewExternalPort"), "8080");
    m.set(|k| k.max_rules_per_host = 1).unwrap();
    assert_eq!(
        any(
            &mut m,
            alice(),
            Add {
                internal: "81",
                ..ADD
            }
        ),
        Err(728)
    );
}

#[test]
fn ranges_are_listed_and_deleted() {
    let mut m = model(|k| k.upnp.igd = Igd::V2);
    let range = |from, to, manage| {
        [
            ("NewStartPort", from),
            ("NewEndPort", to),
            ("NewProtocol", "TCP"),
            ("NewManage", manage),
        ]
    };
    let list = |m: &mut Model, peer, from, to, most| {
        let mut args = range(from, to, "0").to_vec();
        args.push(("NewNumberOfPorts", most));
        act(m, secs(1), peer, IP2, "GetListOfPortMappings", &args)
    };
    let clear = |m: &mut Model, peer, from, to, manage| {
        code_of(act(
            m,
            secs(1),
            peer,
            IP2,
            "DeletePortMappingRange",
            &range(from, to, manage),
        ))
    };
    assert_eq!(list(&mut m, alice(), "1", "9", "0"), Err(730));
    assert_eq!(list(&mut m, alice(), "9", "1", "0"), Err(733));
    assert_eq!(clear(&mut m, alice(), "1", "9", "0"), 730);
    assert_eq!(clear(&mut m, alice(), "9", "1", "0"), 733);
    for port in ["4000", "4001", "4002"] {
        Add {
            external: port,
            description: "a <b> & c",
            ..ADD
        }
        .to(&mut m, secs(1), alice(), IP2);
    }
    Add {
        external: "4003",
        client: "192.168.1.30",
        ..ADD
    }
    .to(&mut m, secs(1), bob(), IP2);
    let listing = value(
        &list(&mut m, alice(), "4000", "5000", "0"),
        "NewPortListing",
    );
    let document = roxmltree::Document::parse(&listing).unwrap();
    let of = |name: &str| {
        let found = document
            .descendants()
            .filter(|n| n.tag_name().name() == name);
        found
            .map(|n| n.text().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("NewExternalPort"), ["4000", "4001", "4002"], "one's own");
    assert_eq!(of("NewDescription")[0], "a <b> & c");
    let two = value(
        &list(&mut m, alice(), "4000", "5000", "2"),
        "NewPortListing",
    );
    assert_eq!(two.matches("<p:PortMappingEntry>").count(), 2);
    assert_eq!(clear(&mut m, alice(), "4001", "5000", "0"), 0);
    let left: Vec<u16> = m.rules().iter().map(|r| r.external_port).collect();
    assert_eq!(left, [4000, 4003], "not what is another's");
    assert_eq!(clear(&mut m, alice(), "4003", "4003", "1"), 606);
}

#[test]
fn what_a_connection_tells() {
    let mut m = model(|_| {});
    let ask = |m: &mut Model, at, action| act(m, secs(at), alice(), IP1, action, &[]);
    assert_eq!(
        value(
            &ask(&mut m, 5, "GetExternalIPAddress"),
            "NewExternalIPAddress"
        ),
        "203.0.113.7"
    );
    let info = ask(&mut m, 77, "GetStatusInfo");
    assert_eq!(value(&info, "NewConnectionStatus"), "Connected");
    assert_eq!(value(&info, "NewLastConnectionError"), "ERROR_NONE");
    assert_eq!(value(&info, "NewUptime"), "77");
    assert_eq!(
        value(
            &ask(&mut m, 77, "GetConnectionTypeInfo"),
            "NewConnectionType"
        ),
        "IP_Routed"
    );
    assert_eq!(
        value(&ask(&mut m, 77, "GetNATRSIPStatus"), "NewNATEnabled"),
        "1"
    );
    assert_eq!(ask(&mut m, 77, "RequestConnection"), Ok(Vec::new()));
    assert_eq!(ask(&mut m, 77, "ForceTermination"), Err(606));
    let set = [("NewConnectionType", "IP_Routed")];
    assert_eq!(
        act(&mut m, secs(77), alice(), IP1, "SetConnectionType", &set),
        Err(703)
    );
    m.restart(secs(100), crate::Restart::LoseTable);
    assert_eq!(
        value(&ask(&mut m, 103, "GetStatusInfo"), "NewUptime"),
        "3",
        "it falls"
    );
    m.change_external_ip(secs(200), None).unwrap();
    assert_eq!(
        value(
            &ask(&mut m, 201, "GetExternalIPAddress"),
            "NewExternalIPAddress"
        ),
        ""
    );
    assert_eq!(
        value(&ask(&mut m, 201, "GetStatusInfo"), "NewConnectionStatus"),
        "Disconnected"
    );
    assert_eq!(ADD.to(&mut m, secs(201), alice(), IP1), 501);
    assert_eq!(ask(&mut m, 201, "RequestConnection"), Err(704));
    assert_eq!(ask(&mut m, 201, "ForceTermination"), Err(711));
}

#[test]
fn the_other_services() {
    let mut m = model(|k| k.upnp.connections = Connections::IpAndPpp);
    let mut ask = |short: &str, name: &str, action| {
        let urn = format!("urn:schemas-upnp-org:service:{name}:1");
        act_at(
            &mut m,
            secs(1),
            alice(),
            &format!("/ctl/{short}"),
            &urn,
            action,
            &[],
        )
    };
    assert_eq!(
        value(
            &ask(
                "CmnIfCfg",
                "WANCommonInterfaceConfig",
                "GetCommonLinkProperties"
            ),
            "NewPhysicalLinkStatus"
        ),
        "Up"
    );
    assert_eq!(
        value(
            &ask("CmnIfCfg", "WANCommonInterfaceConfig", "GetTotalBytesSent"),
            "NewTotalBytesSent"
        ),
        "0"
    );
    let default = value(
        &ask("L3F", "Layer3Forwarding", "GetDefaultConnectionService"),
        "NewDefaultConnectionService",
    );
    assert!(
        default.starts_with("uuid:") && default.ends_with(",urn:upnp-org:serviceId:WANIPConn1"),
        "{default}"
    );
    assert_eq!(
        value(
            &ask("PPPConn", "WANPPPConnection", "GetStatusInfo"),
            "NewConnectionStatus"
        ),
        "Disconnected"
    );
    assert_eq!(
        value(
            &ask("PPPConn", "WANPPPConnection", "GetLinkLayerMaxBitRates"),
            "NewUpstreamMaxBitRate"
        ),
        "50000000"
    );
}

#[test]
fn remote_hosts_are_kept_and_compared() {
    let mut m = model(|_| {});
    assert_eq!(
        Add {
            remote: "198.51.100.9",
            ..ADD
        }
        .to(&mut m, secs(1), alice(), IP1),
        0
    );
    assert_eq!(
        m.rules()[0].filters[0].peer.to_canonical().to_string(),
        "198.51.100.9"
    );
    let first = act(
        &mut m,
        secs(1),
        alice(),
        IP1,
        "GetGenericPortMappingEntry",
        &[("NewPortMappingIndex", "0")],
    );
    assert_eq!(value(&first, "NewRemoteHost"), "198.51.100.9");
    assert_eq!(
        delete(&mut m, secs(1), alice(), IP1, "8080"),
        714,
        "another key"
    );
    let mut args = key("8080");
    args[0].1 = "198.51.100.9";
    assert_eq!(
        act(&mut m, secs(1), alice(), IP1, "DeletePortMapping", &args),
        Ok(Vec::new())
    );
}

#[test]
fn results_forced_and_run_out() {
    use crate::model::Forced;
    let mut m = model(|k| k.force(Op::AddPortMapping, Forced::result(729u16).times(2)));
    let codes: Vec<u16> = (0..3)
        .map(|_| ADD.to(&mut m, secs(1), alice(), IP1))
        .collect();
    assert_eq!(codes, [729, 729, 0]);
}
