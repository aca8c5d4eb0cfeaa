//! What stands in front of an application, and what is not ready yet: told apart from the application and named.

use serde_json::json;

use super::faults::load;
use crate::support::{Answer, App, Grpc, Seen, Server, each, judged_load, measured};

#[test]
fn walls_in_front_of_the_application_make_a_measurement_invalid() {
    let html = ("content-type", "text/html");
    // Name, answer, what it is, and what to do about it: the wait before a load says both.
    let rows: [(&str, Answer, &str, &str); 5] = [
        (
            "login",
            Answer::status(302).header("location", "/login?next=/"),
            "redirects to a log-in",
            "credentials",
        ),
        (
            "Vercel",
            Answer::status(401)
                .header(html.0, html.1)
                .body("<a href=https://vercel.com/sso-api>"),
            "Vercel's deployment protection wants a log-in",
            "x-vercel-protection-bypass",
        ),
        (
            "other host",
            Answer::status(302).header("location", "https://other.example/"),
            "redirects to another host, other.example",
            "",
        ),
        (
            "rate limit",
            Answer::status(429).header("retry-after", "30"),
            "retry after 30 s",
            "lower `qps`",
        ),
        (
            "challenge",
            Answer::status(403).header("cf-mitigated", "challenge"),
            "whether the client is human",
            "firewall",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, answer, what, hint)| {
            let answer = answer.clone();
            let server = Server::new(move |_| answer.clone());
            let (app, output) = load(&server.url("/"), "");
            output
                .exits(5)
                .says(what)
                .says("did not come from the application");
            assert_eq!(app.result()["outcome"], "invalid", "{name}");
            let url = server.url("/");
            let few = ["--readyTimeout", "1s", "--numRequests", "5", "--qps", "100"];
            let waiting = App::new().run(&[&["run", "--url", &url], &few[..]].concat());
            // Another host may be where the application is; that is seen in the load.
            waiting
                .exits(if hint.is_empty() { 5 } else { 3 })
                .says(what)
                .says(hint);
        },
    );
}

#[test]
fn redirects_within_the_site_that_nobody_followed_are_told() {
    let answer = |seen: &Seen| match seen.path.as_str() {
        "/" => Answer::status(301).header("location", "/en/?from=root"),
        _ => Answer::status(200),
    };
    let told = "was a redirect that was not followed";
    for (server, version) in [(Server::new(answer), "1.1"), (Server::http2(answer), "h2c")] {
        let (app, output) = load(&server.url("/"), &format!(", httpVersion: '{version}'"));
        output.exits(0).says("Every answer").says(told);
        let redirects = &measured(&app)["redirects"];
        assert_eq!(redirects, &json!({ server.url("/en/"): 8 }), "{version}");
    }
    let server = Server::new(answer);
    for field in [", followRedirects: true", ", expect: {status: 301}"] {
        let (_, output) = load(&server.url("/"), field);
        assert!(!output.exits(0).has(told), "{field}");
    }
}

/// A page for logging in.
const LOGIN: &str = "<title>Sign in</title><form method=post><input name=user><input type=password></form>";

#[test]
fn a_wall_is_told_with_the_url_that_was_requested() {
    let answer = |_: &Seen| {
        Answer::status(200)
            .header("content-type", "text/html")
            .body(LOGIN)
    };
    for (server, version) in [(Server::new(answer), "1.1"), (Server::http2(answer), "h2c")] {
        let more = format!(", data: [{{id: 7}}, {{id: '8?key=hidden'}}], httpVersion: '{version}'");
        let (app, output) = load(&server.url("/items/{id}"), &more);
        output.exits(5).says("/items/8%3Fkey%3Dhidden (status 200)");
        let measured = measured(&app);
        let walls: Vec<_> = measured["walls"].as_object().expect("walls").iter().collect();
        let of = |wanted: &str| {
            let found = walls.iter().find(|(wall, _)| wall.contains(&server.url(wanted)));
            found.map(|(_, count)| (*count).clone())
        };
        assert_eq!(of("/items/7 "), Some(4.into()), "{version}: {walls:?}");
        assert_eq!(
            of("/items/8%3Fkey%3Dhidden "),
            Some(4.into()),
            "{version}: {walls:?}"
        );
        assert_eq!(walls.len(), 2, "{version}: {walls:?}");
    }
    // It is no wall where it was asked for, though the same page is one elsewhere.
    let more = ", data: [{page: login}, {page: items}]";
    for (server, version) in [(Server::new(answer), "1.1"), (Server::http2(answer), "h2c")] {
        let (app, _) = load(
            &server.url("/{page}"),
            &format!("{more}, httpVersion: '{version}'"),
        );
        let walls = measured(&app)["walls"].clone();
        let walls = walls.as_object().expect("walls");
        assert_eq!(
            walls.values().collect::<Vec<_>>(),
            [&json!(4)],
            "{version}: {walls:?}"
        );
        assert!(
            walls.keys().all(|wall| wall.contains("/items")),
            "{version}: {walls:?}"
        );
    }
}

#[test]
fn a_wall_that_comes_late_is_found_over_http_2_though_not_each_page_is_looked_at() {
    let server = Server::http2(|seen: &Seen| {
        let page = format!(
            "<p>{}</p>{}",
            seen.number,
            if seen.number < 200 { "" } else { LOGIN }
        );
        Answer::status(200).header("content-type", "text/html").body(page)
    });
    let keys = "numRequests: 300, qps: max, connections: 1, httpVersion: h2c";
    let (measured, ..) = judged_load(&server.url("/"), keys, &[]);
    let walls = measured["walls"].as_object().expect("walls").values();
    let walls: u64 = walls.filter_map(serde_json::Value::as_u64).sum();
    assert!((84..99).contains(&walls), "{walls} of 100");
}

