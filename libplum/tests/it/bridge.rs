//! The bridge on a live engine: what callbacks and wakers may do on its thread.

use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use futures::{Future, StreamExt};
use libplum::{Client, Error, Mapping, State, Transport};
use libplum_gateway::{Op, Restart};

use super::support::{client, gateway, rules_of, shut_down, wait_until_gone, within, BOUND};

fn block_on<F: IntoFuture>(future: F) -> F::Output {
    futures::executor::block_on(within(future))
}

#[test]
fn public_types_are_send_sync_and_static() {
    fn send_sync<T: Send + Sync + 'static>() {}
    fn send<T: Send + 'static>(_: &T) {}
    send_sync::<Client>();
    send_sync::<Mapping>();
    send_sync::<Error>();
    send_sync::<libplum::Events>();
    send_sync::<libplum::Report>();
    fn futures(client: Client, mapping: Mapping) {
        send(&client.map(Transport::Tcp, 1));
        send(&client.map(Transport::Tcp, 1).into_future());
        send(&client.events());
        let held = client.clone();
        send(&async move { held.shutdown().await });
        let held = client.clone();
        send(&async move { held.probe().await.map(drop) });
        send(&async move { client.external_addr().await });
        send(&async move {
            let _ = mapping.ready().await;
            let _ = mapping.changed().await;
            mapping.unmap().await;
        });
    }
    let _: fn(Client, Mapping) = futures;
}

/// Invariant 5: nothing about a mapping is remembered on this side.
#[test]
fn the_record_is_the_truth() {
    let gateway = gateway();
    let client = client(&gateway);
    let mapping = client.map(Transport::Tcp, 8080).start().expect("started");
    let (sender, receiver) = mpsc::channel();
    let copy = Mutex::new(sender);
    let mapping = Arc::new(mapping);
    let twin = client
        .map(Transport::Tcp, 8080)
        .on_change({
            let mapping = Arc::downgrade(&mapping);
            move |change| {
                if let (State::Active(active), Some(mapping)) = (&change.state, mapping.upgrade()) {
                    let told = (active.external_addr, mapping.external_addr());
                    copy.lock().unwrap().send(told).unwrap();
                }
            }
        })
        .start()
        .expect("started");
    block_on(twin.ready()).expect("mapped");
    let address = block_on(mapping.ready()).expect("mapped");
    assert_eq!(mapping.external_addr(), Some(address));
    assert_eq!(
        twin.external_addr(),
        Some(address),
        "both read the same record"
    );
    let (told, _) = receiver.recv_timeout(BOUND).expect("the callback ran");
    assert_eq!(told, address);
    // Nobody has polled anything since, and the record moves all the same.
    let before = gateway.log().count(Op::PcpMap);
    gateway.restart(Restart::LoseTable).expect("restarted");
    assert!(gateway.log().wait_for_count(BOUND, Op::PcpMap, before + 1));
    assert_eq!(block_on(mapping.changed()).map(|_| ()), Ok(()));
    drop((mapping, twin));
    assert_eq!(
        client.active_mappings(),
        0,
        "unmapping: the record says so before the router does"
    );
    block_on(shut_down(&client, &gateway));
}

#[test]
fn a_callback_may_drop_its_own_mapping() {
    let gateway = gateway();
    let client = client(&gateway);
    let held = Arc::new(Mutex::new(None::<Mapping>));
    let (sender, receiver) = mpsc::channel();
    let mapping = client
        .map(Transport::Tcp, 8080)
        .on_change({
            let held = held.clone();
            move |change| {
                // Whichever comes first, this change or the handle: one of them is dropped here.
                drop(held.lock().unwrap().take());
                sender.send(change.state.clone()).unwrap();
            }
        })
        .start()
        .expect("started");
    let address = block_on(mapping.ready());
    *held.lock().unwrap() = Some(mapping);
    assert!(address.is_ok());
    gateway.restart(Restart::LoseTable).expect("restarted");
    let states: Vec<_> = std::iter::from_fn(|| receiver.recv_timeout(BOUND).ok()).collect();
    assert_eq!(
        states.last(),
        Some(&State::Unmapped),
        "DESTROYED is last, and nothing waited"
    );
    assert!(held.lock().unwrap().is_none());
    block_on(shut_down(&client, &gateway));
}

#[test]
fn a_callback_may_map_and_ask() {
    let gateway = gateway();
    let client = client(&gateway);
    let (sender, receiver) = mpsc::channel();
    let inside = client.clone();
    let mapping = block_on(client.map(Transport::Tcp, 8080).on_change(move |change| {
        if matches!(change.state, State::Active(_)) {
            let more = inside.map(Transport::Udp, 8080).start();
            let busy = inside.shutdown_blocking(Duration::from_nanos(0)).is_err();
            let _ = sender.send((more, busy));
        }
    }))
    .expect("mapped");
    let (more, busy) = receiver.recv_timeout(BOUND).expect("the callback ran");
    assert!(busy);
    let more = more.expect("started");
    block_on(more.ready()).expect("mapped");
    block_on(more.unmap());
    block_on(mapping.unmap());
    block_on(shut_down(&client, &gateway));
}

