//! C's values to ours and back. Numbers that we do not know are kept, never guessed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use libplum_sys as ffi;

use crate::{Active, Answer, Error, Family, NoGateway, Protocol, State, Transport};

pub(super) fn transport(raw: ffi::plum_ip_protocol_t) -> Transport {
    // The engine repeats what `from_transport` told it.
    if raw == ffi::PLUM_IP_PROTOCOL_UDP {
        Transport::Udp
    } else {
        Transport::Tcp
    }
}

pub(super) fn from_transport(transport: Transport) -> ffi::plum_ip_protocol_t {
    match transport {
        Transport::Tcp => ffi::PLUM_IP_PROTOCOL_TCP,
        Transport::Udp => ffi::PLUM_IP_PROTOCOL_UDP,
    }
}

pub(super) fn protocol(raw: ffi::plum_mapping_protocol_t) -> Protocol {
    match raw {
        ffi::PLUM_MAPPING_PROTOCOL_PCP => Protocol::Pcp,
        ffi::PLUM_MAPPING_PROTOCOL_NATPMP => Protocol::NatPmp,
        ffi::PLUM_MAPPING_PROTOCOL_UPNP => Protocol::Upnp,
        ffi::PLUM_MAPPING_PROTOCOL_DIRECT => Protocol::Direct,
        other => Protocol::Unknown(other),
    }
}

pub(super) fn protocols(set: u32) -> Vec<Protocol> {
    [Protocol::Pcp, Protocol::NatPmp, Protocol::Upnp]
        .into_iter()
        .filter(|p| set & protocol_bit(*p).unwrap_or(0) != 0)
        .collect()
}

/// Its place in `PLUM_PROTOCOLS_`; `None` for what is not spoken to a router.
pub(super) fn protocol_bit(protocol: Protocol) -> Option<u32> {
    match protocol {
        Protocol::Pcp => Some(ffi::PLUM_PROTOCOLS_PCP),
        Protocol::NatPmp => Some(ffi::PLUM_PROTOCOLS_NATPMP),
        Protocol::Upnp => Some(ffi::PLUM_PROTOCOLS_UPNP),
        Protocol::Direct | Protocol::Unknown(_) => None,
    }
}

pub(super) fn family(family: Option<Family>) -> i32 {
    match family {
        None => 0,
        Some(Family::V4) => 4,
        Some(Family::V6) => 6,
    }
}

pub(super) const NO_ADDRESS: ffi::plum_address_t = ffi::plum_address_t {
    family: 0,
    reserved: 0,
    port: 0,
    scope_id: 0,
    ip: [0; 16],
};

/// `None` for family 0 and for a family that is not known.
pub(super) fn address(raw: &ffi::plum_address_t) -> Option<SocketAddr> {
    match raw.family {
        4 => {
            let [a, b, c, d, ..] = raw.ip;
            Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), raw.port))
        }
        6 => Some(SocketAddrV6::new(Ipv6Addr::from(raw.ip), raw.port, 0, raw.scope_id).into()),
        _ => None,
    }
}

pub(super) fn ip(raw: &ffi::plum_address_t) -> Option<IpAddr> {
    address(raw).map(|a| a.ip())
}

pub(super) fn from_ip(address: Option<IpAddr>, port: u16) -> ffi::plum_address_t {
    let mut raw = ffi::plum_address_t { port, ..NO_ADDRESS };
    match address {
        None => {}
        Some(IpAddr::V4(v4)) => {
            raw.family = 4;
            raw.ip[..4].copy_from_slice(&v4.octets());
        }
        Some(IpAddr::V6(v6)) => {
            raw.family = 6;
            raw.ip = v6.octets();
        }
    }
    raw
}

/// A published record.
pub(super) fn state(info: &ffi::plum_mapping_info_t) -> State {
    match info.state {
        ffi::PLUM_STATE_DESTROYED => State::Unmapped,
        ffi::PLUM_STATE_DESTROYING => State::Unmapping,
        ffi::PLUM_STATE_FAILURE => State::Failed(
            reason(info.reason, info.reason_protocol, info.code).unwrap_or(Error::Unknown {
                reason: info.reason.into(),
            }),
        ),
        ffi::PLUM_STATE_SUCCESS => match address(&info.external) {
            Some(external_addr) => State::Active(Active {
                external_addr,
                local_addr: address(&info.local),
                gateway: address(&info.gateway),
                protocol: protocol(info.mapping_protocol),
                lifetime: (info.lifetime_s != u32::MAX)
                    .then(|| Duration::from_secs(info.lifetime_s.into())),
            }),
            // Without an address nobody can use it, whatever the engine calls it.
            None => State::Pending,
        },
        _ => State::Pending,
    }
}

/// Of a mapping that is active; `Duration::MAX` when it has no end.
pub(super) fn remaining(info: &ffi::plum_mapping_info_t) -> Option<Duration> {
    (info.state == ffi::PLUM_STATE_SUCCESS).then(|| match info.remaining_s {
        u32::MAX => Duration::MAX,
        seconds => Duration::from_secs(seconds.into()),
    })
}

/// `None` for `PLUM_REASON_NONE`.
pub(super) fn reason(
    reason: ffi::plum_reason_t,
    by: ffi::plum_mapping_protocol_t,
    code: i32,
) -> Option<Error> {
    Some(match reason {
        ffi::PLUM_REASON_NONE => return None,
        ffi::PLUM_REASON_NO_GATEWAY => Error::NoGateway(NoGateway::NoRoute),
        ffi::PLUM_REASON_NO_ANSWER => Error::NoGateway(NoGateway::Silent),
        ffi::PLUM_REASON_CLOSED => Error::NoGateway(NoGateway::PortsClosed),
        ffi::PLUM_REASON_REFUSED => Error::refused(protocol(by), code),
        ffi::PLUM_REASON_TIMED_OUT => Error::TimedOut,
        ffi::PLUM_REASON_UNSUPPORTED => Error::Unsupported,
        ffi::PLUM_REASON_PORT_TAKEN => Error::PortTaken,
        ffi::PLUM_REASON_RESOURCES => Error::Resources,
        ffi::PLUM_REASON_EXPIRED => Error::Expired,
        ffi::PLUM_REASON_CLOSING => Error::Closed,
        other => Error::Unknown {
            reason: other.into(),
        },
    })
}

