//! What the program says: lines for people, or one JSON object a line.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use indicatif::ProgressBar;
use libplum::{Answer, Error, NoGateway, Protocol, Transport};
use serde::{Serialize, Serializer};

/// Standard output, and a spinner on standard error while there is nothing to say.
pub(crate) struct Output {
    json: bool,
    spinner: Option<ProgressBar>,
    hinted: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Output {
            json,
            spinner: None,
            hinted: false,
        }
    }

    /// Turns the spinner; only on a terminal, and not beside JSON.
    pub(crate) fn wait_for(&mut self, what: &str) {
        if !self.json && io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner().with_message(escape(what));
            spinner.enable_steady_tick(Duration::from_millis(100));
            self.spinner = Some(spinner);
        }
    }

    /// Stops the spinner.
    pub(crate) fn waited(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// Writes a line and flushes it. An error means that nobody reads any more.
    pub(crate) fn say(&self, line: &Line) -> io::Result<()> {
        let text = if self.json {
            serde_json::to_string(line).map_err(io::Error::other)?
        } else {
            escape(&line.to_string())
        };
        self.write(&text)
    }

    /// A remark for people only.
    pub(crate) fn remark(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        match self.json {
            true => Ok(()),
            false => self.write(&escape(&text.to_string())),
        }
    }

    /// A word of help on standard error, once; only on a terminal.
    pub(crate) fn hint(&mut self, text: &str) {
        if !self.json && io::stderr().is_terminal() && !std::mem::replace(&mut self.hinted, true) {
            // Standard error closed is nobody's loss.
            let _ = writeln!(io::stderr(), "({})", escape(text));
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let write = || {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{text}").and_then(|()| stdout.flush())
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }
}

/// A line on standard error, for what is not part of the output.
pub(crate) fn complain(text: &dyn fmt::Display) {
    // There is no third place to say that standard error is closed.
    let _ = writeln!(io::stderr(), "plum: {}", escape(&text.to_string()));
}

/// What came from a router may hold anything; a terminal obeys control characters.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push('\n'), // ours: lines are joined here and come from nowhere else
            control if control.is_control() => out.extend(control.escape_default()),
            other => out.push(other),
        }
    }
    out
}

