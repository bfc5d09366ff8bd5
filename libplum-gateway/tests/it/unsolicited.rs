//! Announcements and Mapping Updates as clients hear them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use libplum_gateway::model::{Announcement, Announcements, Restart, Transport, Update};
use libplum_gateway::{Direction, Fate, Gateway, Packet};
use socket2::{Domain, Protocol, Socket, Type};

use crate::client::{Client, LONG};

fn listener() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

fn heard(socket: &UdpSocket) -> (Packet, SocketAddr) {
    let mut buffer = [0; 1200];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (Packet::decode(&buffer[..length]), from)
}

#[test]
fn a_restart_is_announced_from_the_service_port() {
    let ear = listener();
    let gateway = Gateway::builder()
        .announce_to([ear.local_addr().unwrap()])
        .set(|k| k.announcements = Announcements::Miniupnpd)
        .announce_start(true)
        .start()
        .unwrap();
    let (packet, from) = heard(&ear);
    assert_eq!((packet.epoch(), from), (Some(0), gateway.addr()));
    gateway.set_epoch(100);
    gateway
        .change_external_ip(Ipv4Addr::new(10, 0, 0, 1))
        .unwrap();
    let (first, _) = heard(&ear);
    let Packet::NatPmp(first) = first else {
        panic!("{first:?}")
    };
    assert_eq!(first.external_ip, Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert!(
        first.epoch.unwrap() >= 100,
        "NAT-PMP still has the old epoch"
    );
    assert_eq!(heard(&ear).0.epoch(), Some(0));
    gateway.restart(Restart::LoseTable).unwrap();
    assert!(matches!(heard(&ear).0, Packet::Pcp(_)));
}

#[test]
fn repetitions_come_by_themselves() {
    let ear = listener();
    let gateway = Gateway::builder()
        .nat_pmp(false)
        .upnp(false)
        .announce_to([ear.local_addr().unwrap()])
        .start()
        .unwrap();
    gateway.restart(Restart::LoseTable).unwrap();
    for _ in 0..3 {
        heard(&ear);
    }
    let at: Vec<_> = gateway.log().answers().iter().map(|e| e.at).collect();
    assert_eq!((at[1] - at[0]).as_millis(), 250);
    assert_eq!((at[2] - at[1]).as_millis(), 500);
}

#[test]
fn a_mapping_update_reaches_the_clients_own_socket() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    client.ask(&client.map(9, 17, 4000, 600));
    assert!(gateway.update(Transport::Udp, 4000, Update::Port(4444)));
    let update = Packet::decode(&client.receive().unwrap());
    let fields = update.map().unwrap();
    assert_eq!((fields.internal_port, fields.external_port), (4000, 4444));
    assert!(!gateway.update(Transport::Tcp, 4000, Update::AsItIs));
}

#[test]
fn the_multicast_group_hears_it_on_the_loopback() {
    // The group's own port is fixed; other tests and programs may use it beside us.
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    #[cfg(unix)]
    socket.set_reuse_port(true).unwrap();
    let group = Ipv4Addr::new(224, 0, 0, 1);
    let bound = if cfg!(windows) {
        Ipv4Addr::UNSPECIFIED
    } else {
        group
    };
    socket
        .bind(&SocketAddr::from((bound, 5350)).into())
        .unwrap();
    socket
        .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    let ear: UdpSocket = socket.into();
    ear.set_read_timeout(Some(LONG)).unwrap();

    let gateway = Gateway::builder().start().unwrap();
    gateway.announce(Announcement::pcp().epoch(4242));
    let sent = gateway
        .log()
        .wait_for(LONG, |e| e.direction == Direction::Unsolicited)
        .unwrap();
    assert_eq!(sent.fate, Fate::Sent);
    loop {
        let (packet, from) = heard(&ear);
        if from == gateway.addr() {
            assert_eq!(packet.epoch(), Some(4242));
            break;
        }
    }
}
