//! `plum gateway` on the loopback, on any free ports.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Nothing here takes longer than a moment; a machine under load gets this.
const PATIENCE: Duration = Duration::from_secs(60);

fn plum(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plum"));
    command.arg("gateway").args(args).stdin(Stdio::null());
    command
}

fn refused(args: &[&str], code: i32) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = plum(args).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{args:?}: {stderr}");
    assert!(stdout.is_empty(), "{args:?}");
    stderr
}

/// A gateway that runs until it is dropped or has been told to end.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = plum(&["--ephemeral"]);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Maps TCP `port` for so many seconds by NAT-PMP, and returns the result.
fn nat_pmp(gateway: &str, port: u16, lifetime: u32) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(gateway).unwrap();
    let mut request = vec![0, 2, 0, 0];
    request.extend(port.to_be_bytes());
    request.extend(if lifetime == 0 { 0 } else { port }.to_be_bytes());
    request.extend(lifetime.to_be_bytes());
    socket.send(&request).unwrap();
    let mut answer = [0; 16];
    assert_eq!(socket.recv(&mut answer).unwrap(), 16);
    u16::from_be_bytes([answer[2], answer[3]])
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plum-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in a temporary folder is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn it_listens_maps_tells_and_logs() {
    let folder = Folder::new("log");
    let log = folder.0.join("log.jsonl");
    let mut gateway = Running::start(&[
        "--json",
        "--external",
        "198.51.100.4",
        "--log",
        log.to_str().unwrap(),
    ]);
    let listening = gateway.json();
    assert_eq!(listening["event"], "listening");
    assert_eq!(listening["external_ip"], "198.51.100.4");
    let addr = listening["addr"].as_str().unwrap().to_owned();

    assert_eq!(nat_pmp(&addr, 8080, 600), 0);
    let mapped = gateway.json();
    assert_eq!(mapped["event"], "mapped");
    assert_eq!(
        (
            &mapped["transport"],
            &mapped["external_port"],
            &mapped["by"]
        ),
        (&"tcp".into(), &8080.into(), &"natpmp".into())
    );
    assert_eq!(mapped["internal_addr"], "127.0.0.1:8080");
    assert_eq!(mapped["lifetime_s"], 600);
    assert_eq!(nat_pmp(&addr, 8080, 1200), 0);
    let renewed = gateway.json();
    assert_eq!(
        (&renewed["event"], &renewed["lifetime_s"]),
        (&"renewed".into(), &1200.into())
    );
    assert_eq!(nat_pmp(&addr, 8080, 0), 0);
    assert_eq!(gateway.json()["event"], "unmapped");

    // The description is served, too.
    let url = listening["description"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.contains("InternetGatewayDevice"),
        "{page}"
    );

    #[cfg(unix)]
    {
        use rustix::process::{kill_process, Pid, Signal};
        let pid = Pid::from_raw(gateway.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert_eq!(gateway.json()["event"], "stopped");
        assert_eq!(gateway.child.wait().unwrap().code(), Some(0));
        let log = std::fs::read_to_string(&log).unwrap();
        let lines: Vec<Value> = log
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let maps = lines
            .iter()
            .filter(|l| l["op"] == "NatPmpMap" && l["direction"] == "Request");
        assert_eq!(maps.count(), 2);
        assert!(lines
            .iter()
            .any(|l| l["protocol"] == "http" && l["direction"] == "Answer"));
        assert!(lines.iter().all(|l| l["fate"] != "Waiting"));
    }
}

#[test]
fn quirks_change_what_it_does() {
    let mut gateway = Running::start(&["--json", "--quirk", "no-port-zero", "--quirk", "cgnat"]);
    let listening = gateway.json();
    assert!(
        listening["external_ip"]
            .as_str()
            .unwrap()
            .starts_with("100."),
        "{listening}"
    );
    // What is asked for comes after what a quirk brings.
    let mut gateway = Running::start(&["--json", "--external", "9.8.7.6", "--quirk", "cgnat"]);
    assert_eq!(gateway.json()["external_ip"], "9.8.7.6");
}

#[test]
fn people_read_lines_and_a_rule_runs_out() {
    let mut gateway = Running::start(&[
        "--lifetimes",
        "1-1",
        "--without",
        "upnp",
        "--without",
        "pcp",
    ]);
    let first = gateway.line();
    let addr = first.strip_prefix("NAT-PMP on ").unwrap().to_owned();
    assert_eq!(gateway.line(), "external address 203.0.113.7");
    assert_eq!(nat_pmp(&addr, 9000, 600), 0);
    assert_eq!(
        gateway.line(),
        "mapped: TCP 9000 to 127.0.0.1:9000 by natpmp for 1 s"
    );
    assert_eq!(
        gateway.line(),
        "expired: TCP 9000 to 127.0.0.1:9000 by natpmp"
    );
}

#[test]
fn it_ends_by_itself_after_the_time_given() {
    let mut gateway = Running::start(&["--for", "0.05"]);
    let mut text = String::new();
    gateway.stdout.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("stopped\n"), "{text}");
    assert_eq!(gateway.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn the_reader_goes_and_so_does_it() {
    let mut gateway = Running::start(&["--json"]);
    gateway.json();
    let Running { child, stdout } = &mut gateway;
    // The other end of the pipe is closed when the last reader is.
    drop(std::mem::replace(stdout, BufReader::new(no_output())));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The output of a program that says nothing.
#[cfg(unix)]
fn no_output() -> ChildStdout {
    let mut quiet = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    quiet.wait().unwrap();
    quiet.stdout.take().unwrap()
}

#[test]
fn quirks_are_explained_in_a_sentence_each() {
    let output = plum(&["--list-quirks"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        let (name, rest) = line.split_once(' ').unwrap();
        assert!(
            !name.is_empty() && rest.contains('.') && rest.ends_with(']'),
            "{line}"
        );
    }
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.contains(&"conflict-on-renewal") && names.contains(&"miniupnpd"));

    let output = plum(&["--list-quirks", "--json"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(told.len(), names.len());
    assert!(told
        .iter()
        .all(|q| q["seen"].is_string() && q["sentence"].is_string()));
}

#[test]
fn the_impossible_is_refused_with_the_reason() {
    let nothing = [
        "--without",
        "pcp",
        "--without",
        "natpmp",
        "--without",
        "upnp",
    ];
    assert!(refused(&nothing, 2).contains("a gateway that speaks nothing"));
    let both = ["--quirk", "chunked", "--quirk", "http10"];
    assert!(refused(&both, 2).contains("cannot be `chunked` and `http10` at once"));
    assert!(refused(&["--quirk", "no-such"], 2).contains("no quirk is called `no-such`"));
    assert!(
        refused(&["--lifetimes", "10-5"], 2).contains("no lifetime can be granted from 10 to 5")
    );
    assert!(refused(&["--lifetimes", "ten"], 2).contains("no number of seconds"));
    assert!(refused(&["--external", "224.0.0.1"], 2).contains("cannot be an external address"));
    assert!(refused(&["--like", "/no/such/folder"], 2).contains("cannot read"));
    assert!(refused(&["--protocol", "pcp"], 2).contains("--without"));
    assert!(refused(&["--igd", "3"], 2).contains("--igd"));
}

#[test]
fn what_the_system_refuses_is_a_failure() {
    // An address of documentation, which no host has.
    let said = refused(&["--listen", "192.0.2.1", "--ephemeral"], 1);
    assert!(said.contains("cannot listen on 192.0.2.1"), "{said}");
    let said = refused(&["--ephemeral", "--log", "/no/such/folder/log"], 1);
    assert!(said.contains("/no/such/folder/log"), "{said}");
}

/// The example of libplum-gateway for scripts.
#[cfg(unix)]
#[test]
fn a_script_tests_any_program_against_it() {
    let with_router = |quirks: &str, command: &str| {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../libplum-gateway/examples/with_router.sh"
        );
        let program = PathBuf::from(env!("CARGO_BIN_EXE_plum"));
        let mut path = program.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut run = Command::new("sh");
        run.args([script, "sh", "-c", command]).env("PATH", path);
        let output = run.env("QUIRKS", quirks).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let map = r#"plum map 8080 --gateway "$ROUTER" --for 0"#;
    let (code, said) = with_router("no-port-zero cgnat", map);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("requests, 0 ports left open\n"), "{said}");
    let (code, said) = with_router("", r#"test -n "$ROUTER_URL" && exit 7"#);
    assert_eq!(code, Some(7), "{said}");
    // Killed once it has mapped, it leaves the port open.
    let leak = r#"mkfifo "$FIFO"; plum map 8080 --gateway "$ROUTER" --json >"$FIFO" & pid=$!
        read -r line <"$FIFO"; kill -9 $pid; wait $pid; rm "$FIFO"; true"#;
    let fifo = std::env::temp_dir().join(format!("plum-{}-fifo", std::process::id()));
    let leak = leak.replace("$FIFO", fifo.to_str().unwrap());
    let (code, said) = with_router("", &leak);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.ends_with("1 ports left open\n"), "{said}");
    let (code, said) = with_router("no-such-quirk", "true");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no quirk is called"), "{said}");
}
