//! One dialogue with two routers: Debian's miniupnpd, and the gateway in a box with the quirk
//! `miniupnpd`. What they answer is compared field by field; each difference stands in
//! `differences.txt` with its reason, and nothing else differs.
//!
//! Where namespaces may not be made, the test says so in one line and passes; under CI it fails.
#![cfg(target_os = "linux")]

mod ask;
mod fields;
mod record;
mod script;

use std::fmt::Write as _;
use std::process::Command;
use std::thread;

use libplum_integration::lab::*;

use ask::Router;
use fields::{differ, Fields};

/// The second client's address, on the same host.
const OTHER: &str = "192.168.77.3/24";

#[test]
fn miniupnpd_and_its_quirk_say_the_same() {
    if let Some(reason) = missing().or_else(another_version) {
        say_once(&format!(
            "dev: the dialogue with the real miniupnpd did not take place: {reason}"
        ));
        return;
    }
    let script = script::script();
    assert!(script.len() >= 60, "{} requests", script.len());
    let (real, model) = thread::scope(|scope| {
        let real = scope.spawn(|| {
            let home = home();
            let _daemon = home.daemon(&DaemonOptions {
                upnp: true,
                ..DaemonOptions::default()
            });
            home.lan.run(|| speak(&script))
        });
        let model = scope.spawn(|| {
            let home = home();
            let _boxed = Boxed::start(&home.gw, &["--quirk", "miniupnpd"]);
            home.lan.run(|| speak(&script))
        });
        (real.join(), model.join())
    });
    let (real, model) = (
        real.expect("miniupnpd answers"),
        model.expect("so does the model"),
    );

    let mut explained = explained();
    let mut wrong = String::new();
    let mut compared = 0;
    let mut record = String::new();
    for ((step, real), model) in script.iter().zip(&real).zip(&model) {
        compared += real.len();
        let said = |fields: &Fields| record::exchange(step, fields);
        if let Some(exchange) = said(real).filter(|_| alike(real, model)) {
            record.push_str(&exchange);
        }
        for (field, (real, model)) in differ(real, model) {
            let line = format!("{} | {field} | {real} | {model}", step.name);
            match explained
                .iter_mut()
                .find(|known| known.is_for(step.name, &field, &real, &model))
            {
                Some(known) => known.seen += 1,
                None => drop(writeln!(wrong, "unexplained: {line}")),
            }
        }
    }
    for known in explained.iter().filter(|known| known.seen == 0) {
        let _ = writeln!(wrong, "no longer there: {}", known.line);
    }
    if let Some(file) = std::env::var_os("LAB_RECORD") {
        std::fs::write(file, record).expect("the record is written");
    }
    let differing: usize = explained.iter().map(|known| known.seen).sum();
    println!(
        "{} requests, {compared} fields compared, {differing} differ, each explained by one of {} lines",
        script.len(),
        explained.len()
    );
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Whether the daemon is another than the quirk plays; its answers prove nothing then.
fn another_version() -> Option<String> {
    let program = find_program("miniupnpd").expect("the lab is complete");
    let said = run(Command::new(program).arg("--version"));
    let first = said.lines().next().unwrap_or_default().to_owned();
    if first.starts_with("miniupnpd 2.3.1 ") {
        return None;
    }
    let reason = format!("the quirk plays miniupnpd 2.3.1, and here is {first:?}");
    assert!(!under_ci(), "{reason}");
    Some(reason)
}

/// Whether both did the same, whatever their heads say.
fn alike(real: &Fields, model: &Fields) -> bool {
    let differing = differ(real, model);
    differing.iter().all(|(name, _)| {
        !name.starts_with("New") && !["status", "errorCode", "packet"].contains(&name.as_str())
    })
}

fn home() -> Home {
    let home = Home::new();
    home.lan.ip(&["addr", "add", OTHER, "dev", "l0"]);
    home
}

fn speak(script: &[script::Step]) -> Vec<Fields> {
    let router = Router::find();
    script.iter().map(|step| router.ask(&step.ask)).collect()
}

/// One line of `differences.txt`: step, field, the real answer, the model's, and why.
struct Explained {
    line: &'static str,
    parts: [&'static str; 4],
    seen: usize,
}

impl Explained {
    fn is_for(&self, step: &str, field: &str, real: &str, model: &str) -> bool {
        let texts = [step, field, real, model];
        self.parts
            .iter()
            .zip(texts)
            .all(|(pattern, text)| fits(pattern, text))
    }
}

/// A `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            let ends = text.char_indices().map(|(i, _)| i).chain([text.len()]);
            ends.into_iter().any(|i| fits(rest, &text[i..]))
        }),
    }
}

fn explained() -> Vec<Explained> {
    let lines = include_str!("differences.txt").lines();
    let known = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [step, field, real, model, why] = parts[..] else {
                panic!("five parts, please: {line}");
            };
            assert!(!why.is_empty(), "no reason: {line}");
            Explained {
                line,
                parts: [step, field, real, model],
                seen: 0,
            }
        });
    known.collect()
}
