//! How a load ends: in time, early, or without anybody who waits for it.

use super::*;

#[tokio::test]
async fn what_cannot_be_sent_within_the_grace_is_unsent_and_not_forgotten() {
    let mut plan = plan(Stop::For(ms(300)), 100.0, 1);
    plan.plan.grace = ms(300);
    let ran = run_on(plan, |_, _| Reaction::Answer(ms(50))).await;
    // One at a time: a request is taken every 50 ms for 600 ms.
    assert!((1..=13).contains(&ran.load.requests), "{}", ran.load.requests);
    assert_eq!(ran.load.requests + ran.load.unsent, 30);
    assert_eq!(ran.latency().count(), 30);
    // One that was due before 130 ms waited until the end of the grace.
    let longest = ran.latency().statistic(Statistic::Max).expect("latencies");
    assert!(longest >= 470.0, "{longest}");
}

#[tokio::test]
async fn an_interrupted_load_ends_within_two_seconds_and_keeps_what_it_measured() {
    for rate in [100.0, 0.0] {
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let cancel = async move {
            sleep(ms(300)).await;
            token.cancel();
            Instant::now()
        };
        let react = |n, _| {
            if n < 8 {
                Reaction::Answer(ms(20))
            } else {
                Reaction::Never
            }
        };
        let plan = plan(Stop::For(ms(60_000)), rate, 4);
        let (ran, cancelled) = tokio::join!(run_until(plan, false, &shutdown, react), cancel);
        assert!(cancelled.elapsed() <= ms(2000), "{:?}", cancelled.elapsed());
        // On each of four connections one was under way.
        assert_eq!(
            (ran.load.answered, ran.load.requests, ran.load.errors),
            (8, 12, 4)
        );
        assert_eq!(ran.load.failures[&FailureClass::CutOff].count, 4);
        assert_eq!((ran.served, ran.load.unsent > 0), (12, rate > 0.0));
        assert_eq!(ran.latency().count(), 12 + ran.load.unsent);
        assert!(ran.latency().statistic(Statistic::Max) >= Some(1500.0));
    }
}

#[tokio::test]
async fn no_more_lanes_are_opened_than_have_something_to_do() {
    let ran = run_on(plan(after(300), 0.0, 1_000_000), |_, _| Reaction::Answer(ms(1))).await;
    assert_eq!((ran.load.requests, ran.served), (300, 300));
    assert!(
        ran.most <= 300 && ran.opening as usize <= OPENING,
        "{}",
        ran.opening
    );

    let held = run_on(plan(after(400), 0.0, 400), |_, _| Reaction::Answer(ms(300))).await;
    assert_eq!(
        held.most, 400,
        "those that wait for their answer do not hold up the others"
    );

    let mut plan = plan(after(300), 1000.0, 300);
    plan.pool.connection_warmup = 1;
    let warm = run_on(plan, |_, _| Reaction::Answer(ms(1))).await;
    assert_eq!((warm.most, warm.load.connections), (300, 0));
    assert!(warm.opening as usize <= OPENING, "{}", warm.opening);
}

#[tokio::test]
async fn warm_up_requests_are_counted_nowhere() {
    let mut plan = plan(after(10), 100.0, 3);
    plan.pool.connection_warmup = 2;
    let ran = run_on(plan, |_, _| Reaction::Answer(ms(4))).await;
    assert_eq!((ran.load.requests, ran.served), (10, 16));
    assert_eq!((ran.most, ran.load.connections), (3, 0));
}

#[tokio::test]
async fn a_connection_that_could_not_be_warmed_up_moves_no_other_lane() {
    let mut plan = plan(after(40), 400.0, 4);
    plan.pool.connection_warmup = 1;
    plan.refuse_attempt = Some(2);
    let ran = run_on(plan, |_, _| Reaction::Answer(ms(20))).await;
    // One more was opened, by the lane that had none.
    assert_eq!((ran.load.connections, ran.load.errors, ran.most), (1, 0, 4));
    let mut busy: Vec<u32> = ran
        .sends
        .iter()
        .skip(3)
        .map(|send| send.seat.connection)
        .collect();
    busy.sort_unstable();
    busy.dedup();
    assert_eq!(busy, [0, 1, 2, 3]);
}

