//! The stop-watch: time to the first mapping beside a bare request, by turns.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use libplum::{Client, State, Transport};

use super::bare::bare_map;

const PATIENCE: Duration = Duration::from_secs(30);

/// Medians over alternating pairs.
#[derive(Debug, Clone, Copy)]
pub struct FirstMapping {
    /// How many pairs.
    pub pairs: usize,
    /// One PCP MAP by hand, from its request to its answer.
    pub bare: Duration,
    /// libplum, from the building of a client to the first SUCCESS.
    pub libplum: Duration,
}

impl FirstMapping {
    /// How much longer libplum takes.
    pub fn ratio(&self) -> f64 {
        self.libplum.as_secs_f64() / self.bare.as_secs_f64()
    }
}

impl fmt::Display for FirstMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "medians of {} alternating pairs: bare MAP {:.2} ms, libplum {:.2} ms, ratio {:.3} \
             (wanted: 1.2 at most)",
            self.pairs,
            self.bare.as_secs_f64() * 1e3,
            self.libplum.as_secs_f64() * 1e3,
            self.ratio(),
        )
    }
}

/// Measures at the router of the default route, which is `router`.
///
/// # Panics
///
/// When the router does not map.
pub fn first_mapping(router: Ipv4Addr, pairs: usize) -> FirstMapping {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    // The first of each fills caches: the neighbour table, the daemon's own.
    measure(router, 0);
    for pair in 1..=pairs {
        let (by_hand, by_libplum) = measure(router, pair);
        bare.push(by_hand);
        ours.push(by_libplum);
    }
    FirstMapping {
        pairs,
        bare: median(bare),
        libplum: median(ours),
    }
}

/// One pair; every other one the other way round, so that neither profits from its place.
fn measure(router: Ipv4Addr, pair: usize) -> (Duration, Duration) {
    let port = 10_000 + u16::try_from(pair % 10_000).expect("below 10,000");
    if pair % 2 == 0 {
        let bare = by_hand(router, pair, port);
        (bare, by_libplum(port))
    } else {
        let ours = by_libplum(port);
        (by_hand(router, pair, port), ours)
    }
}

fn by_hand(router: Ipv4Addr, pair: usize, port: u16) -> Duration {
    let mut nonce = [0x5a; 12];
    nonce[..8].copy_from_slice(&pair.to_be_bytes());
    bare_map(router, port, nonce).expect("the router maps")
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
