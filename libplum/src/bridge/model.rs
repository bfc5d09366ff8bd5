//! The loom model of the bridge: the real trampolines and the real registry against every
//! interleaving of the engine's thread and a handle's.
//!
//! `RUSTFLAGS="--cfg plum_loom" cargo test -p libplum --release --lib loom`

use std::sync::atomic::{AtomicUsize as StdAtomicUsize, Ordering as StdOrdering};
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use libplum_sys as ffi;
use loom::thread;

use super::callback::{on_answer, on_closed, on_mapping, AskCell, CloseCell, Closing, MappingCell};
use super::convert::blank_info;
use super::registry::{insert, EngineRef, HandleRef, Live};
use super::sync::{Arc, AtomicBool, Ordering};
use crate::event::Broadcast;
use crate::State;

/// A pointer that the engine's thread was given.
#[derive(Clone, Copy)]
struct UserPtr(*mut std::ffi::c_void);

// SAFETY: it is a slot's pointer, and slots are shared between threads by design; C keeps it too.
unsafe impl Send for UserPtr {}

impl UserPtr {
    /// What the engine does when a mapping changes.
    fn notify(self, state: ffi::plum_state_t, changes: u64) {
        let mut info = blank_info();
        info.user_ptr = self.0;
        info.state = state;
        info.changes = changes;
        info.reason = ffi::PLUM_REASON_NO_ANSWER;
        // SAFETY: the record is valid, its pointer is a mapping slot's, DESTROYED comes last.
        unsafe { on_mapping(1, &info) };
    }
}

/// Counts its death.
struct Canary(StdArc<StdAtomicUsize>);

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.fetch_add(1, StdOrdering::SeqCst);
    }
}

/// A waker that notes the count of live callbacks at the moment of waking.
struct Witness {
    live: Live,
    woken: Arc<AtomicBool>,
    seen: StdArc<StdAtomicUsize>,
}

impl Wake for Witness {
    fn wake(self: StdArc<Self>) {
        self.seen.store(self.live.count(), StdOrdering::SeqCst);
        self.woken.store(true, Ordering::SeqCst);
    }
}

fn mapping(live: &Live) -> (HandleRef<MappingCell>, UserPtr, StdArc<StdAtomicUsize>) {
    let deaths = StdArc::new(StdAtomicUsize::new(0));
    let canary = Canary(deaths.clone());
    let on_change = Box::new(move |_: &crate::Change| {
        let _ = &canary;
    });
    let hub = StdArc::new(Broadcast::new());
    let (slot, engine) = insert(live, MappingCell::new(hub, Some(on_change)));
    (slot, UserPtr(engine.into_user_ptr()), deaths)
}

#[test]
fn loom_a_slot_lives_as_long_as_either_side() {
    loom::model(|| {
        let live = Live::new();
        let deaths = StdArc::new(StdAtomicUsize::new(0));
        let (slot, engine) = insert(&live, Canary(deaths.clone()));
        let pointer = UserPtr(engine.into_user_ptr());
        let theirs = thread::spawn(move || {
            let pointer = pointer;
            // SAFETY: the slot's pointer, taken back once, by the side that it was given to.
            unsafe {
                let canary = EngineRef::<Canary>::borrow(pointer.0);
                assert_eq!(
                    canary.0.load(StdOrdering::SeqCst),
                    0,
                    "alive while it is borrowed"
                );
                drop(EngineRef::<Canary>::from_user_ptr(pointer.0));
            }
        });
        assert_eq!(
            slot.0.load(StdOrdering::SeqCst),
            0,
            "alive while it is held"
        );
        drop(slot);
        theirs.join().unwrap();
        assert_eq!(deaths.load(StdOrdering::SeqCst), 1, "freed once");
        assert_eq!(live.count(), 0);
    });
}

#[test]
fn loom_the_first_outcome_comes_once() {
    loom::model(|| {
        let live = Live::new();
        let (slot, pointer, deaths) = mapping(&live);
        let theirs = thread::spawn(move || {
            pointer.notify(ffi::PLUM_STATE_FAILURE, 1);
            pointer.notify(ffi::PLUM_STATE_DESTROYED, 1);
        });
        let mut outcomes = 0;
        outcomes += usize::from(slot.first.take().is_some());
        theirs.join().unwrap();
        if let Some(outcome) = slot.first.take() {
            assert!(
                matches!(outcome.state, State::Failed(_)),
                "the first, not the last"
            );
            outcomes += 1;
        }
        assert_eq!(outcomes, 1);
        assert!(slot.first.take().is_none());
        drop(slot);
        assert_eq!(deaths.load(StdOrdering::SeqCst), 1);
    });
}

