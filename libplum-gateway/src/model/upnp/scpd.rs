//! Service descriptions (UDA 1.0 §2.3) out of tables: each action with its arguments, each argument
//! with the state variable it belongs to.

use std::fmt::Write as _;

use super::device::Kind;

/// An argument: its name, its state variable, and `true` when it comes back.
type Arg = (&'static str, &'static str, bool);
type Action = (&'static str, &'static [Arg]);
/// Name, type, allowed values, and whether it is evented.
type Variable = (&'static str, &'static str, &'static [&'static str], bool);

const IN: bool = false;
const OUT: bool = true;

const ENTRY_KEY: [Arg; 3] = [
    ("NewRemoteHost", "RemoteHost", IN),
    ("NewExternalPort", "ExternalPort", IN),
    ("NewProtocol", "PortMappingProtocol", IN),
];

const ADD: [Arg; 8] = [
    ENTRY_KEY[0],
    ENTRY_KEY[1],
    ENTRY_KEY[2],
    ("NewInternalPort", "InternalPort", IN),
    ("NewInternalClient", "InternalClient", IN),
    ("NewEnabled", "PortMappingEnabled", IN),
    ("NewPortMappingDescription", "PortMappingDescription", IN),
    ("NewLeaseDuration", "PortMappingLeaseDuration", IN),
];

const CONNECTION_1: &[Action] = &[
    (
        "SetConnectionType",
        &[("NewConnectionType", "ConnectionType", IN)],
    ),
    (
        "GetConnectionTypeInfo",
        &[
            ("NewConnectionType", "ConnectionType", OUT),
            ("NewPossibleConnectionTypes", "PossibleConnectionTypes", OUT),
        ],
    ),
    ("RequestConnection", &[]),
    ("ForceTermination", &[]),
    (
        "GetStatusInfo",
        &[
            ("NewConnectionStatus", "ConnectionStatus", OUT),
            ("NewLastConnectionError", "LastConnectionError", OUT),
            ("NewUptime", "Uptime", OUT),
        ],
    ),
    (
        "GetNATRSIPStatus",
        &[
            ("NewRSIPAvailable", "RSIPAvailable", OUT),
            ("NewNATEnabled", "NATEnabled", OUT),
        ],
    ),
    (
        "GetGenericPortMappingEntry",
        &[
            ("NewPortMappingIndex", "PortMappingNumberOfEntries", IN),
            ("NewRemoteHost", "RemoteHost", OUT),
            ("NewExternalPort", "ExternalPort", OUT),
            ("NewProtocol", "PortMappingProtocol", OUT),
            ("NewInternalPort", "InternalPort", OUT),
            ("NewInternalClient", "InternalClient", OUT),
            ("NewEnabled", "PortMappingEnabled", OUT),
            ("NewPortMappingDescription", "PortMappingDescription", OUT),
            ("NewLeaseDuration", "PortMappingLeaseDuration", OUT),
        ],
    ),
    (
        "GetSpecificPortMappingEntry",
        &[
            ENTRY_KEY[0],
            ENTRY_KEY[1],
            ENTRY_KEY[2],
            ("NewInternalPort", "InternalPort", OUT),
            ("NewInternalClient", "InternalClient", OUT),
            ("NewEnabled", "PortMappingEnabled", OUT),
            ("NewPortMappingDescription", "PortMappingDescription", OUT),
            ("NewLeaseDuration", "PortMappingLeaseDuration", OUT),
        ],
    ),
    ("AddPortMapping", &ADD),
    ("DeletePortMapping", &ENTRY_KEY),
    (
        "GetExternalIPAddress",
        &[("NewExternalIPAddress", "ExternalIPAddress", OUT)],
    ),
];

