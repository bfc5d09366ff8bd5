//! Real routers' oddities by name, as `QUIRKS.md` has them.

use std::net::Ipv4Addr;
use std::str::FromStr;

use super::choice::{
    Announcements, ErrorLifetimes, Forced, LifetimeTold, NatPmpLifetimes, OptionSupport,
    VersionError,
};
use super::code::{nat_pmp, pcp};
use super::knobs::Knobs;
use super::odds::Odds;
use super::table::TableModel;
use super::trouble::Service;
use crate::error::ConfigError;
use crate::packet::Op;

/// An oddity that a gateway can play: a set of knobs under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// One table for all protocols.
    SingleRule,
    /// A NAT-PMP box that drops version 2 without a word.
    DropsV2,
    /// A NAT-PMP box whose version error is eight bytes long and bears opcode 0 (RFC 6886 §3.5).
    ShortVersionError,
    /// The same with opcode 128 + the request's.
    ShortVersionErrorWithResponseBit,
    /// NAT-PMP fails when port 0 is suggested. Code 4 is our guess; no source names it.
    NoPortZero,
    /// Lifetimes of a few seconds.
    TinyLifetime,
    /// Lifetimes of decades, because a byte order was forgotten.
    HugeLifetime,
    /// Mappings are switched off by the user.
    Disabled,
    /// One request at a time, slower with every rule.
    SerialService,
    /// A delete of nothing is answered by result 8.
    DeleteOfNothing,
    /// Answers come from another port.
    OtherPort,
    /// The external address is 0.0.0.0.
    WanZero,
    /// There is no external address.
    WanEmpty,
    /// The external address is a private one.
    PrivateWan,
    /// The external address belongs to a carrier-grade NAT, 100.64/10.
    Cgnat,
    /// All of miniupnpd's habits at once, its slowness apart.
    Miniupnpd,
}

impl Quirk {
    /// All of them.
    pub const ALL: [Quirk; 16] = [
        Quirk::SingleRule,
        Quirk::DropsV2,
        Quirk::ShortVersionError,
        Quirk::ShortVersionErrorWithResponseBit,
        Quirk::NoPortZero,
        Quirk::TinyLifetime,
        Quirk::HugeLifetime,
        Quirk::Disabled,
        Quirk::SerialService,
        Quirk::DeleteOfNothing,
        Quirk::OtherPort,
        Quirk::WanZero,
        Quirk::WanEmpty,
        Quirk::PrivateWan,
        Quirk::Cgnat,
        Quirk::Miniupnpd,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Quirk::SingleRule => "single-rule",
            Quirk::DropsV2 => "drops-v2",
            Quirk::ShortVersionError => "short-version-error",
            Quirk::ShortVersionErrorWithResponseBit => "short-version-error-128",
            Quirk::NoPortZero => "no-port-zero",
            Quirk::TinyLifetime => "tiny-lifetime",
            Quirk::HugeLifetime => "huge-lifetime",
            Quirk::Disabled => "disabled",
            Quirk::SerialService => "serial-service",
            Quirk::DeleteOfNothing => "delete-of-nothing",
            Quirk::OtherPort => "other-port",
            Quirk::WanZero => "wan-zero",
            Quirk::WanEmpty => "wan-empty",
            Quirk::PrivateWan => "private-wan",
            Quirk::Cgnat => "cgnat",
            Quirk::Miniupnpd => "miniupnpd",
        }
    }

    /// Turns the knobs that make it.
    pub fn apply(self, knobs: &mut Knobs) {
        match self {
            Quirk::SingleRule => knobs.table = TableModel::SingleRule,
            Quirk::DropsV2 => nat_pmp_only(knobs, VersionError::Silent),
            Quirk::ShortVersionError => nat_pmp_only(knobs, VersionError::Rfc),
            Quirk::ShortVersionErrorWithResponseBit => {
                nat_pmp_only(knobs, VersionError::ResponseBit);
            }
            Quirk::NoPortZero => knobs.no_port_zero = Some(nat_pmp::OUT_OF_RESOURCES),
            Quirk::TinyLifetime => knobs.lifetimes = 1..=2,
            Quirk::HugeLifetime => knobs.lifetime_told = LifetimeTold::ByteSwapped,
            Quirk::Disabled => {
                for op in [Op::PcpMap, Op::PcpDelete] {
                    knobs.force(op, Forced::result(pcp::NOT_AUTHORIZED));
                }
                for op in [Op::NatPmpAddress, Op::NatPmpMap, Op::NatPmpDelete] {
                    knobs.force(op, Forced::result(nat_pmp::NOT_AUTHORIZED));
                }
            }
            Quirk::SerialService => knobs.service = Service::MINIUPNPD,
            Quirk::DeleteOfNothing => knobs.delete_of_nothing = pcp::NO_RESOURCES,
            Quirk::OtherPort => knobs.trouble.wrong_source = Odds::Always,
            Quirk::WanZero => knobs.external_ip = Some(Ipv4Addr::UNSPECIFIED),
            Quirk::WanEmpty => knobs.external_ip = None,
            Quirk::PrivateWan => knobs.external_ip = Some(Ipv4Addr::new(192, 168, 100, 2)),
            Quirk::Cgnat => knobs.external_ip = Some(Ipv4Addr::new(100, 64, 1, 2)),
            Quirk::Miniupnpd => {
                knobs.table = TableModel::SingleRule;
                knobs.lifetimes = 120..=86_400;
                knobs.delete_of_nothing = pcp::NO_RESOURCES;
                knobs.delete_tells_external = true;
                knobs.nat_pmp_lifetimes = NatPmpLifetimes::AsAsked;
                knobs.error_lifetimes = ErrorLifetimes::Miniupnpd;
                knobs.prefer_failure = OptionSupport::Ignored;
                knobs.announcements = Announcements::Miniupnpd;
                knobs.nat_pmp_spares_pcp = Odds::Chance(0.5);
            }
        }
    }
}

fn nat_pmp_only(knobs: &mut Knobs, version_error: VersionError) {
    knobs.pcp = false;
    knobs.nat_pmp = true;
    knobs.version_error = version_error;
}

impl FromStr for Quirk {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        let found = Quirk::ALL.into_iter().find(|quirk| quirk.name() == name);
        found.ok_or_else(|| ConfigError::UnknownQuirk(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_has_its_own_name_and_makes_a_possible_gateway() {
        for quirk in Quirk::ALL {
            assert_eq!(quirk.name().parse(), Ok(quirk));
            let mut knobs = Knobs::default();
            quirk.apply(&mut knobs);
            knobs.check().unwrap();
        }
        assert!("no-such-quirk".parse::<Quirk>().is_err());
    }
}
