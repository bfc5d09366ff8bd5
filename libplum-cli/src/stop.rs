//! What ends the program early: signals, and a reader that has gone away.

use std::sync::mpsc::Sender;

/// Why to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Ctrl-C, SIGTERM or SIGHUP.
    Signal,
    /// Nobody reads our standard output any more.
    Closed,
}

/// Sends to `sender` when a signal asks to stop, or when the reader of standard output goes away.
pub(crate) fn watch<T: From<Stop> + Send + 'static>(sender: Sender<T>) -> Result<(), ctrlc::Error> {
    watch_output(sender.clone());
    ctrlc::set_handler(move || {
        // Nobody listens any more once the program is about to end.
        let _ = sender.send(Stop::Signal.into());
    })
}

/// Without this, a closed pipe would be found only by the next line, which may be hours away.
#[cfg(unix)]
fn watch_output<T: From<Stop> + Send + 'static>(sender: Sender<T>) {
    use rustix::event::{poll, PollFd, PollFlags};

    std::thread::spawn(move || {
        let stdout = std::io::stdout();
        // No event is asked for: what is left are the ones that always come. A file and a terminal
        // have none of them, and this thread then waits until the program ends.
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
                Ok(_) if fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => break,
                Ok(_) => return,
            }
        }
        let _ = sender.send(Stop::Closed.into());
    });
}

#[cfg(not(unix))]
fn watch_output<T>(_sender: Sender<T>) {}
