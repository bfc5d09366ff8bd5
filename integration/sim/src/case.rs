//! What is played: a gateway, a configuration, a seed, and a script.

use std::net::Ipv4Addr;

use libplum_gateway::model::{Announcements, Forced, Knobs, PortPolicy, Quirk, TableModel};
use libplum_gateway::Op as Kind;

use crate::engine::{Config, Transport};
use crate::rng::Rng;

/// The gateways of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Style {
    Rfc,
    SingleRule,
    Miniupnpd,
    Quiet,
    PcpOnly,
    NatPmpOnly,
    NatPmpOnly128,
    DropsV2,
    NextFree,
    Tiny,
    Huge,
    Slow,
}

impl Style {
    /// All of them.
    pub const ALL: [Style; 12] = [
        Style::Rfc,
        Style::SingleRule,
        Style::Miniupnpd,
        Style::Quiet,
        Style::PcpOnly,
        Style::NatPmpOnly,
        Style::NatPmpOnly128,
        Style::DropsV2,
        Style::NextFree,
        Style::Tiny,
        Style::Huge,
        Style::Slow,
    ];

    /// Its settings.
    pub fn knobs(self) -> Knobs {
        let mut knobs = Knobs::default();
        knobs.lifetimes = 20..=86_400;
        match self {
            Style::Rfc => knobs.table = TableModel::StrictNonce,
            Style::SingleRule => {}
            Style::Miniupnpd => Quirk::Miniupnpd.apply(&mut knobs),
            Style::Quiet => knobs.announcements = Announcements::Never,
            Style::PcpOnly => knobs.nat_pmp = false,
            Style::NatPmpOnly => Quirk::ShortVersionError.apply(&mut knobs),
            Style::NatPmpOnly128 => Quirk::ShortVersionErrorWithResponseBit.apply(&mut knobs),
            Style::DropsV2 => Quirk::DropsV2.apply(&mut knobs),
            Style::NextFree => knobs.port_policy = PortPolicy::NextFree,
            Style::Tiny => Quirk::TinyLifetime.apply(&mut knobs),
            Style::Huge => Quirk::HugeLifetime.apply(&mut knobs),
            Style::Slow => Quirk::SerialService.apply(&mut knobs),
        }
        knobs
    }
}

/// The road between us and the gateway, each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Milliseconds.
    pub delay: u64,
    /// And up to so many more; packets overtake each other then.
    pub jitter: u64,
    /// Percent lost.
    pub loss: u64,
    /// Percent that come twice.
    pub twice: u64,
    /// Percent of the answers with a wrong bit.
    pub corrupt: u64,
}

impl Link {
    /// A good one.
    pub const GOOD: Link = Link {
        delay: 1,
        jitter: 0,
        loss: 0,
        twice: 0,
        corrupt: 0,
    };

    /// Whether what is sent arrives as it was.
    pub fn is_faithful(&self) -> bool {
        self.loss == 0 && self.corrupt == 0
    }
}

/// Where the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// Behind the gateway, with its usual address.
    Home,
    /// Behind it, with another address.
    Moved,
    /// Nowhere.
    Away,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Op {
    Map {
        id: u32,
        transport: Transport,
        port: u16,
        suggested: u16,
        prefer_failure: bool,
        lifetime: u32,
        timeout: u32,
    },
    Unmap(u32),
    Ask(u32, u32),
    Shutdown(u64),
    /// The daemon restarts; true: with its table.
    Restart(bool),
    Close,
    Open,
    /// Nothing gets through.
    Dark(bool),
    Silence {
        pcp: bool,
        nat_pmp: bool,
    },
    Be(Where),
    /// The last octet of the WAN address; 0: none.
    Wan(u8),
    Road(Link),
    WrongNonce(bool),
    WrongSource(bool),
    Truncate(bool),
    Oversize(bool),
    /// (request, code, its Lifetime, so many times)
    Force(Kind, u8, u32, u32),
    Unforce,
    Speak {
        pcp: bool,
        nat_pmp: bool,
    },
    /// Our rules for this internal port are gone without a word.
    Forget(Transport, u16),
    NoSockets(bool),
    Slow(bool),
    /// An announcement that claims a restart (true: PCP's).
    Cry(bool),
    /// A Mapping Update moves our rule of this internal port.
    Move(Transport, u16, u16),
}

