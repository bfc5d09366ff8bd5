//! Time to the first mapping at a real router, beside a bare MAP request in the same run.
//!
//! `first-mapping [PAIRS]`: by turns, a bare PCP MAP by hand, and libplum from the building of a
//! client to the first SUCCESS. Prints the medians and their ratio.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the lab with a real router needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::process::ExitCode;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use libplum::{Client, State, Transport};
    use libplum_integration::lab::*;

    const PAIRS: usize = 25;
    const PATIENCE: Duration = Duration::from_secs(30);

    pub(crate) fn main() -> ExitCode {
        if let Some(reason) = missing() {
            println!("not measured: {reason}");
            return ExitCode::SUCCESS;
        }
        let pairs = match std::env::args().nth(1).map(|text| text.parse()) {
            None => PAIRS,
            Some(Ok(pairs)) if pairs > 0 => pairs,
            Some(_) => {
                eprintln!("usage: first-mapping [PAIRS]");
                return ExitCode::from(2);
            }
        };
        let home = Home::new();
        let _daemon = home.daemon(&DaemonOptions::default());
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        home.lan.run(|| {
            // The first of each fills caches: the neighbour table, the daemon's own.
            measure(0);
            for pair in 1..=pairs {
                let (by_hand, by_libplum) = measure(pair);
                bare.push(by_hand);
                ours.push(by_libplum);
            }
        });
        let (bare, ours) = (median(bare), median(ours));
        let ratio = ours.as_secs_f64() / bare.as_secs_f64();
        println!(
            "first mapping at miniupnpd, medians of {pairs} alternating pairs: \
             bare MAP {:.2} ms, libplum {:.2} ms, ratio {ratio:.3} (wanted: 1.2 at most)",
            bare.as_secs_f64() * 1e3,
            ours.as_secs_f64() * 1e3,
        );
        ExitCode::SUCCESS
    }

    /// One pair; every other one the other way round, so that neither profits from its place.
    fn measure(pair: usize) -> (Duration, Duration) {
        let port = 10_000 + u16::try_from(pair % 10_000).expect("below 10,000");
        if pair % 2 == 0 {
            let bare = by_hand(pair, port);
            (bare, by_libplum(port))
        } else {
            let ours = by_libplum(port);
            (by_hand(pair, port), ours)
        }
    }

    fn by_hand(pair: usize, port: u16) -> Duration {
        let mut nonce = [0x5a; 12];
        nonce[..8].copy_from_slice(&pair.to_be_bytes());
        bare_map(ROUTER, port, nonce).expect("the router maps")
    }

    fn by_libplum(port: u16) -> Duration {
        let (sender, changes) = channel();
        let start = Instant::now();
        let client = Client::builder().build().expect("a client starts");
        let mapping = client
            .map(Transport::Tcp, port)
            .on_change(move |change| {
                // Only the first is waited for.
                let _ = sender.send((change.state.clone(), Instant::now()));
            })
            .start()
            .expect("a mapping starts");
        let (state, at) = changes.recv_timeout(PATIENCE).expect("an outcome");
        assert!(matches!(state, State::Active(_)), "{state:?}");
        drop(mapping);
        client
            .shutdown_blocking(PATIENCE)
            .expect("the client shuts down");
        at - start
    }

    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort();
        times[times.len() / 2]
    }
}
