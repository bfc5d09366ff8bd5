//! Maps a UDP port on smol, waits for one datagram from outside, unmaps.
//!
//! `cargo run --example smol -- 9000 [GATEWAY:PORT]`

use futures::StreamExt;
use libplum::{Client, State, Transport};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "9000".into()).parse()?;
    let mut builder = Client::builder();
    if let Some(gateway) = arguments.next() {
        builder = builder.gateway_addr(gateway.parse()?);
    }
    let client = builder.build()?;

    smol::block_on(async {
        let socket = smol::net::UdpSocket::bind(("0.0.0.0", port)).await?;
        let mapping = client
            .map(Transport::Udp, port)
            .description("smol example")
            .await?;
        println!(
            "send something to {}",
            mapping.external_addr().expect("just mapped")
        );

        let mut events = mapping.events();
        let told = smol::spawn(async move {
            while let Some(change) = events.next().await {
                match change.state {
                    State::Active(active) => println!("now at {}", active.external_addr),
                    State::Failed(error) => println!("lost: {error}"),
                    _ => {}
                }
            }
        });
        let mut buffer = [0; 1500];
        let (size, peer) = socket.recv_from(&mut buffer).await?;
        println!("{size} bytes from {peer}");

        mapping.unmap().await; // its stream ends with it
        told.await;
        client.shutdown().await?;
        Ok(())
    })
}
