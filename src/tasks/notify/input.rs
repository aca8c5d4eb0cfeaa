//! `notify`: any request, as in Iter8.

use http::Method;
use serde_json::json;

use super::address::{hide_address, hide_given, webhook};
use super::github::{EVENT, own_api};
use super::{NotifyTask, OnFailure, Payload, TIMEOUT, any_success, try_out};
use crate::secret::Mask;
use crate::spec::{Decode, Decoder, Field, Fields, Map, Node, Period};
use crate::tasks::inputs::{
    HttpMethod, NetInput, Places, Scalar, Target, TemplateSource, is_secret_parameter, merge_schemas,
};
use crate::tasks::{Task, TaskKind};

/// The kind `notify`.
pub(in crate::tasks) struct NotifyKind;

crate::fields! {
    /// A request.
    struct NotifyInput in "a `notify` task" {
        /// URL that is notified. Its path and its query are masked everywhere: they are the password of most webhooks.
        url: Target = ["url"],
        /// Method; default POST with a payload, else GET.
        method: HttpMethod = ["method"],
        /// Parameters of the query.
        params: Map<Scalar> = secret ["params"],
        /// Payload: the URL or the path of a Go template, or the template itself. It sees `.Report`, `.Summary`, `.outcome`,
        /// `.reason`, `.winner`, `.metrics` and `.sha`.
        payload_template: TemplateSource = ["payloadTemplateURL", "payloadTemplate"],
        /// A failure does not fail the task: it is noted; default false.
        soft_failure: bool = ["softFailure"],
        /// Time for the answer; default 10s.
        timeout: Period = ["timeout"],
    }
}

/// Fields of a task and those of its request, read from one map.
pub(super) fn read<T>(
    with: &Node,
    of: &str,
    decoder: &mut Decoder<'_>,
    own: impl Fn(&mut Fields, &mut Decoder<'_>) -> T,
) -> Option<(T, NetInput)> {
    let before = decoder.errors();
    let mut fields = decoder.fields(with, &format!("a map with the fields of {of}"))?;
    let own = own(&mut fields, decoder);
    let net = NetInput::read(&mut fields, decoder);
    fields.finish(of, decoder);
    (decoder.errors() == before).then_some((own, net))
}

/// The payload of a template; what is wrong with one that is there already is reported.
pub(super) fn template(source: TemplateSource, with: &Node, decoder: &mut Decoder<'_>) -> Option<Payload> {
    if let TemplateSource::Url(Target(url)) = &source
        && let Some(own) = iter8s(url)
    {
        return Some(own);
    }
    if let TemplateSource::Ready(template) = &source
        && let Err(error) = try_out(template)
    {
        let given = ["payloadTemplateURL", "payloadTemplate"]
            .iter()
            .find_map(|name| with.field(name));
        let at = given.map_or(&with.at, |(_, node)| &node.at);
        decoder.error(at, error.to_string(), error.hint);
        return None;
    }
    Some(Payload::Template(source))
}

/// Iter8's charts name templates of its repositories. That for Slack comes to no JSON in most versions, both come to null
/// in the last ones: where they are asked for, ours are meant.
fn iter8s(url: &url::Url) -> Option<Payload> {
    let is_theirs =
        url.host_str() == Some("raw.githubusercontent.com") && url.path().starts_with("/iter8-tools/");
    let file = url.path_segments()?.next_back().filter(|_| is_theirs)?;
    match file {
        "_payload-slack.tpl" => Some(Payload::Slack),
        "_payload-github.tpl" => Some(Payload::Github {
            event: EVENT.to_owned(),
        }),
        _ => None,
    }
}

/// What a request that fails does.
pub(super) fn on_failure(soft: Option<bool>, default: OnFailure) -> OnFailure {
    match soft {
        None => default,
        Some(true) => OnFailure::Note,
        Some(false) => OnFailure::Fail,
    }
}

impl TaskKind for NotifyKind {
    fn name(&self) -> &'static str {
        "notify"
    }

    fn about(&self) -> &'static str {
        "Sends a request, with a payload made of the result so far by a Go template, to a webhook."
    }

    fn fields(&self) -> Vec<&'static Field> {
        NotifyInput::FIELDS.iter().chain(NetInput::FIELDS).collect()
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = merge_schemas(&[NotifyInput::schema(), NetInput::schema()], &["url"]);
        schema["type"] = json!("object");
        schema
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        hide_given(with, decoder);
        let (input, net) = read(with, "a `notify` task", decoder, NotifyInput::read)?;
        let sender = net.check(Places::of(with), decoder);
        let Some(Target(mut url)) = input.url else {
            decoder.error(&with.at, "a `notify` task needs `url`", None);
            return None;
        };
        hide_address(decoder.mask(), url.as_str());
        let payload = match input.payload_template {
            Some(source) => template(source, with, decoder)?,
            None => Payload::None,
        };
        // Only our own event is sent elsewhere than where it is addressed: it stands for the `github` of a chart.
        if let Payload::Github { .. } = payload
            && let Some(own) = own_api(&url, decoder)
        {
            url = own;
        }
        for (name, value) in input.params.iter().flat_map(|map| &map.0) {
            if is_secret_parameter(name) {
                let written = Places::of(with).inside("params", name);
                decoder.hide(written, &value.0, Mask::add);
            }
            url.query_pairs_mut().append_pair(name, &value.0);
        }
        let default = match payload {
            Payload::None => Method::GET,
            Payload::Template(_) | Payload::Slack | Payload::Github { .. } => Method::POST,
        };
        let method = input.method.map_or(default, |method| method.0);
        let sender = sender?;
        Some(Box::new(NotifyTask {
            about: format!("{method} to {}", webhook(&url)),
            method,
            shown: Some(webhook(&url)),
            url,
            headers: sender.headers.clone(),
            payload,
            on_failure: on_failure(input.soft_failure, OnFailure::Fail),
            timeout: input.timeout.map_or(TIMEOUT, |Period(timeout)| timeout),
            sender,
            judge: any_success,
        }))
    }
}
