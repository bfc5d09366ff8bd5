//! `plum probe`: what the gateway speaks.

use std::time::Instant;

use futures::executor::block_on;
use libplum::{Error, Report};

use crate::args::Common;
use crate::output::{complain, Failed, Line, Output, Probed};
use crate::{Exit, SHUTDOWN};

pub(crate) fn run(common: &Common, json: bool) -> Exit {
    let mut output = Output::new(json);
    let start = Instant::now();
    let client = match common.client() {
        Ok(client) => client,
        Err(error) => {
            complain(&error);
            return (&error).into();
        }
    };
    output.wait_for("asking the gateway");
    let report = block_on(client.probe());
    output.waited();
    let exit = match &report {
        Ok(report) => judge(report),
        Err(error) => error.into(),
    };
    let said = match &report {
        Ok(report) => report
            .answers
            .iter()
            .try_for_each(|a| output.say(&Line::Probed(Probed::from(a)))),
        Err(error) => output.say(&Line::Failed(Failed::new(None, error, start.elapsed()))),
    };
    if let Err(error) = client.shutdown_blocking(SHUTDOWN) {
        complain(&error);
        return Exit::Failed;
    }
    said.map_or(Exit::Failed, |()| exit)
}

/// Good when one protocol works; else the worst is that nobody is there.
fn judge(report: &Report) -> Exit {
    if report.best().is_some() {
        return Exit::Done;
    }
    let mut errors = report
        .answers
        .iter()
        .filter_map(|answer| answer.error.as_ref());
    match errors.all(|error| matches!(error, Error::NoGateway(_))) {
        true => Exit::NoGateway,
        false => Exit::Failed,
    }
}