#[test]
fn a_blocking_shutdown_on_the_engines_thread_is_an_error() {
    let gateway = gateway();
    let client = client(&gateway);
    let (sender, receiver) = mpsc::channel();
    let inside = client.clone();
    let mapping = client
        .map(Transport::Tcp, 8080)
        .on_change(move |change| {
            if matches!(change.state, State::Active(_)) {
                sender.send(inside.shutdown_blocking(BOUND)).unwrap();
            }
        })
        .start()
        .expect("started");
    assert_eq!(receiver.recv_timeout(BOUND), Ok(Err(Error::EngineThread)));
    // The close has begun all the same: the success may still be told, then comes the end.
    block_on(async {
        while let Ok(state) = mapping.changed().await {
            assert!(
                matches!(state, State::Active(_) | State::Unmapping),
                "{state:?}"
            );
        }
    });
    assert_eq!(client.shutdown_blocking(BOUND), Ok(()));
    assert_eq!(gateway.rules(), []);
    assert_eq!(client.live_callbacks(), 0);
}

#[test]
fn a_panic_in_a_callback_is_caught_and_counted() {
    let gateway = gateway();
    let client = client(&gateway);
    let before = libplum::caught_panics();
    let mapping = block_on(
        client
            .map(Transport::Tcp, 8080)
            .on_change(|_| panic!("on purpose, in a callback")),
    )
    .expect("mapped all the same");
    block_on(mapping.unmap());
    // Only now has the last callback returned: `unmap` may see the end while it still runs.
    block_on(shut_down(&client, &gateway));
    assert!(
        libplum::caught_panics() >= before + 2,
        "active and unmapped"
    );
}

#[test]
fn the_last_client_may_die_inside_a_waker_on_the_engines_thread() {
    /// Drops all that it holds when it is woken, and tells on which thread.
    struct Undertaker {
        goods: Mutex<Option<(Client, Mapping)>>,
        tell: Mutex<mpsc::Sender<ThreadId>>,
    }
    impl Wake for Undertaker {
        fn wake(self: Arc<Self>) {
            let goods = self.goods.lock().unwrap().take();
            if goods.is_some() {
                drop(goods);
                self.tell
                    .lock()
                    .unwrap()
                    .send(std::thread::current().id())
                    .unwrap();
            }
        }
    }
    let gateway = gateway();
    let client = client(&gateway);
    let mut events = client.events();
    let engine = Arc::new(Mutex::new(None));
    let mapping = client
        .map(Transport::Tcp, 8080)
        .on_change({
            let engine = engine.clone();
            move |_| *engine.lock().unwrap() = Some(std::thread::current().id())
        })
        .start()
        .expect("started");
    block_on(mapping.ready()).expect("mapped");
    while !matches!(
        block_on(events.next()).expect("told").state,
        State::Active(_)
    ) {}

    let (sender, receiver) = mpsc::channel();
    let undertaker = Arc::new(Undertaker {
        goods: Mutex::new(Some((client, mapping))),
        tell: Mutex::new(sender),
    });
    let waker = Waker::from(undertaker.clone());
    let mut next = events.next();
    assert!(std::pin::Pin::new(&mut next)
        .poll(&mut Context::from_waker(&waker))
        .is_pending());
    gateway.restart(Restart::LoseTable).expect("restarted");
    let thread = receiver
        .recv_timeout(BOUND)
        .expect("woken, and the drop has returned");
    assert_eq!(
        Some(thread),
        *engine.lock().unwrap(),
        "on the engine's own thread"
    );
    wait_until_gone(&gateway, Transport::Tcp, 8080);
    // The engine goes on to its end: the stream ends with it.
    block_on(async { while events.next().await.is_some() {} });
}

#[test]
fn a_callers_lock_may_be_held_around_calls_and_taken_in_the_callback() {
    let gateway = gateway();
    let client = client(&gateway);
    let lock = Arc::new(Mutex::new(0));
    let held = lock.lock().unwrap();
    let mapping = client
        .map(Transport::Tcp, 8080)
        .on_change({
            let lock = lock.clone();
            move |_| *lock.lock().unwrap() += 1
        })
        .start()
        .expect("starts while the callback may already wait for the lock");
    assert!(gateway.log().wait_for_count(BOUND, Op::PcpMap, 1));
    drop(held);
    block_on(mapping.ready()).expect("mapped");
    let held = lock.lock().unwrap();
    drop(mapping);
    drop(held);
    wait_until_gone(&gateway, Transport::Tcp, 8080);
    block_on(shut_down(&client, &gateway));
    assert_eq!(*lock.lock().unwrap(), 2, "active and unmapped");
}

#[test]
fn many_threads_map_and_drop_at_random() {
    let gateway = gateway();
    let client = client(&gateway);
    let ready = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4u16 {
            let (client, ready) = (&client, &ready);
            scope.spawn(move || {
                for round in 0..12u16 {
                    let port = 2000 + (thread * 7 + round) % 16;
                    let request = client.map(Transport::Udp, port);
                    if round % 3 == 0 {
                        drop(request.start().expect("started"));
                    } else if block_on(request).is_ok() {
                        ready.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(ready.load(Ordering::SeqCst), 4 * 8);
    block_on(shut_down(&client, &gateway));
    assert_eq!(rules_of(&gateway, Transport::Udp, 2000), []);
}
