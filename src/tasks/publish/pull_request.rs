//! `pullrequest`: a pull request that edits files of a repository.

use super::{Ask, Changes, PublishTask, Wording};
use crate::secret::{Mask, Secret};
use crate::spec::{Decode, Decoder, Field, Node};
use crate::tasks::inputs::Places;
use crate::tasks::{Task, TaskKind};

/// The kind `pullrequest`.
pub(crate) struct PullRequestKind;

/// A pull request that is to be opened or brought up to date.
#[derive(Debug, Clone, PartialEq)]
pub struct PullRequest {
    /// What it changes.
    pub changes: Changes,
    /// OWNER/NAME; the repository of the run if not given.
    pub repository: Option<String>,
    /// Branch it is to be merged into; the default one if not given.
    pub base: Option<String>,
    /// Branch it comes from; `iter8/` and the comment key if not given.
    pub branch: Option<String>,
    /// Its title.
    pub title: Option<Wording>,
    /// Its text, above the report.
    pub body: Option<Wording>,
    /// Whose it is; the token of the run if not given.
    pub token: Option<Secret>,
}

crate::fields! {
    /// A pull request.
    struct PullRequestInput in "a `pullrequest` task" {
        /// What it changes: a list of `{file, yaml: image.tag, value}`, `{file, json: /image/tag, value}`, `{file, replace: TEXT, value}` and
        /// `{file, content}`. Values may have `{{ .winner }}`, `{{ .outcome }}`, `{{ .sha }}` and `{{ index .metrics "http/latency-p95" }}` in them.
        changes: Changes = ["changes"],
        /// Repository it is opened in, OWNER/NAME; default that of the run.
        repository: String = ["repository"],
        /// Branch it is to be merged into; default the repository's.
        base: String = ["base"],
        /// Branch it comes from; default `iter8/` and the comment key.
        branch: String = ["branch"],
        /// Its title; may have values in it.
        title: Wording = ["title"],
        /// Its text, above the report; may have values in it.
        body: Wording = ["body"],
        /// Token that may write there; default that of the run.
        token: String = secret ["token"],
    }
}

impl TaskKind for PullRequestKind {
    fn name(&self) -> &'static str {
        "pullrequest"
    }

    fn about(&self) -> &'static str {
        "Opens a pull request that edits files, or brings the open one up to date. In GitHub Actions only. What cannot be opened turns a pass into exit code 6."
    }

    fn fields(&self) -> Vec<&'static Field> {
        PullRequestInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = PullRequestInput::schema();
        schema["required"] = serde_json::json!(["changes"]);
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let pull_request = PullRequest::decode(with, decoder)?;
        let repository = pull_request.repository.as_ref();
        let place = repository.map(|name| format!(" in {name}")).unwrap_or_default();
        let files = pull_request.changes.files().join(", ");
        Some(Box::new(PublishTask {
            about: format!("pull request{place} that edits {files}"),
            ask: Ask::PullRequest(Box::new(pull_request)),
        }))
    }
}

impl Decode for PullRequest {
    const TYPE: &'static str = "map";

    fn schema() -> serde_json::Value {
        PullRequestInput::schema()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let before = decoder.errors();
        let input = PullRequestInput::decode(node, decoder)?;
        let places = Places::of(node);
        if let Some(token) = &input.token {
            decoder.hide(places.node("token"), token, Mask::add);
        }
        if let Some(name) = &input.repository
            && !is_repository(name)
        {
            decoder.error(
                places.at("repository"),
                format!("{name:?} is not OWNER/NAME"),
                None,
            );
        }
        for (field, value) in [("base", &input.base), ("branch", &input.branch)] {
            if let Some(name) = value
                && !is_branch(name)
            {
                let message = format!("{name:?} cannot be the name of a branch");
                decoder.error(places.at(field), message, None);
            }
        }
        if !places.given("changes") {
            let hint = "such as `- {file: deploy/values.yaml, yaml: image.tag, value: v2}`".to_owned();
            decoder.error(places.own(), "a pull request needs `changes`", Some(hint));
        }
        if decoder.errors() > before {
            return None;
        }
        Some(Self {
            changes: input.changes?,
            repository: input.repository,
            base: input.base,
            branch: input.branch,
            title: input.title,
            body: input.body,
            token: input.token.filter(|token| !token.is_empty()).map(Secret::new),
        })
    }
}

fn is_repository(name: &str) -> bool {
    let usable = |part: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !matches!(part, "" | "." | "..") && part.chars().all(letter)
    };
    name.split('/').count() == 2 && name.split('/').all(usable)
}