#[test]
fn a_placeholder_page_is_not_taken_for_the_application() {
    let server = Server::new(|_| Answer::status(404).header("x-vercel-error", "DEPLOYMENT_NOT_FOUND"));
    let output = App::new().run(&["run", "--url", &server.url("/"), "--readyTimeout", "1s"]);
    output.exits(3).says("Vercel has no deployment at this URL");
    let starting = Server::new(|seen| Answer::status(if seen.number < 3 { 503 } else { 200 }));
    let url = starting.url("/");
    App::new()
        .run(&["run", "--url", &url, "--numRequests", "3", "--qps", "100"])
        .exits(0)
        .says("503");
    assert_eq!(starting.requests(), 7);
}

#[test]
fn ready_says_which_expectation_was_not_met() {
    let server = Server::new(|_| Answer::status(200).header("x-commit", "old").body("building"));
    let url = server.url("/");
    let rows = [
        ("status", "status: 204", "expected 204"),
        ("header", "header: {x-commit: new}", "x-commit"),
        ("body", "body: shop", "shop"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, field, says)| {
            let app = App::with(&format!(
                "spec:\n- task: ready\n  with: {{url: '{url}', {field}, timeout: 1s}}\n"
            ));
            app.run(&["run"]).exits(3).says("is not ready").says(says);
        },
    );
}

#[test]
fn a_server_of_grpc_is_named_where_http_was_meant() {
    let server = Grpc::shop();
    let url = format!("http://{}/", server.host());
    let hint = "iter8 run --grpc HOST:PORT --call METHOD";
    // It begins with settings, whatever is said to it.
    let (measured, _, output) = judged_load(&url, "numRequests: 5, qps: max", &[]);
    output.exits(1).says("speaks HTTP/2 without TLS").says(hint);
    assert_eq!(measured["failures"]["protocol"]["count"], 5, "{output}");
    // In HTTP/2, it may answer 200.
    let (measured, _, output) = judged_load(&url, "numRequests: 5, qps: max, httpVersion: h2c", &[]);
    output.exits(5).says("a gRPC server answers here").says(hint);
    assert_eq!(measured["answered"], 5, "{output}");
    let called = "numRequests: 5, qps: max, httpVersion: h2c, method: POST, contentType: application/grpc";
    let (_, _, output) = judged_load(&url, called, &[]);
    assert!(!output.exits(0).has("a gRPC server answers here"), "{output}");
    // The wait before the load does not go on.
    App::new()
        .run(&["run", "--url", &url, "--readyTimeout", "60s"])
        .exits(3)
        .says("is not ready: ")
        .says("`ready: {grpc: HOST:PORT}`")
        .says(hint);
}

#[test]
fn a_page_for_logging_in_is_no_answer_whatever_status_is_expected() {
    let page = |_: &Seen| {
        Answer::status(200)
            .header("content-type", "text/html")
            .body(LOGIN)
    };
    let server = Server::new(page);
    for (path, fields, code) in [
        ("/", "", 5),
        ("/", ", expect: {status: 200}", 5),
        ("/", ", expect: {status: 2xx}", 5),
        // Who names what stands on it knows it.
        ("/", ", expect: {body: Sign in}", 0),
        // Its name may stand on every page.
        ("/", ", expect: {status: 200, body: title}", 5),
        ("/users/sign_in", "", 0),
        ("/oauth/userinfo", "", 5),
    ] {
        let (_, output) = load(&server.url(path), fields);
        assert_eq!(output.code, Some(code), "{path}{fields}: {output}");
    }
    let server = Server::new(|_| Answer::status(302).header("location", "/login?next=/auth/me"));
    let (_, output) = load(&server.url("/auth/me"), "");
    output.exits(5).says("redirects to a log-in");
}

#[test]
fn pages_for_logging_in_that_come_late_and_in_turn_are_seen() {
    // One of four servers behind the URL is right.
    let server = Server::new(|seen| {
        let is_right = seen.number <= 120 || seen.number.is_multiple_of(4);
        let body = if is_right { "<title>Shop</title>" } else { LOGIN };
        Answer::status(200).header("content-type", "text/html").body(body)
    });
    let text = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 600, qps: max, connections: 1}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 0]}}\n",
        server.url("/")
    );
    App::with(&text)
        .run(&["run"])
        .exits(5)
        .says("a page for logging in answers");
}

#[test]
fn what_is_no_objectives_fault_is_a_case_of_junit_and_promotes_nobody() {
    let server = Server::new(|_| {
        Answer::status(200)
            .header("content-type", "text/html")
            .body(LOGIN)
    });
    let text = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 8, qps: 100}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 0]}}\n- if: SLOs()\n  run: touch promoted\n",
        server.url("/")
    );
    let app = App::with(&text);
    app.run(&["run", "--reports", "junit"]).exits(5);
    assert!(!app.path("promoted").exists());
    let junit = app.read("iter8-results/junit.xml");
    assert!(
        junit.contains("errors=\"1\"") && junit.contains("a page for logging in answers"),
        "{junit}"
    );
}
