//! What a first mapping costs.

use libplum::Transport;
use libplum_gateway::{Direction, Op};

use super::support::{client, gateway, shut_down, within};

#[test]
fn a_first_mapping_is_two_datagrams() {
    futures::executor::block_on(async {
        let gateway = gateway();
        let client = client(&gateway);
        let mapping = within(client.map(Transport::Tcp, 8080))
            .await
            .expect("mapped");
        let entries = gateway.log().entries();
        let kinds: Vec<_> = entries.iter().map(|e| (e.direction, e.op())).collect();
        assert_eq!(
            kinds,
            [
                (Direction::Request, Op::PcpMap),
                (Direction::Answer, Op::PcpMap)
            ]
        );
        drop(mapping);
        shut_down(&client, &gateway).await;
        let stats = client.stats();
        assert_eq!(
            (stats.sent, stats.retransmitted),
            (2, 0),
            "a request and its delete"
        );
    });
}

#[test]
fn heap_per_mapping_stays_below_a_kibibyte() {
    const COUNT: u16 = 200;
    futures::executor::block_on(async {
        let gateway = gateway();
        let client = client(&gateway);
        let first = within(client.map(Transport::Tcp, 1999))
            .await
            .expect("mapped");
        let before = client.stats().heap_bytes;
        let mut mappings = Vec::new();
        for port in 2000..2000 + COUNT {
            mappings.push(client.map(Transport::Tcp, port).start().expect("started"));
        }
        for mapping in &mappings {
            within(mapping.ready()).await.expect("mapped");
        }
        let after = client.stats().heap_bytes;
        let each = (after - before) / u64::from(COUNT);
        println!("heap per live mapping: {each} bytes ({before} with one, {after} with all)");
        assert!(each > 0, "the figure is measured");
        assert!(each < 1024, "{each}");
        drop((first, mappings));
        shut_down(&client, &gateway).await;
    });
}
