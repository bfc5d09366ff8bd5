//! A real router: miniupnpd on nftables, in namespaces.
#![cfg(target_os = "linux")]

use libplum_integration::lab::*;

fn lab_is_missing() -> bool {
    match missing() {
        Some(reason) => {
            say_once(&format!(
                "the tests with a real router did not run: {reason}"
            ));
            true
        }
        None => false,
    }
}

#[test]
fn a_bare_map_is_answered() {
    if lab_is_missing() {
        return;
    }
    let home = Home::new();
    let _daemon = home.daemon(&DaemonOptions::default());
    let elapsed = home.lan.run(|| bare_map(ROUTER, 8080, [7; 12])).unwrap();
    println!("bare MAP: {elapsed:?}");
}

#[test]
fn the_natpmp_only_daemon_knows_no_pcp() {
    if lab_is_missing() {
        return;
    }
    let program = match natpmp_only_daemon() {
        Ok(program) => program,
        Err(reason) => return say_once(&reason),
    };
    let home = Home::new();
    let _daemon = home.daemon(&DaemonOptions {
        program: Some(program),
        ..Default::default()
    });
    let (version, result) = home.lan.run(|| bare_version(ROUTER)).unwrap();
    assert_eq!((version, result), (0, 1));
}

#[test]
fn alone_works() {
    if lab_is_missing() {
        return;
    }
    let alone = Alone::new();
    let _daemon = alone.daemon(&DaemonOptions::default());
    alone.host.run(|| bare_map(ALONE, 8080, [7; 12])).unwrap();
}
