//! Time to the first mapping at a real router, beside a bare MAP request in the same run.
//!
//! `first-mapping [PAIRS]`: by turns, a bare PCP MAP by hand, and libplum from the building of a
//! client to the first SUCCESS. Prints the medians and their ratio.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the lab with a real router needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::process::ExitCode;

    use libplum_integration::lab::*;

    const PAIRS: usize = 25;

    pub(crate) fn main() -> ExitCode {
        if let Some(reason) = missing() {
            println!("not measured: {reason}");
            return ExitCode::SUCCESS;
        }
        let pairs = match std::env::args().nth(1).map(|text| text.parse()) {
            None => PAIRS,
            Some(Ok(pairs)) if pairs > 0 => pairs,
            Some(_) => {
                eprintln!("usage: first-mapping [PAIRS]");
                return ExitCode::from(2);
            }
        };
        let home = Home::new();
        let _daemon = home.daemon(&DaemonOptions::default());
        let measured = home.lan.run(|| first_mapping(ROUTER, pairs));
        println!("first mapping at miniupnpd, {measured}");
        ExitCode::SUCCESS
    }
}