/// Something at a time, in milliseconds from the start.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Item {
    pub at: u64,
    pub op: Op,
}

/// All that decides a run.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Case {
    pub name: String,
    pub seed: u64,
    pub style: Style,
    pub config: Config,
    /// In order of time.
    pub script: Vec<Item>,
    /// When the run ends.
    pub end: u64,
    /// This allocation fails.
    pub fail_at: Option<u64>,
}

impl Case {
    /// An empty one.
    pub fn new(name: impl Into<String>, seed: u64, style: Style) -> Self {
        Self {
            name: name.into(),
            seed,
            style,
            config: Config {
                allow: 3,
                lifetime: 60,
                discover_timeout: 10_000,
                mapping_timeout: 10_000,
                recheck_period: 30_000,
                shutdown_timeout: 2_000,
                restart_jitter: 0,
            },
            script: Vec::new(),
            end: 0,
            fail_at: None,
        }
    }

    /// Adds something, in its place.
    pub fn at(&mut self, at: u64, op: Op) -> &mut Self {
        let place = self.script.partition_point(|item| item.at <= at);
        self.script.insert(place, Item { at, op });
        self.end = self.end.max(at);
        self
    }

    /// Adds a mapping.
    pub fn map(&mut self, at: u64, id: u32, transport: Transport, port: u16) -> &mut Self {
        self.at(
            at,
            Op::Map {
                id,
                transport,
                port,
                suggested: 0,
                prefer_failure: false,
                lifetime: 0,
                timeout: 0,
            },
        )
    }
}

/// What a forced result does to the knobs.
pub(crate) fn force(knobs: &mut Knobs, kind: Kind, code: u8, lifetime: u32, times: u32) {
    knobs.force(kind, Forced::result(code).lifetime(lifetime).times(times));
}

/// The WAN address with this last octet.
pub(crate) fn wan(last: u8) -> Option<Ipv4Addr> {
    (last != 0).then(|| Ipv4Addr::new(203, 0, 113, last))
}

/// The disturbances of random cases: how each begins, and how it ends.
fn trouble(rng: &mut Rng) -> (Op, Option<Op>) {
    let bad = |link: Link| (Op::Road(link), Some(Op::Road(Link::GOOD)));
    let codes = [2u8, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 200];
    match rng.below(30) {
        0 => (Op::Restart(true), None),
        1 | 2 => (Op::Restart(false), None),
        3 => (Op::Close, Some(Op::Open)),
        4 => (Op::Close, Some(Op::Restart(false))),
        5 => (Op::Dark(true), Some(Op::Dark(false))),
        6 => (
            Op::Silence {
                pcp: true,
                nat_pmp: false,
            },
            Some(Op::Silence {
                pcp: false,
                nat_pmp: false,
            }),
        ),
        7 => (
            Op::Silence {
                pcp: false,
                nat_pmp: true,
            },
            Some(Op::Silence {
                pcp: false,
                nat_pmp: false,
            }),
        ),
        8 => (Op::Be(Where::Away), Some(Op::Be(Where::Home))),
        9 => (Op::Be(Where::Moved), Some(Op::Be(Where::Home))),
        10 => (Op::Be(Where::Away), Some(Op::Be(Where::Moved))),
        11 => (Op::Wan(rng.below(200) as u8 + 1), None),
        12 => (Op::Wan(0), Some(Op::Wan(9))),
        13 => bad(Link {
            loss: 10 + rng.below(70),
            ..Link::GOOD
        }),
        14 => bad(Link {
            delay: rng.below(3000),
            jitter: rng.below(2000),
            ..Link::GOOD
        }),
        15 => bad(Link {
            twice: 100,
            jitter: rng.below(500),
            ..Link::GOOD
        }),
        16 => (Op::WrongNonce(true), Some(Op::WrongNonce(false))),
        17 => (Op::WrongSource(true), Some(Op::WrongSource(false))),
        18 => (Op::Truncate(true), Some(Op::Truncate(false))),
        19 => (Op::Oversize(true), Some(Op::Oversize(false))),
        20 => {
            let kind = rng.pick(&[Kind::PcpMap, Kind::PcpDelete, Kind::PcpAnnounce]);
            let times = 1 + rng.below(5) as u32;
            let lifetime = rng.pick(&[0, 1, 5, 30, 600]);
            (
                Op::Force(kind, rng.pick(&codes), lifetime, times),
                Some(Op::Unforce),
            )
        }
        21 => {
            let kind = rng.pick(&[Kind::NatPmpMap, Kind::NatPmpDelete, Kind::NatPmpAddress]);
            let code = rng.pick(&[2, 3, 4, 5, 77]);
            (
                Op::Force(kind, code, 0, 1 + rng.below(5) as u32),
                Some(Op::Unforce),
            )
        }
        22 => (
            Op::Speak {
                pcp: false,
                nat_pmp: true,
            },
            Some(Op::Speak {
                pcp: true,
                nat_pmp: true,
            }),
        ),
        23 => (
            Op::Speak {
                pcp: true,
                nat_pmp: false,
            },
            None,
        ),
        24 => (Op::NoSockets(true), Some(Op::NoSockets(false))),
        25 => (Op::Slow(true), Some(Op::Slow(false))),
        26 => {
            let transport = rng.pick(&[Transport::Tcp, Transport::Udp]);
            (Op::Forget(transport, rng.pick(&[8080, 9000, 9001])), None)
        }
        27 => {
            let transport = rng.pick(&[Transport::Tcp, Transport::Udp]);
            let to = 12_000 + rng.below(3) as u16;
            (Op::Move(transport, rng.pick(&[8080, 9000]), to), None)
        }
        _ => (Op::Cry(rng.percent(50)), None),
    }
}