const ONLY_IN_2: &[Action] = &[
    (
        "DeletePortMappingRange",
        &[
            ("NewStartPort", "ExternalPort", IN),
            ("NewEndPort", "ExternalPort", IN),
            ("NewProtocol", "PortMappingProtocol", IN),
            ("NewManage", "A_ARG_TYPE_Manage", IN),
        ],
    ),
    (
        "GetListOfPortMappings",
        &[
            ("NewStartPort", "ExternalPort", IN),
            ("NewEndPort", "ExternalPort", IN),
            ("NewProtocol", "PortMappingProtocol", IN),
            ("NewManage", "A_ARG_TYPE_Manage", IN),
            ("NewNumberOfPorts", "PortMappingNumberOfEntries", IN),
            ("NewPortListing", "A_ARG_TYPE_PortListing", OUT),
        ],
    ),
    (
        "AddAnyPortMapping",
        &[
            ADD[0],
            ADD[1],
            ADD[2],
            ADD[3],
            ADD[4],
            ADD[5],
            ADD[6],
            ADD[7],
            ("NewReservedPort", "ExternalPort", OUT),
        ],
    ),
];

const ONLY_PPP: &[Action] = &[(
    "GetLinkLayerMaxBitRates",
    &[
        ("NewUpstreamMaxBitRate", "UpstreamMaxBitRate", OUT),
        ("NewDownstreamMaxBitRate", "DownstreamMaxBitRate", OUT),
    ],
)];

const CONNECTION_VARIABLES: &[Variable] = &[
    ("ConnectionType", "string", &[], false),
    ("PossibleConnectionTypes", "string", &[], true),
    (
        "ConnectionStatus",
        "string",
        &[
            "Unconfigured",
            "Connecting",
            "Connected",
            "PendingDisconnect",
            "Disconnecting",
            "Disconnected",
        ],
        true,
    ),
    ("Uptime", "ui4", &[], false),
    ("LastConnectionError", "string", &["ERROR_NONE"], false),
    ("RSIPAvailable", "boolean", &[], false),
    ("NATEnabled", "boolean", &[], false),
    ("ExternalIPAddress", "string", &[], true),
    ("PortMappingNumberOfEntries", "ui2", &[], true),
    ("PortMappingEnabled", "boolean", &[], false),
    ("PortMappingLeaseDuration", "ui4", &[], false),
    ("RemoteHost", "string", &[], false),
    ("ExternalPort", "ui2", &[], false),
    ("InternalPort", "ui2", &[], false),
    ("PortMappingProtocol", "string", &["TCP", "UDP"], false),
    ("InternalClient", "string", &[], false),
    ("PortMappingDescription", "string", &[], false),
];

const VARIABLES_ONLY_IN_2: &[Variable] = &[
    ("SystemUpdateID", "ui4", &[], true),
    ("A_ARG_TYPE_Manage", "boolean", &[], false),
    ("A_ARG_TYPE_PortListing", "string", &[], false),
];

const VARIABLES_ONLY_PPP: &[Variable] = &[
    ("UpstreamMaxBitRate", "ui4", &[], false),
    ("DownstreamMaxBitRate", "ui4", &[], false),
];

const COMMON: &[Action] = &[
    (
        "GetCommonLinkProperties",
        &[
            ("NewWANAccessType", "WANAccessType", OUT),
            (
                "NewLayer1UpstreamMaxBitRate",
                "Layer1UpstreamMaxBitRate",
                OUT,
            ),
            (
                "NewLayer1DownstreamMaxBitRate",
                "Layer1DownstreamMaxBitRate",
                OUT,
            ),
            ("NewPhysicalLinkStatus", "PhysicalLinkStatus", OUT),
        ],
    ),
    (
        "GetTotalBytesSent",
        &[("NewTotalBytesSent", "TotalBytesSent", OUT)],
    ),
    (
        "GetTotalBytesReceived",
        &[("NewTotalBytesReceived", "TotalBytesReceived", OUT)],
    ),
    (
        "GetTotalPacketsSent",
        &[("NewTotalPacketsSent", "TotalPacketsSent", OUT)],
    ),
    (
        "GetTotalPacketsReceived",
        &[("NewTotalPacketsReceived", "TotalPacketsReceived", OUT)],
    ),
];

const COMMON_VARIABLES: &[Variable] = &[
    (
        "WANAccessType",
        "string",
        &["DSL", "POTS", "Cable", "Ethernet"],
        false,
    ),
    ("Layer1UpstreamMaxBitRate", "ui4", &[], false),
    ("Layer1DownstreamMaxBitRate", "ui4", &[], false),
    (
        "PhysicalLinkStatus",
        "string",
        &["Up", "Down", "Initializing", "Unavailable"],
        true,
    ),
    ("TotalBytesSent", "ui4", &[], false),
    ("TotalBytesReceived", "ui4", &[], false),
    ("TotalPacketsSent", "ui4", &[], false),
    ("TotalPacketsReceived", "ui4", &[], false),
];

