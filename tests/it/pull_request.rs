//! `pullRequest`: one branch and one pull request with the change that follows from a run.

use crate::action::{Given, short};
use crate::comment::{FAIL, PASS, annotations};
use crate::support::{App, GitHub, Output, PERSON, Server, each, outputs, plain};

pub(crate) const FILE: &str = "deploy/values.yaml";
pub(crate) const BEFORE: &str = "# values\nimage:\n  repo: shop\n  tag: v1 # of the release\n";
pub(crate) const AFTER: &str = "# values\nimage:\n  repo: shop\n  tag: v2 # of the release\n";
pub(crate) const ON_PASS: (&str, &str) = ("pullRequest", "on-pass");
pub(crate) const CHANGES: (&str, &str) = (
    "pullRequestChanges",
    "- {file: deploy/values.yaml, yaml: image.tag, value: v2}",
);
pub(crate) const BRANCH: &str = "iter8/preview-slo";

/// GitHub whose repository has the file.
pub(crate) fn github() -> GitHub {
    let github = GitHub::new();
    github.file("main", FILE, BEFORE);
    github
}

/// A step of run `run`, and what it gives.
pub(crate) fn run(github: &GitHub, target: &Server, run: &str, inputs: Given<'_>) -> (App, Output) {
    let app = github.step(short(target, inputs)).env("GITHUB_RUN_ID", run);
    let output = app.run(&["action"]);
    (app, output)
}

#[test]
fn a_pull_request_is_opened_with_the_one_change_and_nothing_else() {
    let (github, target) = (github(), Server::ok());
    let (app, output) = run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]);
    output
        .exits(0)
        .says("pull request opened: https://ghe.example/acme/shop/pull/21");
    let pulls = github.pulls();
    assert_eq!(pulls.len(), 1);
    let pull = &pulls[0];
    assert_eq!((pull.head.as_str(), pull.base.as_str()), (BRANCH, "main"));
    assert_eq!(pull.title, "Set image.tag in deploy/values.yaml to v2");
    for part in [
        "<!-- iter8:comment key=",
        "[iter8](https://ghe.example/acme/shop/actions/runs/100)",
        "## ✅ iter8",
    ] {
        assert!(plain(&pull.body).contains(part), "{part}\n{}", pull.body);
    }
    assert_eq!(github.content(BRANCH, FILE).expect("a file").1, AFTER);
    let (message, parents) = github.last(BRANCH);
    assert!(
        message.starts_with(&pull.title) && message.contains("Iter8-Change: "),
        "{message}"
    );
    assert_eq!(Some(&parents[0]), github.tip("main").as_ref());
    assert_eq!(
        outputs(&app)["pullRequestURL"],
        "https://ghe.example/acme/shop/pull/21"
    );
    assert_eq!(outputs(&app)["pullRequestNumber"], "21");
    assert_eq!(github.content("main", FILE).expect("a file").1, BEFORE);
    github.was_asked_well();
}

