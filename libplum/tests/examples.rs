//! Each example, run as its users run it, against a gateway on the loopback.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

use libplum_gateway::Gateway;

/// Nothing here takes longer than a moment; a machine under load gets this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cargo builds the examples beside the tests, unless `--test` chose only some of these.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program's path");
    let folder = test.parent().and_then(|deps| deps.parent());
    let path = folder
        .expect("target/PROFILE/deps")
        .join("examples")
        .join(name);
    assert!(
        path.is_file(),
        "{} is not there: run `cargo test -p libplum`, or build the examples",
        path.display()
    );
    path
}

struct Example {
    child: Child,
    lines: Receiver<String>,
}

impl Example {
    fn start(name: &str, port: u16, gateway: &Gateway) -> Self {
        let mut child = Command::new(built(name))
            .args([port.to_string(), gateway.addr().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits until it says something that begins so.
    fn says(&self, begin: &str) {
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.starts_with(begin) {
                return;
            }
            heard.push(line);
        }
        panic!("not {begin:?}, but {heard:?}");
    }

    /// Waits until it has ended well, and looks whether anything is left on the gateway.
    fn ends(mut self, gateway: &Gateway) {
        // Its output ends with it.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let status = self.child.wait().expect("waited for");
        assert!(status.success(), "{status}");
        assert_eq!(gateway.rules(), []);
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // For a test that has failed; an error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").expect("bound");
    listener.local_addr().expect("bound").port()
}

#[test]
fn tokio_greets_and_unmaps_at_ctrl_c() {
    let (gateway, port) = (Gateway::builder().start().expect("a gateway"), free_port());
    let example = Example::start("tokio", port, &gateway);
    example.says("reachable at 203.0.113.7:");
    assert_eq!(gateway.rules().len(), 1);
    let mut greeting = String::new();
    TcpStream::connect(("127.0.0.1", port))
        .expect("it listens")
        .read_to_string(&mut greeting)
        .expect("read");
    assert_eq!(greeting, "hello\n");
    let interrupted = Command::new("kill")
        .args(["-INT", &example.child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(interrupted.success());
    example.ends(&gateway);
}

#[test]
fn smol_waits_for_a_datagram_and_unmaps() {
    let (gateway, port) = (Gateway::builder().start().expect("a gateway"), free_port());
    let example = Example::start("smol", port, &gateway);
    example.says("send something to 203.0.113.7:");
    assert_eq!(gateway.rules().len(), 1);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    socket.send_to(b"hello", ("127.0.0.1", port)).expect("sent");
    example.says("5 bytes from 127.0.0.1:");
    example.ends(&gateway);
}

#[test]
fn blocking_unmaps_at_enter() {
    let (gateway, port) = (Gateway::builder().start().expect("a gateway"), free_port());
    let mut example = Example::start("blocking", port, &gateway);
    example.says("reachable at 203.0.113.7:");
    assert_eq!(gateway.rules().len(), 1);
    let mut stdin = example.child.stdin.take().expect("piped");
    stdin.write_all(b"\n").expect("it reads");
    example.says("unmapped");
    example.ends(&gateway);
}
