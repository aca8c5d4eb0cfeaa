//! `iter8 run` in a job of GitLab: one comment per key on the merge request, whatever happens on the way, and the
//! component's own script.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Answer, App, Certificate, Fault, Flaw, GitLab, MAINTAINER, Output, Server, TIP, each, plain,
};

pub(crate) const PASS: &str = "http/request-count >= 20";
pub(crate) const FAIL: &str = "http/request-count >= 21";
pub(crate) const NOTES: &str = "/notes";
const ONE: &str = "/notes/";

/// A job of a pipeline that comments.
pub(crate) fn job(gitlab: &GitLab, pipeline: u64, when: &str) -> App {
    gitlab
        .job(App::new())
        .env("CI_PIPELINE_ID", pipeline.to_string())
        .env("CI_JOB_ID", (pipeline * 10).to_string())
        .env("ITER8_COMMENT", when)
}

/// Sends a few requests and judges.
pub(crate) fn judge(app: &App, target: &Server, objective: &str) -> Output {
    let url = target.url("/");
    app.run(&[
        "run",
        "--url",
        &url,
        "--numRequests",
        "20",
        "--qps",
        "200",
        "--slo",
        objective,
    ])
}

#[test]
fn a_comment_is_created_once_and_then_kept_up_to_date_in_place() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    gitlab.system_note("added 1 commit");
    let output = judge(&job(&gitlab, 100, "always"), &target, FAIL);
    let first = gitlab.notes().pop().expect("a note");
    let url = format!(
        "https://gitlab.example/acme/shop/-/merge_requests/7#note_{}",
        first.id
    );
    output.exits(1).says(&format!("comment created: {url}"));
    assert!(
        first.body.starts_with("<!-- iter8:comment key="),
        "{}",
        first.body
    );
    for part in [
        "## ❌ iter8: 1 of 1 objective not met",
        "| Objective |",
        "<details>",
        "<sub>slo: \\[preview\\]</sub>",
    ] {
        assert!(
            plain(&first.body).contains(&plain(part)),
            "{part}\n{}",
            first.body
        );
    }
    assert!(first.body.contains(TIP), "the commit is the head");

    judge(&job(&gitlab, 101, "always"), &target, PASS)
        .exits(0)
        .says(&format!("comment updated: {url}"));
    let second = gitlab.note();
    assert_eq!(second.id, first.id);
    assert!(
        second.body.contains("## ✅") && !second.body.contains('❌'),
        "{}",
        second.body
    );
    gitlab.was_asked_well();
}

#[test]
fn when_a_comment_is_written() {
    // What is there before, when, what the run is like, and how many writes follow.
    let rows: [(Option<&str>, &str, &str, usize); 8] = [
        (None, "never", FAIL, 0),
        (None, "on-fail", FAIL, 1),
        (None, "on-fail", PASS, 0),
        (Some(FAIL), "on-fail", PASS, 1),
        (Some(PASS), "on-change", PASS, 0),
        (Some(PASS), "on-change", FAIL, 1),
        (None, "on-change", PASS, 1),
        (Some(PASS), "always", PASS, 1),
    ];
    let target = Server::ok();
    each(
        &rows,
        |row| row.1,
        |(before, when, objective, writes)| {
            let gitlab = GitLab::new();
            if let Some(before) = before {
                judge(&job(&gitlab, 100, "always"), &target, before);
            }
            let done = || gitlab.count("POST", NOTES) + gitlab.count("PUT", ONE);
            let before = done();
            judge(&job(&gitlab, 101, when), &target, objective);
            assert_eq!(done() - before, *writes, "{when} {objective}");
            gitlab.was_asked_well();
        },
    );
}

#[test]
fn jobs_of_a_matrix_have_comments_of_their_own_and_a_key_joins_them() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    for name in ["slo: [eu]", "slo: [us]", "slo 1/2", "slo: [eu]"] {
        judge(
            &job(&gitlab, 100, "always").env("CI_JOB_NAME", name),
            &target,
            PASS,
        )
        .exits(0);
    }
    assert_eq!(gitlab.notes().len(), 3);
    for name in ["a", "b"] {
        let app = job(&gitlab, 100, "always").env("CI_JOB_NAME", name);
        judge(&app.env("ITER8_COMMENT_KEY", "both"), &target, PASS).exits(0);
    }
    assert_eq!(gitlab.notes().len(), 4);
}

