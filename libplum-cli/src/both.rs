//! `plum map PORT/both`: TCP and UDP on one external port.

use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::stream::select;
use futures::StreamExt;
use libplum::{Error, MapRequest, Mapping, State};

use crate::map::Event;

/// With `--keep-trying`, so long after a failure.
const PAUSE: Duration = Duration::from_secs(10);

/// Two ports whose mappings follow from each other, so that somebody has to wait: a thread.
pub(crate) struct Pair {
    /// Dropped to end a pause.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Pair {
    /// The states of TCP and UDP are told as those of the ports `index` and `index + 1`.
    pub(crate) fn open(
        request: impl Fn() -> MapRequest + Send + 'static,
        index: usize,
        keep_trying: bool,
        sender: Sender<Event>,
    ) -> Self {
        let (stop, stopped) = channel();
        let tell = move |transport: usize, state: State| {
            // The main thread has gone only when the program ends.
            let _ = sender.send(Event::Change {
                index: index + transport,
                state,
                at: Instant::now(),
            });
        };
        let thread = std::thread::spawn(move || {
            if let Some((tcp, udp)) = map(request, keep_trying, &stopped, &tell) {
                follow(&tcp, &udp, &tell);
            }
        });
        Pair { stop, thread }
    }

    /// Once the client is shut down: returns when everything has been told.
    pub(crate) fn join(self) {
        drop(self.stop);
        // It does not panic; if it did, the panic has been told.
        let _ = self.thread.join();
    }
}

/// Returns with both, or when there is nothing more to try.
fn map(
    request: impl Fn() -> MapRequest,
    keep_trying: bool,
    stopped: &Receiver<()>,
    tell: &impl Fn(usize, State),
) -> Option<(Mapping, Mapping)> {
    loop {
        let error = match block_on(request().both()) {
            Ok(pair) => return Some(pair),
            Err(error) => error,
        };
        let for_good = matches!(error, Error::Closed | Error::InvalidArgument { .. });
        tell(0, State::Failed(error.clone()));
        tell(1, State::Failed(error));
        if for_good || !keep_trying || stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout)
        {
            return None;
        }
    }
}

/// Tells every state until the mappings end with their client.
fn follow(tcp: &Mapping, udp: &Mapping, tell: &impl Fn(usize, State)) {
    let changes = select(
        tcp.events().map(|change| (0, change.state)),
        udp.events().map(|change| (1, change.state)),
    );
    tell(0, tcp.state());
    tell(1, udp.state());
    block_on(changes.for_each(|(transport, state)| {
        tell(transport, state);
        std::future::ready(())
    }));
}
