//! `plum external-ip`: the address that the world sees.

use std::time::Instant;

use futures::executor::block_on;

use crate::args::Common;
use crate::output::{complain, Failed, Line, Output};
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
    let answer = block_on(client.external_addr());
    output.waited();
    let (said, exit) = match answer {
        Ok(address) => (output.say(&Line::ExternalIp { address }), Exit::Done),
        Err(error) => {
            let exit = Exit::from(&error);
            if !json {
                complain(&error);
                (Ok(()), exit)
            } else {
                (
                    output.say(&Line::Failed(Failed::new(None, &error, start.elapsed()))),
                    exit,
                )
            }
        }
    };
    if let Err(error) = client.shutdown_blocking(SHUTDOWN) {
        complain(&error);
        return Exit::Failed;
    }
    said.map_or(Exit::Failed, |()| exit)
}