#[test]
fn a_mark_that_somebody_else_pasted_is_left_alone() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    judge(&job(&gitlab, 100, "always"), &target, PASS).exits(0);
    let ours = gitlab.note();
    // A maintainer's token could change it.
    let app = job(&gitlab, 101, "always").env("ITER8_GITLAB_TOKEN", MAINTAINER);
    judge(&app, &target, FAIL).exits(1).says("comment created");
    assert_eq!(gitlab.note().body, ours.body);
    assert_eq!(gitlab.notes().len(), 2);
}

#[test]
fn the_comment_is_found_behind_three_thousand_others() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    for n in 0..1_500 {
        gitlab.write("people", &format!("comment {n}"));
    }
    judge(&job(&gitlab, 100, "always"), &target, FAIL).exits(1);
    let id = gitlab.note().id;
    for n in 0..1_500 {
        gitlab.write("people", &format!("later {n}"));
        gitlab.system_note("added 1 commit");
    }
    judge(&job(&gitlab, 101, "always"), &target, PASS).exits(0);
    assert_eq!(gitlab.note().id, id);
    assert!(gitlab.note().body.contains('✅'));
    gitlab.was_asked_well();
}

#[test]
fn a_run_of_an_older_commit_or_of_an_earlier_time_overwrites_nothing() {
    let target = Server::ok();
    let newer = "b".repeat(40);
    // The commit that the comment is about, its pipeline; commit and pipeline of the job that comes now; who wins.
    let rows = [
        ("a later pipeline", TIP, 100, TIP, 101, true),
        (
            "an earlier one's job that was run again",
            TIP,
            101,
            TIP,
            100,
            true,
        ),
        ("a new head", TIP, 101, newer.as_str(), 100, true),
        ("no longer the head", newer.as_str(), 100, TIP, 101, false),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, before, earlier, now, pipeline, wins)| {
            let gitlab = GitLab::new();
            gitlab.push(before);
            let app = job(&gitlab, *earlier, "always").env("CI_COMMIT_SHA", *before);
            judge(&app, &target, PASS).exits(0);
            let old = gitlab.note().body;
            gitlab.push(if *wins { now } else { before });
            // Seconds tell which of two measurements is the later one.
            std::thread::sleep(Duration::from_millis(1_100));
            let app = job(&gitlab, *pipeline, "always").env("CI_COMMIT_SHA", *now);
            let output = judge(&app, &target, FAIL);
            output.exits(1);
            assert_eq!(gitlab.note().body != old, *wins, "{output}");
        },
    );
}

#[test]
fn two_jobs_at_once_leave_one_comment_and_doubles_go() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    // Both look before either writes.
    gitlab.fault("GET", "/notes?", 2, Fault::Slow(Duration::from_secs(4)));
    let apps = [100, 101].map(|pipeline| job(&gitlab, pipeline, "always"));
    let url = target.url("/");
    let running = apps
        .each_ref()
        .map(|app| app.start(&["run", "--url", &url, "--numRequests", "20", "--qps", "200"]));
    for job in running {
        job.finish().exits(0);
    }
    assert_eq!(gitlab.count("POST", NOTES), 2, "the jobs did not meet");
    let kept = gitlab.note();
    let double = gitlab.write(&kept.username, &kept.body);
    judge(&job(&gitlab, 102, "always"), &target, PASS).exits(0);
    assert!(gitlab.note().id < double && gitlab.note().body.contains('✅'));
    gitlab.was_asked_well();
}

#[test]
fn a_comment_that_is_deleted_meanwhile_is_created_again() {
    let target = Server::ok();
    each(
        &["GET", "PUT"],
        |method| *method,
        |method| {
            let gitlab = GitLab::new();
            judge(&job(&gitlab, 100, "always"), &target, PASS).exits(0);
            let id = gitlab.note().id;
            gitlab.fault(method, ONE, 1, Fault::Vanish);
            judge(&job(&gitlab, 101, "always"), &target, FAIL)
                .exits(1)
                .says("comment created");
            assert!(gitlab.note().id > id && gitlab.note().body.contains('❌'));
            gitlab.was_asked_well();
        },
    );
}

