//! A Docker daemon of our own, for machines on which no engine runs.
//!
//! It leaves the host alone: no firewall rule, no forwarding switch, no bridge. It runs in a mount
//! namespace of its own, so that what it writes below `/etc`, `/opt` and `/run`, and what it
//! mounts, is gone when it ends, however it ends. It ends when the process that started it does.
//! Only the folder with its images is kept, below the target folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{flock, FlockOperation};
use rustix::process::{kill_process, kill_process_group, Pid, Signal};

use super::engine::{is_here, pid_is_gone, NoEngine};
use super::stop::{complain, has_ended, Guard};
use crate::lab::target_folder;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// What runs in the mount namespace; `$1` is the run's folder, `$2` the folder of images, `$3` the
/// control group.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs tmpfs "$1/private"
for folder in etc opt run; do
    mkdir -p "$1/private/$folder/upper" "$1/private/$folder/work"
    mount -t overlay overlay "/$folder" -o \
        "lowerdir=/$folder,upperdir=$1/private/$folder/upper,workdir=$1/private/$folder/work"
done
echo '{}' >"$1/private/daemon.json"
exec dockerd --config-file "$1/private/daemon.json" --data-root "$2" \
    --exec-root "$1/private/exec" --pidfile "$1/private/pid" --host "unix://$1/socket" \
    --cgroup-parent "/$3" --exec-opt native.cgroupdriver=cgroupfs \
    --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none
"#;

/// The daemon; dropping it stops it.
#[derive(Debug)]
pub(crate) struct OwnEngine {
    folder: PathBuf,
    _daemon: Guard,
}

impl OwnEngine {
    pub(crate) fn start() -> Result<Self, NoEngine> {
        if !rustix::process::geteuid().is_root() {
            return Err(NoEngine::Missing(
                "no container engine runs: start Docker or Podman, or run this as root, which \
                 starts a Docker daemon of its own"
                    .into(),
            ));
        }
        for (program, package) in [
            ("dockerd", "docker.io"),
            ("docker", "docker.io"),
            ("unshare", "util-linux"),
            ("setpriv", "util-linux"),
        ] {
            if !is_here(program) {
                return Err(NoEngine::Missing(format!(
                    "no container engine runs, and `{program}` is missing to start one: install \
                     it (Debian: {package}), or start Docker or Podman"
                )));
            }
        }
        Self::start_daemon().map_err(NoEngine::Broken)
    }

    fn start_daemon() -> Result<Self, String> {
        let images = images_folder()?;
        let lock = lock_images(&images)?;
        let name = format!("{PREFIX}{}", std::process::id());
        let folder = std::env::temp_dir().join(format!("{name}-engine"));
        fs::create_dir_all(folder.join("private"))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let log = folder.join("log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new("setpriv");
        command
            // To this process's main thread, which lives as long as the process.
            .args([
                "--pdeathsig",
                "TERM",
                "unshare",
                "--mount",
                "sh",
                "-c",
                SCRIPT,
                "sh",
            ])
            .arg(&folder)
            .arg(&images)
            .arg(&name)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command
            .spawn()
            .map_err(|error| format!("dockerd does not start: {error}"))?;
        let pid = Pid::from_child(&child);
        let undo = folder.clone();
        let guard = Guard::new(move || {
            stop(child, &undo, &name);
            drop(lock);
        });
        let engine = OwnEngine {
            folder,
            _daemon: guard,
        };
        engine.wait_until_it_answers(pid, &log)?;
        Ok(engine)
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.folder.join("socket").display())
    }

