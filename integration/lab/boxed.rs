//! `plum gateway` as the router of a home, instead of a real daemon.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;

use super::home::{EXTERNAL, ROUTER};
use super::lines::Lines;
use super::namespace::Namespace;
use super::programs::program;

/// A running `plum gateway` on the router's address and the real ports. Dropping it kills it.
///
/// What its table goes through is taken from the lines that it prints, each once; several threads
/// may wait for their own.
#[derive(Debug)]
pub struct Boxed {
    child: Child,
    listening: Value,
    told: Arc<Told>,
}

#[derive(Debug, Default)]
struct Told {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Value>,
    all: Vec<String>,
    ended: bool,
}

/// How long a line may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

impl Boxed {
    /// Starts it on `router` with more options, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(router: &Namespace, options: &[&str]) -> Self {
        let mut command = Command::new(program("libplum-cli", "plum", "dev"));
        command
            .args(["gateway", "--json"])
            .args(["--listen", &ROUTER.to_string()])
            .args(["--external", &EXTERNAL.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = router.spawn(&mut command).expect("plum starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = Lines::of("plum gateway", stdout, false);
        let first = lines.next(PATIENCE).expect("plum gateway says something");
        let first = first.expect("plum gateway listens");
        let listening: Value = serde_json::from_str(&first).expect("it is JSON");
        assert_eq!(listening["event"], "listening", "{listening}");
        let told = Arc::new(Told::default());
        let teller = Arc::clone(&told);
        thread::spawn(move || {
            // Until it ends: a gateway may have nothing to say for long.
            while let Ok(Some(line)) = lines.next(Duration::MAX) {
                teller.hear(line);
            }
            teller.lock().ended = true;
            teller.changed.notify_all();
        });
        Boxed {
            child,
            listening,
            told,
        }
    }

    /// Its first line: where it listens.
    pub fn listening(&self) -> &Value {
        &self.listening
    }

    /// Waits for the next line about a mapping to this internal port, and checks what happened.
    ///
    /// # Panics
    ///
    /// When none comes, or another one.
    pub fn expect(&self, event: &str, internal_port: u16) -> Value {
        let suffix = format!(":{internal_port}");
        let is_ours = |line: &Value| {
            let addr = line["internal_addr"].as_str();
            addr.is_some_and(|addr| addr.ends_with(&suffix))
        };
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.told.lock();
        loop {
            if let Some(i) = state.waiting.iter().position(is_ours) {
                let line = state.waiting.remove(i);
                assert_eq!(line["event"], event, "{line}\n{}", state.all.join("\n"));
                return line;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !state.ended,
                "no {event} of port {internal_port}:\n{}",
                state.all.join("\n")
            );
            let woken = self.told.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks it to end by `signal`, and waits. What it said and nobody expected comes along.
    pub fn stop(mut self, signal: Signal) -> (ExitStatus, Vec<Value>) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id"));
        kill_process(pid.expect("a process id"), signal).expect("it is still there");
        let status = self.child.wait().expect("it ends");
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.told.lock();
        while !state.ended && Instant::now() < deadline {
            let woken = self.told.changed.wait_timeout(state, PATIENCE);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        (status, left)
    }
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, line: String) {
        let mut state = self.lock();
        if let Ok(value) = serde_json::from_str(&line) {
            state.waiting.push(value);
        }
        state.all.push(line);
        self.changed.notify_all();
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