/// Markdown without its code spans, in which GitLab looks for no references.
fn outside_of_code(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        words.push_str(&rest[..at]);
        let inside = rest[at..].trim_start_matches('`');
        let fence = &rest[at..rest.len() - inside.len()];
        // A run of as many backticks, no more and no fewer, ends it.
        let end = inside.match_indices(fence).find(|(end, _)| {
            let after = &inside[end + fence.len()..];
            !after.starts_with('`') && !inside[..*end].ends_with('`')
        });
        rest = end.map_or(inside, |(end, _)| &inside[end + fence.len()..]);
    }
    words + rest
}

#[test]
fn texts_from_outside_are_inert() {
    const HOSTILE: &str = "/close @octocat #12 !34 %56 $78 &90 ~bug <img src=x> https://evil.example --> | `";
    let target = Server::new(|seen| match seen.number {
        0 => Answer::status(200),
        _ => Answer::status(429).header("retry-after", HOSTILE),
    });
    let gitlab = GitLab::new();
    let app = job(&gitlab, 100, "always").env("ITER8_COMMENT_KEY", format!("\n{HOSTILE}"));
    judge(&app, &target, PASS).exits(5);
    let body = gitlab.note().body;
    let (mark, text) = body.split_once('\n').expect("lines");
    assert_eq!(mark.matches("--").count(), 2, "{mark}");
    assert!(
        text.matches("octocat").count() >= 2,
        "what the target said and the key\n{text}"
    );
    assert_eq!(gitlab.actions(), Vec::<String>::new());
    let words = outside_of_code(text);
    for live in [
        "@octocat",
        " #12",
        "!34",
        "%56",
        "$78",
        ";78",
        "&amp;90",
        "~bug",
        "<img",
        "https://evil",
    ] {
        assert!(!words.contains(live), "{live}\n{text}");
    }

    // A mistake is quoted as it stands in the file, and its line may be the first of all.
    let app = job(&gitlab, 101, "always").file("close.yaml", "/close me: [\n/merge: x\n");
    app.run(&["run", "close.yaml"]).exits(2);
    let notes = gitlab.notes();
    assert!(notes[1].body.contains("nothing was sent"), "{notes:#?}");
    assert_eq!(gitlab.actions(), Vec::<String>::new());
}

#[test]
fn a_long_report_loses_detail_and_no_end() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    // Less than GitLab stores, as what stands before it may.
    gitlab.longest(10_000);
    let name = "x".repeat(180);
    let endpoints: Vec<String> = (0..30)
        .map(|n| format!("      e{n}-{name}: {{url: '{}'}}\n", target.url("/")))
        .collect();
    let experiment = format!(
        "spec:\n- task: http\n  with:\n    numRequests: 1\n    qps: max\n    endpoints:\n{}",
        endpoints.concat()
    );
    let app = job(&gitlab, 100, "always").file("experiment.yaml", experiment);
    app.run(&["run"]).exits(0).says("comment created");
    let body = gitlab.note().body;
    assert!(
        body.chars().count() <= 10_000 && body.trim_end().ends_with("</sub>"),
        "{body}"
    );
    assert_eq!(
        body.matches("<details").count(),
        body.matches("</details>").count()
    );
}

#[test]
fn pipelines_of_branches_find_their_open_merge_request_and_others_none() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    let app = gitlab.branch_job(App::new()).env("ITER8_COMMENT", "always");
    judge(&app, &target, PASS)
        .exits(0)
        .says("this pipeline is that of no merge request: no comment");
    judge(
        &app.env("CI_OPEN_MERGE_REQUESTS", "fork/shop!3,acme/shop!7"),
        &target,
        PASS,
    )
    .exits(0);
    assert!(gitlab.note().body.contains('✅'));
    gitlab.was_asked_well();
}

#[test]
fn mistakes_are_commented_and_a_wrong_word_for_when_is_one() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    let app = job(&gitlab, 100, "always");
    app.run(&["run", "--url", &target.url("/"), "--qps", "fast"])
        .exits(2);
    assert!(gitlab.note().body.contains("1 mistake, nothing was sent"));
    let app = job(&gitlab, 101, "allways");
    judge(&app, &target, PASS)
        .exits(2)
        .says_all(&["the variable ITER8_COMMENT is \"allways\"", "on-change"]);
}

