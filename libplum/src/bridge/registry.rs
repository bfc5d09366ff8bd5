//! What C is given as `user_ptr`: a slot on the heap that stays where it is until both the engine
//! and the handle have let go.
//!
//! A slot is born with two references. The engine's travels through C as a pointer and comes back
//! with the last callback (DESTROYED, a question's end, a close's end); the handle's is dropped by
//! its owner whenever it likes. The second release frees.

use std::ffi::c_void;
use std::marker::PhantomPinned;
use std::ops::Deref;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as StdAtomicUsize, Ordering as StdOrdering};

use super::sync::{Arc, AtomicUsize, Ordering};

/// Callbacks of all clients for which the engine holds a reference.
static LIVE: StdAtomicUsize = StdAtomicUsize::new(0);

pub(super) fn live_in_process() -> usize {
    LIVE.load(StdOrdering::SeqCst)
}

/// The number of references that the engine holds, for one client and for the process.
#[derive(Clone)]
pub(super) struct Live(Arc<AtomicUsize>);

impl Live {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        LIVE.fetch_add(1, StdOrdering::SeqCst);
    }

    fn remove(&self) {
        LIVE.fetch_sub(1, StdOrdering::SeqCst);
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Slot<T> {
    references: AtomicUsize,
    live: Live,
    value: T,
    _pinned: PhantomPinned,
}

/// Puts `value` into a slot of its own.
pub(super) fn insert<T: Send + Sync>(live: &Live, value: T) -> (HandleRef<T>, EngineRef<T>) {
    let slot = Box::pin(Slot {
        references: AtomicUsize::new(2),
        live: live.clone(),
        value,
        _pinned: PhantomPinned,
    });
    live.add();
    // From here on there is no Box that could move beside the raw pointers; `release` makes it one
    // again.
    // SAFETY: the slot is not moved out of the pin: it is only ever reached by shared reference
    // until the last release, which drops it in place.
    let slot = NonNull::from(Box::leak(unsafe { Pin::into_inner_unchecked(slot) }));
    (HandleRef(slot), EngineRef(slot))
}

/// Gives up one of the two references.
///
/// # Safety
/// The caller owns one reference to the live slot, and does not use it afterwards.
unsafe fn release<T>(slot: NonNull<Slot<T>>) {
    // SAFETY: the caller's own reference keeps the slot alive up to this line.
    let before = unsafe { slot.as_ref() }
        .references
        .fetch_sub(1, Ordering::AcqRel);
    debug_assert!(before == 1 || before == 2, "a slot has two references");
    if before == 1 {
        // SAFETY: this was the last reference, so nobody else can reach the slot; AcqRel makes the
        // other side's accesses happen before; the pointer came from `Box::leak` in `insert`.
        drop(unsafe { Pin::new_unchecked(Box::from_raw(slot.as_ptr())) });
    }
}

/// The handle's reference.
pub(super) struct HandleRef<T: Send + Sync>(NonNull<Slot<T>>);

// SAFETY: it gives shared access to a `T: Send + Sync` and may drop it on any thread, as an Arc does.
unsafe impl<T: Send + Sync> Send for HandleRef<T> {}
// SAFETY: as above; the count is atomic.
unsafe impl<T: Send + Sync> Sync for HandleRef<T> {}

impl<T: Send + Sync> Deref for HandleRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this reference keeps the slot alive, and nobody holds a `&mut` to it.
        &unsafe { self.0.as_ref() }.value
    }
}

impl<T: Send + Sync> Drop for HandleRef<T> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours and is gone after this.
        unsafe { release(self.0) }
    }
}

/// The engine's reference, while Rust holds it: before C has accepted it and in the last callback.
pub(super) struct EngineRef<T: Send + Sync>(NonNull<Slot<T>>);

impl<T: Send + Sync> EngineRef<T> {
    /// Hands the reference to C.
    pub(super) fn into_user_ptr(self) -> *mut c_void {
        let pointer = self.0.as_ptr().cast();
        std::mem::forget(self);
        pointer
    }

    /// Takes the reference back.
    ///
    /// # Safety
    /// `pointer` came from `into_user_ptr` of the same `T`, and C will not use it again: it refused
    /// it, or this is inside its last callback. At most once.
    pub(super) unsafe fn from_user_ptr(pointer: *mut c_void) -> Self {
        // SAFETY: `into_user_ptr` never gives NULL (the caller's promise).
        Self(unsafe { NonNull::new_unchecked(pointer.cast()) })
    }

    /// Looks into the slot that C holds.
    ///
    /// # Safety
    /// `pointer` came from `into_user_ptr` of the same `T`, and the reference is not taken back for
    /// as long as the result is used.
    pub(super) unsafe fn borrow<'a>(pointer: *mut c_void) -> &'a T
    where
        T: 'a,
    {
        // SAFETY: the engine's reference keeps the slot alive (the caller's promise); it is only
        // ever shared.
        &unsafe { &*pointer.cast::<Slot<T>>() }.value
    }
}

impl<T: Send + Sync> Drop for EngineRef<T> {
    fn drop(&mut self) {
        // SAFETY: this reference still keeps the slot alive.
        unsafe { self.0.as_ref() }.live.remove();
        // SAFETY: the reference is ours and is gone after this.
        unsafe { release(self.0) }
    }
}