#[test]
fn it_is_opened_only_after_the_outcome_it_waits_for() {
    let broken = Server::new(|_| crate::support::Answer::status(500));
    let ok = Server::ok();
    let rows: [(&str, &Server, Given<'_>, &str, i32, usize); 6] = [
        ("pass", &ok, &[PASS], "on-pass", 0, 1),
        ("fail", &ok, &[FAIL], "on-pass", 1, 0),
        ("fail, wanted", &ok, &[FAIL], "on-fail", 1, 1),
        ("pass, unwanted", &ok, &[PASS], "on-fail", 0, 0),
        ("never", &ok, &[PASS], "never", 0, 0),
        (
            "reported only",
            &broken,
            &[("slos", "http/error-rate <= 1%"), ("validateSLOs", "false")],
            "on-pass",
            0,
            0,
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, target, inputs, on, code, opened)| {
            let github = github();
            let inputs = [*inputs, &[("pullRequest", *on), CHANGES]].concat();
            let (_, output) = run(&github, target, "100", &inputs);
            output.exits(*code);
            assert_eq!(github.pulls().len(), *opened, "{output}");
            assert_eq!(github.branches().len(), 1 + opened);
        },
    );
}

#[test]
fn a_later_run_keeps_branch_and_pull_request_up_to_date() {
    let (github, target) = (github(), Server::ok());
    run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
    let first = github.tip(BRANCH);
    // The same again: no new commit.
    run(&github, &target, "101", &[PASS, ON_PASS, CHANGES])
        .1
        .exits(0)
        .says("pull request updated");
    assert_eq!(github.tip(BRANCH), first);
    // The base has moved, and the value is another.
    github.file("main", "README.md", "hello");
    let v3 = (
        "pullRequestChanges",
        "- {file: deploy/values.yaml, yaml: image.tag, value: v3}",
    );
    run(&github, &target, "102", &[PASS, ON_PASS, v3])
        .1
        .exits(0)
        .says("pull request updated");
    let pulls = github.pulls();
    assert_eq!(pulls.len(), 1);
    assert!(
        pulls[0].title.ends_with("to v3") && pulls[0].body.contains("runs/102"),
        "{pulls:?}"
    );
    assert_eq!(
        github.content(BRANCH, FILE).expect("a file").1,
        AFTER.replace("v2", "v3")
    );
    assert!(
        github.content(BRANCH, "README.md").is_some(),
        "it stands on the base as it is now"
    );
    // An earlier run that ends late changes nothing.
    run(&github, &target, "99", &[PASS, ON_PASS, CHANGES])
        .1
        .exits(0)
        .says("about a newer run");
    assert!(github.pulls()[0].title.ends_with("to v3"));
    assert_eq!(
        github.content(BRANCH, FILE).expect("a file").1,
        AFTER.replace("v2", "v3")
    );
    github.was_asked_well();
}

#[test]
fn without_a_difference_there_is_neither_branch_nor_pull_request() {
    let (github, target) = (GitHub::new(), Server::ok());
    github.file("main", FILE, AFTER);
    let (app, output) = run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]);
    output.exits(0).says("no pull request");
    assert_eq!((github.branches().len(), github.pulls().len()), (1, 0));
    assert_eq!(outputs(&app)["pullRequestURL"], "");
    assert_eq!(github.count("POST", "/git/"), 0);
}

#[test]
fn closing_it_by_hand_is_respected_until_the_change_is_another() {
    let target = Server::ok();
    for deleted in [BRANCH, "another"] {
        let github = github();
        run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
        github.close(21, deleted);
        github.file("main", "README.md", "the base moves");
        let (app, output) = run(&github, &target, "101", &[PASS, ON_PASS, CHANGES]);
        output
            .exits(0)
            .says("was closed, and is not opened again: https://ghe.example/acme/shop/pull/21");
        assert_eq!(github.pulls().len(), 1);
        assert_eq!(github.branches().contains(&BRANCH.to_owned()), deleted != BRANCH);
        assert_eq!(outputs(&app)["pullRequestURL"], "");
        let v3 = (
            "pullRequestChanges",
            "- {file: deploy/values.yaml, yaml: image.tag, value: v3}",
        );
        run(&github, &target, "102", &[PASS, ON_PASS, v3])
            .1
            .exits(0)
            .says("pull request opened");
        assert_eq!(github.pulls().len(), 2);
    }
}

#[test]
fn after_a_merge_the_next_change_is_a_new_pull_request() {
    let (github, target) = (github(), Server::ok());
    run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
    github.merge(21);
    run(&github, &target, "101", &[PASS, ON_PASS, CHANGES])
        .1
        .exits(0)
        .says("as they should be");
    let v3 = (
        "pullRequestChanges",
        "- {file: deploy/values.yaml, yaml: image.tag, value: v3}",
    );
    run(&github, &target, "102", &[PASS, ON_PASS, v3])
        .1
        .exits(0)
        .says("pull request opened");
    let states: Vec<&str> = github.pulls().iter().map(|pull| pull.state).collect();
    assert_eq!(states, ["closed", "open"]);
}

#[test]
fn what_others_wrote_to_the_branch_is_left_alone() {
    let (github, target) = (github(), Server::ok());
    run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
    github.file(BRANCH, "fix.txt", "somebody's work");
    let tip = github.tip(BRANCH);
    let v3 = (
        "pullRequestChanges",
        "- {file: deploy/values.yaml, yaml: image.tag, value: v3}",
    );
    let (_, output) = run(&github, &target, "101", &[PASS, ON_PASS, v3]);
    output.exits(6).says("has commits that iter8 did not make");
    assert_eq!(github.tip(BRANCH), tip);
    assert_eq!(annotations(&output, "error").len(), 1, "{output}");
}

