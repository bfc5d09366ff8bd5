//! The test program that runs inside the containers, as the client and as a host on the WAN.
//!
//! ```text
//! lab-agent check GATEWAY                     whether a client can work here
//! lab-agent hold [--recheck MS] [--protocols P,P] [--timeout MS] [--listen ADDRESS] TRANSPORT:PORT...
//! lab-agent reach TRANSPORT ADDRESS:PORT      through a mapping, from outside
//! lab-agent epoch GATEWAY | announce GATEWAY  one bare question
//! lab-agent first-mapping GATEWAY PAIRS
//! ```
//!
//! Answers are JSON objects, one a line. `hold` maps, answers whoever comes through the mappings,
//! and obeys its standard input: `unmap`, or `shutdown` with the mappings alive; its end is a
//! `shutdown` too.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match linux::main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the containers need Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, BufRead, ErrorKind, Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::time::{Duration, Instant};

    use libplum::{Change, Client, ClientBuilder, Protocol, State, Transport};
    use libplum_integration::lab::{bare_announce, bare_epoch, first_mapping};
    use serde_json::{json, Value};

    const PATIENCE: Duration = Duration::from_secs(10);

    type Result<T = ()> = std::result::Result<T, String>;

    pub(crate) fn main() -> Result {
        if std::env::var_os("LIBPLUM_VERBOSE").is_some_and(|v| !v.is_empty() && v != "0") {
            static LOGGER: Logger = Logger;
            // There is no other logger here.
            let _ = log::set_logger(&LOGGER);
            log::set_max_level(log::LevelFilter::Trace);
        }
        let args: Vec<String> = std::env::args().skip(1).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        match args.as_slice() {
            ["check", gateway] => check(parsed(gateway)?),
            ["hold", options @ ..] => hold(options),
            ["reach", transport, to] => reach(transport_of(transport)?, parsed(to)?),
            ["epoch", gateway] => epoch(parsed(gateway)?),
            ["announce", gateway] => announce(parsed(gateway)?),
            ["first-mapping", gateway, pairs] => stop_watch(parsed(gateway)?, parsed(pairs)?),
            _ => Err(format!("lab-agent does not know {args:?}: see its source")),
        }
    }

    fn say(line: &Value) {
        println!("{line}");
    }

    fn parsed<T: std::str::FromStr>(text: &str) -> Result<T> {
        text.parse()
            .map_err(|_| format!("{text:?} makes no sense here"))
    }

    fn transport_of(name: &str) -> Result<Transport> {
        match name {
            "tcp" => Ok(Transport::Tcp),
            "udp" => Ok(Transport::Udp),
            other => Err(format!("{other:?} is neither tcp nor udp")),
        }
    }

    // --- bare questions --------------------------------------------------------------------------

    /// What a client needs: a way to the router, and a daemon there.
    fn check(gateway: Ipv4Addr) -> Result {
        let routes = std::fs::read_to_string("/proc/net/route").map_err(|e| e.to_string())?;
        let has_default = routes
            .lines()
            .skip(1)
            .any(|line| line.split_whitespace().nth(1) == Some("00000000"));
        if !has_default {
            return Err(format!(
                "the client has no default route: give it one with `ip route add default via \
                 {gateway}`"
            ));
        }
        match bare_epoch(gateway) {
            Ok(_) => {
                say(&json!({"event": "ready"}));
                Ok(())
            }
            Err(why) => Err(format!(
                "the gateway {gateway} does not answer on port 5351 ({why}): start its miniupnpd"
            )),
        }
    }

    fn epoch(gateway: Ipv4Addr) -> Result {
        let seconds = bare_epoch(gateway).map_err(|error| error.to_string())?;
        say(&json!({"epoch": seconds}));
        Ok(())
    }

    fn announce(gateway: Ipv4Addr) -> Result {
        let (version, result) = bare_announce(gateway).map_err(|error| error.to_string())?;
        say(&json!({"version": version, "result": result}));
        Ok(())
    }

    fn stop_watch(gateway: Ipv4Addr, pairs: usize) -> Result {
        let measured = first_mapping(gateway, pairs);
        let slower = measured.libplum.as_secs_f64() - measured.bare.as_secs_f64();
        say(&json!({
            "ratio": measured.ratio(),
            "slower_ms": slower * 1e3,
            "text": measured.to_string(),
        }));
        Ok(())
    }

    // --- outside ---------------------------------------------------------------------------------

    /// Sends something through a mapping and tells who came out there, or why nobody did.
    fn reach(transport: Transport, to: SocketAddr) -> Result {
        let answer = match transport {
            Transport::Tcp => reach_tcp(to),
            Transport::Udp => reach_udp(to),
        };
        say(&match answer {
            Ok(said) => json!({"event": "reached", "said": said}),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                json!({"event": "refused"})
            }
            Err(error) => json!({"event": "lost", "why": error.to_string()}),
        });
        Ok(())
    }

    fn reach_tcp(to: SocketAddr) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(GREETING)?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }

    fn reach_udp(to: SocketAddr) -> io::Result<String> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send(GREETING)?;
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    const GREETING: &[u8] = b"hello from outside";

    fn answer(greeting: &[u8], from: SocketAddr) -> String {
        format!(
            "{} came from {}",
            String::from_utf8_lossy(greeting),
            from.ip()
        )
    }

    fn serve_tcp(listener: &TcpListener) {
        let one = |(mut stream, from): (TcpStream, SocketAddr)| -> io::Result<()> {
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut bytes = [0; GREETING.len()];
            stream.read_exact(&mut bytes)?;
            stream.write_all(answer(&bytes, from).as_bytes())
        };
        loop {
            if let Err(error) = listener.accept().and_then(one) {
                eprintln!("tcp: {error}");
            }
        }
    }

    fn serve_udp(socket: &UdpSocket) {
        let mut bytes = [0; 256];
        loop {
            let answered = socket.recv_from(&mut bytes).and_then(|(length, from)| {
                socket.send_to(answer(&bytes[..length], from).as_bytes(), from)
            });
            if let Err(error) = answered {
                eprintln!("udp: {error}");
            }
        }
    }

    // --- the client ------------------------------------------------------------------------------

    fn hold(args: &[&str]) -> Result {
        let mut builder = Client::builder();
        let mut ports = Vec::new();
        let mut listen = Ipv4Addr::UNSPECIFIED;
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if *arg == "--listen" {
                listen = parsed(rest.next().ok_or("--listen wants an address")?)?;
            } else if arg.starts_with("--") {
                let value = rest.next().ok_or(format!("{arg} wants a value"))?;
                builder = option(builder, arg, value)?;
            } else {
                let (transport, port) = arg.split_once(':').ok_or(format!("{arg}: a port?"))?;
                ports.push((transport_of(transport)?, parsed::<u16>(port)?));
            }
        }
        let began = Instant::now();
        let client = builder.build().map_err(|error| error.to_string())?;
        let mut mappings = Vec::new();
        for (transport, port) in ports {
            serve(transport, (listen, port).into())?;
            let mapping = client
                .map(transport, port)
                .on_change(move |change| tell(change, began))
                .start()
                .map_err(|error| error.to_string())?;
            mappings.push(mapping);
        }
        for line in io::stdin().lock().lines() {
            match line.map_err(|error| error.to_string())?.as_str() {
                "unmap" => mappings.clear(),
                "shutdown" => break,
                other => return Err(format!("lab-agent does not know {other:?}")),
            }
        }
        // Those that were not unmapped are alive.
        client
            .shutdown_blocking(Duration::from_secs(60))
            .map_err(|error| error.to_string())?;
        let stats = client.stats();
        say(&json!({
            "event": "closed",
            "deletes_sent": stats.deletes_sent,
            "deletes_confirmed": stats.deletes_confirmed,
        }));
        drop(mappings);
        Ok(())
    }

    fn option(builder: ClientBuilder, name: &str, value: &str) -> Result<ClientBuilder> {
        let milliseconds = || parsed(value).map(Duration::from_millis);
        match name {
            "--recheck" => Ok(builder.recheck_period(milliseconds()?)),
            "--timeout" => Ok(builder
                .discover_timeout(milliseconds()?)
                .mapping_timeout(milliseconds()?)),
            "--protocols" => {
                let named = |name| match name {
                    "pcp" => Ok(Protocol::Pcp),
                    "natpmp" => Ok(Protocol::NatPmp),
                    other => Err(format!("{other:?} is neither pcp nor natpmp")),
                };
                let protocols: Result<Vec<_>> = value.split(',').map(named).collect();
                Ok(builder.protocols(protocols?))
            }
            other => Err(format!("lab-agent does not know {other}")),
        }
    }

    /// Answers whoever comes through the mapping.
    fn serve(transport: Transport, on: SocketAddr) -> Result {
        let bound = match transport {
            Transport::Tcp => TcpListener::bind(on).map(|listener| {
                std::thread::spawn(move || serve_tcp(&listener));
            }),
            Transport::Udp => UdpSocket::bind(on).map(|socket| {
                std::thread::spawn(move || serve_udp(&socket));
            }),
        };
        bound.map_err(|error| format!("{transport} on {on}: {error}"))
    }

    fn tell(change: &Change, began: Instant) {
        let mut line = match &change.state {
            State::Active(active) => json!({
                "event": "active",
                "external": active.external_addr.to_string(),
                "protocol": active.protocol.to_string(),
            }),
            State::Failed(error) => json!({"event": "failed", "why": error.to_string()}),
            State::Unmapped => json!({"event": "unmapped"}),
            other => json!({"event": "other", "state": format!("{other:?}")}),
        };
        line["transport"] = change.transport.to_string().to_lowercase().into();
        line["port"] = change.internal_port.into();
        line["ms"] = (began.elapsed().as_secs_f64() * 1e3).into();
        say(&line);
    }

    struct Logger;

    impl log::Log for Logger {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            eprintln!("libplum: {} {}", record.level(), record.args());
        }

        fn flush(&self) {}
    }
}
