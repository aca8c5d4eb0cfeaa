//! `comment`, `status` and `pullrequest` as tasks: what the inputs do, in the middle of an experiment.

use crate::action::step;
use crate::comment::annotations;
use crate::pull_request::{AFTER, BRANCH, FILE, github};
use crate::support::{App, GitHub, HEAD, Server, TOKEN, outputs};

fn experiment(target: &Server, limit: u32) -> String {
    let url = target.url("/");
    format!(
        "spec:
- task: http
  with: {{url: {url}, numRequests: 20, qps: 200}}
- task: assess
  with:
    objectives: [http/request-count >= {limit}]
- task: comment
- task: status
  with: {{context: iter8/promises}}
- task: pullrequest
  if: SLOs()
  with:
    changes:
    - {{file: {FILE}, yaml: image.tag, value: v2}}
- task: pullrequest
  if: not SLOs()
  with:
    branch: lower
    title: Revert {{{{ .sha }}}}
    changes:
    - {{file: {FILE}, yaml: image.tag, value: v0}}
"
    )
}

fn app(github: &GitHub, text: &str) -> App {
    github.step(step(&[]).file("experiment.yaml", text))
}

fn states(github: &GitHub) -> Vec<String> {
    let statuses = github.statuses();
    let state = |(_, body): &(String, serde_json::Value)| body["state"].as_str().expect("a state").to_owned();
    statuses.iter().map(state).collect()
}

#[test]
fn what_tasks_said_too_early_is_taken_back_at_the_end() {
    let target = Server::ok();
    let url = target.url("/");
    // What comes after the two, how the run ends, and what is there then.
    let rows = [
        ("- run: exit 1", 3, "error", "## ⛔"),
        (
            "- task: assess\n  with: {objectives: [http/request-count >= 21]}",
            1,
            "failure",
            "## ❌",
        ),
        ("- run: exit 0", 0, "success", "## ✅"),
    ];
    for way in [&["action"][..], &["run", "experiment.yaml"][..]] {
        for (last, code, state, headline) in rows {
            let github = github();
            let text = format!(
                "spec:\n- task: http\n  with: {{url: {url}, numRequests: 20, qps: 200}}\n- task: assess\n  with: {{objectives: [http/request-count >= 20]}}\n- task: comment\n- task: status\n  with: {{context: iter8/promises}}\n{last}\n"
            );
            let app = app(&github, &text).env("GITHUB_TOKEN", TOKEN);
            let output = app.run(way);
            output.exits(code);
            assert_eq!(states(&github), ["pending", state], "{last}");
            let body = github.comment().body;
            assert!(body.contains(headline), "{last}: {body}");
        }
    }
    // The last task has the last word, once.
    let github = github();
    let text = format!(
        "spec:\n- task: http\n  with: {{url: {url}, numRequests: 20, qps: 200}}\n- task: status\n  with: {{context: a}}\n"
    );
    app(&github, &text).run(&["action"]).exits(0);
    assert_eq!(states(&github), ["success"]);
}

#[test]
fn two_pull_requests_of_a_run_do_not_share_a_branch() {
    let (github, target) = (github(), Server::ok());
    let url = target.url("/");
    let text = format!(
        "spec:
- task: http
  with: {{url: {url}, numRequests: 20, qps: 200}}
- task: pullrequest
  with: {{changes: [{{file: {FILE}, yaml: image.tag, value: v2}}]}}
- task: pullrequest
  with: {{changes: [{{file: OTHER, content: v0}}]}}
"
    );
    let output = app(&github, &text).run(&["action"]);
    output
        .exits(6)
        .says("another pull request of this run comes from the branch \"iter8/preview-slo\"");
    assert_eq!(github.pulls().len(), 1);
    assert_eq!(github.content(BRANCH, FILE).expect("a file").1, AFTER);
}

