//! `plum map`: opens ports, keeps them open, closes them.

use std::io;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use libplum::{Client, Error, Mapping, State, Transport};

use crate::args::{Common, MapArgs, PortSpec, Transports};
use crate::both::Pair;
use crate::output::{complain, milliseconds, Failed, Line, Mapped, Output};
use crate::stop::{self, Stop};
use crate::{Exit, SHUTDOWN};

/// What the main thread waits for.
pub(crate) enum Event {
    Change {
        index: usize,
        state: State,
        at: Instant,
    },
    Stop(Stop),
}

impl From<Stop> for Event {
    fn from(stop: Stop) -> Self {
        Event::Stop(stop)
    }
}

pub(crate) fn run(common: &Common, args: &MapArgs) -> Exit {
    let ports = match args.ports() {
        Ok(ports) => ports,
        Err(message) => {
            complain(&message);
            return Exit::Usage;
        }
    };
    let (sender, events) = channel();
    // Before the first mapping, so that no moment is left in which a signal leaves one behind.
    if let Err(error) = stop::watch(sender.clone()) {
        complain(&format_args!("signals cannot be caught: {error}"));
        return Exit::Failed;
    }
    let start = Instant::now();
    let client = match common.client() {
        Ok(client) => client,
        Err(error) => return refuse(&error),
    };
    let exit = match open(&client, &ports, args, &sender) {
        Ok(opened) => {
            let mut session = Session {
                output: Output::new(args.json),
                ports: ports
                    .iter()
                    .flat_map(|spec| {
                        spec.transports.each().iter().map(|&transport| Port {
                            transport,
                            internal: spec.internal,
                            now: Now::Pending,
                            was_mapped: false,
                        })
                    })
                    .collect(),
                start,
                keep_trying: args.keep_trying,
                hold: args.hold,
                listening: true,
            };
            let exit = session.watch(&events);
            let closed = client.shutdown_blocking(SHUTDOWN);
            // They told of every change; what unmapped them was the shutdown.
            drop(opened.mappings);
            if closed.is_ok() {
                opened.pairs.into_iter().for_each(Pair::join);
            }
            session.tell_end(&events);
            closed.map_or_else(|error| refuse(&error), |()| exit)
        }
        Err(error) => {
            let exit = refuse(&error);
            client
                .shutdown_blocking(SHUTDOWN)
                .map_or_else(|error| refuse(&error), |()| exit)
        }
    };
    exit
}

fn refuse(error: &Error) -> Exit {
    complain(error);
    error.into()
}

/// What was asked for; dropping it unmaps.
struct Opened {
    mappings: Vec<Mapping>,
    pairs: Vec<Pair>,
}

fn open(
    client: &Client,
    ports: &[PortSpec],
    args: &MapArgs,
    sender: &Sender<Event>,
) -> Result<Opened, Error> {
    let mut opened = Opened {
        mappings: Vec::with_capacity(ports.len()),
        pairs: Vec::new(),
    };
    let mut index = 0;
    for spec in ports {
        let (client, lifetime, spec) = (client.clone(), args.lifetime, *spec);
        let request = move |transport| {
            let mut request = client.map(transport, spec.internal);
            if let Some(port) = spec.external {
                request = request.external_port(port);
            }
            if let Some(seconds) = lifetime {
                request = request.lifetime(Duration::from_secs(seconds.into()));
            }
            request
        };
        match spec.transports {
            Transports::One(transport) => {
                let sender = sender.clone();
                let request = request(transport).on_change(move |change| {
                    // The main thread has gone only when the program ends.
                    let _ = sender.send(Event::Change {
                        index,
                        state: change.state.clone(),
                        at: Instant::now(),
                    });
                });
                opened.mappings.push(request.start()?);
            }
            Transports::Both => {
                let request = move || request(Transport::Tcp);
                let pair = Pair::open(request, index, args.keep_trying, sender.clone());
                opened.pairs.push(pair);
            }
        }
        index += spec.transports.each().len();
    }
    Ok(opened)
}

struct Session {
    output: Output,
    ports: Vec<Port>,
    start: Instant,
    keep_trying: bool,
    hold: Option<Duration>,
    /// Whether somebody reads our output.
    listening: bool,
}