const LAYER3: &[Action] = &[
    (
        "SetDefaultConnectionService",
        &[(
            "NewDefaultConnectionService",
            "DefaultConnectionService",
            IN,
        )],
    ),
    (
        "GetDefaultConnectionService",
        &[(
            "NewDefaultConnectionService",
            "DefaultConnectionService",
            OUT,
        )],
    ),
];

const LAYER3_VARIABLES: &[Variable] = &[("DefaultConnectionService", "string", &[], true)];

const FIREWALL: &[Action] = &[
    (
        "GetFirewallStatus",
        &[
            ("FirewallEnabled", "FirewallEnabled", OUT),
            ("InboundPinholeAllowed", "InboundPinholeAllowed", OUT),
        ],
    ),
    (
        "GetOutboundPinholeTimeout",
        &[
            ("RemoteHost", "A_ARG_TYPE_IPv6Address", IN),
            ("RemotePort", "A_ARG_TYPE_Port", IN),
            ("InternalClient", "A_ARG_TYPE_IPv6Address", IN),
            ("InternalPort", "A_ARG_TYPE_Port", IN),
            ("Protocol", "A_ARG_TYPE_Protocol", IN),
            (
                "OutboundPinholeTimeout",
                "A_ARG_TYPE_OutboundPinholeTimeout",
                OUT,
            ),
        ],
    ),
    (
        "AddPinhole",
        &[
            ("RemoteHost", "A_ARG_TYPE_IPv6Address", IN),
            ("RemotePort", "A_ARG_TYPE_Port", IN),
            ("InternalClient", "A_ARG_TYPE_IPv6Address", IN),
            ("InternalPort", "A_ARG_TYPE_Port", IN),
            ("Protocol", "A_ARG_TYPE_Protocol", IN),
            ("LeaseTime", "A_ARG_TYPE_LeaseTime", IN),
            ("UniqueID", "A_ARG_TYPE_UniqueID", OUT),
        ],
    ),
    (
        "UpdatePinhole",
        &[
            ("UniqueID", "A_ARG_TYPE_UniqueID", IN),
            ("NewLeaseTime", "A_ARG_TYPE_LeaseTime", IN),
        ],
    ),
    ("DeletePinhole", &[("UniqueID", "A_ARG_TYPE_UniqueID", IN)]),
    (
        "GetPinholePackets",
        &[
            ("UniqueID", "A_ARG_TYPE_UniqueID", IN),
            ("PinholePackets", "A_ARG_TYPE_PinholePackets", OUT),
        ],
    ),
    (
        "CheckPinholeWorking",
        &[
            ("UniqueID", "A_ARG_TYPE_UniqueID", IN),
            ("IsWorking", "A_ARG_TYPE_Boolean", OUT),
        ],
    ),
];

const FIREWALL_VARIABLES: &[Variable] = &[
    ("FirewallEnabled", "boolean", &[], true),
    ("InboundPinholeAllowed", "boolean", &[], true),
    ("A_ARG_TYPE_OutboundPinholeTimeout", "ui4", &[], false),
    ("A_ARG_TYPE_IPv6Address", "string", &[], false),
    ("A_ARG_TYPE_Port", "ui2", &[], false),
    ("A_ARG_TYPE_Protocol", "ui2", &[], false),
    ("A_ARG_TYPE_LeaseTime", "ui4", &[], false),
    ("A_ARG_TYPE_UniqueID", "ui2", &[], false),
    ("A_ARG_TYPE_PinholePackets", "ui4", &[], false),
    ("A_ARG_TYPE_Boolean", "boolean", &[], false),
];

/// The actions of a service, in the order of its standard.
fn actions(kind: Kind) -> Vec<Action> {
    match kind {
        Kind::Connection { version, ppp } => {
            let more = if version >= 2 { ONLY_IN_2 } else { &[] };
            let link = if ppp { ONLY_PPP } else { &[] };
            [CONNECTION_1, more, link].concat()
        }
        Kind::CommonInterface => COMMON.to_vec(),
        Kind::Layer3Forwarding => LAYER3.to_vec(),
        Kind::Ipv6Firewall => FIREWALL.to_vec(),
        Kind::Other => Vec::new(),
    }
}