#[test]
fn tasks_publish_what_the_run_has_come_to() {
    let (github, target) = (github(), Server::ok());
    let app = app(&github, &experiment(&target, 20));
    let output = app.run(&["action"]);
    output
        .exits(0)
        .says("comment created")
        .says("pull request opened");
    let comment = github.comment();
    assert!(comment.body.contains("## ✅ iter8"), "{}", comment.body);
    assert!(github.statuses().iter().all(|(sha, _)| sha == HEAD));
    assert_eq!(states(&github), ["pending", "success"]);
    let so_far = github.statuses()[0].1["description"].clone();
    assert!(
        so_far.as_str().expect("a text").starts_with("so far: "),
        "{so_far}"
    );
    let pulls = github.pulls();
    assert_eq!((pulls.len(), pulls[0].head.as_str()), (1, BRANCH));
    assert_eq!(github.content(BRANCH, FILE).expect("a file").1, AFTER);
    let outputs = outputs(&app);
    assert!(
        outputs["commentURL"].contains("issuecomment") && outputs["pullRequestURL"].ends_with("/pull/21")
    );
    let tasks = app.result()["tasks"].clone();
    assert_eq!(tasks[4]["status"], "completed");
    assert_eq!(tasks[5]["status"], "skipped");
    assert!(
        tasks[4]["notes"][0]
            .as_str()
            .expect("a note")
            .contains("pull request opened"),
        "{tasks}"
    );
    github.was_asked_well();
}

#[test]
fn conditions_decide_which_of_them_run() {
    let (github, target) = (github(), Server::ok());
    app(&github, &experiment(&target, 21)).run(&["action"]).exits(1);
    assert!(github.comment().body.contains("## ❌ iter8"));
    assert_eq!(states(&github), ["pending", "failure"]);
    let pulls = github.pulls();
    assert_eq!((pulls.len(), pulls[0].head.as_str()), (1, "lower"));
    assert_eq!(pulls[0].title, format!("Revert {HEAD}"));
}

#[test]
fn a_pull_request_that_cannot_be_opened_is_exit_6_and_the_others_are_warnings() {
    let (github, target) = (github(), Server::ok());
    let app = app(&github, &experiment(&target, 20)).env("INPUT_TOKEN", "ghs_9999999999999999");
    let output = app.run(&["action"]);
    output.exits(6);
    assert_eq!(app.result()["outcome"], "pass");
    // One reason, told once, as loud as what matters most of it.
    let told = annotations(&output, "error");
    assert_eq!(told.len(), 1, "{output}");
    for part in ["no comment", "no pull request", "no status", "Bad credentials"] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
}

#[test]
fn a_step_that_runs_the_program_itself_uses_the_token_of_its_environment() {
    let (github, target) = (github(), Server::ok());
    let app = app(&github, &experiment(&target, 20))
        .env("INPUT_TOKEN", "")
        .env("GITHUB_TOKEN", TOKEN);
    let output = app.run(&["run", "experiment.yaml"]);
    output.exits(0).says("pull request opened");
    assert_eq!(github.pulls().len(), 1);
    let everything =
        format!("{}{}", output.stdout, output.stderr).replace(&format!("::add-mask::{TOKEN}"), "");
    assert!(!everything.contains(TOKEN), "{output}");
}

#[test]
fn outside_of_github_they_say_so_and_a_pull_request_is_missed() {
    let target = Server::ok();
    let whole = experiment(&target, 20);
    App::with(&whole)
        .run(&["run"])
        .exits(6)
        .says("error: no comment and no pull request and no status: this is no job of GitHub Actions");
    let (without, _) = whole.split_once("- task: pullrequest").expect("a task");
    App::with(without)
        .run(&["run"])
        .exits(0)
        .says("warning: no comment and no status: this is no job of GitHub Actions");
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let target = Server::ok();
    let url = target.url("/");
    let text = format!(
        "spec:
- task: http
  with: {{url: {url}}}
- task: status
- task: comment
  with: {{when: sometimes}}
- task: pullrequest
  with: {{changes: [{{file: a, yaml: b, value: \"{{{{ .winer }}}}\"}}]}}
"
    );
    let output = App::with(&text).run(&["run"]);
    output
        .exits(2)
        .says("needs a `context`")
        .says("expected always, on-fail or on-change")
        .says("there is no field `.winer`")
        .says("3 mistakes; nothing was sent");
    assert_eq!(target.requests(), 0);
}
