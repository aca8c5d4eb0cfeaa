//! What others do to traffic while a run moves it, and what becomes of requests whose answers are late.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Answer, App, Namespace, Relay, Running, Server, cluster, is_change, kubeconfig};
use crate::traffic::{CANARY, MARK, ROUTE, endless, experiment, is_marked, under_way, weights};

/// Gives the two backends of the route weights, as somebody else.
fn set(here: &Namespace, [stable, canary]: [u64; 2]) {
    let patch = [("0", stable), ("1", canary)].map(|(index, weight)| {
        json!({"op": "replace", "path": format!("/spec/rules/0/backendRefs/{index}/weight"), "value": weight})
    });
    let patch = serde_json::to_string(&patch).expect("JSON");
    here.kubectl(&["patch", "httproute/shop", "--type=json", "-p", &patch], "");
}

/// Waits for a moment of a run.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_mins(1), "never {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A run that has begun to send its load.
fn loading(app: &App, here: &Namespace, server: &Server, flags: &[&str]) -> Running {
    let args = [&["run", "-n", &here.name], flags].concat();
    let running = app.start(&args);
    until("a load", || server.requests() >= 5);
    running
}

#[test]
fn weights_that_somebody_else_sets_back_are_no_pass() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-reverted");
    here.apply(ROUTE);
    let steps = "httproute: shop, to: canary, steps: [10, 50, 100], force: true";
    let remove = format!("{MARK}-");
    for (traffic, is_reverted, says) in [
        (steps, true, "somebody else has changed it since"),
        (CANARY, true, "somebody else has changed it since"),
        (CANARY, false, "is gone: somebody else has taken its traffic over"),
    ] {
        let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(50)));
        let text = experiment(traffic, &server, "<= 1%")
            .replace("numRequests: 20, qps: 200", "duration: 3s, qps: 20");
        let app = cluster.app(&text);
        let running = loading(&app, &here, &server, &[]);
        if is_reverted {
            set(&here, [100, 0]);
        } else {
            here.kubectl(&["annotate", "httproute/shop", &remove], "");
        }
        running.finish().exits(3).says(says);
        let result = app.result();
        assert_eq!(result["outcome"], "error");
        assert_eq!(result["changes"].as_array().map(Vec::len), Some(1), "{result}");
        if traffic == steps {
            assert_eq!(result["changes"][0]["outcome"], "error");
        }
        assert!(!is_marked(&here));
        let left = if is_reverted { [100, 0] } else { [90, 10] };
        assert_eq!(weights(&here), left);
        set(&here, [100, 0]);
    }
}

#[test]
fn a_gateway_that_accepts_the_route_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-accepted");
    here.apply(ROUTE);
    let accept = |generation: u64| {
        let status = json!({"parents": [{"parentRef": {"name": "gateway"}, "controllerName": "example.com/controller", "conditions": [
            {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "observedGeneration": generation,
             "lastTransitionTime": "2026-01-01T00:00:00Z"}]}]});
        here.set_status("httproute/shop", &status.to_string());
    };
    accept(1);
    let server = Server::ok();
    let app = cluster.app(&experiment(CANARY, &server, "<= 1%"));
    let running = app.start(&["run", "-n", &here.name]);
    here.until("moved", |here| weights(here) == [90, 10]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.requests(), 0);
    accept(2);
    running.finish().exits(0);
    assert_eq!(weights(&here), [90, 10]);
}

#[test]
fn another_rule_in_the_place_of_ours_is_left_alone() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-rules");
    here.apply(ROUTE);
    let server = Server::ok();
    let (app, running) = under_way(&here, &server);
    let rule = r#"[{"op": "add", "path": "/spec/rules/0", "value": {"matches": [{"path": {"type": "PathPrefix", "value": "/other"}}],
        "backendRefs": [{"name": "stable", "port": 80, "weight": 7}, {"name": "canary", "port": 80, "weight": 3}]}}]"#;
    here.kubectl(&["patch", "httproute/shop", "--type=json", "-p", rule], "");
    running.signal(Signal::TERM);
    running
        .finish()
        .exits(143)
        .says("its rules or destinations are others now");
    assert_eq!(weights(&here), [7, 3]);
    assert_eq!(app.result()["changes"][0]["rolledBack"], serde_json::Value::Null);
    // One that has a name is found wherever it is.
    here.apply(
        "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: [shop]\n  http:\n  \
         - name: web\n    route:\n    - {destination: {host: shop, subset: v1}, weight: 100}\n    - {destination: {host: shop, subset: v2}, weight: 0}\n",
    );
    let server = Server::ok();
    let app =
        cluster.app(&endless(&server).replace(CANARY, "vs: shop, weights: {v1: 90, v2: 10}, force: true"));
    let running = loading(&app, &here, &server, &[]);
    let route = r#"[{"op": "add", "path": "/spec/http/0", "value": {"name": "api", "match": [{"uri": {"prefix": "/api"}}],
        "route": [{"destination": {"host": "shop", "subset": "v1"}, "weight": 60}, {"destination": {"host": "shop", "subset": "v2"}, "weight": 40}]}}]"#;
    here.kubectl(&["patch", "vs/shop", "--type=json", "-p", route], "");
    running.signal(Signal::TERM);
    running.finish().exits(143).says("rolled back to v1 100, v2 0");
    let http = here.get("vs/shop")["spec"]["http"].clone();
    let given = [0, 1].map(|rule| [0, 1].map(|entry| http[rule]["route"][entry]["weight"].as_u64()));
    assert_eq!(given, [[Some(60), Some(40)], [Some(100), Some(0)]]);
}

