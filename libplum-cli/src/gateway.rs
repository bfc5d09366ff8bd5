//! `plum gateway`: a router in a box, for clients written in any language.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use comfy_table::{presets, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use libplum_gateway::model::upnp::Igd;
use libplum_gateway::model::Announcement;
use libplum_gateway::{Builder, Entry, Fate, Gateway, Quirk, Rule, StartError, Transport, Writer};
use serde::{Serialize, Serializer};

use crate::args::{Common, GatewayArgs, Protocols, Spoken};
use crate::output::{complain, escape};
use crate::stop::{self, Stop};
use crate::Exit;

/// RFC 6887 §19.1, RFC 6886 §3.
const PORT: u16 = 5351;
/// UDA 1.0 §1.1.
const SSDP_PORT: u16 = 1900;

/// How often a terminal sees the lifetimes run.
const TICK: Duration = Duration::from_secs(1);
/// How long nothing may happen elsewhere.
const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn run(common: &Common, args: &GatewayArgs) -> Exit {
    if args.list_quirks {
        return match io::stdout().lock().write_all(quirks(args.json).as_bytes()) {
            Ok(()) => Exit::Done,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Err(error) => {
                complain(&Trouble::Output(error));
                Exit::Failed
            }
        };
    }
    if common.gateway.is_some() || common.timeout.is_some() || common.protocol != Protocols::Any {
        complain(
            &"--gateway, --protocol and --timeout are for clients; this is the gateway: \
                   see --listen and --without",
        );
        return Exit::Usage;
    }
    match serve(args) {
        Ok(()) => Exit::Done,
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(trouble) => {
            complain(&escape(&trouble.to_string()));
            trouble.exit()
        }
    }
}

/// The quirks, a line each.
fn quirks(json: bool) -> String {
    if !json {
        return Quirk::list();
    }
    let mut out = String::new();
    for quirk in Quirk::ALL {
        let line = serde_json::json!({
            "quirk": quirk.name(), "sentence": quirk.sentence(), "seen": quirk.seen(),
        });
        out.push_str(&line.to_string());
        out.push('\n');
    }
    out
}

fn builder(args: &GatewayArgs) -> Builder {
    let real = |port| if args.ephemeral { 0 } else { port };
    let mut builder = Gateway::builder()
        .listen(SocketAddr::new(args.listen, real(PORT)))
        .ssdp_port(real(SSDP_PORT))
        .http_port(args.http_port.unwrap_or(0))
        .captured_ports(args.captured_ports)
        // A router that has just started says so, to whom it can.
        .announce_start(!args.ephemeral)
        .seed(args.seed);
    for &quirk in &args.quirks {
        builder = builder.quirk(quirk);
    }
    // What is asked for by name comes after the quirks, which turn knobs too.
    if let Some(external) = args.external {
        builder = builder.external_ip(external);
    }
    if let Some(lifetimes) = &args.lifetimes {
        builder = builder.lifetimes(lifetimes.0.clone());
    }
    if let Some(igd) = args.igd {
        builder = builder.igd(if igd == 2 { Igd::V2 } else { Igd::V1 });
    }
    if let Some(dir) = &args.like {
        builder = builder.like(dir);
    }
    for without in &args.without {
        builder = match without {
            Spoken::Pcp => builder.pcp(false),
            Spoken::Natpmp => builder.nat_pmp(false),
            Spoken::Upnp => builder.upnp(false),
        };
    }
    builder
}

