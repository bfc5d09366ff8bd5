//! One host: a network namespace, and how to run something in it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;

use rustix::thread::{move_into_link_name_space, LinkNameSpaceType};

use super::daemon::Daemon;

/// A network namespace, removed on drop.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose loopback is up. `role` tells it apart within its lab.
    ///
    /// # Panics
    ///
    /// When `ip` refuses; ask [`missing`](super::missing) first.
    pub fn new(lab: u32, role: &str) -> Self {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(remove_leftovers);
        let name = format!("{PREFIX}{}-{lab}-{role}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]));
        let namespace = Namespace { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// A number for the next lab of this process.
    pub(crate) fn next_lab() -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// As `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread inside the namespace. Sockets made and threads and programs started
    /// by it belong to the namespace for good. A panic is passed on.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter().expect("the thread moves into the namespace");
                work()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts `command` inside.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.run(move || command.spawn())
    }

    /// Runs `command` inside to its end and returns what it printed.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn output(&self, command: &mut Command) -> String {
        self.run(move || run(command))
    }

    /// `ip` inside. Not `ip -n`: that mounts, which a container may not.
    pub fn ip(&self, args: &[&str]) {
        self.output(Command::new("ip").args(args));
    }

    /// Gives `device` an IPv4 address and puts it up.
    pub fn address(&self, device: &str, address: &str) {
        self.ip(&["addr", "add", address, "dev", device]);
        self.ip(&["link", "set", device, "up"]);
    }

    /// Feeds `script` to `nft -f -` inside.
    pub fn nft(&self, script: &str) {
        let mut command = Command::new("nft");
        command.args(["-f", "-"]);
        self.run(|| feed(&mut command, script));
    }

    /// What `nft list ruleset` says inside.
    pub fn ruleset(&self) -> String {
        self.output(Command::new("nft").args(["list", "ruleset"]))
    }

    /// Sets a switch under `/proc/sys/net`.
    pub fn sysctl(&self, path: &str, value: &str) {
        let path = format!("/proc/sys/net/{path}");
        self.run(|| std::fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    fn enter(&self) -> io::Result<()> {
        let file = File::open(format!("/run/netns/{}", self.name))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Runs a command to its end and returns its standard output.
///
/// # Panics
///
/// When it cannot be started or fails: the message carries what it said.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    finished(command, output)
}

fn feed(command: &mut Command, input: &str) -> String {
    let output = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            child
                .stdin
                .take()
                .expect("it is piped")
                .write_all(input.as_bytes())?;
            child.wait_with_output()
        });
    finished(command, output)
}

fn finished(command: &Command, output: io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const PREFIX: &str = "plumlab-";

/// A run that was killed had no time to tidy up. Its name says which process it was; where that is
/// gone, what it started in its namespaces and these themselves go too.
fn remove_leftovers() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else {
        return;
    };
    for name in entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
    {
        let Some(pid) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
        else {
            continue;
        };
        if pid.parse::<u32>().is_err() || std::fs::exists(format!("/proc/{pid}")).unwrap_or(true) {
            continue;
        }
        if let Ok(listed) = Command::new("ip").args(["netns", "pids", &name]).output() {
            for pid in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
                if let Some(pid) = pid.parse().ok().and_then(rustix::process::Pid::from_raw) {
                    // It may have ended by itself in between.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        }
        remove(&name);
        // Only a router has one.
        let _ = std::fs::remove_dir_all(Daemon::folder(&name));
    }
}

/// Runs from `drop`, also while unwinding: says what went wrong and goes on.
fn remove(name: &str) {
    match Command::new("ip")
        .args(["netns", "del", name])
        .stdin(Stdio::null())
        .output()
    {
        Ok(output) if output.status.success() => {}
        other => eprintln!("namespace {name} was not removed: {other:?}"),
    }
}
