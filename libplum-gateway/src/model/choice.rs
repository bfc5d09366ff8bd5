//! The choices behind single knobs: what the RFCs leave open, and what routers do against them.

use crate::error::ConfigError;
use crate::packet::Op;

/// Which external port is granted to a client that has none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PortPolicy {
    /// The suggested one if it can be had, else the next free one above.
    #[default]
    Suggested,
    /// Never the suggested one: the next free one above it.
    NextFree,
    /// This one or none (VPN providers do so).
    Fixed(u16),
}

/// What a gateway does with an option that it may leave unimplemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OptionSupport {
    /// Does what the option says.
    #[default]
    Honoured,
    /// Answers UNSUPP_OPTION (RFC 6887 §7.3).
    Refused,
    /// Checks its form, returns it as if it had been processed, and does not heed it: miniupnpd
    /// answers PREFER_FAILURE for a taken port with SUCCESS and another port.
    Ignored,
}

/// The Lifetime of a PCP error (RFC 6887 §7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ErrorLifetimes {
    /// 30 s or 30 min by the code; where another rule is in the way, what that rule has left.
    #[default]
    Rfc,
    /// 30 s with code 8, 0 with every other.
    Miniupnpd,
    /// Always this many seconds.
    Fixed(u32),
}

/// Which lifetimes NAT-PMP grants (RFC 6886 §3.3: the gateway "MAY reduce the lifetime" and "SHOULD
/// NOT offer a lease lifetime greater than that requested").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NatPmpLifetimes {
    /// Up to the gateway's maximum, and never more than asked.
    #[default]
    NeverLonger,
    /// Clamped to minimum and maximum, as PCP's are.
    Clamped,
    /// Whatever is asked, up to 2^32−1 seconds: miniupnpd's way.
    AsAsked,
}

/// What the Lifetime field of a success says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LifetimeTold {
    /// The lifetime that was granted.
    #[default]
    Granted,
    /// Always this many seconds.
    Fixed(u32),
    /// The granted one with its bytes in the wrong order: seconds become decades.
    ByteSwapped,
}

/// What a NAT-PMP-only gateway does with a version other than 0 (RFC 6886 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum VersionError {
    /// Eight bytes: version 0, opcode 0 with the top bit clear, result 1.
    #[default]
    Rfc,
    /// The same with opcode 128 + the opcode of the request.
    ResponseBit,
    /// Nothing (`drops-v2`).
    Silent,
}

/// A result that is not the outcome of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    code: u16,
    lifetime: Option<u32>,
    left: Option<u32>,
}

impl Forced {
    /// This code for every request, with the Lifetime that [`ErrorLifetimes`] gives it.
    pub fn result(code: impl Into<u16>) -> Self {
        Self {
            code: code.into(),
            lifetime: None,
            left: None,
        }
    }

    /// The Lifetime of the error, in seconds. NAT-PMP errors carry none.
    pub fn lifetime(self, seconds: u32) -> Self {
        Self {
            lifetime: Some(seconds),
            ..self
        }
    }

    /// Only for the next so many requests.
    pub fn times(self, n: u32) -> Self {
        Self {
            left: Some(n),
            ..self
        }
    }

    /// The code and Lifetime to answer now; `None` when it is used up.
    pub(crate) fn take(&mut self) -> Option<(u16, Option<u32>)> {
        match &mut self.left {
            Some(0) => return None,
            Some(n) => *n -= 1,
            None => {}
        }
        Some((self.code, self.lifetime))
    }

    pub(crate) fn check(&self, op: Op) -> Result<(), ConfigError> {
        let fits = match op {
            Op::PcpAnnounce | Op::PcpMap | Op::PcpDelete | Op::PcpPeer => self.code <= 255,
            Op::NatPmpAddress | Op::NatPmpMap | Op::NatPmpDelete => true,
            Op::SsdpSearch | Op::SsdpNotify | Op::HttpGet | Op::Subscription | Op::Other => false,
            _ => true, // the actions of UPnP
        };
        if self.code == 0 || !fits {
            return Err(ConfigError::Forced {
                op,
                code: self.code,
            });
        }
        Ok(())
    }
}

/// How restarts and address changes are made known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Announcements {
    /// By the RFCs: ten NAT-PMP announcements (RFC 6886 §3.2.1) and ten PCP ANNOUNCEs (RFC 6887
    /// §14.1.3), 250 ms apart at first and then twice as far each time; after an address change
    /// three Mapping Updates for each PCP rule (§14.2).
    #[default]
    Rfc,
    /// miniupnpd's: on start one PCP ANNOUNCE; on an address change one NAT-PMP announcement with
    /// the old epoch and the new address, then one PCP ANNOUNCE with epoch 0.
    Miniupnpd,
    /// Not at all.
    Never,
}