fn serve(args: &GatewayArgs) -> Result<(), Trouble> {
    // Signals first: whoever reads that we listen may stop us at once.
    let (sender, stops) = channel();
    stop::watch(sender).map_err(Trouble::Signals)?;
    let mut record = args.log.as_deref().map(Record::create).transpose()?;
    let gateway = Arc::new(builder(args).start()?);
    let mut screen = Screen::new(args.json);
    screen.listens(&Listening::of(&gateway))?;
    let stopping = Arc::new(AtomicBool::new(false));
    stop_later(stops, args.hold, &gateway, &stopping);

    let mut seen = Rules::default();
    let mut next = 0;
    loop {
        let ends = stopping.load(Ordering::Acquire);
        let expected = next;
        let entries = gateway.log().follow(&mut next, Duration::ZERO);
        if let Some(record) = &mut record {
            record.write(expected, &entries)?;
        }
        screen.count(&entries);
        let (now, rules) = gateway.with(|model, now| (now, model.rules()));
        screen.rules(&seen.update(now, rules), &seen, now)?;
        if ends {
            break;
        }
        let timeout = screen.patience(gateway.with(|model, now| {
            let deadline = model.deadline()?;
            Some(deadline.saturating_sub(now))
        }));
        let _ = gateway.wait_until(timeout, |model| {
            let log = model.log();
            stopping.load(Ordering::Acquire)
                || log
                    .get(next.max(log.dropped()))
                    .is_some_and(|entry| entry.fate != Fate::Waiting)
        });
    }
    if !args.ephemeral {
        gateway.announce(Announcement::ssdp_byebye());
        gateway.with(|_, _| ()); // what was announced is sent when this returns
    }
    screen.end()?;
    Ok(())
}

/// Wakes the loop above when a signal comes, the reader goes, or the time is over. The thread ends
/// with the program, and holds no gateway alive.
fn stop_later(
    stops: Receiver<Stop>,
    hold: Option<Duration>,
    gateway: &Arc<Gateway>,
    stopping: &Arc<AtomicBool>,
) {
    let (gateway, stopping) = (Arc::downgrade(gateway), Arc::clone(stopping));
    thread::spawn(move || {
        let why = match hold {
            Some(hold) => stops.recv_timeout(hold),
            None => stops.recv().map_err(RecvTimeoutError::from),
        };
        if !matches!(why, Err(RecvTimeoutError::Disconnected)) {
            stopping.store(true, Ordering::Release);
            if let Some(gateway) = gateway.upgrade() {
                gateway.with(|_, _| ()); // whoever waits looks again
            }
        }
    });
}

/// Where the gateway can be found.
#[derive(Debug, Serialize)]
struct Listening {
    event: &'static str,
    /// PCP and NAT-PMP; `null` without both.
    addr: Option<SocketAddr>,
    ssdp_addr: Option<SocketAddr>,
    http_addr: Option<SocketAddr>,
    /// The URL of the description.
    description: Option<String>,
    /// `null`: the WAN is down.
    external_ip: Option<Ipv4Addr>,
    pcp: bool,
    nat_pmp: bool,
    upnp: bool,
}

impl Listening {
    fn of(gateway: &Gateway) -> Self {
        let knobs = gateway.with(|model, _| model.knobs().clone());
        let upnp = knobs.upnp.on;
        Listening {
            event: "listening",
            addr: (knobs.pcp || knobs.nat_pmp).then(|| gateway.addr()),
            ssdp_addr: gateway.ssdp_addr().filter(|_| upnp),
            http_addr: gateway.http_addr().filter(|_| upnp),
            description: gateway.description_url().filter(|_| upnp),
            external_ip: knobs.external_ip,
            pcp: knobs.pcp,
            nat_pmp: knobs.nat_pmp,
            upnp,
        }
    }
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(addr) = self.addr {
            let names = match (self.pcp, self.nat_pmp) {
                (true, true) => "PCP and NAT-PMP",
                (true, false) => "PCP",
                _ => "NAT-PMP",
            };
            writeln!(f, "{names} on {addr}")?;
        }
        if let (Some(ssdp), Some(url)) = (self.ssdp_addr, &self.description) {
            writeln!(f, "UPnP: searches on {ssdp}, the description at {url}")?;
        }
        match self.external_ip {
            Some(ip) => write!(f, "external address {ip}"),
            None => f.write_str("no external address: the WAN is down"),
        }
    }
}

