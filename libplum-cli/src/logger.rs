//! `-v`: the log of the libraries on standard error.

use std::time::Instant;

use log::{LevelFilter, Log, Metadata, Record};

use crate::output::escape;

struct Logger {
    start: Instant,
}

/// Errors are shown always; each `-v` shows more.
pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::Error,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // Leaked once: a logger lives as long as the program.
    let logger: &'static Logger = Box::leak(Box::new(Logger {
        start: Instant::now(),
    }));
    if log::set_logger(logger).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let seconds = self.start.elapsed().as_secs_f64();
            let (level, target) = (record.level(), record.target());
            let text = escape(&record.args().to_string());
            eprintln!("{seconds:9.4} {level:<5} {target}: {text}");
        }
    }

    fn flush(&self) {}
}
