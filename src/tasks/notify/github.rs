//! `github`: a `repository_dispatch` event, which starts workflows
//! (<https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event>).

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use super::input::{on_failure, read, template};
use super::{NotifyTask, OnFailure, Payload, TIMEOUT, any_success};
use crate::net::client::Response;
use crate::secret::Mask;
use crate::spec::{Decode, Decoder, Field, Node, Period};
use crate::tasks::inputs::{NetInput, Places, TemplateSource, merge_schemas};
use crate::tasks::{Task, TaskKind};

/// What an event is called without `eventType`.
pub(super) const EVENT: &str = "iter8";

/// The kind `github`.
pub(in crate::tasks) struct GithubKind;

crate::fields! {
    /// An event.
    struct GithubInput in "a `github` task" {
        /// Owner of the repository; default that of the job.
        owner: String = ["owner"],
        /// Name of the repository; default that of the job.
        repo: String = ["repo"],
        /// Token that may write to the repository.
        token: String = secret ["token"],
        /// What workflows ask for under `repository_dispatch: types:`; default iter8.
        event_type: String = ["eventType"],
        /// Payload other than ours: the URL or the path of a Go template, or the template itself.
        payload_template: TemplateSource = ["payloadTemplateURL", "payloadTemplate"],
        /// A failure does not fail the task: it is noted; default true.
        soft_failure: bool = ["softFailure"],
        /// Time for the answer; default 10s.
        timeout: Period = ["timeout"],
    }
}

/// What GitHub's answers mean.
fn judge(response: &Response) -> Result<(), String> {
    match response.status.as_u16() {
        401 => Err("the token is wrong or has expired".to_owned()),
        403 | 404 => Err(
            "the repository does not exist, or the token may not write to it (contents: write)".to_owned(),
        ),
        422 => Err(
            "GitHub takes at most 10 members in `client_payload` and 64 KB: check the template".to_owned(),
        ),
        _ => any_success(response),
    }
}

/// Owner, repository, or none with a report of what is missing.
fn repository(input: &GithubInput, with: &Node, decoder: &mut Decoder<'_>) -> Option<(String, String)> {
    let own = decoder.variable("GITHUB_REPOSITORY");
    let (owner, repo) = own.as_deref().and_then(|own| own.split_once('/')).unzip();
    let given = |text: &Option<String>, own: Option<&str>| {
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        text.or(own).map(str::to_owned)
    };
    let (owner, repo) = (given(&input.owner, owner), given(&input.repo, repo));
    for (field, value) in [("owner", &owner), ("repo", &repo)] {
        match value {
            None => decoder.missing(&with.at, format!("a `github` task needs `{field}`"), None),
            Some(name)
                if !name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) =>
            {
                let at = with.field(field).map_or(&with.at, |(_, node)| &node.at);
                decoder.error(at, format!("`{name}` is no name on GitHub"), None);
                return None;
            }
            Some(_) => {}
        }
    }
    Some((owner?, repo?))
}

fn address(owner: &str, repo: &str, decoder: &Decoder<'_>) -> Option<Url> {
    let base = decoder
        .variable("GITHUB_API_URL")
        .unwrap_or_else(|| "https://api.github.com".to_owned());
    Url::parse(&format!(
        "{}/repos/{owner}/{repo}/dispatches",
        base.trim_end_matches('/')
    ))
    .ok()
}

/// Where an event goes that the chart addresses to github.com: the API of the job's own GitHub, as with a `github` task.
pub(super) fn own_api(url: &Url, decoder: &Decoder<'_>) -> Option<Url> {
    let path = url.path().strip_prefix("/repos/")?.strip_suffix("/dispatches")?;
    let (owner, repo) = path.split_once('/')?;
    if url.host_str() != Some("api.github.com") || repo.contains('/') {
        return None;
    }
    address(owner, repo, decoder)
}

impl TaskKind for GithubKind {
    fn name(&self) -> &'static str {
        "github"
    }

    fn about(&self) -> &'static str {
        "Starts workflows of a repository on GitHub with a `repository_dispatch` event that holds the result so far. How it is reached is said as in `notify`."
    }

    fn fields(&self) -> Vec<&'static Field> {
        GithubInput::FIELDS.iter().collect()
    }

    fn schema(&self) -> serde_json::Value {
        merge_schemas(&[GithubInput::schema(), NetInput::schema()], &["token"])
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        let (input, net) = read(with, "a `github` task", decoder, GithubInput::read)?;
        let sender = net.check(Places::of(with), decoder);
        let repository = repository(&input, with, decoder);
        let token = input
            .token
            .as_deref()
            .map(str::trim)
            .filter(|token| !token.is_empty());
        let Some(token) = token else {
            let hint = "give one that may write to the repository, for example ${GITHUB_TOKEN}".to_owned();
            decoder.error(&with.at, "a `github` task needs `token`", Some(hint));
            return None;
        };
        let place = with.field("token").map(|(_, node)| node);
        decoder.hide(place, token, Mask::add);
        let Ok(mut authorization) = HeaderValue::from_str(&format!("token {token}")) else {
            let at = place.map_or(&with.at, |node| &node.at);
            decoder.error(at, "the token holds characters that HTTP does not allow", None);
            return None;
        };
        authorization.set_sensitive(true);
        let ours = |event: Option<String>| Payload::Github {
            event: event.unwrap_or_else(|| EVENT.to_owned()),
        };
        let payload = match input.payload_template {
            Some(source) => match (template(source, with, decoder)?, input.event_type) {
                (Payload::Github { .. }, event) => ours(event),
                (theirs, None) => theirs,
                (_, Some(event)) => {
                    let at = with.field("eventType").map_or(&with.at, |(_, node)| &node.at);
                    let hint = format!(
                        "write `\"event_type\": \"{event}\"` in the template, or leave one of them out"
                    );
                    decoder.error(
                        at,
                        "`eventType` is not used: the payload template says it",
                        Some(hint),
                    );
                    return None;
                }
            },
            None => ours(input.event_type),
        };
        let (owner, repo) = repository?;
        let Some(url) = address(&owner, &repo, decoder) else {
            decoder.error(&with.at, "GITHUB_API_URL is no URL", None);
            return None;
        };
        let sender = sender?;
        let mut headers = sender.headers.clone();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        headers.insert(
            HeaderName::from_static("x-github-api-version"),
            HeaderValue::from_static("2022-11-28"),
        );
        Some(Box::new(NotifyTask {
            about: format!("an event to {owner}/{repo}"),
            method: Method::POST,
            shown: None,
            url,
            headers,
            payload,
            on_failure: on_failure(input.soft_failure, OnFailure::Note),
            timeout: input.timeout.map_or(TIMEOUT, |Period(timeout)| timeout),
            sender,
            judge,
        }))
    }
}