#[test]
fn a_commit_of_ours_that_somebody_amended_is_theirs() {
    let v3 = (
        "pullRequestChanges",
        "- {file: deploy/values.yaml, yaml: image.tag, value: v3}",
    );
    let target = Server::ok();
    for merged in [false, true] {
        let github = github();
        run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
        github.amend(BRANCH, "fix.txt", "somebody's work");
        if merged {
            github.merge(21);
        }
        let tip = github.tip(BRANCH);
        assert!(github.last(BRANCH).0.contains("Iter8-Change: "));
        let (_, output) = run(&github, &target, "101", &[PASS, ON_PASS, v3]);
        output.exits(6).says("has commits that iter8 did not make");
        assert_eq!(github.tip(BRANCH), tip);
    }
}

#[test]
fn another_repository_is_changed_with_a_token_that_reaches_it() {
    let (github, target) = (GitHub::new(), Server::ok());
    github.file_elsewhere("apps/shop.json", "{\"tag\": \"v1\"}");
    let inputs: Given<'_> = &[
        PASS,
        ON_PASS,
        ("pullRequestRepository", "acme/deploy"),
        ("pullRequestBranch", "promote/shop"),
        ("pullRequestTitle", "Promote {{ .sha }}"),
        (
            "pullRequestBody",
            "It is {{ .outcome }}, with {{ index .metrics \"http/request-count\" }} requests{{ if index .metrics \"http/latency/p95\" }}.{{ end }}",
        ),
        (
            "pullRequestChanges",
            "- {file: apps/shop.json, json: /tag, value: v2}\n- {file: NOTE, content: \"{{ .outcome }}\\n\"}",
        ),
    ];
    let (_, output) = run(&github, &target, "100", inputs);
    output
        .exits(6)
        .says("the job's own token reaches no other repository");
    let app = github.step(short(&target, inputs)).env("INPUT_TOKEN", PERSON);
    app.run(&["action"])
        .exits(0)
        .says("https://ghe.example/acme/deploy/pull/21");
    let pulls = github.pulls_elsewhere();
    assert_eq!((pulls.len(), pulls[0].head.as_str()), (1, "promote/shop"));
    assert_eq!(pulls[0].title, format!("Promote {}", crate::support::HEAD));
    assert!(
        pulls[0].body.contains("It is pass, with 20 requests."),
        "{}",
        pulls[0].body
    );
    let content = |path: &str| github.content_elsewhere("promote/shop", path);
    assert_eq!(content("apps/shop.json").as_deref(), Some("{\"tag\": \"v2\"}"));
    assert_eq!(content("NOTE").as_deref(), Some("pass\n"));
    assert!(github.pulls().is_empty());
    github.was_asked_well();
}

#[test]
fn the_winner_of_a_comparison_is_promoted() {
    let (github, target) = (github(), Server::ok());
    let baseline = target.url("/base");
    let winner = (
        "pullRequestChanges",
        "- {file: deploy/values.yaml, yaml: image.tag, value: \"{{ .winner }}\"}",
    );
    let (app, output) = run(
        &github,
        &target,
        "100",
        &[PASS, ON_PASS, winner, ("baselineURL", &baseline)],
    );
    output.exits(0);
    let name = outputs(&app)["winner"].clone();
    assert!(!name.is_empty(), "{output}");
    assert_eq!(
        github.content(BRANCH, FILE).expect("a file").1,
        AFTER.replace("v2", &name)
    );
    // Nobody wins alone.
    let (_, output) = run(&github, &target, "101", &[PASS, ON_PASS, winner]);
    output.exits(6).says("no version has won");
}

