//! Docker or Podman, whichever runs; where none does, a Docker daemon of our own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::own::{self, OwnEngine};
use super::stop::{self, unsupervised, Guard, Output};
use crate::lab::find_program;

/// The label that all containers of one run carry.
const LABEL: &str = "libplum.lab";

/// Open files and processes, enough for any container here.
const MODEST: u32 = 4096;

/// A container engine that runs.
#[derive(Debug)]
pub struct Engine {
    program: String,
    /// In front of every command's arguments: where the engine listens.
    to: Vec<String>,
    /// What `run` needs here beyond what it needs everywhere.
    run: Vec<String>,
    /// What this run's containers carry in [`LABEL`].
    run_label: String,
    // Dropped in this order: first the containers go, then the engine.
    _containers: Guard,
    own: Option<OwnEngine>,
}

/// Why there is no engine.
#[derive(Debug)]
pub enum NoEngine {
    /// None is here, and none may be started: the suite is skipped.
    Missing(String),
    /// One was asked for, and it does not do.
    Broken(String),
}

impl Engine {
    /// Finds one that runs, or starts one. `PLUM_ENGINE` is `docker`, `podman` or `own` for those
    /// who have several.
    ///
    /// # Errors
    ///
    /// One sentence that says what to do.
    pub fn find() -> Result<Self, NoEngine> {
        own::remove_leftovers();
        let asked = std::env::var("PLUM_ENGINE").unwrap_or_default();
        match asked.as_str() {
            "" => {}
            "own" => return Self::own(),
            "docker" | "podman" => {
                return Self::running(&asked).map_err(|why| {
                    NoEngine::Broken(format!(
                        "PLUM_ENGINE says {asked}, and that does not run ({why}): start it, or \
                         leave PLUM_ENGINE unset"
                    ))
                })
            }
            other => {
                return Err(NoEngine::Broken(format!(
                    "PLUM_ENGINE is {other:?}: say docker, podman or own"
                )))
            }
        }
        let docker = match Self::running("docker") {
            Ok(engine) => return Ok(engine),
            Err(why) => why,
        };
        if let Ok(host) = std::env::var("DOCKER_HOST") {
            return Err(NoEngine::Broken(format!(
                "no container engine answers at {host} ({docker}): start it, or unset DOCKER_HOST"
            )));
        }
        match Self::running("podman") {
            Ok(engine) => Ok(engine),
            Err(_) => Self::own(),
        }
    }

    fn running(program: &str) -> Result<Self, String> {
        let format = match program {
            "podman" => "{{.Host.Arch}}",
            _ => "{{.ServerVersion}}",
        };
        let output = stop::run(Command::new(program).args(["info", "--format", format]), "")
            .map_err(|error| format!("`{program}`: {error}"))?;
        // An old client ends well although nobody answered it.
        if !output.status.success() || output.stdout.trim().is_empty() {
            return Err(output.complaint());
        }
        Ok(Self::new(program, Vec::new(), None))
    }

    fn own() -> Result<Self, NoEngine> {
        let own = OwnEngine::start()?;
        let to = vec!["-H".to_owned(), own.address()];
        Ok(Self::new("docker", to, Some(own)))
    }

    fn new(program: &str, to: Vec<String>, own: Option<OwnEngine>) -> Self {
        let me = Runner::me();
        let mut list = vec![program.to_owned()];
        list.extend(to.iter().cloned());
        let run_label = format!("{LABEL}={}", me.label());
        let filter = format!("label={run_label}");
        let engine = Engine {
            program: program.to_owned(),
            to,
            run: Vec::new(),
            run_label,
            _containers: Guard::new(move || remove_all(&list, &filter)),
            own,
        };
        engine.remove_leftovers(&me);
        engine
    }

    /// Whether this run has started it.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// For a person.
    pub fn describe(&self) -> String {
        match &self.own {
            Some(own) => format!("a docker daemon of our own at {}", own.address()),
            None => format!("{}, which runs already", self.program),
        }
    }