struct Port {
    transport: Transport,
    internal: u16,
    now: Now,
    was_mapped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Now {
    Pending,
    Mapped,
    Failed(Exit),
    Unmapped,
}

impl Session {
    /// Until something ends it.
    fn watch(&mut self, events: &Receiver<Event>) -> Exit {
        let mut end: Option<Instant> = None;
        self.output.wait_for("asking the gateway");
        let exit = loop {
            let event = match end {
                // The sender that the signals hold lives as long as the program.
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(end) => events.recv_timeout(end.saturating_duration_since(Instant::now())),
            };
            match event {
                Ok(Event::Change { index, state, at }) => {
                    if let Err(error) = self.take(index, &state, at) {
                        self.listening = false;
                        break self.lost_reader(&error);
                    }
                }
                Ok(Event::Stop(Stop::Signal)) => break self.so_far(),
                Ok(Event::Stop(Stop::Closed)) => {
                    self.listening = false;
                    break self.so_far();
                }
                Err(_) => break self.so_far(),
            }
            if let Some(exit) = self.given_up() {
                break exit;
            }
            if !self.is_settled() {
                continue;
            }
            self.output.waited();
            match self.hold {
                Some(hold) => end = end.or_else(|| Some(Instant::now() + hold)),
                None => self.output.hint("Ctrl-C closes what is open, and ends"),
            }
        };
        self.output.waited();
        exit
    }

    /// After the shutdown everything has been said; what is left tells that ports are closed.
    fn tell_end(&mut self, events: &Receiver<Event>) {
        while let Ok(event) = events.try_recv() {
            if let Event::Change { index, state, at } = event {
                if !matches!(state, State::Unmapped) || !self.listening {
                    continue;
                }
                if self.take(index, &state, at).is_err() {
                    self.listening = false;
                }
            }
        }
    }

    /// Remembers a change and says it.
    fn take(&mut self, index: usize, state: &State, at: Instant) -> io::Result<()> {
        let elapsed = at.saturating_duration_since(self.start);
        let port = &mut self.ports[index];
        let (transport, internal) = (port.transport, port.internal);
        match state {
            State::Active(active) => {
                let mapped = Mapped {
                    transport,
                    internal_port: internal,
                    external_addr: active.external_addr,
                    protocol: active.protocol,
                    lifetime_s: active.lifetime.map(|lifetime| lifetime.as_secs()),
                    elapsed_ms: milliseconds(elapsed),
                };
                let again = std::mem::replace(&mut port.was_mapped, true);
                port.now = Now::Mapped;
                self.output.say(&if again {
                    Line::Changed(mapped)
                } else {
                    Line::Mapped(mapped)
                })
            }
            State::Failed(error) => {
                port.now = Now::Failed(error.into());
                let failed = Failed::new(Some((transport, internal)), error, elapsed);
                self.output.say(&Line::Failed(failed))
            }
            State::Unmapped => {
                port.now = Now::Unmapped;
                if !port.was_mapped {
                    return Ok(());
                }
                self.output.say(&Line::Unmapped {
                    transport,
                    internal_port: internal,
                    elapsed_ms: milliseconds(elapsed),
                })
            }
            _ => Ok(()),
        }
    }

    /// A failure ends the program unless something is mapped already, or was asked to go on.
    fn given_up(&self) -> Option<Exit> {
        if self.keep_trying || self.ports.iter().any(|port| port.was_mapped) {
            return None;
        }
        self.ports.iter().find_map(|port| match port.now {
            Now::Failed(exit) => Some(exit),
            _ => None,
        })
    }

    /// Whether `--for` begins: everything is mapped, or, without `--keep-trying`, has its outcome.
    fn is_settled(&self) -> bool {
        self.ports.iter().all(|port| match port.now {
            Now::Mapped => true,
            Now::Failed(_) => !self.keep_trying,
            Now::Pending | Now::Unmapped => port.was_mapped,
        })
    }

    /// The exit code of a program that is told to stop now.
    fn so_far(&self) -> Exit {
        let never_mapped = self.ports.iter().find(|port| !port.was_mapped);
        match never_mapped.map(|port| port.now) {
            None => Exit::Done,
            Some(Now::Failed(exit)) => exit,
            Some(_) => Exit::Failed,
        }
    }

    fn lost_reader(&self, error: &io::Error) -> Exit {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return self.so_far();
        }
        complain(&format_args!("standard output: {error}"));
        Exit::Failed
    }
}
