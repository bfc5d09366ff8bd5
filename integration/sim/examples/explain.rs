//! The failure of one random seed, shrunk. `cargo run -p libplum-sim --example explain -- SEED`

use libplum_sim::{explain, play, random, Twist};

fn main() {
    for seed in std::env::args()
        .skip(1)
        .map(|a| a.parse().expect("a number"))
    {
        let case = random(seed);
        match play(&case, Twist::None) {
            Ok(outcome) => println!("seed {seed} holds: {outcome:?}"),
            Err(broken) => println!("{}", explain(&case, Twist::None, &broken)),
        }
    }
}