/// A rule as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    #[serde(serialize_with = "write_transport")]
    transport: Transport,
    external_port: u16,
    internal_addr: SocketAddr,
    by: &'static str,
    description: String,
    enabled: bool,
    /// In the gateway's time; `None`: no end.
    #[serde(skip)]
    expires: Option<Duration>,
}

impl Told {
    fn of(rule: Rule, now: Duration) -> Self {
        Told {
            transport: rule.transport,
            external_port: rule.external_port,
            internal_addr: SocketAddr::new(rule.client, rule.internal_port),
            by: match rule.writer {
                Writer::Pcp => "pcp",
                Writer::NatPmp => "natpmp",
                Writer::Upnp => "upnp",
                _ => "static",
            },
            description: rule.description,
            enabled: rule.enabled,
            expires: rule.remaining.map(|left| now + left),
        }
    }

    fn key(&self) -> Key {
        let host = self.internal_addr.ip();
        (
            self.transport,
            self.external_port,
            host.is_ipv6().then_some(host),
        )
    }

    fn left(&self, now: Duration) -> Option<u64> {
        let left = self.expires?.saturating_sub(now);
        Some((left.as_secs_f64() + 0.5) as u64)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told {
            transport,
            external_port,
            internal_addr,
            by,
            ..
        } = self;
        write!(f, "{transport} {external_port} to {internal_addr} by {by}")
    }
}

/// One rule for each transport and external port; on IPv6 for each host too.
type Key = (Transport, u16, Option<IpAddr>);

/// What happened to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Mapped,
    Changed,
    Renewed,
    Expired,
    Unmapped,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            What::Mapped => "mapped",
            What::Changed => "changed",
            What::Renewed => "renewed",
            What::Expired => "expired",
            What::Unmapped => "unmapped",
        }
    }
}

/// The rules that have been told.
#[derive(Debug, Default)]
struct Rules(BTreeMap<Key, Told>);

impl Rules {
    /// Takes in what there is now, and says what that changes.
    fn update(&mut self, now: Duration, rules: Vec<Rule>) -> Vec<(What, Told)> {
        let mut news = Vec::new();
        let mut old = std::mem::take(&mut self.0);
        for rule in rules {
            let told = Told::of(rule, now);
            let what = match old.remove(&told.key()) {
                None => Some(What::Mapped),
                Some(before) if before == told => None,
                Some(before) => {
                    let renewed = Told {
                        expires: told.expires,
                        ..before
                    };
                    Some(if renewed == told {
                        What::Renewed
                    } else {
                        What::Changed
                    })
                }
            };
            news.extend(what.map(|what| (what, told.clone())));
            self.0.insert(told.key(), told);
        }
        let gone = old.into_values().map(|told| {
            let over = told.expires.is_some_and(|at| at <= now);
            (if over { What::Expired } else { What::Unmapped }, told)
        });
        news.splice(0..0, gone); // a port may have gone from one host to another
        news
    }
}

/// `--log`: one JSON object a line.
struct Record {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Record {
    fn create(path: &Path) -> Result<Self, Trouble> {
        match File::create(path) {
            Ok(file) => Ok(Record {
                path: path.to_owned(),
                out: BufWriter::new(file),
            }),
            Err(error) => Err(Trouble::Log(path.to_owned(), error)),
        }
    }

    /// Writes entries, and how many were lost before them: the gateway's own log is bounded.
    fn write(&mut self, expected: u64, entries: &[Entry]) -> Result<(), Trouble> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let mut write = || {
            if first.number > expected {
                writeln!(self.out, "{{\"lost\":{}}}", first.number - expected)?;
            }
            for entry in entries {
                writeln!(self.out, "{}", entry.to_json())?;
            }
            self.out.flush()
        };
        write().map_err(|error| Trouble::Log(self.path.clone(), error))
    }
}

