//! Values of `slack` and `github` → `notify` tasks.

use super::objectives::with_condition;
use super::shape::{Raw, Shape, Switch, Text, shapes};
use super::values::{key, map, string, task, with_types};
use crate::spec::{Decode, Decoder, Key, Node, Value};
use serde_json::Value as Json;

/// Where charts of 0.13.7 to 0.15 found the bodies that they sent if values named no other.
const BODIES: &str =
    "https://raw.githubusercontent.com/iter8-tools/iter8/iter8-0.13.7/templates/notify/_payload-";

crate::fields! {
    /// Values of `slack`.
    struct Slack in "the values of `slack`" {
        /// Incoming webhook; a secret.
        url: Raw<Text> = ["url"],
        /// Go template of the body: URL or file.
        template: Raw<Text> = ["payloadTemplateURL"],
        /// A message that cannot be sent does not fail the run; default true.
        soft_failure: Raw<Switch> = ["softFailure"],
        /// Send only if the expression is true.
        condition: Raw<Text> = ["if"],
    }
}

crate::fields! {
    /// Values of `github`.
    struct GitHub in "the values of `github`" {
        /// Owner of the repository.
        owner: Raw<Text> = ["owner"],
        /// The repository, whose workflows `on: repository_dispatch` run.
        repo: Raw<Text> = ["repo"],
        /// Token that may write its contents.
        token: Raw<Text> = ["token"],
        /// Go template of the body: URL or file.
        template: Raw<Text> = ["payloadTemplateURL"],
        /// An event that cannot be sent does not fail the run; default true.
        soft_failure: Raw<Switch> = ["softFailure"],
        /// Send only if the expression is true.
        condition: Raw<Text> = ["if"],
    }
}

shapes! {
    /// Values of `slack`.
    SlackValues: "map" = Slack::schema();
    /// Values of `github`.
    GitHubValues: "map" = GitHub::schema();
}

/// The task of `slack`; `None` if values are missing, which was reported.
pub(super) fn slack(values: &Node, decoder: &mut Decoder<'_>) -> Option<Node> {
    let slack = Slack::decode(values, decoder)?;
    let url = required(slack.url.as_ref(), "slack", "url", values, decoder)?;
    let message = Message {
        url: with_types(url),
        headers: None,
        body: "slack.tpl",
        template: slack.template.as_ref(),
        soft_failure: slack.soft_failure.as_ref(),
    };
    Some(with_condition(
        message.task(values),
        slack.condition.as_ref().map(|raw| &raw.0),
    ))
}

/// The task of `github`; `None` if values are missing, which was reported.
pub(super) fn github(values: &Node, decoder: &mut Decoder<'_>) -> Option<Node> {
    let github = GitHub::decode(values, decoder)?;
    let mut text = |name, raw: Option<&Raw<Text>>| {
        let node = required(raw, "github", name, values, decoder)?;
        let text = words(node);
        if text.is_none() {
            decoder.mismatch(node, "a string");
        }
        text
    };
    let owner = text("owner", github.owner.as_ref());
    let repo = text("repo", github.repo.as_ref());
    let token = text("token", github.token.as_ref());
    let (owner, repo, token) = (owner?, repo?, token?);
    let headers = vec![
        (
            key("Authorization", values),
            string(format!("token {token}"), values),
        ),
        (
            key("Accept", values),
            string("application/vnd.github+json", values),
        ),
    ];
    let url = format!("https://api.github.com/repos/{owner}/{repo}/dispatches");
    let message = Message {
        url: string(url, values),
        headers: Some(map(headers, values)),
        body: "github.tpl",
        template: github.template.as_ref(),
        soft_failure: github.soft_failure.as_ref(),
    };
    Some(with_condition(
        message.task(values),
        github.condition.as_ref().map(|raw| &raw.0),
    ))
}

fn required<'n>(
    raw: Option<&'n Raw<Text>>,
    task: &str,
    name: &str,
    values: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<&'n Node> {
    if raw.is_none() {
        decoder.error(&values.at, format!("`{task}` needs `{name}`"), None);
    }
    raw.map(|raw| &raw.0)
}

/// A scalar as the part of a text.
fn words(node: &Node) -> Option<String> {
    match with_types(node).value {
        Value::String(text) => Some(text),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
    }
}

struct Message<'a> {
    url: Node,
    headers: Option<Node>,
    body: &'static str,
    template: Option<&'a Raw<Text>>,
    soft_failure: Option<&'a Raw<Switch>>,
}

impl Message<'_> {
    fn task(self, values: &Node) -> Node {
        let template = self.template.map_or_else(
            || string(format!("{BODIES}{}", self.body), values),
            |raw| with_types(&raw.0),
        );
        let yes = Node {
            value: Value::Bool(true),
            at: values.at.clone(),
        };
        let soft = self.soft_failure.map_or(yes, |raw| with_types(&raw.0));
        let fields: Vec<Option<(Key, Node)>> = vec![
            Some((key("url", &self.url), self.url.clone())),
            Some((key("method", values), string("POST", values))),
            self.headers.map(|headers| (key("headers", values), headers)),
            Some((key("payloadTemplateURL", &template), template.clone())),
            Some((key("softFailure", &soft), soft.clone())),
        ];
        task("notify", &map(fields.into_iter().flatten().collect(), values))
    }
}
