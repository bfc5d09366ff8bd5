//! The program `plum` against a gateway on the loopback: each option, exit code and signal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

use libplum_gateway::model::{Forced, Transport, Update};
use libplum_gateway::{Gateway, Op, Packet, Quirk, Writer};
use serde_json::Value;

/// Nothing here takes longer than a moment; a machine under load gets this.
const PATIENCE: Duration = Duration::from_secs(60);

fn plum() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plum"));
    command.stdin(Stdio::null());
    command
}

fn gateway() -> Gateway {
    Gateway::builder().start().unwrap()
}

/// A `plum` that talks to `gateway`.
fn plum_at(gateway: &Gateway) -> Command {
    let mut command = plum();
    command.arg("--gateway").arg(gateway.addr().to_string());
    command
}

/// Runs to the end.
fn finish(command: &mut Command) -> Output {
    let mut running = Running::start(command);
    let mut stdout = Vec::new();
    while let Some(line) = running.next_line() {
        stdout.extend(line.into_bytes());
        stdout.push(b'\n');
    }
    let (status, stderr) = running.end();
    Output {
        status,
        stdout,
        stderr,
    }
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A `plum` that runs. Its lines and its end arrive as events, so that nothing here sleeps.
struct Running {
    pid: u32,
    lines: Option<Receiver<String>>,
    ended: Receiver<(ExitStatus, Vec<u8>)>,
    over: bool,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (line_sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line_sender.send(line).is_err() {
                    break; // and the pipe is closed
                }
            }
        });
        let (end_sender, ended) = channel();
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let read = stderr.read_to_end(&mut said);
            let status = child.wait().unwrap();
            read.unwrap();
            // The test may have failed and gone.
            let _ = end_sender.send((status, said));
        });
        Running {
            pid,
            lines: Some(lines),
            ended,
            over: false,
        }
    }

    fn next_line(&mut self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError::*;
        match self.lines.as_ref().unwrap().recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(Disconnected) => None,
            Err(Timeout) => panic!("no line"),
        }
    }

    fn next_json(&mut self) -> Value {
        let line = self.next_line().expect("one more line");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    fn end(&mut self) -> (ExitStatus, Vec<u8>) {
        let end = self.ended.recv_timeout(PATIENCE).expect("it ends");
        self.over = true;
        end
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if !self.over {
            self.signal(rustix::process::Signal::KILL);
        }
    }
}

