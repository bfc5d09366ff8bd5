//! The two networks: a home with its router and a WAN host, and the daemon alone with its client.

use std::net::Ipv4Addr;

use super::daemon::{Daemon, DaemonOptions};
use super::namespace::Namespace;

/// The client's address in a [`Home`].
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 2);
/// The router's address towards the client.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);
/// The router's address towards the WAN. miniupnpd serves no port mapping on a private one.
pub const EXTERNAL: Ipv4Addr = Ipv4Addr::new(1, 2, 3, 4);
/// A host on the WAN.
pub const WAN: Ipv4Addr = Ipv4Addr::new(1, 2, 3, 9);
/// Client and router in one, in [`Alone`].
pub const ALONE: Ipv4Addr = Ipv4Addr::new(192, 168, 78, 2);

/// A home network whose router forwards nothing but what its daemon opens.
#[derive(Debug)]
pub struct Home {
    /// The client.
    pub lan: Namespace,
    /// The router.
    pub gw: Namespace,
    /// A host on the WAN.
    pub wan: Namespace,
}

impl Home {
    /// Builds it; no daemon runs yet.
    ///
    /// # Panics
    ///
    /// When the machine refuses a step; ask [`missing`](super::missing) first.
    #[expect(clippy::new_without_default, reason = "it changes the machine")]
    pub fn new() -> Self {
        let lab = Namespace::next_lab();
        let home = Home {
            lan: Namespace::new(lab, "lan"),
            gw: Namespace::new(lab, "gw"),
            wan: Namespace::new(lab, "wan"),
        };
        cable((&home.lan, "l0"), (&home.gw, "g0"));
        cable((&home.wan, "w0"), (&home.gw, "g1"));
        home.lan.address("l0", &format!("{CLIENT}/24"));
        home.gw.address("g0", &format!("{ROUTER}/24"));
        home.gw.address("g1", &format!("{EXTERNAL}/24"));
        home.wan.address("w0", &format!("{WAN}/24"));
        home.lan
            .ip(&["route", "add", "default", "via", &ROUTER.to_string()]);
        home.gw.sysctl("ipv4/ip_forward", "1");
        home.gw.nft(&home_rules());
        home
    }

    /// Starts a daemon on the router and waits until it listens.
    pub fn daemon(&self, options: &DaemonOptions) -> Daemon {
        Daemon::start(&self.gw, "g1", "g0", options)
    }

    /// Forgets every rule that a daemon made, as a reboot of the router does.
    pub fn flush_rules(&self) {
        self.gw.nft(FLUSH);
    }
}

/// The smallest set-up that people test with: the daemon beside the client on one address, the
/// default route through that address itself.
#[derive(Debug)]
pub struct Alone {
    /// Client and router in one.
    pub host: Namespace,
}

impl Alone {
    /// Builds it; no daemon runs yet.
    ///
    /// # Panics
    ///
    /// When the machine refuses a step; ask [`missing`](super::missing) first.
    #[expect(clippy::new_without_default, reason = "it changes the machine")]
    pub fn new() -> Self {
        let host = Namespace::new(Namespace::next_lab(), "alone");
        // The far ends stay in the same namespace: they only keep the near ones up.
        cable((&host, "l0"), (&host, "l0far"));
        cable((&host, "g1"), (&host, "g1far"));
        host.address("l0", &format!("{ALONE}/24"));
        host.address("g1", &format!("{EXTERNAL}/24"));
        for far in ["l0far", "g1far"] {
            host.ip(&["link", "set", far, "up"]);
        }
        host.ip(&[
            "route",
            "add",
            "default",
            "via",
            &ALONE.to_string(),
            "dev",
            "l0",
        ]);
        host.nft(&alone_rules());
        Alone { host }
    }

    /// Starts a daemon and waits until it listens.
    pub fn daemon(&self, options: &DaemonOptions) -> Daemon {
        Daemon::start(&self.host, "g1", "l0", options)
    }
}

fn cable((one, name): (&Namespace, &str), (other, other_name): (&Namespace, &str)) {
    one.ip(&[
        "link",
        "add",
        name,
        "type",
        "veth",
        "peer",
        "name",
        other_name,
        "netns",
        other.name(),
    ]);
}

/// Forgets every rule that a daemon made.
pub(crate) const FLUSH: &str = "flush chain inet filter miniupnpd
    flush chain inet filter prerouting_miniupnpd
    flush chain inet filter postrouting_miniupnpd";

/// The lines of `nft list ruleset` that a daemon made.
pub fn made_rules(ruleset: &str) -> String {
    let made =
        |line: &&str| line.contains("dnat") || line.contains("ct status") || line.contains("dport");
    ruleset
        .lines()
        .filter(made)
        .map(|line| format!("{}\n", line.trim()))
        .collect()
}

/// The router of a home: forwards nothing but what its daemon opens, and translates towards `g1`.
pub(crate) fn home_rules() -> String {
    ruleset("drop", "oifname g1 masquerade;")
}

/// The smallest set-up has nobody to forward to.
pub(crate) fn alone_rules() -> String {
    ruleset("accept", "")
}

/// The chains that [`Daemon`]'s configuration names, hooked in.
fn ruleset(forward_policy: &str, masquerade: &str) -> String {
    format!(
        "table inet filter {{
            chain miniupnpd {{ }}
            chain prerouting_miniupnpd {{ }}
            chain postrouting_miniupnpd {{ }}
            chain input {{ type filter hook input priority 0; policy accept; }}
            chain forward {{
                type filter hook forward priority 0; policy {forward_policy};
                ct state established,related accept
                iifname g0 accept
                jump miniupnpd
            }}
            chain prerouting {{
                type nat hook prerouting priority -100; policy accept;
                jump prerouting_miniupnpd
            }}
            chain postrouting {{
                type nat hook postrouting priority 100; policy accept;
                {masquerade}
                jump postrouting_miniupnpd
            }}
        }}"
    )
}
