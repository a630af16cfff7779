//! How many clients are taken.

use crate::fake_host;
use crate::site::{Site, broker, hello_of, until};
use hostler_gateway::{Gateway, GatewayConfig, GatewayError, GatewayLimits};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_so_many_connections_and_no_more() {
    let host = fake_host::echo(1).await;
    for limits in
        [GatewayLimits { connections: 100, per_address: 2 }, GatewayLimits { connections: 2, per_address: 100 }]
    {
        let mut brokers = [broker(1)];
        let site = Site::start_with(&mut brokers, limits).await;
        brokers[0].decides(Ok(host.clone()));
        let hello = hello_of("alice");
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut client_end = site.client(&hello).await;
            assert_eq!(client_end.reads(hello.len()).await, hello);
            held.push(client_end);
        }
        let mut third = site.client(b"").await;
        assert!(third.reads_to_the_end().await.is_empty(), "it is closed at once");
        let counts = site.gateway.metrics().counts();
        assert_eq!((counts.accepted, counts.over_limit, counts.carrying), (2, 1, 2), "{limits:?}");
        // One leaves, one may come.
        held.pop();
        until("a place is free", || site.gateway.metrics().counts().carrying == 1).await;
        until_taken(&site, &hello).await;
    }
}

/// The place is free a moment after the connection is not carried any more.
async fn until_taken(site: &Site, hello: &[u8]) {
    for _ in 0..1_000 {
        let taken = site.gateway.metrics().counts().accepted;
        let mut client_end = site.client(hello).await;
        if client_end.reads_or_end(hello.len()).await == hello {
            return assert_eq!(site.gateway.metrics().counts().accepted, taken + 1);
        }
    }
    panic!("no place became free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_start_says_why() {
    let mut brokers = [broker(1)];
    let site = Site::start(&mut brokers).await;
    let taken = site.at();
    let dir = tempfile::tempdir().unwrap();
    let config = GatewayConfig {
        id: crate::site::GATEWAY,
        key: crate::site::gateway_key(),
        key_ring: None,
        listen: vec![taken],
        advertised: None,
        data_dir: dir.path().into(),
        brokers: crate::site::list(1, &[&brokers[0]]),
        limits: GatewayLimits::default(),
    };
    let nowhere = GatewayConfig { listen: Vec::new(), ..config.clone() };
    let nobody = GatewayConfig { brokers: crate::site::list(1, &[]), ..config.clone() };
    for (config, text) in [
        (config, format!("can't take RDP clients at {taken}/tcp: Address already in use")),
        (nowhere, "the gateway has no address".into()),
        (nobody, "the gateway knows no broker".into()),
    ] {
        let error: GatewayError = Gateway::start(config).await.err().unwrap();
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}