#[test]
fn a_port_is_mapped_and_unmapped_again() {
    let gateway = gateway();
    let output = finish(plum_at(&gateway).args(["map", "8080", "--json", "--for", "0"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let mapped = &lines[0];
    assert_eq!(mapped["event"], "mapped");
    assert_eq!(mapped["transport"], "tcp");
    assert_eq!(mapped["internal_port"], 8080);
    assert_eq!(mapped["external_addr"], "203.0.113.7:8080");
    assert_eq!(mapped["protocol"], "pcp");
    assert_eq!(mapped["lifetime_s"], 7200);
    assert!(mapped["elapsed_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(lines[1]["event"], "unmapped");
    assert_eq!(lines[1]["internal_port"], 8080);
    assert_eq!(gateway.rules(), []);
    assert_eq!(gateway.log().count(Op::PcpDelete), 1);
}

#[test]
fn people_read_lines_without_control_characters() {
    let gateway = gateway();
    let output = finish(plum_at(&gateway).args(["map", "8080", "--for", "0"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = text(&output);
    assert!(
        text.starts_with("TCP 8080 is open at 203.0.113.7:8080 by PCP"),
        "{text}"
    );
    assert!(text.ends_with("TCP 8080 is closed again\n"), "{text}");
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    // No terminal, no spinner.
    assert_eq!(output.stderr, b"");
}

#[test]
fn several_ports_in_every_form() {
    let gateway = gateway();
    let args = [
        "map",
        "8080",
        "9000/udp",
        "7000:7001/tcp",
        "--json",
        "--for",
        "0",
    ];
    let output = finish(plum_at(&gateway).args(args));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut mapped: Vec<String> = lines(&output)
        .iter()
        .filter(|line| line["event"] == "mapped")
        .map(|line| {
            format!(
                "{} {} {}",
                line["transport"], line["internal_port"], line["external_addr"]
            )
        })
        .collect();
    mapped.sort();
    let expected = [
        r#""tcp" 7000 "203.0.113.7:7001""#,
        r#""tcp" 8080 "203.0.113.7:8080""#,
        r#""udp" 9000 "203.0.113.7:9000""#,
    ];
    assert_eq!(mapped, expected);
    let unmapped = lines(&output)
        .iter()
        .filter(|line| line["event"] == "unmapped")
        .count();
    assert_eq!(unmapped, 3);
    assert_eq!(gateway.rules(), []);
}

#[test]
fn the_external_port_and_the_lifetime_are_asked_for() {
    let gateway = gateway();
    let args = [
        "map",
        "8080",
        "--external-port",
        "18080",
        "--lifetime",
        "600",
        "--json",
    ];
    let mut running = Running::start(plum_at(&gateway).args(args).args(["--for", "0"]));
    let mapped = running.next_json();
    assert_eq!(mapped["external_addr"], "203.0.113.7:18080");
    assert_eq!(mapped["lifetime_s"], 600);
    assert_eq!(running.end().0.code(), Some(0));
    let requests = gateway.log().requests();
    let first = requests
        .iter()
        .find(|entry| entry.op() == Op::PcpMap)
        .unwrap();
    let Packet::Pcp(map) = &first.packet else {
        panic!("{first:?}")
    };
    assert_eq!(map.lifetime, 600);
}

#[test]
fn the_protocol_can_be_chosen() {
    for (name, writer) in [("pcp", Writer::Pcp), ("natpmp", Writer::NatPmp)] {
        let gateway = gateway();
        let args = ["map", "8080", "--protocol", name, "--json"];
        let mut running = Running::start(plum_at(&gateway).args(args));
        assert_eq!(running.next_json()["protocol"], name);
        assert_eq!(gateway.rules()[0].writer, writer);
        drop(running);
    }
}

#[test]
fn natpmp_is_found_where_there_is_no_pcp() {
    let gateway = Gateway::builder().pcp(false).start().unwrap();
    let output = finish(plum_at(&gateway).args(["map", "8080/udp", "--json", "--for", "0"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(lines(&output)[0]["protocol"], "natpmp");
    assert_eq!(gateway.rules(), []);
}

#[test]
fn upnp_is_not_in_this_build() {
    let output = finish(plum().args(["map", "8080", "--protocol", "upnp"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("not in this build"),
        "{output:?}"
    );
}

#[test]
fn a_refusal_is_told_with_its_code_and_ends_with_1() {
    let gateway = Gateway::builder().quirk(Quirk::Disabled).start().unwrap();
    let args = ["map", "8080", "9000", "--protocol", "pcp", "--json"];
    let output = finish(plum_at(&gateway).args(args));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let failed = &lines(&output)[0];
    assert_eq!(failed["event"], "failed");
    assert_eq!(failed["transport"], "tcp");
    assert_eq!(failed["reason"], "refused");
    assert_eq!(failed["protocol"], "pcp");
    assert_eq!(failed["code"], 2);
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .contains("NOT_AUTHORIZED"),
        "{failed}"
    );
}

#[test]
fn once_something_is_mapped_a_failure_is_not_the_end() {
    let gateway = Gateway::builder()
        .set(|knobs| knobs.max_rules = 1)
        .start()
        .unwrap();
    let args = ["map", "8080", "9000", "--protocol", "pcp", "--json"];
    let mut running = Running::start(plum_at(&gateway).args(args));
    let mapped = running.next_json();
    assert_eq!(
        (&mapped["event"], &mapped["internal_port"]),
        (&"mapped".into(), &8080.into())
    );
    let failed = running.next_json();
    assert_eq!(
        (&failed["event"], &failed["internal_port"]),
        (&"failed".into(), &9000.into())
    );
    assert_eq!(failed["code"], 8);
    assert_eq!(gateway.rules().len(), 1, "the first is still there");

    // With a --for it is known when that is over: each has had its outcome.
    drop(running);
    gateway.forget_rule(Transport::Tcp, 8080);
    let output = finish(plum_at(&gateway).args(args).args(["--for", "0"]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let events: Vec<Value> = lines(&output)
        .iter()
        .map(|line| line["event"].clone())
        .collect();
    assert_eq!(events, ["mapped", "failed", "unmapped"]);
    assert_eq!(gateway.rules(), []);
}

#[test]
fn a_second_nat_is_told() {
    let gateway = Gateway::builder().quirk(Quirk::Cgnat).start().unwrap();
    let output = finish(plum_at(&gateway).args(["map", "8080", "--for", "0"]));
    assert!(text(&output).contains("another NAT in front"), "{output:?}");
}

#[test]
fn with_keep_trying_a_failure_is_not_the_end() {
    let gateway = Gateway::builder()
        .set(|knobs| knobs.force(Op::PcpMap, Forced::result(7_u16).lifetime(1).times(1)))
        .start()
        .unwrap();
    let args = [
        "map",
        "8080",
        "--protocol",
        "pcp",
        "--keep-trying",
        "--json",
        "--for",
        "0",
    ];
    let output = finish(plum_at(&gateway).args(args));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output);
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["failed", "mapped", "unmapped"]);
    assert_eq!(lines[0]["code"], 7);
}

#[test]
fn silence_ends_with_3() {
    let gateway = gateway();
    gateway.stop_answering();
    let output = finish(plum_at(&gateway).args(["map", "8080", "--timeout", "0.5", "--json"]));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let failed = &lines(&output)[0];
    assert_eq!(
        (&failed["event"], &failed["reason"]),
        (&"failed".into(), &"no_answer".into())
    );
    assert_eq!(failed["code"], Value::Null);
}

#[test]
fn a_closed_port_ends_with_3() {
    let gateway = gateway();
    gateway.close_port();
    let output = finish(plum_at(&gateway).args(["map", "8080", "--json"]));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(lines(&output)[0]["reason"], "ports_closed");
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["map"][..],
        &["map", "0"],
        &["map", "65536"],
        &["map", "8080/sctp"],
        &["map", "8080", "9000", "--external-port", "1"],
        &["map", "8080:1", "--external-port", "1"],
        &["map", "8080", "--external-port", "0"],
        &["map", "8080", "--lifetime", "0"],
        &["map", "8080", "--for", "-1"],
        &["map", "8080", "--timeout", "0"],
        &["map", "8080", "--gateway", "router.local"],
        &["map", "8080", "--protocol", "ipx"],
        &["map", "5351/udp", "--gateway", "127.0.0.1:9"], // RFC 6887 section 11.3
        &["sing"],
        &[],
    ] {
        let output = finish(plum().args(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert_eq!(output.stdout, b"", "{args:?}");
        assert_ne!(output.stderr, b"", "{args:?}");
    }
}

#[test]
fn the_version_is_told() {
    let output = finish(plum().arg("--version"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output),
        format!("plum {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn more_is_told_on_standard_error_when_asked() {
    let gateway = gateway();
    let quiet = finish(plum_at(&gateway).args(["map", "8080", "--for", "0"]));
    let loud = finish(plum_at(&gateway).args(["map", "8080", "--for", "0", "-vv"]));
    assert_eq!(quiet.stderr, b"");
    let said = String::from_utf8(loud.stderr).unwrap();
    assert!(said.contains("libplum::engine"), "{said}");
}

#[test]
fn it_is_mapped_for_as_long_as_asked() {
    let gateway = gateway();
    let args = ["map", "8080", "--json", "--for", "0.3"];
    let output = finish(plum_at(&gateway).args(args));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output);
    let at = |index: usize| lines[index]["elapsed_ms"].as_f64().unwrap();
    assert_eq!(lines[1]["event"], "unmapped");
    assert!(at(1) - at(0) >= 300.0, "{lines:?}");
}

#[test]
fn a_change_is_told() {
    let gateway = gateway();
    let mut running = Running::start(plum_at(&gateway).args(["map", "8080", "--json"]));
    assert_eq!(running.next_json()["external_addr"], "203.0.113.7:8080");
    assert!(gateway.update(Transport::Tcp, 8080, Update::Port(18080)));
    let changed = running.next_json();
    assert_eq!(changed["event"], "changed");
    assert_eq!(changed["external_addr"], "203.0.113.7:18080");
}

#[cfg(unix)]
#[test]
fn signals_unmap_before_the_end() {
    use rustix::process::Signal;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let gateway = gateway();
        let args = ["map", "8080", "9000/udp", "--json"];
        let mut running = Running::start(plum_at(&gateway).args(args));
        for _ in 0..2 {
            assert_eq!(running.next_json()["event"], "mapped");
        }
        assert_eq!(gateway.rules().len(), 2);
        running.signal(signal);
        for _ in 0..2 {
            assert_eq!(running.next_json()["event"], "unmapped");
        }
        assert_eq!(running.end().0.code(), Some(0), "{signal:?}");
        assert_eq!(gateway.rules(), []);
    }
}

#[cfg(unix)]
#[test]
fn a_signal_before_anything_is_mapped_ends_with_1() {
    let gateway = gateway();
    gateway.stop_answering();
    let mut running = Running::start(plum_at(&gateway).args(["map", "8080", "--keep-trying"]));
    assert!(gateway.log().wait_for_count(PATIENCE, Op::PcpMap, 1));
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.end().0.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_unmaps_before_the_end() {
    let gateway = gateway();
    let mut child = plum_at(&gateway)
        .args(["map", "8080"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("is open"), "{line}");
    assert_eq!(gateway.rules().len(), 1);
    drop(stdout);
    assert!(
        gateway.log().wait_for_count(PATIENCE, Op::PcpDelete, 1),
        "nothing was unmapped"
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(gateway.rules(), []);
}

#[test]
fn a_probe_tells_each_protocol() {
    let gateway = gateway();
    let output = finish(plum_at(&gateway).args(["probe", "--json"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output);
    let names: Vec<_> = lines
        .iter()
        .map(|line| line["protocol"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["pcp", "natpmp"]);
    for line in &lines {
        assert_eq!(
            (&line["event"], &line["works"]),
            (&"probed".into(), &true.into()),
            "{line}"
        );
        assert_eq!(line["gateway"], gateway.addr().to_string());
    }
    assert_eq!(lines[1]["external_address"], "203.0.113.7");
    assert_eq!(gateway.rules(), [], "a probe writes nothing");

    let text = text(&finish(plum_at(&gateway).arg("probe")));
    assert!(
        text.contains("PCP      works") && text.contains("NAT-PMP  works"),
        "{text}"
    );
}

#[test]
fn a_probe_of_nobody_ends_with_3() {
    let gateway = gateway();
    gateway.close_port();
    let output = finish(plum_at(&gateway).args(["probe", "--json", "--timeout", "2"]));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn the_external_address_is_told() {
    let gateway = gateway();
    let output = finish(plum_at(&gateway).arg("external-ip"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output), "203.0.113.7\n");
    let json = finish(plum_at(&gateway).args(["external-ip", "--json"]));
    assert_eq!(lines(&json)[0]["address"], "203.0.113.7");
}

#[test]
fn the_demo_needs_no_router() {
    let output = finish(plum().arg("demo"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = text(&output);
    for part in [
        "by PCP",
        "by NAT-PMP",
        "TCP 8080 is closed again",
        "table is empty",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn both_transports_are_mapped_on_one_port_outside() {
    let gateway = gateway();
    gateway.insert_static(Transport::Udp, "192.0.2.9".parse().unwrap(), 8080, 8080);
    let args = ["map", "8080/both", "9000", "--json", "--for", "0"];
    let output = finish(plum_at(&gateway).args(args));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output);
    let outside = |transport: &str| {
        let is = |line: &&Value| line["internal_port"] == 8080 && line["transport"] == transport;
        let own: Vec<_> = lines.iter().filter(is).collect();
        assert_eq!(own.len(), 2, "{lines:?}");
        assert_eq!(own[1]["event"], "unmapped");
        own[0]["external_addr"].as_str().unwrap().to_owned()
    };
    assert_eq!(outside("tcp"), outside("udp"));
    assert!(!outside("tcp").ends_with(":8080"), "that one is taken");
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(gateway.rules().len(), 1, "the other host's alone");
}

#[test]
fn a_refusal_of_both_ends_with_1() {
    let gateway = gateway();
    gateway
        .set(|knobs| knobs.force(Op::PcpMap, Forced::result(2_u16)))
        .unwrap();
    let args = ["map", "8080/both", "--json", "--protocol", "pcp"];
    let output = finish(plum_at(&gateway).args(args));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for line in lines(&output) {
        assert_eq!(line["event"], "failed", "{line}");
    }
    let usage = finish(plum_at(&gateway).args(["map", "5351/both"]));
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
}

#[cfg(unix)]
#[test]
fn what_a_killed_run_left_is_unmapped() {
    for protocol in ["pcp", "natpmp"] {
        let gateway = gateway();
        let args = ["map", "8080/both", "9000", "--json", "--protocol", protocol];
        let mut killed = Running::start(plum_at(&gateway).args(args));
        for _ in 0..3 {
            assert_eq!(killed.next_json()["event"], "mapped");
        }
        killed.signal(rustix::process::Signal::KILL);
        killed.end();
        assert_eq!(gateway.rules().len(), 3, "left by {protocol}");

        let output = finish(plum_at(&gateway).args(["unmap", "8080/both", "--json"]));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let lines = lines(&output);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0]["event"], "cleared");
        assert_eq!(lines[1]["transport"], "udp");
        let left: Vec<_> = gateway.rules().iter().map(|r| r.internal_port).collect();
        assert_eq!(left, [9000], "{protocol}");

        let again = finish(plum_at(&gateway).args(["unmap", "8080"]));
        assert_eq!(again.status.code(), Some(0), "nothing to do: {again:?}");
        assert!(text(&again).contains("nothing of this host is mapped"));
    }
}

#[test]
fn unmap_tells_what_it_cannot_do() {
    let gateway = gateway();
    let code = |command: &mut Command| {
        let output = finish(command);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (usage, said) = code(plum_at(&gateway).args(["unmap", "80:81"]));
    assert_eq!(usage, Some(2), "{said}");
    let (usage, said) = code(plum_at(&gateway).args(["unmap", "80", "--protocol", "pcp"]));
    assert_eq!(usage, Some(2), "{said}");
    assert!(gateway.log().entries().is_empty(), "nothing was asked");

    gateway.set(|knobs| knobs.nat_pmp = false).unwrap();
    let (failed, said) = code(plum_at(&gateway).args(["unmap", "80", "--timeout", "2"]));
    assert_eq!(failed, Some(1), "{said}");
    assert!(said.contains("does not speak NAT-PMP"), "{said}");

    gateway.close_port();
    let (nobody, said) = code(plum_at(&gateway).args(["unmap", "80", "--timeout", "2"]));
    assert_eq!(nobody, Some(3), "{said}");
}

#[test]
fn an_unmap_that_is_refused_ends_with_1() {
    let gateway = gateway();
    gateway.insert_static(Transport::Tcp, gateway.addr().ip(), 8080, 8080);
    let output = finish(plum_at(&gateway).args(["unmap", "8080", "--json"]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines = lines(&output);
    assert_eq!(lines[0]["event"], "failed");
    assert_eq!(lines[0]["protocol"], "natpmp");
    assert_eq!(lines[0]["code"], 2);
    assert_eq!(gateway.rules().len(), 1, "made by hand");
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = finish(plum().args(["completions", shell]));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let script = text(&output);
        for word in ["external-ip", "unmap", "--keep-trying"] {
            let word = word.trim_start_matches("--");
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let output = finish(plum().args(["completions", "tea"]));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn there_is_a_manual() {
    let page = text(&finish(plum().arg("man")));
    assert!(page.contains(".TH plum 1"), "{page}");
    assert!(page.contains("Exit codes"), "{page}");
    let page = text(&finish(plum().args(["man", "unmap"])));
    assert!(page.contains(".TH plum-unmap 1"), "{page}");
    assert!(page.contains("NAT\\-PMP"), "{page}");
    let output = finish(plum().args(["man", "nothing"]));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
