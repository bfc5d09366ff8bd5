//! The time of a first mapping, beside a bare request and answer.
//!
//! `cargo bench -p libplum --bench first_mapping [-- ROUNDS]`. Each round measures both, one after
//! the other, against one gateway on loopback: (a) a MAP request sent by hand on a connected UDP
//! socket until its answer is there; (b) `client.map(..).await` on a fresh client until the address
//! is known; (b') the same with building the client. Prints the medians and checks that a first
//! mapping is exactly two datagrams.

use std::future::IntoFuture;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use libplum::{Client, Transport};
use libplum_gateway::Gateway;

fn main() {
    // `cargo test --benches` and `cargo bench` pass flags of libtest's.
    let rounds = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(201);
    let gateway = Gateway::builder().start().expect("a gateway on loopback");
    let (mut bare, mut map, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        bare.push(bare_exchange(&gateway, round));

        gateway.log().clear();
        let begun = Instant::now();
        let client = Client::builder()
            .gateway_addr(gateway.addr())
            .build()
            .expect("a client");
        let built = Instant::now();
        let mapping = block_on(client.map(Transport::Tcp, 8080).into_future()).expect("mapped");
        let done = Instant::now();
        assert!(mapping.is_active());
        map.push(done - built);
        whole.push(done - begun);
        assert_eq!(
            gateway.log().entries().len(),
            2,
            "a request and its answer, nothing else"
        );

        client
            .shutdown_blocking(Duration::from_secs(10))
            .expect("closed");
        assert!(gateway.rules().is_empty());
    }
    let (bare, map, whole) = (median(bare), median(map), median(whole));
    println!("first mapping, {rounds} rounds, 2 datagrams each; medians:");
    println!("  bare MAP request and answer     {:8.1} us", micros(bare));
    println!("  client.map(..).await            {:8.1} us", micros(map));
    println!("  the same with Client::builder() {:8.1} us", micros(whole));
    println!(
        "  ratio map / bare                {:8.2}",
        micros(map) / micros(bare)
    );
}

/// RFC 6887 section 11.1, by hand; and its delete, which is not measured.
fn bare_exchange(gateway: &Gateway, round: u32) -> Duration {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(gateway.addr()).expect("connected");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time-out");
    let mut request = [0; 60];
    request[..2].copy_from_slice(&[2, 1]);
    request[4..8].copy_from_slice(&7200_u32.to_be_bytes());
    request[18..24].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]);
    request[24..28].copy_from_slice(&round.to_be_bytes());
    request[36] = 6;
    request[40..42].copy_from_slice(&9090_u16.to_be_bytes());
    request[42..44].copy_from_slice(&9090_u16.to_be_bytes());
    request[54..56].copy_from_slice(&[0xff, 0xff]);
    let mut answer = [0; 1100];

    let begun = Instant::now();
    socket.send(&request).expect("sent");
    let size = socket.recv(&mut answer).expect("answered");
    let took = begun.elapsed();
    assert_eq!((size, answer[3]), (60, 0), "mapped");

    request[4..8].fill(0);
    request[42..44].fill(0);
    socket.send(&request).expect("sent");
    socket.recv(&mut answer).expect("answered");
    assert!(gateway.rules().is_empty(), "deleted");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
