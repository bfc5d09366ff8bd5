//! The functions that C calls, all on the engine's thread. Each catches, converts, publishes and
//! returns.

use std::any::Any;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::fmt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize as StdAtomicUsize, Ordering as StdOrdering};
use std::sync::Arc as StdArc;
use std::task::Waker;

use libplum_sys as ffi;

use super::convert;
use super::registry::EngineRef;
use super::sync::{lock, AtomicBool, Mutex, Ordering};
use crate::event::Broadcast;
use crate::latest::{OneShot, Signal};
use crate::{Answer, Change, MappingId, State};

pub(crate) type OnChange = Box<dyn FnMut(&Change) + Send>;

static PANICS: StdAtomicUsize = StdAtomicUsize::new(0);

pub(super) fn panics_in_process() -> usize {
    PANICS.load(StdOrdering::SeqCst)
}

/// Runs code of the user, or code that may run some; what it throws ends here.
fn guard(run: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(run)) else {
        return;
    };
    PANICS.fetch_add(1, StdOrdering::SeqCst);
    // Logging is the user's code as well, and so is the death of what was thrown.
    let told = catch_unwind(AssertUnwindSafe(|| {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("of an unknown kind");
        log::error!(target: "libplum::engine", "a panic in a callback was caught: {text}");
    }));
    bury(payload);
    if let Err(payload) = told {
        bury(payload);
    }
}

/// Drops what was thrown; if that throws, what that throws. One that never comes to an end leaks.
fn bury(mut payload: Box<dyn Any + Send>) {
    for _ in 0..8 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

/// Wakes outside of all locks; a waker that panics does not keep the others asleep.
pub(crate) fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        guard(|| waker.wake());
    }
}

/// What is published when a mapping has its first outcome.
pub(super) struct Outcome {
    pub(super) state: State,
    /// The record's change counter at that moment.
    pub(super) changes: u64,
}

/// What one mapping's slot holds.
pub(super) struct MappingCell {
    /// Everybody who waits for something of this mapping.
    pub(super) signal: Signal,
    /// The first of SUCCESS, FAILURE, DESTROYED.
    pub(super) first: OneShot<Outcome>,
    /// DESTROYED has come.
    pub(super) ended: AtomicBool,
    /// `Mapping::events`.
    pub(super) streams: Broadcast,
    /// `Client::events`.
    pub(super) hub: StdArc<Broadcast>,
    /// The user's callback. Only the engine's thread takes it out; it is gone after DESTROYED.
    pub(super) on_change: Mutex<Option<OnChange>>,
}

impl MappingCell {
    pub(super) fn new(hub: StdArc<Broadcast>, on_change: Option<OnChange>) -> Self {
        Self {
            signal: Signal::new(),
            first: OneShot::new(),
            ended: AtomicBool::new(false),
            streams: Broadcast::new(),
            hub,
            on_change: Mutex::new(on_change),
        }
    }

    /// Publishes one change. Returns whom to wake.
    fn publish(&self, change: &Change, changes: u64) -> Vec<Waker> {
        let last = change.state == State::Unmapped;
        let mut wakers = Vec::new();
        self.first.resolve(Outcome {
            state: change.state.clone(),
            changes,
        });
        if last {
            self.ended.store(true, Ordering::SeqCst);
        }
        self.streams.send(change, &mut wakers);
        self.hub.send(change, &mut wakers);
        if last {
            self.streams.end(&mut wakers);
        }
        wakers.append(&mut self.signal.take());
        wakers
    }

    /// Calls the user, without a lock: the callback may unmap its own mapping or drop its handle.
    fn call_user(&self, change: &Change) {
        let taken = lock(&self.on_change).take();
        let Some(mut on_change) = taken else { return };
        guard(|| on_change(change));
        if change.state == State::Unmapped {
            guard(|| drop(on_change));
        } else {
            *lock(&self.on_change) = Some(on_change);
        }
    }
}

pub(super) unsafe extern "C" fn on_mapping(id: c_int, info: *const ffi::plum_mapping_info_t) {
    guard(|| {
        // SAFETY: the engine lends a valid record for the time of this call (client.h).
        let info = unsafe { &*info };
        // SAFETY: `user_ptr` is what `ClientHandle::map` handed over with this function; the engine's
        // reference is taken back below at the earliest, and `cell` is not used after that.
        let cell = unsafe { EngineRef::<MappingCell>::borrow(info.user_ptr) };
        let change = Change {
            id: MappingId(id),
            transport: convert::transport(info.transport),
            internal_port: info.internal_port,
            state: convert::state(info),
        };
        let wakers = cell.publish(&change, info.changes);
        cell.call_user(&change);
        if change.state == State::Unmapped {
            // The count falls before anybody is woken who could look at it.
            // SAFETY: DESTROYED is the last callback of a mapping, and the engine does not touch
            // `user_ptr` after it.
            let reference = unsafe { EngineRef::<MappingCell>::from_user_ptr(info.user_ptr) };
            guard(|| drop(reference));
        }
        wake(wakers);
    });
}