fn variables(kind: Kind) -> Vec<Variable> {
    match kind {
        Kind::Connection { version, ppp } => {
            let more = if version >= 2 {
                VARIABLES_ONLY_IN_2
            } else {
                &[]
            };
            let link = if ppp { VARIABLES_ONLY_PPP } else { &[] };
            [CONNECTION_VARIABLES, more, link].concat()
        }
        Kind::CommonInterface => COMMON_VARIABLES.to_vec(),
        Kind::Layer3Forwarding => LAYER3_VARIABLES.to_vec(),
        Kind::Ipv6Firewall => FIREWALL_VARIABLES.to_vec(),
        Kind::Other => Vec::new(),
    }
}

/// Whether a service has an action of this name, whatever this gateway answers to it.
pub(crate) fn has_action(kind: Kind, action: &str) -> bool {
    actions(kind).iter().any(|(name, _)| *name == action)
}

/// The arguments that an action wants.
pub(crate) fn inputs(kind: Kind, action: &str) -> Vec<&'static str> {
    let found = actions(kind).into_iter().find(|(name, _)| *name == action);
    let args = found.map(|(_, args)| args).unwrap_or_default();
    args.iter()
        .filter(|(_, _, out)| !out)
        .map(|(name, _, _)| *name)
        .collect()
}

pub(crate) fn document(kind: Kind) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\"?>\r\n<scpd xmlns=\"urn:schemas-upnp-org:service-1-0\">\
         <specVersion><major>1</major><minor>0</minor></specVersion><actionList>",
    );
    for (name, args) in actions(kind) {
        let _ = write!(out, "<action><name>{name}</name>");
        if !args.is_empty() {
            out.push_str("<argumentList>");
            for (arg, variable, is_out) in args {
                let direction = if *is_out { "out" } else { "in" };
                let _ = write!(
                    out,
                    "<argument><name>{arg}</name><direction>{direction}</direction>\
                     <relatedStateVariable>{variable}</relatedStateVariable></argument>"
                );
            }
            out.push_str("</argumentList>");
        }
        out.push_str("</action>");
    }
    out.push_str("</actionList><serviceStateTable>");
    for (name, kind, allowed, evented) in variables(kind) {
        let events = if evented { "yes" } else { "no" };
        let _ = write!(
            out,
            "<stateVariable sendEvents=\"{events}\"><name>{name}</name><dataType>{kind}</dataType>"
        );
        if !allowed.is_empty() {
            out.push_str("<allowedValueList>");
            for value in allowed {
                let _ = write!(out, "<allowedValue>{value}</allowedValue>");
            }
            out.push_str("</allowedValueList>");
        }
        out.push_str("</stateVariable>");
    }
    out.push_str("</serviceStateTable></scpd>\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_has_its_state_variable() {
        let kinds = [
            Kind::Connection {
                version: 1,
                ppp: false,
            },
            Kind::Connection {
                version: 2,
                ppp: false,
            },
            Kind::Connection {
                version: 1,
                ppp: true,
            },
            Kind::CommonInterface,
            Kind::Layer3Forwarding,
            Kind::Ipv6Firewall,
        ];
        for kind in kinds {
            let names: Vec<_> = variables(kind).iter().map(|v| v.0).collect();
            for (action, args) in actions(kind) {
                for (arg, variable, _) in args {
                    assert!(names.contains(variable), "{action} {arg} {variable}");
                }
            }
            roxmltree::Document::parse(&document(kind)).unwrap();
        }
    }

    #[test]
    fn only_version_2_adds_any() {
        let one = Kind::Connection {
            version: 1,
            ppp: false,
        };
        let two = Kind::Connection {
            version: 2,
            ppp: false,
        };
        assert!(!has_action(one, "AddAnyPortMapping") && has_action(two, "AddAnyPortMapping"));
        assert_eq!(
            inputs(one, "DeletePortMapping"),
            ["NewRemoteHost", "NewExternalPort", "NewProtocol"]
        );
    }
}