/// The case of a seed.
pub fn random(seed: u64) -> Case {
    let mut rng = Rng::new(seed ^ 0x5_1A1A);
    let mut case = Case::new(format!("seed {seed}"), seed, rng.pick(&Style::ALL));
    case.config.lifetime = rng.pick(&[20, 60, 60, 300, 7200, 1_000_000]);
    case.config.recheck_period = rng.pick(&[5_000, 30_000, 30_000, 120_000]);
    case.config.restart_jitter = rng.pick(&[0, 0, 5_000]);
    case.config.allow = rng.pick(&[3, 3, 3, 3, 1, 2]);
    let length = rng.pick(&[30_000, 120_000, 600_000]);
    let handles = 1 + rng.below(6) as u32;
    case.at(rng.below(3) * 500, Op::Be(Where::Home));
    for id in 1..=handles {
        let from = rng.below(length / 2);
        let transport = rng.pick(&[Transport::Tcp, Transport::Udp]);
        case.at(
            from,
            Op::Map {
                id,
                transport,
                port: rng.pick(&[8080, 8080, 9000, 9001, 7000, 30000]),
                suggested: rng.pick(&[0, 0, 0, 443, 9000, 2222]),
                prefer_failure: rng.percent(10),
                lifetime: rng.pick(&[0, 0, 40, 100]),
                timeout: rng.pick(&[0, 0, 0, 1, 700, 20_000]),
            },
        );
        if rng.percent(40) {
            case.at(from + 1 + rng.below(length / 2), Op::Unmap(id));
        }
    }
    for request in 0..rng.below(3) as u32 {
        let what = rng.below(2) as u32;
        case.at(rng.below(length), Op::Ask(1 + request, what));
    }
    for _ in 0..rng.below(7) {
        let from = rng.below(length);
        let lasts = rng.pick(&[50, 400, 3_000, 12_000, 60_000]);
        let (begin, end) = trouble(&mut rng);
        case.at(from, begin);
        if let Some(end) = end {
            case.at(from + 1 + rng.below(lasts), end);
        }
    }
    let calm = case.end + 1 + rng.below(2) * 700_000;
    if rng.percent(70) {
        case.at(calm, Op::Shutdown(rng.pick(&[1, 100, 2_000, 5_000])));
    }
    case.end = calm + 6_000;
    case
}