#[test]
fn loom_the_count_falls_before_the_waiter_wakes() {
    loom::model(|| {
        let live = Live::new();
        let (slot, pointer, _) = mapping(&live);
        let seen = StdArc::new(StdAtomicUsize::new(usize::MAX));
        let woken = Arc::new(AtomicBool::new(false));
        let witness = Witness {
            live: live.clone(),
            woken: woken.clone(),
            seen: seen.clone(),
        };
        let waker = Waker::from(StdArc::new(witness));
        let theirs = thread::spawn(move || pointer.notify(ffi::PLUM_STATE_DESTROYED, 0));
        // As `Signal::wait` does it: look, listen, look again.
        let mut key = None;
        let mut found = slot.ended.load(Ordering::SeqCst);
        if !found {
            slot.signal.listen(&mut key, &waker);
            found = slot.ended.load(Ordering::SeqCst);
        }
        theirs.join().unwrap();
        assert!(found || woken.load(Ordering::SeqCst), "no wake-up is lost");
        if woken.load(Ordering::SeqCst) {
            assert_eq!(
                seen.load(StdOrdering::SeqCst),
                0,
                "the waiter finds the count at 0"
            );
        }
        slot.signal.forget(key);
        assert_eq!(live.count(), 0);
    });
}

#[test]
fn loom_callbacks_never_wait_for_a_handle() {
    // A handle that goes away in the middle of a callback, and a waker that looks at what the
    // callback works on: a lock that was held while it is woken would deadlock here.
    struct Nosy(HandleRef<MappingCell>);
    impl Wake for Nosy {
        fn wake(self: StdArc<Self>) {
            drop(self.0.signal.take());
            drop(self.0.first.take());
        }
    }
    loom::model(|| {
        let live = Live::new();
        let (slot, pointer, deaths) = mapping(&live);
        let mut key = None;
        let nosy = StdArc::new(Nosy(slot));
        nosy.0.signal.listen(&mut key, &Waker::from(nosy.clone()));
        let theirs = thread::spawn(move || {
            pointer.notify(ffi::PLUM_STATE_FAILURE, 1);
            pointer.notify(ffi::PLUM_STATE_DESTROYED, 1);
        });
        nosy.0.signal.forget(key);
        drop(nosy);
        theirs.join().unwrap();
        assert_eq!(deaths.load(StdOrdering::SeqCst), 1);
        assert_eq!(live.count(), 0);
    });
}

#[test]
fn loom_a_question_given_up_while_it_is_answered_leaves_nothing() {
    loom::model(|| {
        let live = Live::new();
        let (slot, engine) = insert(&live, AskCell::new());
        let pointer = UserPtr(engine.into_user_ptr());
        let theirs = thread::spawn(move || {
            let pointer = pointer;
            // SAFETY: a question's slot, and its last call.
            unsafe { on_answer(pointer.0, ffi::PLUM_ERR_NOT_AVAIL, std::ptr::null()) };
        });
        let early = slot.end.take().is_some();
        drop(slot);
        theirs.join().unwrap();
        let _ = early;
        assert_eq!(live.count(), 0);
    });
}

#[test]
fn loom_everybody_who_waits_for_the_close_hears_of_it() {
    loom::model(|| {
        let live = Live::new();
        let closing = StdArc::new(Closing::new(StdArc::new(Broadcast::new())));
        let (slot, engine) = insert(&live, CloseCell(closing.clone()));
        drop(slot);
        let pointer = UserPtr(engine.into_user_ptr());
        let seen = StdArc::new(StdAtomicUsize::new(usize::MAX));
        let woken = Arc::new(AtomicBool::new(false));
        let witness = Witness {
            live: live.clone(),
            woken: woken.clone(),
            seen: seen.clone(),
        };
        let waker = Waker::from(StdArc::new(witness));
        let theirs = thread::spawn(move || {
            let pointer = pointer;
            // SAFETY: a close's slot, and its only call.
            unsafe { on_closed(pointer.0) };
        });
        let mut key = None;
        closing.signal.listen(&mut key, &waker);
        let found = closing.ended.load(Ordering::SeqCst);
        theirs.join().unwrap();
        assert!(found || woken.load(Ordering::SeqCst), "no wake-up is lost");
        closing.signal.forget(key);
        assert_eq!(live.count(), 0);
    });
}
