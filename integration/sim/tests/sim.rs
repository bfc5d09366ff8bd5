//! The invariants over schedules and seeds. `src/world.rs` judges them after every step.
//!
//! A failure shows itself shrunk, with its seed. `SIM_SEED=n cargo test -p libplum-sim random_seeds`
//! plays one seed; `SIM_SEEDS=n` plays so many, from `SIM_FIRST` on.

use libplum_gateway::Op as Kind;
use libplum_sim::{
    explain, play, random, Case, Link, Op, Outcome, Style, Transport, Twist, Where, World,
};

fn hold(case: &Case, twist: Twist) -> Outcome {
    match play(case, twist) {
        Ok(outcome) => outcome,
        Err(broken) => panic!("{}", explain(case, twist, &broken)),
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

// ---- the short script: map, renew, restart, unmap, stop ----

/// Everything is mapped, and renewed before this.
const RESTART: u64 = 45_000;
/// Far enough for what is broken before to have healed.
const UNMAP: u64 = 420_000;
const STOP: u64 = 425_000;

fn script(name: String, style: Style) -> Case {
    let mut case = Case::new(name, 1, style);
    case.at(0, Op::Be(Where::Home));
    case.map(100, 1, Transport::Tcp, 8080);
    case.map(100, 2, Transport::Udp, 9000);
    case.at(RESTART, Op::Restart(false));
    case.at(UNMAP, Op::Unmap(1));
    case.at(STOP, Op::Shutdown(2_000));
    case.end = STOP + 6_000;
    case
}

/// Moments that differ: nothing is known; asked; mapped; about to be renewed; the renewal is out;
/// before and after the restart.
const MOMENTS: [u64; 7] = [50, 101, 200, 30_000, 34_000, 44_990, 45_005];

const NO_SILENCE: Op = Op::Silence {
    pcp: false,
    nat_pmp: false,
};

fn road(link: Link) -> (Op, Option<Op>) {
    (Op::Road(link), Some(Op::Road(Link::GOOD)))
}

fn faults(style: Style) -> Vec<(Op, Option<Op>)> {
    let usual = style.knobs();
    let speak = Op::Speak {
        pcp: usual.pcp,
        nat_pmp: usual.nat_pmp,
    };
    let speaks = |pcp, nat_pmp| (Op::Speak { pcp, nat_pmp }, Some(speak));
    let forces =
        |kind, code, lifetime, times| (Op::Force(kind, code, lifetime, times), Some(Op::Unforce));
    vec![
        (Op::Restart(false), None),
        (Op::Restart(true), None),
        (Op::Close, Some(Op::Open)),
        (Op::Close, Some(Op::Restart(false))),
        (Op::Dark(true), Some(Op::Dark(false))),
        (
            Op::Silence {
                pcp: true,
                nat_pmp: false,
            },
            Some(NO_SILENCE),
        ),
        (
            Op::Silence {
                pcp: false,
                nat_pmp: true,
            },
            Some(NO_SILENCE),
        ),
        (Op::Be(Where::Away), Some(Op::Be(Where::Home))),
        (Op::Be(Where::Moved), Some(Op::Be(Where::Home))),
        (Op::Wan(77), None),
        (Op::Wan(0), Some(Op::Wan(78))),
        road(Link {
            loss: 60,
            ..Link::GOOD
        }),
        road(Link {
            delay: 700,
            jitter: 900,
            ..Link::GOOD
        }),
        road(Link {
            twice: 100,
            jitter: 300,
            ..Link::GOOD
        }),
        (Op::WrongNonce(true), Some(Op::WrongNonce(false))),
        (Op::WrongSource(true), Some(Op::WrongSource(false))),
        (Op::Truncate(true), Some(Op::Truncate(false))),
        (Op::Oversize(true), Some(Op::Oversize(false))),
        (Op::NoSockets(true), Some(Op::NoSockets(false))),
        (Op::Slow(true), Some(Op::Slow(false))),
        (Op::Cry(true), None),
        (Op::Cry(false), None),
        (Op::Forget(Transport::Tcp, 8080), None),
        (Op::Move(Transport::Tcp, 8080, 12_345), None),
        speaks(false, true),
        speaks(true, false),
        forces(Kind::PcpMap, 8, 5, 3),
        forces(Kind::PcpMap, 2, 5, 3),
        forces(Kind::PcpMap, 12, 5, 1),
        forces(Kind::PcpAnnounce, 4, 0, 9),
        forces(Kind::NatPmpMap, 3, 0, 3),
        forces(Kind::NatPmpAddress, 3, 0, 3),
    ]
}

fn disturb(case: &mut Case, fault: (Op, Option<Op>), at: u64, lasts: u64) {
    case.at(at, fault.0);
    if let Some(end) = fault.1 {
        case.at(at + lasts, end);
    }
}

#[test]
fn all_schedules_with_one_fault() {
    let (mut runs, mut steps) = (0, 0);
    for style in Style::ALL {
        for fault in faults(style) {
            for at in MOMENTS
                .into_iter()
                .chain([UNMAP - 10, UNMAP + 1, STOP - 10, STOP + 1])
            {
                for lasts in [400, 12_000] {
                    let name = format!("{:?} at {at} for {lasts} ms", fault.0);
                    let mut case = script(name, style);
                    disturb(&mut case, fault, at, lasts);
                    case.end = STOP + 6_000;
                    steps += hold(&case, Twist::None).steps;
                    runs += 1;
                }
            }
        }
    }
    println!("{runs} schedules, {steps} steps");
}

#[test]
fn schedules_with_two_faults() {
    let every = number("SIM_EVERY").unwrap_or(7);
    let (mut runs, mut steps, mut number) = (0, 0, 0u64);
    for style in [Style::Miniupnpd, Style::Rfc, Style::NatPmpOnly] {
        let faults = faults(style);
        for first in &faults {
            for second in &faults {
                for (i, &at) in MOMENTS.iter().enumerate() {
                    for &then in &MOMENTS[i..] {
                        number += 1;
                        if number % every != 0 {
                            continue;
                        }
                        let name = format!("{:?} at {at}, {:?} at {then}", first.0, second.0);
                        let mut case = script(name, style);
                        disturb(&mut case, *first, at, 5_000);
                        disturb(&mut case, *second, then, 9_000);
                        case.end = STOP + 6_000;
                        steps += hold(&case, Twist::None).steps;
                        runs += 1;
                    }
                }
            }
        }
    }
    println!("{runs} schedules, {steps} steps");
}

#[test]
fn random_seeds() {
    if let Some(seed) = number("SIM_SEED") {
        let case = random(seed);
        let (result, trace) = World::new(&case, Twist::None, true).expect("memory").run();
        for line in trace {
            println!("{line}");
        }
        println!("{case:#?}\n{result:?}");
        hold(&case, Twist::None);
        return;
    }
    let (first, count) = (number("SIM_FIRST"), number("SIM_SEEDS"));
    let mut steps = 0;
    for seed in first.unwrap_or(1)..first.unwrap_or(1) + count.unwrap_or(1_000) {
        steps += hold(&random(seed), Twist::None).steps;
    }
    println!("{steps} steps");
}

#[test]
fn it_stops_in_time_from_every_state() {
    let mut steps = 0;
    for style in Style::ALL {
        for ending in [
            None,
            Some(Op::Dark(true)),
            Some(Op::Close),
            Some(Op::Be(Where::Away)),
        ] {
            let mut case = script(format!("{style:?}, {ending:?}"), style);
            case.script.retain(|item| item.at < 50_000);
            case.end = 50_000;
            if let Some(ending) = ending {
                case.at(20_000, ending);
                case.at(RESTART + 2_000, Op::Dark(false));
            }
            let whole = hold(&case, Twist::None).steps;
            for step in 1..=whole {
                let mut case = case.clone();
                case.end = 60_000;
                steps += hold(&case, Twist::StopAfter(step)).steps;
            }
        }
    }
    println!("{steps} steps");
}

#[test]
fn datagrams_from_others_change_nothing() {
    for style in Style::ALL {
        let case = script(format!("{style:?}"), style);
        assert_eq!(
            hold(&case, Twist::None),
            hold(&case, Twist::Noise),
            "{style:?}"
        );
    }
    for seed in 1..=200 {
        let case = random(seed);
        let (quiet, noisy) = (hold(&case, Twist::None), hold(&case, Twist::Noise));
        assert_eq!(quiet.hash, noisy.hash, "seed {seed}");
    }
}

#[test]
fn doubling_any_answer_changes_nothing() {
    for style in Style::ALL {
        let mut case = script(format!("{style:?}"), style);
        case.script.retain(|item| item.at < 60_000);
        case.at(100_000, Op::Unmap(1));
        case.at(110_000, Op::Shutdown(2_000));
        let once = hold(&case, Twist::None);
        for n in 1..=once.deliveries {
            let twice = hold(&case, Twist::Twice(n));
            assert_eq!(once.hash, twice.hash, "{style:?}: datagram {n} came twice");
        }
    }
}

#[test]
fn two_runs_of_one_seed_are_equal() {
    for seed in 1..=200 {
        let case = random(seed);
        assert_eq!(
            hold(&case, Twist::None),
            hold(&case, Twist::None),
            "seed {seed}"
        );
    }
}

#[test]
fn a_slow_gateway_is_not_pressed() {
    for style in [Style::Slow, Style::Miniupnpd] {
        let mut case = Case::new(format!("a hundred on {style:?}"), 3, style);
        case.config.lifetime = 7_200;
        case.config.mapping_timeout = 60_000;
        case.at(0, Op::Be(Where::Home));
        case.at(0, Op::Slow(true));
        for id in 1..=100 {
            case.map(10, id, Transport::Udp, 20_000 + id as u16);
        }
        case.at(60_000, Op::Be(Where::Home));
        let outcome = hold(&case, Twist::None);
        println!("{style:?}: {} MAPs for 100 mappings", outcome.maps);
        assert!(outcome.maps <= 120, "{style:?}: {} MAPs", outcome.maps);
        assert!(outcome.successes >= 100, "{style:?}: {outcome:?}");
    }
}

/// Nobody announces it, and no renewal is near: only rechecks can find out.
#[test]
fn a_restart_that_nobody_announces_is_noticed() {
    for (pcp, nat_pmp) in [(true, false), (false, true)] {
        let mut case = Case::new(format!("quiet, PCP {pcp}"), 5, Style::Quiet);
        case.config.lifetime = 7_200;
        case.at(0, Op::Be(Where::Home));
        case.at(0, Op::Speak { pcp, nat_pmp });
        case.map(100, 1, Transport::Tcp, 8080);
        case.at(100_000, Op::Restart(false));
        case.at(300_000, Op::Shutdown(2_000));
        hold(&case, Twist::None);
    }
}

/// Whatever was on its way when a mapping was given up is undone.
#[test]
fn nothing_is_left_of_what_was_destroyed_on_its_way() {
    let road = Link {
        delay: 45,
        ..Link::GOOD
    };
    for style in [
        Style::PcpOnly,
        Style::Miniupnpd,
        Style::NatPmpOnly,
        Style::Rfc,
    ] {
        for after in (1..400).step_by(7) {
            let mut case = Case::new(format!("{style:?}, {after} ms"), 6, style);
            case.at(0, Op::Be(Where::Home));
            case.at(0, Op::Road(road));
            case.map(10_000, 1, Transport::Tcp, 8080);
            case.at(10_000 + after, Op::Unmap(1));
            case.at(20_000, Op::Road(road));
            hold(&case, Twist::None);
        }
    }
}

#[test]
fn any_allocation_may_fail() {
    for style in [Style::Miniupnpd, Style::NatPmpOnly] {
        let mut case = script(format!("{style:?}"), style);
        case.at(UNMAP - 50_000, Op::Be(Where::Away));
        case.at(UNMAP - 49_000, Op::Be(Where::Moved));
        case.at(UNMAP - 48_000, Op::Be(Where::Moved));
        case.at(1, Op::Be(Where::Home));
        case.at(150, Op::Ask(1, 1));
        for n in 1..=hold(&case, Twist::None).allocations {
            case.fail_at = Some(n);
            case.name = format!("{style:?}, allocation {n} fails");
            hold(&case, Twist::None);
        }
    }
}
