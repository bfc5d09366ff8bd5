//! Keeps a TCP port open and greets whoever connects, on tokio, until Ctrl-C.
//!
//! `cargo run --example tokio -- 8080 [GATEWAY[:PORT]]`

use libplum::{Client, ClientBuilder, State, Transport};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "8080".into()).parse()?;
    let client = with_gateway(Client::builder(), arguments.next())?.build()?;

    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    // Pending at once, and tried for as long as it takes.
    let mapping = client.map(Transport::Tcp, port).start()?;
    loop {
        tokio::select! {
            state = mapping.changed() => match state? {
                State::Active(active) => println!("reachable at {}", active.external_addr),
                State::Failed(error) => println!("not reachable: {error}"),
                _ => {}
            },
            accepted = listener.accept() => {
                let (mut stream, peer) = accepted?;
                println!("{peer} came");
                tokio::spawn(async move { stream.write_all(b"hello\n").await });
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    client.shutdown().await?;
    Ok(())
}

fn with_gateway(
    builder: ClientBuilder,
    gateway: Option<String>,
) -> Result<ClientBuilder, std::net::AddrParseError> {
    let Some(gateway) = gateway else {
        return Ok(builder);
    };
    match gateway.parse() {
        Ok(address) => Ok(builder.gateway_addr(address)),
        Err(_) => Ok(builder.gateway(gateway.parse()?)),
    }
}
