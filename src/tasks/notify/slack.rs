//! `slack`: an incoming webhook of Slack (<https://api.slack.com/messaging/webhooks>).

use http::Method;

use super::address::{hide_address, hide_given, webhook};
use super::input::{on_failure, read, template};
use super::{NotifyTask, OnFailure, Payload, TIMEOUT, any_success};
use crate::net::client::Response;
use crate::spec::{Decode, Decoder, Field, Node, Period};
use crate::tasks::inputs::{NetInput, Places, Target, TemplateSource, merge_schemas};
use crate::tasks::{Task, TaskKind};

/// The kind `slack`.
pub(in crate::tasks) struct SlackKind;

crate::fields! {
    /// A message.
    struct SlackInput in "a `slack` task" {
        /// URL of the incoming webhook. Its path is its password: it is masked everywhere.
        url: Target = ["url"],
        /// Payload other than ours: the URL or the path of a Go template, or the template itself.
        payload_template: TemplateSource = ["payloadTemplateURL", "payloadTemplate"],
        /// A failure does not fail the task: it is noted; default true.
        soft_failure: bool = ["softFailure"],
        /// Time for the answer; default 10s.
        timeout: Period = ["timeout"],
    }
}

/// What Slack's answers mean.
fn judge(response: &Response) -> Result<(), String> {
    let body = String::from_utf8_lossy(&response.body);
    match (response.status.as_u16(), body.trim()) {
        (200..=299, _) => Ok(()),
        (_, "invalid_payload") => Err("the payload is not what Slack takes: check the template".to_owned()),
        (_, "no_service" | "no_team" | "invalid_token") | (403 | 404 | 410, _) => {
            Err("the webhook does not exist any more: make a new one".to_owned())
        }
        _ => any_success(response),
    }
}

impl TaskKind for SlackKind {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn about(&self) -> &'static str {
        "Tells a channel of Slack how the experiment stands, through an incoming webhook. How it is reached is said as in `notify`."
    }

    fn fields(&self) -> Vec<&'static Field> {
        SlackInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        merge_schemas(&[SlackInput::schema(), NetInput::schema()], &["url"])
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        hide_given(with, decoder);
        let (input, net) = read(with, "a `slack` task", decoder, SlackInput::read)?;
        let sender = net.check(Places::of(with), decoder);
        let Some(Target(url)) = input.url else {
            let hint = "give the URL of an incoming webhook, for example ${SLACK_WEBHOOK_URL}".to_owned();
            decoder.error(&with.at, "a `slack` task needs `url`", Some(hint));
            return None;
        };
        hide_address(decoder.mask(), url.as_str());
        let payload = match input.payload_template {
            Some(source) => template(source, with, decoder)?,
            None => Payload::Slack,
        };
        let sender = sender?;
        Some(Box::new(NotifyTask {
            about: format!("a message to {}", webhook(&url)),
            method: Method::POST,
            shown: Some(webhook(&url)),
            url,
            headers: sender.headers.clone(),
            payload,
            on_failure: on_failure(input.soft_failure, OnFailure::Note),
            timeout: input.timeout.map_or(TIMEOUT, |Period(timeout)| timeout),
            sender,
            judge,
        }))
    }
}
