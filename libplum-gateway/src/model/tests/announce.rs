//! Epoch, restarts and what is sent unasked: RFC 6887 §8.5, §14; RFC 6886 §3.2.1, §3.6.

use super::*;
use crate::log::{Direction, Fate};

fn listener() -> SocketAddr {
    "192.168.1.255:5350".parse().unwrap()
}

fn m(announcements: Announcements) -> Model {
    model(|k| k.announcements = announcements).with_announcements_to(vec![listener()])
}

fn times(packets: &[Transmit], version: u8) -> Vec<u64> {
    let of = packets.iter().filter(|p| p.bytes[0] == version);
    of.map(|p| p.at.as_millis() as u64).collect()
}

#[test]
fn the_epoch_runs_and_can_be_set() {
    let mut m = m(Announcements::Never);
    let epoch = |m: &mut Model, at| ask(m, at, alice(), &Pcp::announce(alice())).epoch.unwrap();
    assert_eq!(epoch(&mut m, ms(1999)), 1);
    m.set_epoch(secs(10), 1_000_000);
    assert_eq!(epoch(&mut m, secs(15)), 1_000_005);
    m.set(|k| k.epoch_rate = 2.0).unwrap();
    assert_eq!(epoch(&mut m, secs(20)), 1_000_020);
}

#[test]
fn a_restart_keeps_or_loses_table_and_epoch() {
    let mut m = m(Announcements::Never);
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    m.restart(secs(100), Restart::KeepTable);
    assert_eq!((m.rules().len(), m.epoch(secs(100))), (1, 100));
    m.restart(secs(200), Restart::LoseTable);
    assert_eq!((m.rules().len(), m.epoch(secs(201))), (0, 1));
    assert!(drain(&mut m, secs(10_000)).is_empty(), "nobody was told");
}

#[test]
fn a_restart_by_the_rfcs_is_announced_ten_times() {
    let mut m = m(Announcements::Rfc);
    m.restart(secs(100), Restart::LoseTable);
    let packets = drain(&mut m, secs(1000));
    let expected: Vec<u64> = (0..10).map(|i| 100_000 + 250 * ((1 << i) - 1)).collect();
    assert_eq!(times(&packets, 0), expected);
    assert_eq!(times(&packets, 2), expected);
    assert!(packets
        .iter()
        .all(|p| p.to == listener() && p.source == Source::Service));
    // "An appropriate Epoch Time value in each": the one of its own moment.
    let last = Packet::decode(&packets.last().unwrap().bytes);
    assert_eq!(last.epoch(), Some((expected[9] / 1000 - 100) as u32));
    assert_eq!(
        m.log().answers().next().unwrap().direction,
        Direction::Unsolicited
    );
}

#[test]
fn a_second_restart_ends_the_announcements_of_the_first() {
    let mut m = m(Announcements::Rfc);
    m.restart(secs(0), Restart::LoseTable);
    drain(&mut m, secs(1));
    m.restart(secs(1), Restart::KeepTable);
    assert_eq!(drain(&mut m, secs(1000)).len(), 20);
}

