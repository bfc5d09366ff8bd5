//! The lines that a program writes, waited for one by one.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A program's output, read on a thread of its own.
#[derive(Debug)]
pub struct Lines {
    /// Who says it, for messages.
    name: String,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    /// Reads `from` to its end. With `echo` each line goes to standard error too.
    pub fn of(name: &str, from: impl Read + Send + 'static, echo: bool) -> Self {
        let (sender, lines) = channel();
        let speaker = name.to_owned();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                if echo {
                    eprintln!("{speaker}: {line}");
                }
                if sender.send(line).is_err() && !echo {
                    return;
                }
            }
        });
        Lines {
            name: name.to_owned(),
            lines,
            seen: Vec::new(),
        }
    }

    /// The next line; `None` when there is none any more.
    ///
    /// # Errors
    ///
    /// When none came in time: everything that was said so far.
    pub fn next(&mut self, within: Duration) -> Result<Option<String>, String> {
        match self.lines.recv_timeout(within) {
            Ok(line) => {
                self.seen.push(line.clone());
                Ok(Some(line))
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(self.so_far(&format!("no line within {within:?}")))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    /// The next line that contains `text`.
    ///
    /// # Errors
    ///
    /// When the time runs out or the program ends: everything that it said.
    pub fn next_with(&mut self, text: &str, within: Duration) -> Result<String, String> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left) {
                Ok(Some(line)) if line.contains(text) => return Ok(line),
                Ok(Some(_)) => {}
                Ok(None) => return Err(self.so_far("it has ended")),
                Err(_) => {
                    return Err(self.so_far(&format!("no line with {text:?} within {within:?}")))
                }
            }
        }
    }

    fn so_far(&self, what: &str) -> String {
        format!("{}: {what}:\n{}", self.name, self.seen.join("\n"))
    }
}