/// What people or programs see: JSON, lines, or on a terminal a table that lives.
enum Screen {
    Json,
    Lines,
    Table {
        bar: ProgressBar,
        requests: u64,
        last: String,
    },
}

/// How many rows a table has at most; a terminal is not high.
const ROWS: usize = 20;

impl Screen {
    fn new(json: bool) -> Self {
        if json {
            Screen::Json
        } else if io::stdout().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_style(
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| {
                    // The template is right; without it the table is only less pretty.
                    ProgressStyle::default_spinner()
                }),
            );
            Screen::Table {
                bar,
                requests: 0,
                last: String::new(),
            }
        } else {
            Screen::Lines
        }
    }

    fn listens(&self, listening: &Listening) -> Result<(), Trouble> {
        match self {
            Screen::Json => write_json(listening),
            Screen::Lines => write_line(&listening.to_string()),
            Screen::Table { .. } => write_line(&format!("{listening}\n(Ctrl-C ends it)")),
        }
    }

    fn count(&mut self, entries: &[Entry]) {
        if let Screen::Table { requests, last, .. } = self {
            for entry in entries.iter().filter(|entry| entry.is_request()) {
                *requests += 1;
                *last = format!("{:?} from {}", entry.op(), entry.peer);
            }
        }
    }

    fn rules(&self, news: &[(What, Told)], all: &Rules, now: Duration) -> Result<(), Trouble> {
        match self {
            Screen::Json => news.iter().try_for_each(|(what, told)| {
                write_json(&News {
                    event: what.name(),
                    rule: told,
                    lifetime_s: told.left(now),
                })
            }),
            Screen::Lines => news.iter().try_for_each(|(what, told)| {
                let lifetime = match (what, told.left(now)) {
                    (What::Expired | What::Unmapped, _) => String::new(),
                    (_, Some(seconds)) => format!(" for {seconds} s"),
                    (_, None) => " for ever".to_owned(),
                };
                write_line(&format!("{}: {told}{lifetime}", what.name()))
            }),
            Screen::Table {
                bar,
                requests,
                last,
            } => {
                let mut text = table(all, now);
                text.push_str(&format!("\n{requests} requests"));
                if !last.is_empty() {
                    text.push_str(&format!(", the last: {last}"));
                }
                bar.set_message(escape(&text));
                Ok(())
            }
        }
    }

    /// How long to wait when nothing happens.
    fn patience(&self, deadline: Option<Duration>) -> Duration {
        let most = match self {
            Screen::Table { .. } => TICK,
            _ => HOUR,
        };
        // What is due at this moment is done by the gateway's own thread.
        deadline.map_or(most, |wait| wait.max(Duration::from_millis(1)).min(most))
    }

    fn end(&self) -> Result<(), Trouble> {
        match self {
            Screen::Json => write_json(&serde_json::json!({ "event": "stopped" })),
            Screen::Lines => write_line("stopped"),
            Screen::Table { bar, .. } => {
                bar.abandon(); // the last table stays
                Ok(())
            }
        }
    }
}

#[derive(Serialize)]
struct News<'a> {
    event: &'static str,
    #[serde(flatten)]
    rule: &'a Told,
    /// `null`: no end.
    lifetime_s: Option<u64>,
}

fn table(rules: &Rules, now: Duration) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["", "outside", "inside", "by", "seconds left", "description"]);
    for told in rules.0.values().take(ROWS) {
        table.add_row([
            told.transport.to_string(),
            told.external_port.to_string(),
            told.internal_addr.to_string(),
            told.by.to_owned(),
            told.left(now)
                .map_or_else(|| "no end".to_owned(), |left| left.to_string()),
            // Any client may have written it, line ends included.
            told.description.replace('\n', " "),
        ]);
    }
    let mut text = table.to_string();
    if let Some(more) = rules.0.len().checked_sub(ROWS).filter(|&more| more > 0) {
        text.push_str(&format!("\nand {more} more"));
    }
    text
}

