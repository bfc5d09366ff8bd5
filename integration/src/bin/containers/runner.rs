//! Runs the cases one after the other and counts them.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Instant;

use libplum_integration::containers::stop::{complain, on_signals};
use libplum_integration::containers::{Engine, Images, Inside, NoEngine, World};
use libplum_integration::lab::{program, under_ci};

use super::{bad_input, cases};

/// What a case comes to, when it does not fail.
pub(crate) enum Outcome {
    Passed,
    /// With the reason, in words for a person.
    Skipped(String),
}

/// An error is what was wrong, in words for a person.
pub(crate) type Verdict = Result<Outcome, String>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&World) -> Verdict,
    /// Only runs when it is named in full.
    pub(crate) hidden: bool,
}

pub(crate) const fn case(name: &'static str, run: fn(&World) -> Verdict) -> Case {
    Case {
        name,
        run,
        hidden: false,
    }
}

/// Where a run within a run finds the programs that the outer one has packed.
pub(crate) const INSIDE: &str = "PLUM_LAB_INSIDE";

/// As users build them: time is measured.
fn programs() -> Result<Inside, String> {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return Ok(Inside::at(folder.into()));
    }
    let agent = program("libplum-integration", "lab-agent", "release");
    let plum = program("libplum-cli", "plum", "release");
    Inside::of(&[&agent, &plum])
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == [bad_input::ENGINE_AND_WAIT] {
        let ended = on_signals().and_then(|()| bad_input::engine_and_wait());
        complain(&ended.expect_err("it waits for ever"));
        return ExitCode::FAILURE;
    }
    let chosen: Vec<&Case> = cases::CASES
        .iter()
        .chain(bad_input::CASES)
        .filter(|case| match case.hidden {
            true => words.iter().any(|word| word == case.name),
            false => words.is_empty() || words.iter().any(|word| case.name.contains(word)),
        })
        .collect();
    if chosen.is_empty() {
        complain(&format!(
            "no case has one of {words:?} in its name; without a word all run"
        ));
        return ExitCode::from(2);
    }
    match run(&chosen) {
        Ok(code) => code,
        Err(sentence) => {
            complain(&sentence);
            ExitCode::FAILURE
        }
    }
}

fn run(chosen: &[&Case]) -> Result<ExitCode, String> {
    let began = Instant::now();
    on_signals()?;
    let mut engine = match Engine::find() {
        Ok(engine) => engine,
        Err(NoEngine::Missing(sentence)) if !under_ci() => {
            complain(&sentence);
            println!("containers: 0 passed, 0 failed, {} skipped", chosen.len());
            return Ok(ExitCode::SUCCESS);
        }
        Err(NoEngine::Missing(sentence) | NoEngine::Broken(sentence)) => return Err(sentence),
    };
    println!("engine: {}", engine.describe());
    let images = Images::prepare(&mut engine)?;
    println!("images: ready after {:.1} s", began.elapsed().as_secs_f64());
    let programs = programs()?;
    let world = World::new(engine, images, programs);
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in chosen {
        let began = Instant::now();
        // A panic has been printed by its hook; what the case made is dropped on its way.
        let verdict = catch_unwind(AssertUnwindSafe(|| (case.run)(&world)))
            .unwrap_or_else(|_| Err("it panicked".into()));
        let took = began.elapsed().as_secs_f64();
        match verdict {
            Ok(Outcome::Passed) => {
                passed += 1;
                println!("{} ... ok ({took:.1} s)", case.name);
            }
            Ok(Outcome::Skipped(reason)) => {
                skipped += 1;
                println!("{} ... skipped: {reason}", case.name);
            }
            Err(reason) => {
                failed += 1;
                println!("{} ... FAILED: {reason}", case.name);
            }
        }
    }
    drop(world);
    println!("all of it took {:.1} s", began.elapsed().as_secs_f64());
    println!("containers: {passed} passed, {failed} failed, {skipped} skipped");
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
