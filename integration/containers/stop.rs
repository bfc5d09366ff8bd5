//! What was started is stopped: at the end, after a panic, and on Ctrl-C.
//!
//! Programs run in process groups of their own, so that Ctrl-C on a terminal reaches this program
//! alone, which then ends them in order.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::process::{kill_process_group, waitid, Pid, Signal, WaitId, WaitIdOptions};

/// Ended by a signal, as a shell counts it.
const INTERRUPTED: i32 = 130;

/// How long a program may take to end when it is told to.
const FAREWELL: Duration = Duration::from_secs(5);

struct Running {
    stopping: bool,
    groups: Vec<Pid>,
}

static RUNNING: Mutex<Running> = Mutex::new(Running {
    stopping: false,
    groups: Vec::new(),
});

type Undo = Box<dyn FnOnce() + Send>;

static UNDO: Mutex<Vec<(u64, Undo)>> = Mutex::new(Vec::new());

/// Held while something is undone, so that two do not undo at once.
static UNDOING: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From here on Ctrl-C, SIGTERM and SIGHUP undo everything and end this process.
///
/// # Errors
///
/// When the system refuses the handler.
pub fn on_signals() -> Result<(), String> {
    ctrlc::set_handler(|| {
        let groups = {
            let mut running = lock(&RUNNING);
            running.stopping = true;
            std::mem::take(&mut running.groups)
        };
        // Closed standard error is nobody's loss.
        let _ = writeln!(io::stderr(), "containers: stopped, tidying up");
        for group in &groups {
            let _ = kill_process_group(*group, Signal::TERM);
        }
        let deadline = Instant::now() + FAREWELL;
        for group in groups {
            while !has_ended(group) && Instant::now() < deadline {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            // Those of its children that did not listen.
            let _ = kill_process_group(group, Signal::KILL);
        }
        undo_all();
        std::process::exit(INTERRUPTED);
    })
    .map_err(|error| format!("signals cannot be caught: {error}"))
}

/// Whether a child of ours that nobody has reaped yet has ended.
pub(crate) fn has_ended(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
}

/// After a signal the process ends in the handler; everyone else waits for that.
fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

/// Undoes something when it is dropped, or on a signal, whichever comes first.
#[must_use]
#[derive(Debug)]
pub struct Guard(u64);

impl Guard {
    /// `undo` may run on another thread, and uses [`unsupervised`] commands.
    pub fn new(undo: impl FnOnce() + Send + 'static) -> Self {
        static NEXT: Mutex<u64> = Mutex::new(0);
        let mut next = lock(&NEXT);
        *next += 1;
        lock(&UNDO).push((*next, Box::new(undo)));
        Guard(*next)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _turn = lock(&UNDOING);
        let undo = {
            let mut all = lock(&UNDO);
            all.iter()
                .position(|(id, _)| *id == self.0)
                .map(|at| all.remove(at).1)
        };
        if let Some(undo) = undo {
            undo();
        }
    }
}

/// Newest first.
fn undo_all() {
    let _turn = lock(&UNDOING);
    loop {
        let Some((_, undo)) = lock(&UNDO).pop() else {
            return;
        };
        undo();
    }
}

/// A running program that a signal to this one ends too.
#[derive(Debug)]
pub struct Supervised {
    child: Child,
    group: Pid,
    reaped: bool,
}

impl Supervised {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;

        let mut running = lock(&RUNNING);
        if running.stopping {
            drop(running);
            wait_for_the_end();
        }
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        running.groups.push(group);
        Ok(Supervised {
            child,
            group,
            reaped: false,
        })
    }

    /// Its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        // Left unreaped until it is off the list, so that its number stays its own that long.
        waitid(
            WaitId::Pid(self.group),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
        self.reap()
    }

    /// Whether it still runs at `deadline` or ended before; asks again and again.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let ended = waitid(
                WaitId::Pid(self.group),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG,
            )?;
            if ended.is_some() {
                return self.reap().map(Some);
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Sends a signal to its whole group.
    pub fn signal(&self, signal: Signal) {
        if !self.reaped {
            // It fails only when the group has ended by itself.
            let _ = kill_process_group(self.group, signal);
        }
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        let mut running = lock(&RUNNING);
        if running.stopping {
            drop(running);
            wait_for_the_end();
        }
        running.groups.retain(|group| *group != self.group);
        self.reaped = true;
        self.child.wait()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::KILL);
            // It was just killed; there is nobody to tell.
            let _ = self.wait();
        }
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The last line of what it complained about.
    pub fn complaint(&self) -> String {
        let last = |text: &str| {
            text.lines()
                .map(str::trim)
                .rfind(|l| !l.is_empty())
                .map(str::to_owned)
        };
        last(&self.stderr)
            .or_else(|| last(&self.stdout))
            .unwrap_or_else(|| self.status.to_string())
    }
}

/// Runs a command to its end, with `input` as its standard input.
///
/// # Errors
///
/// When it cannot be started.
pub fn run(command: &mut Command, input: &str) -> io::Result<Output> {
    let mut program = Supervised::spawn(
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    let mut stdin = program.child().stdin.take().expect("it is piped");
    let mut stdout = program.child().stdout.take().expect("it is piped");
    let mut stderr = program.child().stderr.take().expect("it is piped");
    let (out, err) = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not read its input ends without it.
            let _ = stdin.write_all(input.as_bytes());
        });
        let err = scope.spawn(move || read_all(&mut stderr));
        let out = read_all(&mut stdout);
        (out, err.join())
    });
    Ok(Output {
        status: program.wait()?,
        stdout: out?,
        stderr: err.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
    })
}

fn read_all(from: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs a command that tidies up: a signal does not end it. Complaints are said, not returned.
pub fn unsupervised(command: &mut Command) -> Option<String> {
    use std::os::unix::process::CommandExt;

    match command.process_group(0).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            complain(&format!(
                "{command:?}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
            None
        }
        Err(error) => {
            complain(&format!("{command:?}: {error}"));
            None
        }
    }
}

/// A line on standard error.
pub fn complain(line: &str) {
    // There is no third place to say that standard error is closed.
    let _ = writeln!(io::stderr(), "containers: {line}");
}
