//! No async at all: maps a port, tells what happens, unmaps when Enter is pressed.
//!
//! `cargo run --example blocking -- 8080 [GATEWAY:PORT]`

use std::time::Duration;

use libplum::{Client, State, Transport};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "8080".into()).parse()?;
    let mut builder = Client::builder();
    if let Some(gateway) = arguments.next() {
        builder = builder.gateway_addr(gateway.parse()?);
    }
    let client = builder.build()?;

    let mapping = client
        .map(Transport::Tcp, port)
        // Runs on the engine's thread: print and return.
        .on_change(|change| match &change.state {
            State::Active(active) => println!("reachable at {}", active.external_addr),
            State::Failed(error) => println!("not reachable: {error}"),
            State::Unmapped => println!("unmapped"),
            _ => {}
        })
        .start()?;
    println!("mapping {}; press Enter to stop", mapping.internal_port());
    std::io::stdin().read_line(&mut String::new())?;

    // Without this, the process could end before the router has heard of it.
    client.shutdown_blocking(Duration::from_secs(5))?;
    Ok(())
}
