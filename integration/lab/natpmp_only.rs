//! A router that speaks NAT-PMP and no PCP: Debian's miniupnpd, rebuilt without `ENABLE_PCP`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::ability::under_ci;
use super::sources::source_lists;

/// The rebuilt daemon; it is built on first use and kept under the target folder, in `lab/`.
///
/// # Errors
///
/// What could not be had or built, in words for a person.
///
/// # Panics
///
/// In place of an error under `CI=true`, where this daemon is part of the tests.
pub fn natpmp_only_daemon() -> Result<PathBuf, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = target_folder().join("lab");
    let daemon = folder.join("miniupnpd-natpmp-only");
    if daemon.is_file() {
        return Ok(daemon);
    }
    let work = folder.join(format!("build-{}", std::process::id()));
    let built = build(&work).and_then(|program| {
        // Renamed whole, so that a run beside this one never sees half a file.
        fs::rename(&program, &daemon).map_err(|error| format!("{}: {error}", daemon.display()))
    });
    let removed = fs::remove_dir_all(&work);
    match built {
        Ok(()) => {
            removed.map_err(|error| format!("{}: {error}", work.display()))?;
            Ok(daemon)
        }
        Err(reason) => {
            let reason = format!("the NAT-PMP-only daemon could not be built: {reason}");
            assert!(!under_ci(), "{reason}");
            Err(reason)
        }
    }
}

fn build(work: &Path) -> Result<PathBuf, String> {
    let (list, stanzas) = source_lists();
    if list.is_empty() && stanzas.is_empty() {
        return Err("this machine's apt lists no Debian repository".into());
    }
    // The lab's own state of apt: the machine's is not touched.
    for folder in [
        "etc/parts",
        "lists/partial",
        "cache/archives/partial",
        "source",
    ] {
        fs::create_dir_all(work.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    }
    for (name, text) in [
        ("etc/parts/lab.list", list),
        ("etc/parts/lab.sources", stanzas),
    ] {
        fs::write(work.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    apt_get(work, &["update"])?;
    apt_get(work, &["source", "miniupnpd"])?;
    let source = work.join("source");
    let tree = fs::read_dir(&source)
        .map_err(|error| error.to_string())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_dir())
        .ok_or("apt-get source left no folder")?;
    // As debian/rules does it, less PCP. IGD's switches stay, so that only one thing differs.
    let options = [
        "--igd2",
        "--ipv6",
        "--vendorcfg",
        "--portinuse",
        "--leasefile",
        "--firewall=nftables",
    ];
    step(Command::new("./configure").args(options).current_dir(&tree))?;
    let config = tree.join("config.h");
    let text = fs::read_to_string(&config).map_err(|error| format!("config.h: {error}"))?;
    let without = text.replace("\n#define ENABLE_PCP\n", "\n#undef ENABLE_PCP\n");
    if without == text {
        return Err("config.h has no ENABLE_PCP to take out".into());
    }
    fs::write(&config, without).map_err(|error| format!("config.h: {error}"))?;
    let make = ["-f", "Makefile.linux_nft", "miniupnpd"];
    // A make above us (ctest, cargo's jobserver) would hand down its own job slots.
    step(
        Command::new("make")
            .args(make)
            .current_dir(&tree)
            .env_remove("MAKEFLAGS"),
    )?;
    Ok(tree.join("miniupnpd"))
}

fn apt_get(work: &Path, args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    for (option, folder) in [
        ("Dir::Etc::sourceparts", "etc/parts"),
        ("Dir::Etc::sourcelist", "etc/none"),
        ("Dir::State::lists", "lists"),
        ("Dir::Cache", "cache"),
    ] {
        command
            .arg("-o")
            .arg(format!("{option}={}", work.join(folder).display()));
    }
    // The sandbox user could not read a folder below /root.
    command
        .args(["-o", "APT::Sandbox::User=root", "-q"])
        .args(args);
    step(command.current_dir(work.join("source")))
}

fn step(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = said.lines().rev().take(15).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!(
        "{command:?}: {}:\n{}",
        output.status,
        tail.join("\n")
    ))
}

/// Where Cargo builds: what takes long to make is kept there too, in `lab/`.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}