pub(super) fn answer(raw: &ffi::plum_answer_t) -> Answer {
    let error = reason(raw.reason, raw.protocol, raw.code);
    Answer {
        protocol: protocol(raw.protocol),
        round_trip: error
            .is_none()
            .then(|| Duration::from_millis(raw.rtt_ms.into())),
        epoch: (raw.epoch_s != 0).then(|| Duration::from_secs(raw.epoch_s.into())),
        external_addr: ip(&raw.external),
        gateway: address(&raw.gateway),
        local_addr: ip(&raw.local),
        error,
    }
}

pub(super) fn log_level(raw: ffi::plum_log_level_t) -> Option<log::Level> {
    match raw {
        ffi::PLUM_LOG_LEVEL_VERBOSE => Some(log::Level::Trace),
        ffi::PLUM_LOG_LEVEL_DEBUG => Some(log::Level::Debug),
        ffi::PLUM_LOG_LEVEL_INFO => Some(log::Level::Info),
        ffi::PLUM_LOG_LEVEL_WARN => Some(log::Level::Warn),
        ffi::PLUM_LOG_LEVEL_ERROR | ffi::PLUM_LOG_LEVEL_FATAL => Some(log::Level::Error),
        _ => None,
    }
}

pub(super) fn from_log_filter(filter: log::LevelFilter) -> ffi::plum_log_level_t {
    match filter {
        log::LevelFilter::Off => ffi::PLUM_LOG_LEVEL_NONE,
        log::LevelFilter::Error => ffi::PLUM_LOG_LEVEL_ERROR,
        log::LevelFilter::Warn => ffi::PLUM_LOG_LEVEL_WARN,
        log::LevelFilter::Info => ffi::PLUM_LOG_LEVEL_INFO,
        log::LevelFilter::Debug => ffi::PLUM_LOG_LEVEL_DEBUG,
        log::LevelFilter::Trace => ffi::PLUM_LOG_LEVEL_VERBOSE,
    }
}

#[cfg(test)]
pub(super) fn blank_info() -> ffi::plum_mapping_info_t {
    ffi::plum_mapping_info_t {
        state: ffi::PLUM_STATE_PENDING,
        transport: ffi::PLUM_IP_PROTOCOL_TCP,
        mapping_protocol: ffi::PLUM_MAPPING_PROTOCOL_UNKNOWN,
        reason: ffi::PLUM_REASON_NONE,
        reason_protocol: ffi::PLUM_MAPPING_PROTOCOL_UNKNOWN,
        code: 0,
        internal_port: 8080,
        reserved: 0,
        lifetime_s: 0,
        remaining_s: 0,
        changes: 0,
        external: NO_ADDRESS,
        local: NO_ADDRESS,
        gateway: NO_ADDRESS,
        user_ptr: std::ptr::null_mut(),
    }
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_there_and_back() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:443"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(address(&from_ip(Some(addr.ip()), addr.port())), Some(addr));
        }
        assert_eq!(address(&from_ip(None, 80)), None);
        let scoped = ffi::plum_address_t {
            scope_id: 3,
            ..from_ip("fe80::1".parse().ok(), 1)
        };
        assert_eq!(address(&scoped), Some("[fe80::1%3]:1".parse().unwrap()));
        assert_eq!(
            address(&ffi::plum_address_t {
                family: 9,
                ..NO_ADDRESS
            }),
            None
        );
    }

    #[test]
    fn unknown_numbers_are_kept() {
        assert_eq!(protocol(77), Protocol::Unknown(77));
        assert_eq!(reason(78, 0, 0), Some(Error::Unknown { reason: 78 }));
        let info = ffi::plum_mapping_info_t {
            state: 79,
            ..blank_info()
        };
        assert_eq!(state(&info), State::Pending);
    }

    #[test]
    fn every_reason_has_its_error() {
        let refused = reason(ffi::PLUM_REASON_REFUSED, ffi::PLUM_MAPPING_PROTOCOL_PCP, 2);
        assert_eq!(refused, Some(Error::refused(Protocol::Pcp, 2)));
        for known in ffi::PLUM_REASON_NO_GATEWAY..=ffi::PLUM_REASON_CLOSING {
            let error = reason(known, 0, 0).expect("not NONE");
            assert!(!matches!(error, Error::Unknown { .. }), "{known}");
        }
    }

    #[test]
    fn an_unlimited_mapping_has_no_lifetime() {
        let info = ffi::plum_mapping_info_t {
            state: ffi::PLUM_STATE_SUCCESS,
            external: from_ip("198.51.100.1".parse().ok(), 8080),
            lifetime_s: u32::MAX,
            remaining_s: u32::MAX,
            ..blank_info()
        };
        let State::Active(active) = state(&info) else {
            panic!()
        };
        assert_eq!(active.lifetime, None);
        assert_eq!(remaining(&info), Some(Duration::MAX));
    }

    #[test]
    fn log_levels_match_both_ways() {
        for level in log::Level::iter() {
            assert_eq!(
                log_level(from_log_filter(level.to_level_filter())),
                Some(level)
            );
        }
        assert_eq!(log_level(ffi::PLUM_LOG_LEVEL_NONE), None);
    }
}