#[test]
fn a_run_does_not_write_under_the_mark_of_another() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-mark");
    here.apply(ROUTE);
    let relay = Relay::to(cluster);
    let way = relay.way();
    let mark = json!({"run": "another", "since": "2026-01-01T00:00:00Z", "before": {"0": {"stable": 100, "canary": 0}}});
    let (mark, name) = (format!("{MARK}={mark}"), here.name.clone());
    let changes = AtomicUsize::new(0);
    let api = Server::new(move |seen| {
        // Between what was read and what is written.
        if is_change(seen) && changes.fetch_add(1, Ordering::Relaxed) == 0 {
            cluster.kubectl(&["annotate", "-n", &name, "httproute/shop", &mark], "");
        }
        way.hand_on(seen)
    });
    let target = Server::ok();
    let app = App::with(&experiment(CANARY, &target, "<= 1%")).file("config", kubeconfig(&api, &json!({})));
    app.run(&["run", "-n", &here.name, "--kubeconfig", "config"])
        .exits(3)
        .says("another run (run another, since 2026-01-01T00:00:00Z) has moved its traffic since");
    assert_eq!((weights(&here), target.requests()), (vec![100, 0], 0));
    assert!(is_marked(&here));
}

#[test]
fn a_change_that_arrives_behind_the_signal_does_not_stand() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-late");
    here.apply(ROUTE);
    let relay = Relay::to(cluster);
    let way = relay.way();
    let is_under_way = Arc::new(AtomicBool::new(false));
    let late = Arc::new(Mutex::new(None));
    let (seen_it, held) = (Arc::clone(&is_under_way), Arc::clone(&late));
    let api = Server::new(move |seen| {
        if is_change(seen) && !seen_it.swap(true, Ordering::Relaxed) {
            *held.lock().expect("a lock") = Some(seen.clone());
            return Answer::status(504).after(Duration::from_secs(30));
        }
        way.hand_on(seen)
    });
    let target = Server::ok();
    let app = App::with(&experiment(CANARY, &target, "<= 1%")).file("config", kubeconfig(&api, &json!({})));
    let running = app.start(&["run", "-n", &here.name, "--kubeconfig", "config"]);
    until("a change", || is_under_way.load(Ordering::Relaxed));
    running.signal(Signal::TERM);
    running
        .finish()
        .exits(143)
        .says("rolled back to canary 0, stable 100");
    let late = late.lock().expect("a lock").take().expect("the change");
    drop(way.hand_on(&late));
    assert_eq!(weights(&here), [100, 0]);
    assert!(!is_marked(&here));
}

#[test]
fn a_signal_behind_the_decision_changes_nothing_of_it() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-decided");
    here.apply(ROUTE);
    let relay = Relay::to(cluster);
    let way = relay.way();
    let changes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&changes);
    let api = Server::new(move |seen| {
        let is_last = is_change(seen) && counted.fetch_add(1, Ordering::Relaxed) == 1;
        let delay = Duration::from_secs(if is_last { 2 } else { 0 });
        way.hand_on(seen).after(delay)
    });
    let target = Server::ok();
    let app = App::with(&experiment(CANARY, &target, "<= 1%")).file("config", kubeconfig(&api, &json!({})));
    let running = app.start(&["run", "-n", &here.name, "--kubeconfig", "config"]);
    // The first moves traffic, the second takes the mark away.
    until("a change that is kept", || changes.load(Ordering::Relaxed) == 2);
    running.signal(Signal::TERM);
    running.finish().exits(0);
    assert_eq!(weights(&here), [90, 10]);
    assert!(!is_marked(&here));
    let result = app.result();
    assert_eq!(
        (&result["outcome"], &result["interrupted"]),
        (&json!("pass"), &json!(null))
    );
    assert_eq!(result["changes"][0]["error"], json!(null));
}

#[test]
fn credentials_that_end_during_a_run_are_asked_for_again() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("traffic-renewed");
    here.apply(ROUTE);
    let relay = Relay::to(cluster);
    let way = relay.way();
    let is_late = Arc::new(AtomicBool::new(false));
    let (late, old) = (Arc::clone(&is_late), Mutex::new(Vec::<String>::new()));
    let api = Server::new(move |seen| {
        let token = seen.header("authorization").to_owned();
        let mut old = old.lock().expect("a lock");
        if !late.load(Ordering::Relaxed) {
            old.push(token);
        } else if old.contains(&token) {
            let body = r#"{"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401, "message": "x"}"#;
            return Answer::status(401)
                .header("content-type", "application/json")
                .body(body);
        }
        way.hand_on(seen)
    });
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}});
    let script = "#!/bin/sh\necho x >> asked\nn=$(wc -l < asked)\n\
                  echo '{\"kind\": \"ExecCredential\", \"status\": {\"token\": \"token-'$n'\"}}'\n";
    for (limit, code, left) in [(">= 1%", 1, [100, 0]), ("<= 1%", 0, [90, 10])] {
        is_late.store(false, Ordering::Relaxed);
        let late = Arc::clone(&is_late);
        let target = Server::new(move |_| {
            late.store(true, Ordering::Relaxed);
            Answer::status(200)
        });
        let app = App::with(&experiment(CANARY, &target, limit))
            .file("config", kubeconfig(&api, &user))
            .file("plugin", script);
        std::fs::set_permissions(app.path("plugin"), PermissionsExt::from_mode(0o755)).expect("a mode");
        app.run(&["run", "-n", &here.name, "--kubeconfig", "config"])
            .exits(code);
        assert_eq!(weights(&here), left);
        assert!(!is_marked(&here));
    }
}
