//! What this machine lets us do.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Once, OnceLock};

/// Why the lab cannot be built here, in words for a person; `None` where it can.
///
/// Under `CI=true` a lab that cannot be built is a failure, not a reason to skip: this panics.
pub fn missing() -> Option<String> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let reason = MISSING.get_or_init(find_missing).clone()?;
    assert!(
        !under_ci(),
        "the lab with the real router is part of the tests under CI, but {reason}"
    );
    Some(reason)
}

/// Which of these programs (each with its Debian package) is not here, in words for a person.
///
/// Under `CI=true` this panics, as [`missing`] does.
pub fn missing_program(needed: &[(&str, &str)]) -> Option<String> {
    let (program, package) = needed
        .iter()
        .find(|(program, _)| find_program(program).is_none())?;
    let reason = format!("`{program}` is missing (Debian: {package})");
    assert!(
        !under_ci(),
        "this is part of the tests under CI, but {reason}"
    );
    Some(reason)
}

/// Writes `line` to standard error once per process, past the capture of the test harness, so that
/// a test that could not run never looks like one that did.
pub fn say_once(line: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // A closed standard error is nobody's loss here.
        let _ = writeln!(std::io::stderr(), "{line}");
    });
}

/// Whether this runs under `CI=true`: what cannot be tested is a failure there.
pub fn under_ci() -> bool {
    std::env::var_os("CI").is_some_and(|v| v == "true")
}

fn find_missing() -> Option<String> {
    for (program, package) in [
        ("ip", "iproute2"),
        ("nft", "nftables"),
        ("miniupnpd", "miniupnpd-nftables"),
    ] {
        if find_program(program).is_none() {
            return Some(format!("`{program}` is missing (Debian: {package})"));
        }
    }
    let name = format!("plumlab-{}-try", std::process::id());
    let made = Command::new("ip")
        .args(["netns", "add", &name])
        .stderr(Stdio::piped())
        .output();
    match made {
        Ok(out) if out.status.success() => {
            let removed = Command::new("ip").args(["netns", "del", &name]).status();
            match removed {
                Ok(status) if status.success() => None,
                other => Some(format!("a namespace could not be removed: {other:?}")),
            }
        }
        Ok(out) => Some(format!(
            "network namespaces may not be made here ({})",
            String::from_utf8_lossy(&out.stderr).trim()
        )),
        Err(error) => Some(format!("`ip` does not run: {error}")),
    }
}

/// Where `program` is; the sbin folders count too, whatever PATH says.
pub fn find_program(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(|dir| Path::new(dir).to_owned()))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}