/// Everything that the program reports.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The port is open for the first time.
    Mapped(Mapped),
    /// It is open again, or elsewhere.
    Changed(Mapped),
    /// It is not open.
    Failed(Failed),
    /// It was open and is closed now.
    Unmapped {
        #[serde(serialize_with = "write_transport")]
        transport: Transport,
        internal_port: u16,
        elapsed_ms: f64,
    },
    /// Whatever an earlier run left is closed.
    Cleared {
        #[serde(serialize_with = "write_transport")]
        transport: Transport,
        internal_port: u16,
        elapsed_ms: f64,
    },
    /// What the gateway says by one protocol.
    Probed(Probed),
    /// The gateway's external address.
    ExternalIp { address: IpAddr },
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mapped {
    #[serde(serialize_with = "write_transport")]
    pub(crate) transport: Transport,
    pub(crate) internal_port: u16,
    pub(crate) external_addr: SocketAddr,
    #[serde(serialize_with = "write_protocol")]
    pub(crate) protocol: Protocol,
    /// `null`: without end.
    pub(crate) lifetime_s: Option<u64>,
    pub(crate) elapsed_ms: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failed {
    /// `null` when it is not about a port.
    #[serde(serialize_with = "write_maybe_transport")]
    pub(crate) transport: Option<Transport>,
    pub(crate) internal_port: Option<u16>,
    pub(crate) reason: &'static str,
    /// Who refused; else `null`, as is `code`.
    #[serde(serialize_with = "write_maybe_protocol")]
    pub(crate) protocol: Option<Protocol>,
    pub(crate) code: Option<i32>,
    pub(crate) message: String,
    pub(crate) elapsed_ms: f64,
}

impl Failed {
    pub(crate) fn new(port: Option<(Transport, u16)>, error: &Error, elapsed: Duration) -> Self {
        let (protocol, code) = match error {
            Error::Refused { protocol, code, .. } => (Some(*protocol), Some(*code)),
            _ => (None, None),
        };
        Failed {
            transport: port.map(|(transport, _)| transport),
            internal_port: port.map(|(_, port)| port),
            reason: reason(error),
            protocol,
            code,
            message: escape(&error.to_string()),
            elapsed_ms: milliseconds(elapsed),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Probed {
    #[serde(serialize_with = "write_protocol")]
    protocol: Protocol,
    works: bool,
    reason: Option<&'static str>,
    code: Option<i32>,
    gateway: Option<SocketAddr>,
    local_address: Option<IpAddr>,
    external_address: Option<IpAddr>,
    round_trip_ms: Option<f64>,
    epoch_s: Option<u64>,
    message: Option<String>,
}

impl From<&Answer> for Probed {
    fn from(answer: &Answer) -> Self {
        Probed {
            protocol: answer.protocol,
            works: answer.error.is_none(),
            reason: answer.error.as_ref().map(reason),
            code: match answer.error {
                Some(Error::Refused { code, .. }) => Some(code),
                _ => None,
            },
            gateway: answer.gateway,
            local_address: answer.local_addr,
            external_address: answer.external_addr,
            round_trip_ms: answer.round_trip.map(milliseconds),
            epoch_s: answer.epoch.map(|epoch| epoch.as_secs()),
            message: answer
                .error
                .as_ref()
                .map(|error| escape(&error.to_string())),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Mapped(mapped) => write!(f, "{mapped}"),
            Line::Changed(mapped) => write!(f, "{mapped} (changed)"),
            Line::Failed(failed) => write!(f, "{failed}"),
            Line::Unmapped {
                transport,
                internal_port,
                ..
            } => {
                write!(f, "{transport} {internal_port} is closed again")
            }
            Line::Cleared {
                transport,
                internal_port,
                ..
            } => {
                write!(
                    f,
                    "{transport} {internal_port}: nothing of this host is mapped any more"
                )
            }
            Line::Probed(probed) => write!(f, "{probed}"),
            Line::ExternalIp { address } => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mapped {
            transport,
            internal_port,
            external_addr,
            protocol,
            ..
        } = self;
        write!(
            f,
            "{transport} {internal_port} is open at {external_addr} by {protocol}"
        )?;
        if let Some(seconds) = self.lifetime_s {
            write!(f, ", granted for {seconds} s")?;
        }
        write!(f, ", after {} ms", self.elapsed_ms)?;
        if is_behind_another_nat(external_addr.ip()) {
            f.write_str(" (not an address of the internet: there is another NAT in front)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(transport), Some(port)) = (self.transport, self.internal_port) {
            write!(f, "{transport} {port} is not open: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.protocol.to_string();
        match &self.message {
            None => write!(f, "{name:<8} works")?,
            Some(message) => write!(f, "{name:<8} {message}")?,
        }
        if let Some(gateway) = self.gateway {
            write!(f, ", gateway {gateway}")?;
        }
        if let Some(address) = self.external_address {
            write!(f, ", external address {address}")?;
        }
        if let Some(time) = self.round_trip_ms {
            write!(f, ", answered within {time} ms")?;
        }
        Ok(())
    }
}

/// Whether the world cannot reach the address: private (RFC 1918), a carrier's (RFC 6598), link-local
/// (RFC 3927), or none at all.
fn is_behind_another_nat(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let carrier = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            carrier || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_unique_local(),
    }
}

/// One word for a program to compare.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::InvalidArgument { .. } => "invalid_argument",
        Error::NoGateway(NoGateway::Silent) => "no_answer",
        Error::NoGateway(NoGateway::PortsClosed) => "ports_closed",
        Error::NoGateway(_) => "no_gateway",
        Error::Refused { .. } => "refused",
        Error::TimedOut => "timed_out",
        Error::PortTaken => "port_taken",
        Error::Unsupported => "unsupported",
        Error::Expired => "expired",
        Error::Resources => "resources",
        Error::Destroyed | Error::Closed => "closed",
        _ => "other",
    }
}

/// Milliseconds to a tenth.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Pcp => "pcp",
        Protocol::NatPmp => "natpmp",
        Protocol::Upnp => "upnp",
        Protocol::Direct => "direct",
        _ => "unknown",
    }
}

fn write_transport<S: Serializer>(value: &Transport, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(transport_name(*value))
}

fn write_protocol<S: Serializer>(value: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(protocol_name(*value))
}

fn write_maybe_transport<S: Serializer>(
    value: &Option<Transport>,
    s: S,
) -> Result<S::Ok, S::Error> {
    value.map(transport_name).serialize(s)
}

fn write_maybe_protocol<S: Serializer>(value: &Option<Protocol>, s: S) -> Result<S::Ok, S::Error> {
    value.map(protocol_name).serialize(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped() -> Mapped {
        Mapped {
            transport: Transport::Tcp,
            internal_port: 8080,
            external_addr: "1.2.3.4:8080".parse().unwrap(),
            protocol: Protocol::Pcp,
            lifetime_s: Some(7200),
            elapsed_ms: milliseconds(Duration::from_micros(3_140)),
        }
    }

    #[test]
    fn a_mapping_is_the_promised_object() {
        assert_eq!(
            serde_json::to_string(&Line::Mapped(mapped())).unwrap(),
            r#"{"event":"mapped","transport":"tcp","internal_port":8080,"external_addr":"1.2.3.4:8080","protocol":"pcp","lifetime_s":7200,"elapsed_ms":3.1}"#
        );
    }

    #[test]
    fn a_failure_without_a_refusal_has_neither_protocol_nor_code() {
        let error = Error::NoGateway(NoGateway::NoRoute);
        let failed = Failed::new(Some((Transport::Udp, 9)), &error, Duration::from_millis(2));
        assert_eq!(
            serde_json::to_value(Line::Failed(failed)).unwrap(),
            serde_json::json!({
                "event": "failed", "transport": "udp", "internal_port": 9, "reason": "no_gateway",
                "protocol": null, "code": null, "message": error.to_string(), "elapsed_ms": 2.0,
            })
        );
    }

    #[test]
    fn people_read_sentences() {
        assert_eq!(
            Line::Mapped(mapped()).to_string(),
            "TCP 8080 is open at 1.2.3.4:8080 by PCP, granted for 7200 s, after 3.1 ms"
        );
    }

    #[test]
    fn a_second_nat_is_told() {
        let behind = |ip: &str| is_behind_another_nat(ip.parse().unwrap());
        for ip in [
            "10.0.0.1",
            "192.168.0.7",
            "172.31.0.1",
            "100.64.0.1",
            "100.127.0.1",
            "0.0.0.0",
        ] {
            assert!(behind(ip), "{ip}");
        }
        for ip in ["1.2.3.4", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
            assert!(!behind(ip), "{ip}");
        }
    }

    #[test]
    fn a_terminal_sees_no_control_characters() {
        assert_eq!(
            escape("a\u{1b}[31m\u{9b}\r\u{7f}ä"),
            "a\\u{1b}[31m\\u{9b}\\r\\u{7f}ä"
        );
    }
}