/// What one question's slot holds.
pub(super) struct AskCell {
    pub(super) signal: Signal,
    items: Mutex<Vec<Answer>>,
    /// The result of the whole and its items.
    pub(super) end: OneShot<(c_int, Vec<Answer>)>,
    pub(super) ended: AtomicBool,
}

impl AskCell {
    pub(super) fn new() -> Self {
        Self {
            signal: Signal::new(),
            items: Mutex::new(Vec::new()),
            end: OneShot::new(),
            ended: AtomicBool::new(false),
        }
    }
}

pub(super) unsafe extern "C" fn on_answer(
    ctx: *mut c_void,
    result: c_int,
    item: *const ffi::plum_answer_t,
) {
    guard(|| {
        // SAFETY: `ctx` is what `ClientHandle::ask` handed over with this function; the reference is
        // taken back below at the earliest, and `cell` is not used after that.
        let cell = unsafe { EngineRef::<AskCell>::borrow(ctx) };
        // SAFETY: the engine lends a valid item for the time of this call, or gives NULL.
        if let Some(item) = unsafe { item.as_ref() } {
            lock(&cell.items).push(convert::answer(item));
            return;
        }
        let items = std::mem::take(&mut *lock(&cell.items));
        cell.end.resolve((result, items));
        cell.ended.store(true, Ordering::SeqCst);
        let wakers = cell.signal.take();
        // SAFETY: the call without an item is the last one of a question (client.h).
        drop(unsafe { EngineRef::<AskCell>::from_user_ptr(ctx) });
        wake(wakers);
    });
}

/// What everybody who waits for the end of a client shares.
pub(super) struct Closing {
    pub(super) signal: Signal,
    pub(super) ended: AtomicBool,
    pub(super) hub: StdArc<Broadcast>,
}

impl Closing {
    pub(super) fn new(hub: StdArc<Broadcast>) -> Self {
        Self {
            signal: Signal::new(),
            ended: AtomicBool::new(false),
            hub,
        }
    }
}

/// What the slot of a close holds.
pub(super) struct CloseCell(pub(super) StdArc<Closing>);

pub(super) unsafe extern "C" fn on_closed(ctx: *mut c_void) {
    guard(|| {
        // SAFETY: `ctx` is what `ClientHandle::close` handed over; a close's callback comes once and
        // is the client's very last.
        let reference = unsafe { EngineRef::<CloseCell>::from_user_ptr(ctx) };
        // SAFETY: `reference`, still held, keeps the slot alive.
        let closing = unsafe { EngineRef::<CloseCell>::borrow(ctx) }.0.clone();
        drop(reference);
        closing.ended.store(true, Ordering::SeqCst);
        let mut wakers = closing.signal.take();
        closing.hub.end(&mut wakers);
        wake(wakers);
    });
}

pub(super) unsafe extern "C" fn on_log(
    _ctx: *mut c_void,
    level: ffi::plum_log_level_t,
    message: *const c_char,
) {
    guard(|| {
        let Some(level) = convert::log_level(level) else {
            return;
        };
        // SAFETY: the engine lends a NUL-terminated line for the time of this call.
        let message = unsafe { CStr::from_ptr(message) };
        log::log!(target: "libplum::engine", level, "{}", Escaped(message.to_bytes()));
    });
}

/// Text that may come from a router, fit for a terminal.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            match byte {
                b' '..=b'~' => fmt::Write::write_char(f, byte.into())?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_router_cannot_steer_the_terminal() {
        let line = Escaped(b"name \x1b[2J\r\n\xc3\xa4").to_string();
        assert_eq!(line, "name \\x1b[2J\\x0d\\x0a\\xc3\\xa4");
    }

    #[test]
    fn a_panic_in_a_panic_ends_in_the_guard() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                if !std::thread::panicking() {
                    panic!("second");
                }
            }
        }
        let before = panics_in_process();
        guard(|| std::panic::panic_any(Bomb));
        assert!(panics_in_process() > before);
    }
}
