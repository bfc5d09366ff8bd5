//! A gateway to play with: `cargo run --example router -- 127.0.0.1:5351 miniupnpd cgnat`.
//!
//! The first argument is the address to listen on, the others are quirks by name. Prints what
//! is asked and answered, one JSON object a line, until its input ends.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use libplum_gateway::{Gateway, Quirk};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().as_deref().unwrap_or("127.0.0.1:0").parse()?;
    let mut builder = Gateway::builder().listen(listen);
    if listen.port() == 5351 {
        builder = builder.ssdp_port(1900).announce_start(true); // the real ports, as a router has them
    }
    for name in args {
        builder = builder.quirk(name.parse::<Quirk>()?);
    }
    let gateway = builder.start()?;
    println!("PCP and NAT-PMP on {}; Ctrl-D ends it", gateway.addr());
    if let (Some(ssdp), Some(url)) = (gateway.ssdp_addr(), gateway.description_url()) {
        println!("SSDP on {ssdp}, description at {url}");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            io::stdin().lines().for_each(drop);
            gateway.stop_answering(); // tells the loop below
        });
        let mut next = 0;
        while !gateway.with(|model, _| model.knobs().silence.all) {
            for entry in gateway.log().follow(&mut next, Duration::from_millis(200)) {
                println!("{}", entry.to_json());
            }
        }
    });
    Ok(())
}
