//! How slow, silent and unreliable the gateway is.

use std::time::Duration;

use super::odds::Odds;
use crate::error::ConfigError;
use crate::packet::Op;

/// How long the daemon works on one request. All zero: no time at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Service {
    /// For a request that writes nothing.
    pub read: Duration,
    /// For a request that creates or renews a rule.
    pub write: Duration,
    /// The same, in addition for each rule in the table.
    pub write_per_rule: Duration,
    /// For a delete.
    pub delete: Duration,
}

impl Service {
    /// What miniupnpd 2.3.1 with nftables was measured at: 12 ms for the first rule, 215 at 50,
    /// 416 at 100; 470 ms a delete (`serial-service`).
    pub const MINIUPNPD: Self = Self {
        read: Duration::from_micros(300),
        write: Duration::from_millis(12),
        write_per_rule: Duration::from_micros(4_050),
        delete: Duration::from_millis(470),
    };

    pub(crate) fn time(&self, op: Op, rules: usize) -> Duration {
        match op {
            Op::PcpMap
            | Op::NatPmpMap
            | Op::AddPortMapping
            | Op::AddAnyPortMapping
            | Op::AddPinhole => {
                let rules = u32::try_from(rules).unwrap_or(u32::MAX);
                self.write
                    .saturating_add(self.write_per_rule.saturating_mul(rules))
            }
            Op::PcpDelete
            | Op::NatPmpDelete
            | Op::DeletePortMapping
            | Op::DeletePortMappingRange
            | Op::DeletePinhole => self.delete,
            _ => self.read,
        }
    }
}

/// Who gets no answer, and nothing done for him.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Silence {
    /// Everybody.
    pub all: bool,
    /// Version 2 packets.
    pub pcp: bool,
    /// Version 0 packets.
    pub nat_pmp: bool,
    /// SSDP searches.
    pub ssdp: bool,
    /// Requests over HTTP: the connection is taken, and nothing comes.
    pub http: bool,
}

/// What goes wrong between the daemon and its clients. Every chance is drawn from the seed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Trouble {
    /// Only packets of this kind, and their answers, meet trouble; `None`: all do.
    pub only: Option<Op>,
    /// Every answer takes this long on its way.
    pub delay: Duration,
    /// And up to this much more, uniformly.
    pub jitter: Duration,
    /// A request is lost on its way in: nothing is done.
    pub lose_request: Odds,
    /// An answer is lost on its way out: it was done.
    pub lose_answer: Odds,
    /// An answer comes twice.
    pub duplicate: Odds,
    /// An answer is held back by `reorder_by`, so that later ones overtake it.
    pub reorder: Odds,
    /// How long a reordered answer is held back.
    pub reorder_by: Duration,
    /// A MAP answer bears another nonce.
    pub wrong_nonce: Odds,
    /// An answer comes from another port of the gateway (RFC 6887 §8.3: to be dropped).
    pub wrong_source: Odds,
    /// An answer is cut short.
    pub truncate: Odds,
    /// To this many bytes; `None`: to any length below its own.
    pub truncate_to: Option<usize>,
    /// An answer is filled up with zeros.
    pub oversize: Odds,
    /// To this many bytes; more than PCP's 1100 by default.
    pub oversize_to: usize,
    /// One bit of an answer is wrong.
    pub corrupt: Odds,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            only: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            lose_request: Odds::Never,
            lose_answer: Odds::Never,
            duplicate: Odds::Never,
            reorder: Odds::Never,
            reorder_by: Duration::from_millis(20),
            wrong_nonce: Odds::Never,
            wrong_source: Odds::Never,
            truncate: Odds::Never,
            truncate_to: None,
            oversize: Odds::Never,
            oversize_to: 1104,
            corrupt: Odds::Never,
        }
    }
}

impl Trouble {
    pub(crate) fn meets(&self, op: Op) -> bool {
        self.only.is_none_or(|only| only == op)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let odds = [
            ("lose_request", self.lose_request),
            ("lose_answer", self.lose_answer),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("wrong_nonce", self.wrong_nonce),
            ("wrong_source", self.wrong_source),
            ("truncate", self.truncate),
            ("oversize", self.oversize),
            ("corrupt", self.corrupt),
        ];
        if let Some((name, _)) = odds.iter().find(|(_, odds)| !odds.is_probability()) {
            return Err(ConfigError::Probability(name));
        }
        // 65,507 bytes are the most that one UDP datagram carries over IPv4.
        if self.oversize_to > 65_507 {
            return Err(ConfigError::Oversize(self.oversize_to));
        }
        Ok(())
    }
}
