//! Maintainers only: writes `src/bindings.rs` from the headers.
//!
//! `cargo run -p libplum-nat-sys --features bindgen --example bindings`; with `-- --check` it writes
//! nothing and exits with 1 when the file is not what the headers say.

use std::process::ExitCode;

const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/bindings.rs"));

fn main() -> ExitCode {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bindings.rs");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let check = std::env::args().any(|argument| argument == "--check");
    match (committed == GENERATED, check) {
        (true, _) => println!("libplum-sys/src/bindings.rs is up to date"),
        (false, true) => {
            eprintln!("libplum-sys/src/bindings.rs differs from the headers: run ./dev bindings");
            return ExitCode::FAILURE;
        }
        (false, false) => match std::fs::write(path, GENERATED) {
            Ok(()) => println!("libplum-sys/src/bindings.rs written"),
            Err(e) => {
                eprintln!("cannot write {path}: {e}");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}
