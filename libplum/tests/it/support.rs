//! What the tests share. Nothing here sleeps: everything waits for an event, with a bound.

use std::future::IntoFuture;
use std::sync::mpsc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{select, Either};
use libplum::{Client, ClientBuilder, Transport};
use libplum_gateway::{Builder, Gateway, Rule};

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Waits for `future`, on any runtime, `BOUND` at most.
pub(crate) async fn within<F: IntoFuture>(future: F) -> F::Output {
    let future = future.into_future();
    let (ring, alarm) = oneshot::channel::<()>();
    let (_done, waiting) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if waiting.recv_timeout(BOUND) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Nobody listens when it was done at the last moment.
            let _ = ring.send(());
        }
    });
    futures::pin_mut!(future, alarm);
    match select(future, alarm).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("it took longer than {BOUND:?}"),
    }
}

pub(crate) fn gateway() -> Gateway {
    start(Gateway::builder())
}

pub(crate) fn start(builder: Builder) -> Gateway {
    let gateway = builder.start().expect("a gateway on loopback");
    // It has run for a while: a restart in its first two seconds cannot be seen (RFC 6887 §8.5).
    gateway.set_epoch(100_000);
    gateway
}

/// A builder that knows the gateway and does not dawdle.
pub(crate) fn builder(gateway: &Gateway) -> ClientBuilder {
    Client::builder()
        .gateway_addr(gateway.addr())
        .restart_jitter(Duration::ZERO)
        .recheck_period(Duration::from_millis(300))
        .mapping_timeout(Duration::from_secs(3))
        .discover_timeout(Duration::from_secs(3))
}

pub(crate) fn client(gateway: &Gateway) -> Client {
    builder(gateway).build().expect("a client")
}

/// The rules of one transport and internal port.
pub(crate) fn rules_of(gateway: &Gateway, transport: Transport, port: u16) -> Vec<Rule> {
    gateway
        .rules()
        .into_iter()
        .filter(|rule| is(rule, transport, port))
        .collect()
}

pub(crate) fn is(rule: &Rule, transport: Transport, port: u16) -> bool {
    let same = match transport {
        Transport::Tcp => rule.transport == libplum_gateway::Transport::Tcp,
        Transport::Udp => rule.transport == libplum_gateway::Transport::Udp,
    };
    same && rule.internal_port == port
}

/// Waits until the gateway has no rule for it.
pub(crate) fn wait_until_gone(gateway: &Gateway, transport: Transport, port: u16) {
    let gone = gateway.wait_until(BOUND, |model| {
        !model.rules().iter().any(|rule| is(rule, transport, port))
    });
    assert!(gone, "the rule is still there: {:?}", gateway.rules());
}

/// A shutdown leaves nothing: no rule, no callback.
pub(crate) async fn shut_down(client: &Client, gateway: &Gateway) {
    within(client.shutdown()).await.expect("closed");
    assert_eq!(gateway.rules(), [], "rules on the gateway");
    assert_eq!(client.live_callbacks(), 0, "callbacks");
    assert_eq!(client.active_mappings(), 0);
}
