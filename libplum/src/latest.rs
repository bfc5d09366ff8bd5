//! How a future waits for the engine's thread: a value that is set once, and a set of wakers.
//!
//! Neither runs anybody else's code under its lock. A waker may do anything when it is woken, cloned
//! or dropped, even drop the last client; so it is taken under the lock and used outside.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::bridge::sync::{lock, Mutex};

/// A value that the first writer sets and one reader takes.
pub(crate) struct OneShot<T>(Mutex<Shot<T>>);

enum Shot<T> {
    Empty,
    Full(T),
    Taken,
}

impl<T> OneShot<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Shot::Empty))
    }

    /// Sets the value; later ones are dropped. True for the one that counted.
    pub(crate) fn resolve(&self, value: T) -> bool {
        let mut shot = lock(&self.0);
        let first = matches!(*shot, Shot::Empty);
        if first {
            *shot = Shot::Full(value);
        }
        first
    }

    pub(crate) fn take(&self) -> Option<T> {
        let mut shot = lock(&self.0);
        if matches!(*shot, Shot::Full(_)) {
            if let Shot::Full(value) = std::mem::replace(&mut *shot, Shot::Taken) {
                return Some(value);
            }
        }
        None
    }
}

/// Tells whoever listens that something may have changed. It carries no value: listeners look.
pub(crate) struct Signal(Mutex<Listeners>);

struct Listeners {
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Listeners {
            next: 0,
            wakers: Vec::new(),
        }))
    }

    /// The wakers of all who listen; they listen no more. The caller wakes them outside its locks.
    pub(crate) fn take(&self) -> Vec<Waker> {
        let taken = std::mem::take(&mut lock(&self.0).wakers);
        taken.into_iter().map(|(_, waker)| waker).collect()
    }

    /// Listens under `key`, or goes on with another waker.
    pub(crate) fn listen(&self, key: &mut Option<u64>, waker: &Waker) {
        let mut waker = waker.clone();
        let mut listeners = lock(&self.0);
        let entry = key.and_then(|key| listeners.wakers.iter_mut().find(|(k, _)| *k == key));
        if let Some((_, old)) = entry {
            std::mem::swap(old, &mut waker);
            drop(listeners);
            // `waker` is the old one now: dropped here, outside the lock.
        } else {
            let number = listeners.next;
            listeners.next += 1;
            listeners.wakers.push((number, waker));
            *key = Some(number);
        }
    }

    pub(crate) fn forget(&self, key: Option<u64>) {
        let Some(key) = key else { return };
        let mut listeners = lock(&self.0);
        let found = listeners.wakers.iter().position(|(k, _)| *k == key);
        let old = found.map(|index| listeners.wakers.swap_remove(index));
        drop(listeners);
        drop(old);
    }

    /// Waits until `look` finds something: look, listen, look again.
    ///
    /// Cancel safe: nothing is taken before `look` returns it.
    pub(crate) async fn wait<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        let mut listener = Listener {
            signal: self,
            key: None,
        };
        // Whole: a closure that captured its fields would leave a listener without a key behind.
        let listener = &mut listener;
        poll_fn(|cx| {
            if let Some(found) = look() {
                return Poll::Ready(found);
            }
            listener.signal.listen(&mut listener.key, cx.waker());
            look().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

struct Listener<'a> {
    signal: &'a Signal,
    key: Option<u64>,
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.signal.forget(self.key);
    }
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;
    use std::future::Future;
    use std::sync::Arc;
    use std::task::{Context, Wake};

    /// A waker that counts, and on its death asks the signal for its lock.
    struct Nosy(Arc<Signal>, std::sync::atomic::AtomicUsize);

    impl Wake for Nosy {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            drop(self.0.take());
        }
    }

    impl Drop for Nosy {
        fn drop(&mut self) {
            drop(self.0.take());
        }
    }

    fn nosy(signal: &Arc<Signal>) -> Waker {
        Arc::new(Nosy(signal.clone(), Default::default())).into()
    }

    #[test]
    fn the_first_value_counts_and_is_taken_once() {
        let shot = OneShot::new();
        assert!(shot.take().is_none());
        assert!(shot.resolve(1));
        assert!(!shot.resolve(2));
        assert_eq!(shot.take(), Some(1));
        assert!(shot.take().is_none());
        assert!(!shot.resolve(3), "taken is not empty");
    }

    #[test]
    fn wakers_are_used_and_dropped_outside_the_lock() {
        let signal = Arc::new(Signal::new());
        let mut key = None;
        signal.listen(&mut key, &nosy(&signal));
        signal.listen(&mut key, &nosy(&signal)); // the first one dies here
        for waker in signal.take() {
            waker.wake();
        }
        signal.listen(&mut key, &nosy(&signal));
        signal.forget(key);
        assert!(signal.take().is_empty());
    }

    #[test]
    fn a_dropped_wait_listens_no_more() {
        let signal = Arc::new(Signal::new());
        let mut wait = Box::pin(signal.wait(|| None::<()>));
        let waker = nosy(&signal);
        assert!(wait
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending());
        assert_eq!(lock(&signal.0).wakers.len(), 1);
        drop(wait);
        assert_eq!(lock(&signal.0).wakers.len(), 0);
    }
}
