//! A failure made small: what it does not need is dropped from its script.

use std::fmt::Write as _;

use crate::case::Case;
use crate::world::{play, Broken, Twist, World};

/// The first words of what broke: a smaller script must break the same.
fn kind(broken: &Broken) -> String {
    let letters = broken.what.chars().filter(|c| !c.is_ascii_digit());
    letters.take(40).collect()
}

/// Drops items while it still breaks in the same way.
pub fn shrink(case: &Case, twist: Twist, broken: &Broken) -> (Case, Broken) {
    let (mut best, mut seen) = (case.clone(), broken.clone());
    let mut again = true;
    while again {
        again = false;
        let mut i = 0;
        while i < best.script.len() {
            let mut smaller = best.clone();
            smaller.script.remove(i);
            match play(&smaller, twist) {
                Err(found) if kind(&found) == kind(&seen) => {
                    (best, seen) = (smaller, found);
                    again = true;
                }
                _ => i += 1,
            }
        }
    }
    (best, seen)
}

/// The shrunk failure with its script and the end of what was seen, for a person to read.
pub fn explain(case: &Case, twist: Twist, broken: &Broken) -> String {
    let (small, seen) = shrink(case, twist, broken);
    let mut out = format!(
        "{} ({:?}): at {} ms: {}\nshrunk to, at {} ms: {}\n{:?}, seed {}, {:?}\n",
        case.name,
        twist,
        broken.at,
        broken.what,
        seen.at,
        seen.what,
        small.style,
        small.seed,
        small.config
    );
    for item in &small.script {
        writeln!(out, "  {:>9} {:?}", item.at, item.op).expect("a String has room");
    }
    if let Some(world) = World::new(&small, twist, true) {
        let trace = world.run().1;
        for line in &trace[trace.len().saturating_sub(60)..] {
            writeln!(out, "  {line}").expect("a String has room");
        }
    }
    out
}