#[tokio::test]
async fn connections_that_were_opened_for_nothing_are_counted() {
    for under_way in [UnderWay::Finish, UnderWay::CutOff] {
        let mut plan = plan(Stop::For(ms(300)), 0.0, 2);
        plan.pool.timeout = ms(if under_way == UnderWay::Finish { 400 } else { 5000 });
        plan.plan.under_way = under_way;
        let ran = run_on(plan, |_, _| Reaction::ReopenForNothing).await;
        assert_eq!((ran.load.requests, ran.load.errors), (2, 2));
        assert_eq!((ran.load.connections, ran.load.reconnects), (4, 2));
    }
}

#[tokio::test]
async fn the_last_that_is_told_is_the_result() {
    // The second thread, if there is one, ends later than the first.
    struct Uneven;

    impl Target for Uneven {
        type Conn = ();

        async fn connect(&self, _: Seat) -> Result<((), Option<ConnectTimes>), Failed> {
            Ok(((), None))
        }

        async fn broken(&self, (): &mut ()) -> Option<Failed> {
            std::future::pending().await
        }

        async fn send(&self, (): &mut (), _: u64, _: Instant, _: &mut Way) -> Sample {
            let first = std::thread::current().name() == Some("load 0");
            sleep(ms(if first { 10 } else { 300 })).await;
            Sample {
                result: Ok(answer()),
                reusable: true,
            }
        }
    }

    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = std::sync::Arc::clone(&told);
    let onlooker = Onlooker {
        progress: Box::new(move |progress| tell.lock().expect("no panic").push(progress.sent)),
        enough: None,
    };
    let asked = plan(after(200), 0.0, 100);
    let shutdown = CancellationToken::new();
    let targets = || vec![Uneven];
    let ran = run(
        &asked.plan,
        &Mix::single(),
        &[asked.pool],
        targets,
        &shutdown,
        onlooker,
    )
    .await;
    assert_eq!(ran.expect("a load").parts[0].requests, 200);
    assert_eq!(told.lock().expect("no panic").last(), Some(&200));
}

#[tokio::test]
async fn a_load_on_its_own_thread_stops_when_nobody_waits_for_it() {
    struct Counting(std::sync::Arc<std::sync::atomic::AtomicBool>);

    impl Drop for Counting {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    impl Target for Counting {
        type Conn = ();

        async fn connect(&self, _: Seat) -> Result<((), Option<ConnectTimes>), Failed> {
            Err(Failed::new(FailureClass::Connect, "refused"))
        }

        async fn broken(&self, (): &mut ()) -> Option<Failed> {
            None
        }

        async fn send(&self, (): &mut (), _: u64, _: Instant, _: &mut Way) -> Sample {
            unreachable!("never connected")
        }
    }

    let ended = std::sync::Arc::default();
    let target = Counting(std::sync::Arc::clone(&ended));
    let shutdown = CancellationToken::new();
    let asked = plan(Stop::For(ms(60_000)), 5.0, 1);
    let (mix, pools) = (Mix::single(), [asked.pool]);
    let target = std::sync::Mutex::new(Some(target));
    let targets = move || target.lock().expect("no panic").take().into_iter().collect();
    let load = run(&asked.plan, &mix, &pools, targets, &shutdown, silent());
    assert!(timeout(ms(300), load).await.is_err());
    for _ in 0..500 {
        if ended.load(std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        sleep(ms(10)).await;
    }
    panic!("the load goes on");
}

#[tokio::test]
async fn a_time_out_that_the_server_told_of_is_weighed_like_one_of_our_own() {
    let ran = run_on(plan(after(4), 20.0, 4), |_, _| Reaction::TimeOut(ms(60))).await;
    assert_eq!(ran.load.failures[&FailureClass::Timeout].count, 4);
    let health = ran.load.health.as_ref().expect("a load watches itself");
    assert_eq!((ran.latency().count(), health.target_time.count()), (4, 4));
}
