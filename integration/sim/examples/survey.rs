//! Plays random seeds without stopping at the first failure: what broke, how often, and the first
//! seed of each kind. `cargo run -p libplum-sim --example survey -- FIRST COUNT`

use std::collections::BTreeMap;

use libplum_sim::{play, random, Twist};

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .map(|a| a.parse().expect("a number"));
    let (first, count) = (args.next().unwrap_or(1), args.next().unwrap_or(10_000));
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (mut steps, mut successes) = (0, 0);
    for seed in first..first + count {
        match play(&random(seed), Twist::None) {
            Ok(outcome) => {
                steps += outcome.steps;
                successes += outcome.successes;
            }
            Err(broken) => {
                let letters = broken.what.chars().filter(|c| !c.is_ascii_digit());
                let kind = letters.take(60).collect();
                kinds.entry(kind).or_insert((0, seed)).0 += 1;
            }
        }
    }
    println!("{count} seeds, {steps} steps, {successes} times SUCCESS");
    for (kind, (times, seed)) in kinds {
        println!("{times:>6} (first: seed {seed}) {kind}");
    }
}
