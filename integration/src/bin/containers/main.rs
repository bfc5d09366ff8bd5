//! The container suite: libplum against a real miniupnpd in containers.
//!
//! `containers [WORD...]` runs the cases whose names contain one of the words, all without one.
//! `TEST_VERBOSE=1`, `LIBPLUM_VERBOSE=1` and `MINIUPNPD_VERBOSE=1` show addresses and commands, the
//! engine's log, and the daemon's.

#[cfg(target_os = "linux")]
mod bad_input;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod runner;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    runner::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the containers need Linux");
}