    /// What makes another run of this suite use the same engine.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("PLUM_ENGINE", self.program.clone())];
        all.extend(self.own.iter().map(|own| ("DOCKER_HOST", own.address())));
        all
    }

    /// `docker ARGS`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.to).args(args);
        // A builder in a container of its own would not see our images.
        command.env("BUILDX_BUILDER", "default");
        command
    }

    /// Runs `docker ARGS` to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run(&self, args: &[&str], input: &str) -> Result<Output, String> {
        stop::run(&mut self.command(args), input)
            .map_err(|error| format!("{}: {error}", self.program))
    }

    /// What `docker ARGS` prints.
    ///
    /// # Errors
    ///
    /// Its last complaint.
    pub fn output(&self, args: &[&str]) -> Result<String, String> {
        let output = self.run(args, "")?;
        match output.status.success() {
            true => Ok(output.stdout.trim().to_owned()),
            false => Err(output.complaint()),
        }
    }

    /// Podman asks for more open files and processes than it may give where this process is limited
    /// itself; then they get as few as anybody may give.
    pub(crate) fn learn_limits(&mut self, image: &str) -> Result<(), String> {
        let try_one = |engine: &Self| {
            let mut args = engine.run_args();
            args.extend(["--rm", "--network", "none", image, "true"]);
            engine.output(&args).map(|_| ())
        };
        let Err(why) = try_one(self) else {
            return Ok(());
        };
        if why.contains("rlimit") {
            for name in ["nofile", "nproc"] {
                self.run
                    .extend(["--ulimit".to_owned(), format!("{name}={MODEST}:{MODEST}")]);
            }
        }
        try_one(self).map_err(|why| {
            format!(
                "{} starts no container here ({why}): mend that, or set PLUM_ENGINE",
                self.program
            )
        })
    }

    /// What every `docker run` needs with this engine.
    pub fn run_extras(&self) -> impl Iterator<Item = &str> {
        self.run.iter().map(String::as_str)
    }

    /// What every `docker run` of this suite begins with.
    pub(crate) fn run_args(&self) -> Vec<&str> {
        let mut args = vec!["run", "--pull=never", "--label", &self.run_label];
        args.extend(self.run_extras());
        args
    }

    /// The ids of this run's containers.
    ///
    /// # Errors
    ///
    /// The engine's complaint.
    pub fn containers(&self) -> Result<String, String> {
        self.output(&[
            "ps",
            "-aq",
            "--filter",
            &format!("label={}", self.run_label),
        ])
    }

    /// Containers of runs that were killed on this machine and had no time to tidy up.
    fn remove_leftovers(&self, me: &Runner) {
        let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
        let filter = format!("label={LABEL}");
        let Ok(listed) = self.output(&["ps", "-a", "--filter", &filter, "--format", &format])
        else {
            return;
        };
        for line in listed.lines() {
            let Some((id, label)) = line.split_once(' ') else {
                continue;
            };
            if me.is_gone(label) {
                let _ = unsupervised(&mut self.command(&["rm", "-f", id]));
            }
        }
    }
}

/// Until twice in a row none is left: a container may still be on its way when its command was
/// ended.
fn remove_all(engine: &[String], filter: &str) {
    let command = |args: &[&str]| {
        let mut command = Command::new(&engine[0]);
        command.args(&engine[1..]).args(args);
        command
    };
    let mut none = 0;
    for _ in 0..50 {
        let Some(ids) = unsupervised(&mut command(&["ps", "-aq", "--filter", filter])) else {
            return;
        };
        if ids.trim().is_empty() {
            none += 1;
            if none == 2 {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(100));
            continue;
        }
        none = 0;
        let mut remove = command(&["rm", "-f"]);
        remove.args(ids.split_whitespace()).stdout(Stdio::null());
        // One that is being removed by its own end is complained about and gone all the same.
        let _ = remove.stderr(Stdio::null()).status();
    }
    stop::complain("containers are left behind");
}

/// A process that runs this suite, as its labels name it.
pub(crate) struct Runner {
    /// This boot and this space of process numbers: elsewhere the number means another process.
    place: String,
    pid: u32,
}

impl Runner {
    pub(crate) fn me() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_else(|_| PathBuf::new());
        let space: String = space
            .to_string_lossy()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        Runner {
            place: format!("{}-{space}", boot.trim()),
            pid: std::process::id(),
        }
    }

    fn label(&self) -> String {
        format!("{}.{}", self.place, self.pid)
    }

    fn is_gone(&self, label: &str) -> bool {
        label
            .strip_prefix(&self.place)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|pid| pid.parse().ok())
            .is_some_and(|pid| pid != self.pid && pid_is_gone(pid))
    }
}

pub(crate) fn pid_is_gone(pid: u32) -> bool {
    !std::fs::exists(format!("/proc/{pid}")).unwrap_or(true)
}

/// Whether a program is here, for a sentence about what is missing.
pub(crate) fn is_here(program: &str) -> bool {
    find_program(program).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_of_this_place_that_are_gone_are_tidied_up_after() {
        let me = Runner {
            place: "boot-space".into(),
            pid: std::process::id(),
        };
        assert!(!me.is_gone(&me.label()), "that is this run");
        // Larger than any process number of Linux.
        assert!(me.is_gone("boot-space.4194305"));
        assert!(!me.is_gone("elsewhere.4194305"));
        assert!(!me.is_gone("boot-space.x"));
        assert!(!me.is_gone(""));
    }
}