fn write_json(value: &impl Serialize) -> Result<(), Trouble> {
    let text = serde_json::to_string(value).map_err(io::Error::other);
    put(&text.map_err(Trouble::Output)?)
}

fn write_line(text: &str) -> Result<(), Trouble> {
    put(&escape(text))
}

fn put(text: &str) -> Result<(), Trouble> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(Trouble::Output)
}

fn write_transport<S: Serializer>(value: &Transport, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match value {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    })
}

/// What ends it with a message.
#[derive(Debug)]
enum Trouble {
    Start(StartError),
    Signals(ctrlc::Error),
    Log(PathBuf, io::Error),
    Output(io::Error),
}

impl Trouble {
    fn exit(&self) -> Exit {
        match self {
            Trouble::Start(StartError::Config(_)) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        Trouble::Start(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Start(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(why) = cause {
                    write!(f, ": {why}")?;
                    cause = why.source();
                }
                Ok(())
            }
            Trouble::Signals(error) => write!(f, "signals cannot be caught: {error}"),
            Trouble::Log(path, error) => write!(f, "{}: {error}", path.display()),
            Trouble::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libplum_gateway::model::{Knobs, Model};

    const NOW: Duration = Duration::from_secs(5);

    /// A gateway with a rule for each port, by NAT-PMP (RFC 6886 section 3.3), for 120 s.
    fn with_rules(ports: std::ops::Range<u16>) -> Model {
        let mut model = Model::new(Knobs::default(), 0).unwrap();
        for port in ports {
            map(&mut model, NOW, port, 120);
        }
        model
    }

    fn map(model: &mut Model, now: Duration, port: u16, lifetime: u8) {
        let [high, low] = port.to_be_bytes();
        let request = [0, 2, 0, 0, high, low, high, low, 0, 0, 0, lifetime];
        model.receive(now, "192.168.1.20:40000".parse().unwrap(), &request);
        assert!(model.poll(now).is_some());
    }

    fn news(seen: &mut Rules, model: &mut Model, now: Duration) -> Vec<What> {
        model.advance(now);
        let news = seen.update(now, model.rules());
        news.into_iter().map(|(what, _)| what).collect()
    }

    #[test]
    fn a_rule_is_told_from_its_beginning_to_its_end() {
        let mut model = with_rules(80..81);
        let mut seen = Rules::default();
        let at = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(news(&mut seen, &mut model, at(0)), [What::Mapped]);
        assert_eq!(news(&mut seen, &mut model, at(10)), []);
        map(&mut model, at(20), 80, 120);
        assert_eq!(news(&mut seen, &mut model, at(20)), [What::Renewed]);
        model.insert_static(
            at(30),
            Transport::Tcp,
            "192.168.1.9".parse().unwrap(),
            1,
            80,
        );
        assert_eq!(news(&mut seen, &mut model, at(30)), [What::Changed]);
        map(&mut model, at(30), 81, 120);
        assert_eq!(news(&mut seen, &mut model, at(30)), [What::Mapped]);
        assert_eq!(news(&mut seen, &mut model, at(150)), [What::Expired]);
        map(&mut model, at(150), 82, 120);
        map(&mut model, at(150), 83, 120);
        assert_eq!(news(&mut seen, &mut model, at(150)), [What::Mapped; 2]);
        map(&mut model, at(151), 82, 0);
        assert_eq!(news(&mut seen, &mut model, at(151)), [What::Unmapped]);
    }

    #[test]
    fn the_table_is_bounded_and_shows_who_maps_where() {
        let mut seen = Rules::default();
        seen.update(NOW, with_rules(100..130).rules());
        let text = table(&seen, NOW);
        assert!(text.contains("192.168.1.20:119"), "{text}");
        assert!(!text.contains("192.168.1.20:120"), "{text}");
        assert!(text.ends_with("and 10 more"), "{text}");
        assert!(text.lines().count() <= ROWS + 5);
    }
}