    fn wait_until_it_answers(&self, pid: Pid, log: &Path) -> Result<(), String> {
        let deadline = Instant::now() + START;
        loop {
            let answers = Command::new("docker")
                .args([
                    "-H",
                    &self.address(),
                    "info",
                    "--format",
                    "{{.ServerVersion}}",
                ])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output()
                .is_ok_and(|out| out.status.success() && !out.stdout.trim_ascii().is_empty());
            if answers {
                return Ok(());
            }
            // It stays unreaped until it is stopped: its number is its own.
            let ended = has_ended(pid);
            if ended || Instant::now() >= deadline {
                let mut said = String::new();
                if let Ok(mut file) = File::open(log) {
                    // An unreadable log is an empty one here.
                    let _ = file.read_to_string(&mut said);
                }
                let last = said.lines().last().unwrap_or("it said nothing");
                return Err(format!(
                    "the Docker daemon that this suite starts does not run ({last}): start an \
                     engine yourself and run this again"
                ));
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }
}

fn stop(mut child: Child, folder: &Path, name: &str) {
    let pid = Pid::from_child(&child);
    // It fails only when it has ended by itself.
    let _ = kill_process(pid, Signal::TERM);
    let deadline = Instant::now() + STOP;
    while !has_ended(pid) {
        if Instant::now() >= deadline {
            complain("the Docker daemon of this suite did not stop by itself; it is killed");
            break;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // Its whole group: containerd is a child of its own.
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = child.wait();
    remove_traces(folder, name);
}

fn remove_traces(folder: &Path, name: &str) {
    remove_control_groups(name);
    if let Err(error) = fs::remove_dir_all(folder) {
        complain(&format!("{}: {error}", folder.display()));
    }
}

/// What the names of a run's folders, its control group and its containers begin with.
const PREFIX: &str = "plumlab-";

/// What a run that was killed left: its daemon ended with it, its folders did not.
pub(super) fn remove_leftovers() {
    for folder in [std::env::temp_dir(), target_folder().join("lab")] {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(run) = gone_run(&name, pid_is_gone) {
                remove_traces(&entry.path(), &run);
            }
        }
    }
}

/// The run that a folder belongs to, when it is one of ours and its process is gone.
fn gone_run(folder: &str, is_gone: impl Fn(u32) -> bool) -> Option<String> {
    let (pid, kind) = folder.strip_prefix(PREFIX)?.split_once('-')?;
    let ours = ["engine", "images", "inside", "base"];
    let ours = ours.iter().any(|ours| kind.starts_with(ours));
    let pid: u32 = pid.parse().ok()?;
    (ours && is_gone(pid)).then(|| format!("{PREFIX}{pid}"))
}

/// Version 1 has a hierarchy for each controller, version 2 one for all.
fn remove_control_groups(name: &str) {
    let root = Path::new("/sys/fs/cgroup");
    let mut roots = vec![root.to_owned()];
    if let Ok(entries) = fs::read_dir(root) {
        roots.extend(entries.flatten().map(|entry| entry.path()));
    }
    for root in roots {
        remove_tree_of_groups(&root.join(name));
    }
}

/// A control group's folder is removed when it has no folder in it, whatever files it shows.
fn remove_tree_of_groups(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree_of_groups(&entry.path());
        }
    }
    if let Err(error) = fs::remove_dir(folder) {
        complain(&format!("{}: {error}", folder.display()));
    }
}

fn images_folder() -> Result<PathBuf, String> {
    let folder = std::env::var_os("PLUM_ENGINE_IMAGES")
        .map(PathBuf::from)
        .unwrap_or_else(|| target_folder().join("lab/engine"));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    folder
        .canonicalize()
        .map_err(|error| format!("{}: {error}", folder.display()))
}

/// Two daemons must not share one folder of images.
fn lock_images(images: &Path) -> Result<File, String> {
    let path = images.with_extension("lock");
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        "another run of this suite uses the folder of images: wait until it has ended".to_owned()
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_runs_that_are_gone_are_swept() {
        let seven_is_gone = |pid| pid == 7;
        let run = |folder| gone_run(folder, seven_is_gone);
        assert_eq!(run("plumlab-7-engine").as_deref(), Some("plumlab-7"));
        assert_eq!(run("plumlab-7-inside-3").as_deref(), Some("plumlab-7"));
        assert_eq!(run("plumlab-8-engine"), None, "it runs");
        assert_eq!(run("plumlab-7-lan-daemon"), None, "the other lab's");
        assert_eq!(run("plumlab-x-engine"), None);
        assert_eq!(run("somebody-7-engine"), None);
    }
}
