//! The invariants on std's primitives, with hand-made calls of the trampolines. The same against
//! every interleaving: `model`.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::task::{Wake, Waker};

use libplum_sys as ffi;

use super::callback::{on_mapping, panics_in_process, MappingCell, OnChange};
use super::convert::blank_info;
use super::registry::{insert, EngineRef, HandleRef, Live};
use crate::event::Broadcast;
use crate::State;

fn mapping(live: &Live, on_change: OnChange) -> (HandleRef<MappingCell>, *mut c_void) {
    let hub = Arc::new(Broadcast::new());
    let (slot, engine) = insert(live, MappingCell::new(hub, Some(on_change)));
    (slot, engine.into_user_ptr())
}

fn notify(user_ptr: *mut c_void, state: ffi::plum_state_t) {
    let info = ffi::plum_mapping_info_t {
        user_ptr,
        state,
        reason: ffi::PLUM_REASON_NO_ANSWER,
        ..blank_info()
    };
    // SAFETY: the record is valid, its pointer is a mapping slot's; callers send DESTROYED last.
    unsafe { on_mapping(1, &info) };
}

/// Counts its death.
struct Canary(Arc<AtomicUsize>);

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_slot_lives_as_long_as_either_side() {
    for engine_first in [true, false] {
        let live = Live::new();
        let deaths = Arc::new(AtomicUsize::new(0));
        let (slot, engine) = insert(&live, Canary(deaths.clone()));
        assert_eq!(live.count(), 1);
        let pointer = engine.into_user_ptr();
        if engine_first {
            // SAFETY: taken back once.
            drop(unsafe { EngineRef::<Canary>::from_user_ptr(pointer) });
            assert_eq!(live.count(), 0);
        }
        assert_eq!(deaths.load(Ordering::SeqCst), 0);
        drop(slot);
        if !engine_first {
            assert_eq!(deaths.load(Ordering::SeqCst), 0);
            assert_eq!(live.count(), 1, "the engine still has it");
            // SAFETY: taken back once.
            drop(unsafe { EngineRef::<Canary>::from_user_ptr(pointer) });
        }
        assert_eq!(deaths.load(Ordering::SeqCst), 1);
        assert_eq!(live.count(), 0);
    }
}

#[test]
fn a_refused_slot_is_freed() {
    let live = Live::new();
    let deaths = Arc::new(AtomicUsize::new(0));
    let (slot, engine) = insert(&live, Canary(deaths.clone()));
    drop(engine);
    drop(slot);
    assert_eq!((deaths.load(Ordering::SeqCst), live.count()), (1, 0));
}

#[test]
fn the_first_outcome_comes_once() {
    let live = Live::new();
    let (slot, pointer) = mapping(&live, Box::new(|_| {}));
    notify(pointer, ffi::PLUM_STATE_FAILURE);
    notify(pointer, ffi::PLUM_STATE_FAILURE);
    notify(pointer, ffi::PLUM_STATE_DESTROYED);
    let first = slot.first.take().expect("resolved");
    assert!(matches!(first.state, State::Failed(_)));
    assert!(slot.first.take().is_none());
}

#[test]
fn a_panic_never_reaches_c() {
    struct Grumpy;
    impl Wake for Grumpy {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    struct Loud(mpsc::Sender<()>);
    impl Wake for Loud {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
        }
    }
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let live = Live::new();
    let bomb = Bomb;
    let (slot, pointer) = mapping(
        &live,
        Box::new(move |_| {
            let _ = &bomb;
            panic!("in a callback");
        }),
    );
    let (sender, woken) = mpsc::channel();
    let mut keys = [None, None];
    slot.signal
        .listen(&mut keys[0], &Waker::from(Arc::new(Grumpy)));
    slot.signal
        .listen(&mut keys[1], &Waker::from(Arc::new(Loud(sender))));
    let before = panics_in_process();
    notify(pointer, ffi::PLUM_STATE_FAILURE);
    assert!(
        woken.try_recv().is_ok(),
        "the one behind a panicking waker is woken all the same"
    );
    notify(pointer, ffi::PLUM_STATE_DESTROYED);
    // Two calls of the callback, one waker, one destructor. Other tests may add theirs.
    assert!(panics_in_process() >= before + 4);
    assert_eq!(live.count(), 0, "released in spite of it all");
}

#[test]
fn a_callback_may_let_go_of_everything() {
    let live = Live::new();
    let held = Arc::new(std::sync::Mutex::new(None));
    let inside = held.clone();
    let (slot, pointer) = mapping(
        &live,
        Box::new(move |_| {
            inside.lock().unwrap().take();
        }),
    );
    *held.lock().unwrap() = Some(slot);
    notify(pointer, ffi::PLUM_STATE_FAILURE);
    assert!(held.lock().unwrap().is_none());
    notify(pointer, ffi::PLUM_STATE_DESTROYED);
    assert_eq!(live.count(), 0);
}

#[test]
fn streams_hear_all_and_end() {
    use futures::StreamExt;
    let live = Live::new();
    let (slot, pointer) = mapping(&live, Box::new(|_| {}));
    let stream = slot.streams.subscribe();
    let hub = slot.hub.subscribe();
    for _ in 0..100 {
        notify(pointer, ffi::PLUM_STATE_FAILURE);
    }
    notify(pointer, ffi::PLUM_STATE_DESTROYED);
    let told: Vec<State> = futures::executor::block_on(stream.map(|change| change.state).collect());
    assert_eq!(told.len(), 64, "bounded");
    assert_eq!(
        told.last(),
        Some(&State::Unmapped),
        "the last event says that it is last"
    );
    drop(slot);
    let told = futures::executor::block_on(hub.count());
    assert_eq!(
        told, 64,
        "the client's stream ends with the last that could feed it"
    );
    assert_eq!(futures::executor::block_on(hub_after_end()), 0);
}

async fn hub_after_end() -> usize {
    use futures::StreamExt;
    let hub = Broadcast::new();
    hub.end(&mut Vec::new());
    hub.subscribe().count().await
}
