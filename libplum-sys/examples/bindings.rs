//! Maintainers only: writes `src/plum.rs` and `src/client.rs` from the headers.
//!
//! `cargo run -p libplum-nat-sys --features bindgen --example bindings`; with `-- --check` it writes
//! nothing and exits with 1 when a file is not what the headers say.

use std::process::ExitCode;

const GENERATED: [(&str, &str); 2] = [
    (
        "plum.rs",
        include_str!(concat!(env!("OUT_DIR"), "/plum.rs")),
    ),
    (
        "client.rs",
        include_str!(concat!(env!("OUT_DIR"), "/client.rs")),
    ),
];

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let mut exit = ExitCode::SUCCESS;
    for (name, generated) in GENERATED {
        let path = format!("{}/src/{name}", env!("CARGO_MANIFEST_DIR"));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed == generated {
            println!("libplum-sys/src/{name} is up to date");
        } else if check {
            eprintln!("libplum-sys/src/{name} differs from the headers: run ./dev bindings");
            exit = ExitCode::FAILURE;
        } else if let Err(e) = std::fs::write(&path, generated) {
            eprintln!("cannot write {path}: {e}");
            exit = ExitCode::FAILURE;
        } else {
            println!("libplum-sys/src/{name} written");
        }
    }
    exit
}
