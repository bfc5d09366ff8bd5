//! Where the time of a first mapping goes, step by step.
//!
//! `./dev bench`, or `cargo bench -p libplum --features _trace --bench steps [-- ROUNDS]`. Each round
//! maps once with a fresh client, by PCP, at a gateway on the loopback; the engine, built with
//! PLUM_TRACE, notes the clock after `send`, after `recv` and after it has published the record, and
//! the future's waker notes it when it is called.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::Duration;

use libplum::{Client, Protocol, Transport};
use libplum_gateway::Gateway;
use libplum_sys::trace;

/// Notes when it is called, then wakes the thread that polls.
struct Bell {
    rung: AtomicU64,
    thread: Thread,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(now(), Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn now() -> u64 {
    // SAFETY: it reads a clock and takes nothing.
    unsafe { trace::plum_trace_now() }
}

fn last(step: std::ffi::c_int) -> u64 {
    // SAFETY: it reads an atomic; any number of a step is allowed.
    unsafe { trace::plum_trace_last(step) }
}

fn main() {
    let rounds = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(501);
    let gateway = Gateway::builder().start().expect("a gateway on loopback");
    let mut steps: [(&str, Vec<u64>); 6] = [
        ("create -> datagram on the wire", Vec::new()),
        ("datagram -> answer received (the gateway)", Vec::new()),
        ("answer received -> published record", Vec::new()),
        ("published record -> the future's waker called", Vec::new()),
        ("answer received -> the future's waker called", Vec::new()),
        ("waker called -> .await returned", Vec::new()),
    ];
    for round in 0..=rounds {
        let client = Client::builder()
            .gateway_addr(gateway.addr())
            .protocols([Protocol::Pcp])
            .build()
            .expect("a client");
        let bell = Arc::new(Bell {
            rung: AtomicU64::new(0),
            thread: std::thread::current(),
        });
        let waker = bell.clone().into();
        let mut context = Context::from_waker(&waker);
        let created = now();
        let mut future = pin!(client.map(Transport::Tcp, 8080).into_future());
        let mapping = loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(mapped) => break mapped.expect("mapped"),
                Poll::Pending => std::thread::park_timeout(Duration::from_secs(10)),
            }
        };
        let returned = now();
        let rung = bell.rung.load(Ordering::SeqCst);
        let (sent, received, published) = (
            last(trace::SENT),
            last(trace::RECEIVED),
            last(trace::PUBLISHED),
        );
        let line = [created, sent, received, published, rung, returned];
        assert!(
            line.windows(2).all(|pair| pair[0] <= pair[1]),
            "one after the other: {line:?}"
        );
        if round > 0 {
            // The first one warms up.
            for (step, span) in [
                (0, sent - created),
                (1, received - sent),
                (2, published - received),
                (3, rung - published),
                (4, rung - received),
                (5, returned - rung),
            ] {
                steps[step].1.push(span);
            }
        }
        drop(mapping);
        client
            .shutdown_blocking(Duration::from_secs(10))
            .expect("closed");
        assert!(gateway.rules().is_empty());
    }
    println!("a first mapping by PCP on the loopback, {rounds} rounds; median and 9 of 10, in us:");
    for (name, mut spans) in steps {
        spans.sort_unstable();
        let at = |part: usize| spans[(spans.len() - 1) * part / 100] as f64 / 1e3;
        println!("  {name:<48} {:8.1} {:8.1}", at(50), at(90));
    }
}
