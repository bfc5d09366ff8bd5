//! A gateway to play with: `cargo run --example router -- 127.0.0.1:5351 miniupnpd cgnat`.
//!
//! The first argument is the address to listen on, the others are quirks by name. Prints what
//! is asked and answered until its input ends.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use libplum_gateway::{Fate, Gateway, Quirk};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().as_deref().unwrap_or("127.0.0.1:0").parse()?;
    let mut builder = Gateway::builder().listen(listen);
    for name in args {
        builder = builder.quirk(name.parse::<Quirk>()?);
    }
    let gateway = builder.start()?;
    println!("listening on {}; Ctrl-D ends it", gateway.addr());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            io::stdin().lines().for_each(drop);
            gateway.stop_answering(); // tells the loop below
        });
        let mut next = 0;
        let is_settled = |fate| fate != Fate::Waiting;
        while !gateway.with(|model, _| model.knobs().silence.all) {
            let hour = Duration::from_secs(3600);
            let _ = gateway.wait_until(hour, |model| {
                model.knobs().silence.all
                    || model
                        .log()
                        .get(next)
                        .is_some_and(|entry| is_settled(entry.fate))
            });
            for entry in gateway.log().entries() {
                if entry.number >= next && is_settled(entry.fate) {
                    let (at, op, fate) = (entry.at, entry.op(), entry.fate);
                    println!(
                        "{at:>10.3?} {:?} {} {op:?} {fate:?}",
                        entry.direction, entry.peer
                    );
                    next = entry.number + 1;
                }
            }
        }
    });
    Ok(())
}