#[test]
fn miniupnpd_tells_less() {
    let mut m = m(Announcements::Miniupnpd);
    m.restart(secs(100), Restart::LoseTable);
    let packets = drain(&mut m, secs(1000));
    assert_eq!(
        (times(&packets, 0).len(), times(&packets, 2)),
        (0, vec![100_000])
    );
    m.change_external_ip(secs(1000), Some(Ipv4Addr::new(198, 51, 100, 9)))
        .unwrap();
    let packets = drain(&mut m, secs(9000));
    let bytes: Vec<_> = packets.iter().map(|p| &p.bytes[..12]).collect();
    let old_epoch = 900u32.to_be_bytes();
    let mut nat_pmp = vec![0, 128, 0, 0];
    nat_pmp.extend(old_epoch);
    nat_pmp.extend([198, 51, 100, 9]);
    assert_eq!(
        bytes,
        [&nat_pmp[..], &[2, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    );
}

#[test]
fn announcements_on_command() {
    let mut m = m(Announcements::Never);
    m.announce(secs(5), Announcement::default());
    let packets = drain(&mut m, secs(5));
    assert_eq!(packets.len(), 2);
    m.announce(secs(6), Announcement::pcp().to(bob()).epoch(77));
    let packets = drain(&mut m, secs(6));
    assert_eq!((packets.len(), packets[0].to), (1, bob()));
    assert_eq!(Packet::decode(&packets[0].bytes).epoch(), Some(77));
    m.set(|k| k.pcp = false).unwrap();
    m.announce(secs(7), Announcement::default());
    assert_eq!(
        drain(&mut m, secs(7))[0].bytes,
        [0, 128, 0, 0, 0, 0, 0, 7, 203, 0, 113, 7]
    );
}

#[test]
fn an_address_change_updates_every_mapping_until_it_is_refreshed() {
    let mut m = m(Announcements::Rfc);
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    let other = SocketAddr::new(bob().ip(), 40_000);
    granted(&mut m, secs(0), &Pcp::map(other, 2, UDP, 81, 81));
    let new = Ipv4Addr::new(198, 51, 100, 9);
    m.change_external_ip(secs(100), Some(new)).unwrap();
    let first = drain(&mut m, secs(100));
    let update = first.iter().find(|p| p.to == alice()).unwrap();
    let Packet::Pcp(p) = Packet::decode(&update.bytes) else {
        panic!()
    };
    assert_eq!((p.result, p.lifetime, p.epoch), (Some(0), 3500, Some(0)));
    let fields = p.map.unwrap();
    assert_eq!(
        (fields.nonce, fields.external_addr()),
        (Nonce([1; 12]), IpAddr::V4(new))
    );
    // Alice renews after the second; Bob never does.
    let second = drain(&mut m, ms(100_300));
    assert_eq!(second.iter().filter(|p| p.to == alice()).count(), 1);
    m.receive(
        ms(100_400),
        alice(),
        &Pcp::map(alice(), 1, TCP, 80, 80).bytes(),
    );
    drain(&mut m, ms(100_400));
    let third = drain(&mut m, secs(200));
    assert_eq!(third.iter().filter(|p| p.to == alice()).count(), 0);
    assert_eq!(third.iter().filter(|p| p.to == other).count(), 1);
}

#[test]
fn a_mapping_update_on_command() {
    let mut m = m(Announcements::Never);
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    assert!(m.update(secs(1), Transport::Tcp, 80, Update::Port(8080)));
    let fields = *Packet::decode(&drain(&mut m, secs(1))[0].bytes)
        .map()
        .unwrap();
    assert_eq!((fields.internal_port, fields.external_port), (80, 8080));
    assert_eq!(ports(&m), [8080]);
    assert!(
        !m.update(secs(1), Transport::Tcp, 80, Update::AsItIs),
        "it has moved"
    );
    assert!(
        !m.update(secs(1), Transport::Tcp, 8080, Update::Port(8080)),
        "taken, by itself"
    );
    assert!(m.update(secs(1), Transport::Tcp, 8080, Update::Error(11)));
    assert_eq!(
        Packet::decode(&drain(&mut m, secs(1))[0].bytes).result(),
        Some(11)
    );
}

#[test]
fn a_closed_port_refuses_and_says_nothing() {
    let mut m = m(Announcements::Rfc);
    m.set(|k| k.service.read = secs(1)).unwrap();
    m.receive(secs(0), alice(), &[0, 0]);
    m.close(ms(500));
    assert_eq!(m.receive(secs(1), alice(), &[0, 0]), Arrival::Refused);
    m.announce(secs(1), Announcement::default());
    assert!(drain(&mut m, secs(9)).is_empty());
    let fates: Vec<_> = m.log().entries().map(|e| e.fate).collect();
    assert_eq!(fates, [Fate::Forgotten, Fate::Refused]);
    m.open(secs(10));
    assert_eq!(m.receive(secs(10), alice(), &[0, 0]), Arrival::Taken);
    assert_eq!(drain(&mut m, secs(11)).len(), 1);
}
