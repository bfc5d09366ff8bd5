//! An application's test that its mapping survives a restart of the router, in which the router
//! forgets everything.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use libplum_gateway::{Gateway, Op, Restart};

/// The application: it keeps UDP port 8080 open by NAT-PMP (RFC 6886).
struct App {
    socket: UdpSocket,
    port: u16,
}

impl App {
    fn new(router: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(router)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self { socket, port: 8080 })
    }

    /// What its timer calls: asks for the port that it has, and learns the one that it gets.
    fn keep(&mut self) -> io::Result<()> {
        let mut request = vec![0, 1, 0, 0];
        request.extend(8080u16.to_be_bytes());
        request.extend(self.port.to_be_bytes());
        request.extend(7200u32.to_be_bytes());
        self.socket.send(&request)?;
        let mut answer = [0; 16];
        self.socket.recv(&mut answer)?;
        self.port = u16::from_be_bytes([answer[10], answer[11]]);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let router = Gateway::builder().start()?;
    let mut app = App::new(router.addr())?;
    app.keep()?;
    assert_eq!(router.rules()[0].external_port, 8080);

    router.restart(Restart::LoseTable)?;
    assert!(router.rules().is_empty(), "the router has forgotten it");

    app.keep()?;
    let rule = router.wait_for_rule(Duration::from_secs(5), |r| r.external_port == app.port);
    assert!(rule.is_some(), "the mapping is there again");
    assert_eq!(app.port, 8080, "and it is the same");
    assert_eq!(router.log().count(Op::NatPmpMap), 2);
    println!("port {} survived the restart", app.port);
    Ok(())
}
