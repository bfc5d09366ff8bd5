//! Programs of this workspace.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::namespace::run;

/// Where a package's program is: Cargo is asked, and builds it when it is out of date. `profile` is
/// Cargo's: `dev`, or `release` where time is measured.
///
/// # Panics
///
/// When it cannot be built.
pub fn program(package: &str, name: &str, profile: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let messages = run(Command::new(cargo)
        .args(["build", "--locked", "-p", package, "--bin", name])
        .args(["--profile", profile])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")));
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(message["executable"].as_str()?.to_owned())
    });
    executables
        .next_back()
        .expect("cargo tells where the program is")
        .into()
}
