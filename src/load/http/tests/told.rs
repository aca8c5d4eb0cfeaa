//! How a load tells of itself while it goes on.

use super::server::{Server, ok};
use super::*;

#[tokio::test]
async fn a_listener_that_blocks_holds_up_no_request() {
    let server = Server::start(ok).await;
    let mut plan = burst(1, 4);
    plan.plan.stop = Stop::For(ms(1500));
    plan.plan.pace = Pace::PerSecond(Rate::per_second(20.0).expect("a rate"));
    let (there, (tell, told)) = (server.clone(), std::sync::mpsc::channel());
    let all = move |_| {
        let until = std::time::Instant::now() + Duration::from_secs(5);
        while there.seen(|_| ()).len() < 30 && std::time::Instant::now() < until {
            std::thread::sleep(ms(10));
        }
        tell.send(there.seen(|_| ()).len()).expect("a listener");
    };
    let shutdown = CancellationToken::new();
    let net = NetSettings::default();
    let ran = run_one(&plan, &get(&server.url("/")), &net, &shutdown, all).await;
    assert_eq!(ran.expect("runs").requests, 30);
    let seen: Vec<usize> = told.iter().collect();
    assert!(seen.iter().all(|seen| *seen == 30), "{seen:?}");
}