/// The rules of `git check-ref-format`, and nothing that begins with a dash.
fn is_branch(name: &str) -> bool {
    let part = |part: &str| {
        let ends = part.ends_with('.') || part.to_ascii_lowercase().ends_with(".lock");
        !part.is_empty() && !part.starts_with('.') && !ends
    };
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    !name.starts_with(['-', '@'])
        && !name.starts_with("refs/")
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(odd)
        && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::metrics::Insights;
    use crate::results::{Environment, ExperimentResult, SourceInfo};
    use crate::spec::SourceFile;

    fn decode(text: &str) -> Result<PullRequest, Vec<String>> {
        let source = SourceFile::new("e.yaml", text);
        let root = Node::parse(&source).expect("yaml");
        let lookup = |name: &str| (name == "TAG").then(|| "v7".to_owned());
        let mut decoder = Decoder::new(&source, Path::new("."), &lookup, Mask::default());
        let read = PullRequest::decode(&root, &mut decoder);
        let wrong = decoder.has_errors();
        let messages = decoder.into_diagnostics().into_iter().map(|found| found.message);
        read.filter(|_| !wrong).ok_or_else(|| messages.collect())
    }

    fn result() -> ExperimentResult {
        let environment = Environment {
            commit: Some("abc".to_owned()),
            ..Environment::default()
        };
        let mut result =
            ExperimentResult::new(SourceInfo::default(), environment, jiff::Timestamp::UNIX_EPOCH);
        result.insights = Insights::default();
        result
    }

    #[test]
    fn all_kinds_of_changes_are_read() {
        let text = "changes:\n- {file: a.yaml, yaml: image.tag, value: 1.10}\n- {file: ./a.json, json: /a, value: true}\n\
                    - {file: d/c, replace: x, value: '${TAG}'}\n- {file: e, content: '{{ .sha }} ${TAG}'}\n";
        let read = decode(text).expect("changes");
        let rendered = read.changes.render(&result()).expect("values");
        let values: Vec<(&str, &str)> = rendered
            .iter()
            .map(|one| (one.file.as_str(), one.value.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("a.yaml", "1.10"),
                ("a.json", "true"),
                ("d/c", "v7"),
                ("e", "abc ${TAG}")
            ]
        );
        assert_eq!(read.changes.files(), ["a.yaml", "a.json", "d/c", "e"]);
    }

    #[test]
    fn what_has_no_value_is_refused_with_the_reason() {
        for (value, why) in [
            ("{{ .winner }}", "no version has won"),
            (
                "{{ index .metrics `http/latency-p95` }}",
                "has no value in this result",
            ),
        ] {
            let text = format!("changes: [{{file: a, yaml: b, value: \"{value}\"}}]");
            let error = decode(&text).expect("changes").changes.render(&result());
            let error = error.expect_err("no value");
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn mistakes_are_found_before_anything_is_sent() {
        for (text, why) in [
            ("{}", "needs `changes`"),
            ("changes: []", "1 to 100 changes"),
            ("changes: [{yaml: a, value: b}]", "needs a `file`"),
            ("changes: [{file: a, yaml: b}]", "needs a `value`"),
            ("changes: [{file: a, value: b}]", "one of `yaml`"),
            (
                "changes: [{file: a, yaml: b, json: /b, value: c}]",
                "one of `yaml`",
            ),
            ("changes: [{file: a, content: b, value: c}]", "leave `value` out"),
            (
                "changes: [{file: ../a, yaml: b, value: c}]",
                "no path from the root",
            ),
            (
                "changes: [{file: /a, yaml: b, value: c}]",
                "no path from the root",
            ),
            (
                "changes: [{file: .git/config, content: c}]",
                "no path from the root",
            ),
            ("changes: [{file: a, yaml: b..c, value: c}]", "is no path"),
            ("changes: [{file: a, json: b, value: c}]", "starts with `/`"),
            (
                "changes: [{file: a, replace: '', value: c}]",
                "no text to replace",
            ),
            (
                "changes: [{file: a, yaml: b, value: '{{ .winer }}'}]",
                "no field `.winer`",
            ),
            ("changes: [{file: a, yaml: b, value: '{{ .winner'}]", "not closed"),
            ("changes: [{file: a, yaml: b, valeu: c}]", "unknown field `valeu`"),
            (
                "{changes: [{file: a, content: c}], repository: a/b/c}",
                "not OWNER/NAME",
            ),
            (
                "{changes: [{file: a, content: c}], branch: 'a b'}",
                "name of a branch",
            ),
            ("{changes: [{file: a, content: c}], base: -x}", "name of a branch"),
        ] {
            let found = decode(text).expect_err(text);
            assert!(
                found.iter().any(|message| message.contains(why)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn branches_have_the_names_that_git_allows() {
        for name in ["main", "iter8/ci-0", "feature/a.b_c", "übung", "a@b"] {
            assert!(is_branch(name), "{name}");
        }
        for name in [
            "",
            "a..b",
            "a/",
            "/a",
            "a//b",
            "a.lock",
            ".a",
            "a/.b",
            "a~1",
            "a^",
            "a:b",
            "a?b",
            "@{u}",
            "refs/heads/a",
            "@",
        ] {
            assert!(!is_branch(name), "{name}");
        }
    }
}
