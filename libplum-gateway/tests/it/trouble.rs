//! Troubles that need a real socket to be seen.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use libplum_gateway::model::{code, Forced, Odds, Quirk};
use libplum_gateway::{Fate, Gateway, Op};

use crate::client::{Client, ADDRESS, LONG};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn delays_are_accurate() {
    let gateway = Gateway::builder().delay(ms(30)).start().unwrap();
    let client = Client::of(&gateway);
    // Never early; and in one of many, on a busy machine too, hardly late.
    let close = (0..50).any(|_| {
        let begin = Instant::now();
        client.ask(&ADDRESS);
        let took = begin.elapsed();
        assert!(took >= ms(30), "{took:?}");
        took < ms(33)
    });
    assert!(close);
    let log = gateway.log();
    let (request, answer) = (&log.requests()[0], &log.answers()[0]);
    assert_eq!(answer.at - request.at, ms(30), "and the log is exact");
    assert!(gateway.instant(request.at) < gateway.instant(answer.at));
}

#[test]
fn answers_that_wait_keep_their_order_among_others() {
    let gateway = Gateway::builder().start().unwrap();
    gateway
        .set(|k| {
            k.trouble.reorder = Odds::Next(1);
            k.trouble.reorder_by = ms(40);
        })
        .unwrap();
    let client = Client::of(&gateway);
    client.send(&ADDRESS);
    client.send(&client.announce());
    assert_eq!(client.receive().unwrap()[0], 2);
    assert_eq!(client.receive().unwrap()[0], 0);
}

#[test]
fn a_wrong_source_port_is_really_another() {
    let gateway = Gateway::builder().quirk(Quirk::OtherPort).start().unwrap();
    let open = UdpSocket::bind("127.0.0.1:0").unwrap();
    open.set_read_timeout(Some(LONG)).unwrap();
    open.send_to(&ADDRESS, gateway.addr()).unwrap();
    let mut buffer = [0; 64];
    let (length, from) = open.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from.ip()), (12, gateway.addr().ip()));
    assert_ne!(from.port(), gateway.addr().port());
    // A connected client hears nothing of it.
    let client = Client::of(&gateway);
    client.send(&ADDRESS);
    gateway.log().wait_for(LONG, |e| {
        e.fate == Fate::Sent && e.peer != open.local_addr().unwrap()
    });
    gateway
        .set(|k| k.trouble.wrong_source = Odds::Never)
        .unwrap();
    client.send(&client.announce());
    assert_eq!(
        client.receive().unwrap()[0],
        2,
        "the first to arrive is the second answer"
    );
}

#[test]
fn silence_and_speech() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    gateway.stop_answering();
    client.send(&ADDRESS);
    let entry = gateway
        .log()
        .wait_for(LONG, |e| e.fate == Fate::Silent)
        .unwrap();
    assert_eq!(entry.op(), Op::NatPmpAddress);
    gateway.answer_again();
    assert_eq!(client.ask(&client.announce()).op(), Op::PcpAnnounce);
}

#[test]
fn forced_results_run_out() {
    let gateway = Gateway::builder()
        .set(|k| k.force(Op::PcpMap, Forced::result(code::pcp::NO_RESOURCES).times(1)))
        .start()
        .unwrap();
    let client = Client::of(&gateway);
    let map = client.map(1, 6, 80, 600);
    assert_eq!(client.ask(&map).result(), Some(8));
    assert_eq!(client.ask(&map).result(), Some(0));
}

#[test]
fn a_thousand_maps_in_flight() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    let mut answered = 0;
    for window in 0..10u16 {
        for n in 0..100 {
            client.send(&client.map(1, 17, 10_000 + window * 100 + n, 600));
        }
        for _ in 0..100 {
            client.receive().unwrap();
            answered += 1;
        }
    }
    assert_eq!((answered, gateway.rules().len()), (1000, 1000));
}

#[test]
fn every_quirk_starts() {
    for quirk in Quirk::ALL {
        let gateway = Gateway::builder().quirk(quirk).start().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&ADDRESS, gateway.addr()).unwrap();
        assert!(
            gateway.log().wait_for_count(LONG, Op::NatPmpAddress, 1),
            "{}",
            quirk.name()
        );
    }
}