#[test]
fn a_private_authority_is_that_of_the_runner() {
    let certificate = Certificate::new(Flaw::None);
    let (gitlab, target) = (GitLab::tls(&certificate), Server::ok());
    let app = job(&gitlab, 100, "always");
    judge(&app, &target, PASS).exits(0).says("warning: no comment");
    let app = app.file("ca.pem", &certificate.authority);
    let path = app.path("ca.pem").display().to_string();
    judge(&app.env("CI_SERVER_TLS_CA_FILE", path), &target, PASS).exits(0);
    assert!(gitlab.note().body.contains('✅'));
}

/// The script of the component's job, and what its inputs become in the environment.
fn component(inputs: &[(&str, &str)]) -> (String, Vec<(String, String)>, Value) {
    let text = include_str!("../../templates/iter8/template.yml");
    let (head, job) = text.split_once("\n---\n").expect("two documents");
    let read = |text: &str| -> Value { serde_yaml::from_str(text).expect("YAML") };
    let (head, job) = (read(head), read(job));
    let declared = head["spec"]["inputs"].as_object().expect("inputs").clone();
    let filled = |text: &str| {
        declared.iter().fold(text.to_owned(), |text, (name, about)| {
            let given = inputs.iter().find(|(given, _)| given == name);
            let default = about["default"].as_str().expect("a default");
            text.replace(
                &format!("$[[ inputs.{name} ]]"),
                given.map_or(default, |given| given.1),
            )
        })
    };
    let job = job
        .as_object()
        .expect("jobs")
        .values()
        .next()
        .expect("a job")
        .clone();
    let script = job["script"][0].as_str().expect("a script").to_owned();
    assert!(!script.contains("$[["), "inputs are no text of the script");
    let variables = job["variables"].as_object().expect("variables").iter();
    let variables = variables.map(|(name, value)| (name.clone(), filled(value.as_str().expect("a text"))));
    (script, variables.collect(), job)
}

#[test]
fn the_component_runs_reports_and_comments() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    let url = target.url("/");
    let two = format!("{FAIL}\nhttp/error-rate <= 1%\n");
    // The objectives, the key, the exit code.
    let rows = [
        (two.as_str(), "$(touch owned) `touch owned` \"; touch owned; '", 1),
        (PASS, "", 0),
        ("http/error-rate <= 1%", "", 4),
    ];
    each(
        &rows,
        |row| row.0,
        |(slos, key, code)| {
            let (script, variables, job_of) = component(&[
                ("url", url.as_str()),
                ("slos", slos),
                ("num-requests", "20"),
                ("qps", "200"),
                ("on-inconclusive", if *code == 4 { "fail" } else { "" }),
                ("comment", "always"),
                ("comment-key", key),
            ]);
            let app = variables
                .into_iter()
                .fold(gitlab.job(App::new()), |app, (name, value)| app.env(&name, value));
            app.shell(&script).exits(*code);
            assert!(!app.path("owned").exists());
            let reports = &job_of["artifacts"]["reports"];
            for (report, start) in [("junit", "<?xml"), ("metrics", "# TYPE")] {
                let file = reports[report].as_str().expect("a file");
                assert!(app.read(file).starts_with(start), "{file}");
            }
        },
    );
    assert_eq!(gitlab.notes().len(), 2);
    gitlab.was_asked_well();
}

#[test]
fn the_component_runs_a_file_with_a_url_over_it() {
    let target = Server::ok();
    let url = target.url("/");
    let (script, variables, _) = component(&[("url", url.as_str()), ("experiment", "slo.yaml")]);
    let experiment = "spec:\n- task: http\n  with: {url: 'http://127.0.0.1:1/', numRequests: 5, qps: max}\n";
    let app = variables
        .into_iter()
        .fold(App::new().file("slo.yaml", experiment), |app, (name, value)| {
            app.env(&name, value)
        });
    app.shell(&script).exits(0);
    // The load's, and the one that finds out whether it is ready.
    assert_eq!(target.requests(), 6);
    let more = [
        ("url", url.as_str()),
        ("experiment", "slo.yaml"),
        ("num-requests", "9"),
        ("qps", "300"),
    ];
    let (script, variables, _) = component(&more);
    let app = variables
        .into_iter()
        .fold(App::new().file("slo.yaml", experiment), |app, (name, value)| {
            app.env(&name, value)
        });
    app.shell(&script).exits(0);
    assert_eq!(target.requests(), 6 + 10);
}
