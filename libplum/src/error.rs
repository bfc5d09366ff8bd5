//! What can go wrong.

use crate::Protocol;

/// Why a call failed, or why a port is not mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be right. Nothing was sent.
    #[error("invalid {argument}: {why}")]
    InvalidArgument {
        /// Which one.
        argument: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no router here that could map a port.
    #[error("no gateway: {0}")]
    NoGateway(NoGateway),
    /// The router answered, and said no.
    #[error("refused by {protocol} with code {code} ({meaning}): {advice}")]
    Refused {
        /// The protocol that answered.
        protocol: Protocol,
        /// Its own result code (PCP: RFC 6887 section 7.4; NAT-PMP: RFC 6886 section 3.5).
        code: i32,
        /// What the code means.
        meaning: &'static str,
        /// What can be done about it.
        advice: &'static str,
    },
    /// The time that the request, the client or the call allows is over.
    #[error("timed out")]
    TimedOut,
    /// `prefer_failure` was asked for, and the router does not give that external port.
    #[error("the external port is taken")]
    PortTaken,
    /// Not available: not allowed here, not in this build, or not spoken by the router.
    #[error("not spoken by the router, not allowed, or not in this build")]
    Unsupported,
    /// The router's protocols do not tell its external address; only a mapping does (PCP has no
    /// question for it).
    #[error("the router does not tell its external address without a mapping")]
    NotTold,
    /// The mapping ran out while the router stayed silent.
    #[error("the mapping expired while the gateway stayed silent")]
    Expired,
    /// The system gave no memory, thread, socket or randomness.
    #[error("the system gave no memory, thread, socket or randomness")]
    Resources,
    /// The mapping is unmapped.
    #[error("the mapping is unmapped")]
    Destroyed,
    /// The client is closed or closing.
    #[error("the client is closed")]
    Closed,
    /// The call would wait for the engine's thread, and was made on it.
    #[error("a blocking call on the engine's own thread")]
    EngineThread,
    /// The engine gave a reason that this version of the crate does not know.
    #[error("reason {reason}, which this version does not know")]
    Unknown {
        /// `plum_reason_t` of client.h, or its negative result code.
        reason: i64,
    },
}

/// In what way there is no gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoGateway {
    /// No network with a default route was found.
    #[error("no network with a default route")]
    NoRoute,
    /// The router stayed silent on every protocol: it speaks none, or a firewall is in between.
    #[error("the router answers no port-mapping protocol")]
    Silent,
    /// The router refuses the protocols' ports: port mapping is off there.
    #[error("the router refuses the ports of the port-mapping protocols")]
    PortsClosed,
}

impl Error {
    pub(crate) fn invalid(argument: &'static str, why: &'static str) -> Self {
        Self::InvalidArgument { argument, why }
    }

    pub(crate) fn refused(protocol: Protocol, code: i32) -> Self {
        let (meaning, advice) = explain(protocol, code);
        Self::Refused {
            protocol,
            code,
            meaning,
            advice,
        }
    }
}

const SWITCH_ON: &str = "allow port mapping for this host in the router's settings";
const TRY_LATER: &str = "the router is busy or its table is full: it is tried again later";
const OTHER_PORT: &str = "leave the external port to the router, or choose another";
const OUR_BUG: &str = "the router and this library disagree about the protocol: please report it";
const OTHER_PROTOCOL: &str = "allow the other protocols";

/// A result code's meaning and what to do.
fn explain(protocol: Protocol, code: i32) -> (&'static str, &'static str) {
    match protocol {
        // RFC 6887 section 7.4
        Protocol::Pcp => match code {
            1 => (
                "UNSUPP_VERSION: the router does not speak this version",
                OTHER_PROTOCOL,
            ),
            2 => (
                "NOT_AUTHORIZED: port mapping is switched off, or the port belongs to another",
                SWITCH_ON,
            ),
            3 => ("MALFORMED_REQUEST", OUR_BUG),
            4 => (
                "UNSUPP_OPCODE: the router does not map ports by PCP",
                OTHER_PROTOCOL,
            ),
            5 => ("UNSUPP_OPTION", OUR_BUG),
            6 => ("MALFORMED_OPTION", OUR_BUG),
            7 => (
                "NETWORK_FAILURE: the router has no external address yet",
                "check the router's internet connection",
            ),
            8 => ("NO_RESOURCES", TRY_LATER),
            9 => (
                "UNSUPP_PROTOCOL: the router does not map this transport",
                OTHER_PROTOCOL,
            ),
            10 => (
                "USER_EX_QUOTA: this host has as many mappings as it may have",
                "unmap ports that are not needed",
            ),
            11 => ("CANNOT_PROVIDE_EXTERNAL", OTHER_PORT),
            12 => (
                "ADDRESS_MISMATCH: there is a NAT between this host and the router",
                "map the port on the nearer router",
            ),
            13 => ("EXCESSIVE_REMOTE_PEERS", OUR_BUG),
            _ => ("a code that RFC 6887 does not define", OTHER_PROTOCOL),
        },
        // RFC 6886 section 3.5
        Protocol::NatPmp => match code {
            1 => ("unsupported version", OTHER_PROTOCOL),
            2 => ("not authorized: port mapping is switched off", SWITCH_ON),
            3 => (
                "network failure: the router has no external address yet",
                "check the router's internet connection",
            ),
            4 => ("out of resources", TRY_LATER),
            5 => ("unsupported opcode", OTHER_PROTOCOL),
            _ => ("a code that RFC 6886 does not define", OTHER_PROTOCOL),
        },
        _ => ("an error of the router", OTHER_PROTOCOL),
    }
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_means_different_things_in_the_two_protocols() {
        let Error::Refused { meaning: pcp, .. } = Error::refused(Protocol::Pcp, 3) else {
            panic!()
        };
        let Error::Refused {
            meaning: natpmp, ..
        } = Error::refused(Protocol::NatPmp, 3)
        else {
            panic!()
        };
        assert!(pcp.starts_with("MALFORMED_REQUEST"));
        assert!(natpmp.starts_with("network failure"));
    }

    #[test]
    fn a_refusal_reads_as_one_sentence() {
        assert_eq!(
            Error::refused(Protocol::NatPmp, 4).to_string(),
            "refused by NAT-PMP with code 4 (out of resources): the router is busy or its table is \
             full: it is tried again later"
        );
        assert_eq!(
            Error::invalid("internal port", "0 is not a port").to_string(),
            "invalid internal port: 0 is not a port"
        );
    }
}
