//! Runs every scenario under every kind of runtime.

use std::future::Future;

fn tokio_current_thread(scenario: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(scenario);
}

fn tokio_multi_thread(scenario: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    // Spawned, so that it moves between threads.
    runtime.block_on(async { tokio::spawn(scenario).await.expect("no panic") });
}

fn smol(scenario: impl Future<Output = ()> + Send + 'static) {
    smol::block_on(smol::spawn(scenario));
}

fn block_on(scenario: impl Future<Output = ()> + Send + 'static) {
    futures::executor::block_on(scenario);
}

macro_rules! on_every_runtime {
    ($($scenario:ident),* $(,)?) => {
        $(
            mod $scenario {
                use super::super::scenario::$scenario;

                #[test]
                fn tokio_current_thread() {
                    super::tokio_current_thread($scenario());
                }

                #[test]
                fn tokio_multi_thread() {
                    super::tokio_multi_thread($scenario());
                }

                #[test]
                fn smol() {
                    super::smol($scenario());
                }

                #[test]
                fn block_on() {
                    super::block_on($scenario());
                }
            }
        )*
    };
}

on_every_runtime!(
    maps_tcp_and_udp_and_leaves_nothing,
    two_handles_share_one_rule,
    a_restart_is_a_change,
    a_failure_is_tried_again,
    a_refusal_is_typed_and_leaves_nothing,
    dropping_unmaps,
    a_dropped_future_leaves_nothing,
    asks_the_gateway,
    falls_back_to_nat_pmp,
    insists_on_a_port,
    times_out,
    streams_tell_everything,
);