#[test]
fn files_that_cannot_be_changed_are_left_with_the_reason() {
    let target = Server::ok();
    let rows: [(&str, &str, &str, &str); 5] = [
        (
            "no file",
            "other.yaml",
            "100644",
            "deploy/values.yaml: it is not there",
        ),
        ("a link", FILE, "120000", "is a symbolic link"),
        ("binary", FILE, "100644", "is binary or too large"),
        ("another key", FILE, "100644", "it has no `image`"),
        ("an anchor", FILE, "100644", "would change `b` too"),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, path, mode, why)| {
            let github = GitHub::new();
            let (content, at) = match *name {
                "binary" => ("a\0b", "image.tag"),
                "another key" => ("a: 1\n", "image.tag"),
                "an anchor" => ("a: &x v1\nb: *x\n", "a"),
                _ => (BEFORE, "image.tag"),
            };
            github.file_of_mode(path, mode, content);
            let changes = format!("- {{file: {FILE}, yaml: {at}, value: v2}}");
            let (app, output) = run(
                &github,
                &target,
                "100",
                &[PASS, ON_PASS, ("pullRequestChanges", &changes)],
            );
            output.exits(6).says(why);
            assert_eq!(outputs(&app)["outcome"], "pass");
            assert_eq!((github.branches().len(), github.pulls().len()), (1, 0));
        },
    );
}

#[test]
fn modes_stay_and_several_edits_of_a_file_add_up() {
    let (github, target) = (GitHub::new(), Server::ok());
    github.file_of_mode("run.sh", "100755", "A=1\nB=1\n");
    let changes = "- {file: run.sh, replace: A=1, value: A=2}\n- {file: run.sh, replace: B=1, value: B=2}";
    run(
        &github,
        &target,
        "100",
        &[PASS, ON_PASS, ("pullRequestChanges", changes)],
    )
    .1
    .exits(0);
    let file = github.content(BRANCH, "run.sh");
    assert_eq!(file, Some(("100755".to_owned(), "A=2\nB=2\n".to_owned())));
}

#[test]
fn inputs_without_effect_are_a_warning() {
    let (github, target) = (github(), Server::ok());
    let title = ("pullRequestTitle", "x");
    let (_, output) = run(&github, &target, "100", &[PASS, CHANGES, title]);
    output.exits(0);
    let warnings = annotations(&output, "warning");
    assert_eq!(warnings.len(), 1, "{output}");
    assert!(
        warnings[0].contains("pullRequestTitle, pullRequestChanges without effect"),
        "{warnings:?}"
    );
    let (_, output) = run(&github, &target, "101", &[PASS, ON_PASS, CHANGES, title]);
    assert_eq!(annotations(&output, "warning").len(), 0, "{output}");
}

#[test]
fn a_text_that_is_not_there_is_an_error_unless_the_new_one_is() {
    let (github, target) = (github(), Server::ok());
    let go = |run_id: &str, value: &str| {
        let changes = format!("- {{file: deploy/values.yaml, replace: 'tag: v9', value: '{value}'}}");
        let inputs = [PASS, ON_PASS, ("pullRequestChanges", changes.as_str())];
        run(&github, &target, run_id, &inputs).1
    };
    go("100", "tag: v10").exits(6).says("it has no text `tag: v9`");
    // As after a merge of the same change.
    go("101", "shop").exits(0);
    assert!(github.pulls().is_empty());
}

#[test]
fn mistakes_in_the_inputs_are_found_before_anything_is_sent() {
    let target = Server::ok();
    let rows: [(&str, Given<'_>, &str); 5] = [
        ("no changes", &[ON_PASS], "a pull request needs changes"),
        (
            "no YAML",
            &[ON_PASS, ("pullRequestChanges", "- {file: [")],
            "not usable YAML",
        ),
        (
            "no field",
            &[
                ON_PASS,
                (
                    "pullRequestChanges",
                    "- {file: a, yaml: b, value: '{{ .winer }}'}",
                ),
            ],
            "did you mean `.winner`?",
        ),
        (
            "no branch",
            &[ON_PASS, CHANGES, ("pullRequestBranch", "a b")],
            "cannot be the name of a branch",
        ),
        (
            "unused",
            &[("pullRequestChanges", "- {file: ../a, content: x}")],
            "no path from the root",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, inputs, why)| {
            let github = github();
            let (_, output) = run(&github, &target, "100", inputs);
            output.exits(2).says(why).says("pullRequest");
        },
    );
    assert_eq!(target.requests(), 0);
}
