//! The only unsafe code of this crate: between Rust's futures and the C engine's thread.
//!
//! Five invariants, each with its test:
//!
//! 1. **A callback never blocks, never unwinds into C, and touches only what is safe on the engine's
//!    thread.** What is locked is locked for a few instructions and never while somebody else's code
//!    runs; the user's callback, wakers and destructors run without a lock and inside a guard.
//!    `model::loom_callbacks_never_wait_for_a_handle`, `tests::a_panic_never_reaches_c`.
//! 2. **The one-shot resolves exactly once**, whatever comes first and however often.
//!    `model::loom_the_first_outcome_comes_once`, `tests::the_first_outcome_comes_once`.
//! 3. **A slot stays where it is from before create until DESTROYED has returned and the handle has
//!    let go.** Two references, the second release frees; `Pin<Box<Slot>>` becomes a raw pointer
//!    once and a box again once. `model::loom_a_slot_lives_as_long_as_either_side`,
//!    `tests::a_slot_lives_as_long_as_either_side`.
//! 4. **The count of live callbacks is what the engine holds**, so it is 0 again after shutdown.
//!    `model::loom_the_count_falls_before_the_waiter_wakes`, `tests::a_refused_slot_is_freed`.
//! 5. **The engine's published record is the only truth**: nothing about a mapping is stored on this
//!    side but whether it has ended. `it::bridge::the_record_is_the_truth` in `tests/it`.

#![allow(unsafe_code)]

mod callback;
mod convert;
mod handle;
mod registry;
pub(crate) mod sync;

#[cfg(all(test, plum_loom))]
mod model;
#[cfg(all(test, not(plum_loom)))]
mod tests;

pub(crate) use callback::{wake, OnChange};
pub(crate) use handle::{
    local_address, supported_protocols, AskHandle, ClientConfig, ClientHandle, MapConfig,
    MappingHandle,
};

/// What the gateway can be asked.
pub(crate) mod question {
    pub(crate) use libplum_sys::{
        PLUM_ASK_EXTERNAL_ADDRESS as EXTERNAL_ADDRESS, PLUM_ASK_PROBE as PROBE,
    };
}

/// Callbacks for which the engine holds a reference, in the whole process.
///
/// One for each mapping that has not seen its end, each question that is under way and each close.
/// Back to what it was when every client is shut down: a leak detector for tests.
pub fn live_callbacks() -> usize {
    registry::live_in_process()
}

/// Panics that were thrown by callbacks, wakers or destructors on the engine's thread, and ended
/// there.
///
/// Each is also logged as an error.
pub fn caught_panics() -> usize {
    callback::panics_in_process()
}
