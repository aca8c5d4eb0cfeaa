//! [`Query`]: one metric of one version, asked of its provider; many at a time, and no more than the provider can bear.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, Method};
use tokio::sync::Mutex;
use url::Url;

use super::prometheus;
use crate::jq::{Reader, Reading};
use crate::metrics::{Provided, ProvidedKind};
use crate::net::client::{Client, Request, Response};
use crate::net::display_url;
use crate::tasks::inputs::{Unsent, beginning, send};
use crate::tasks::{RunContext, TaskError};

/// Queries under way at a time.
const AT_ONCE: usize = 8;
/// Largest answer, in bytes.
const LARGEST: usize = 8 << 20;

/// A request whose answer holds a value.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// Full name of the metric.
    pub(super) metric: String,
    pub(super) kind: ProvidedKind,
    pub(super) unit: Option<String>,
    pub(super) description: Option<String>,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) how: How,
}

/// How the value is taken out of the answer.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// By an expression.
    Jq(String),
    /// It is the only one that Prometheus gives.
    Prometheus,
}

/// A query of a version.
pub(super) struct Asked {
    /// Index of the version.
    pub(super) version: usize,
    /// What is asked.
    pub(super) query: Query,
}

/// What all queries came to.
#[derive(Default)]
pub(super) struct Answers {
    /// Values per version.
    pub(super) values: BTreeMap<usize, BTreeMap<String, Provided>>,
    /// Metrics without a value: version, name, why.
    pub(super) nothing: Vec<(usize, String, String)>,
    /// Metrics that could not be read: version, name, why.
    pub(super) faults: Vec<(usize, String, String)>,
    /// Whether the run was stopped.
    pub(super) stopped: bool,
}

/// What became of one query.
enum Became {
    Read(Reading),
    /// The provider cannot be reached: no other query is worth a try.
    Unreachable(String),
    /// Not asked, because of that.
    Spared,
    Stopped,
}

/// What queries share.
struct Desk<'a> {
    client: &'a Client,
    timeout: Duration,
    context: &'a RunContext,
    reader: Mutex<Reader>,
    unreachable: AtomicBool,
}

/// Asks all, up to eight at a time.
pub(super) async fn ask_all(
    asked: Vec<Asked>,
    client: &Client,
    timeout: Duration,
    context: &RunContext,
) -> Result<Answers, TaskError> {
    let program = std::env::current_exe().map_err(|error| {
        TaskError::new(format!(
            "cannot find the program itself, which evaluates jq expressions: {error}"
        ))
    })?;
    let desk = Desk {
        client,
        timeout,
        context,
        reader: Mutex::new(Reader::new(&program)),
        unreachable: AtomicBool::new(false),
    };
    let desk = &desk;
    let became: Vec<(Asked, Result<Became, TaskError>)> = stream::iter(asked)
        .map(|asked| async move {
            let became = desk.ask(&asked.query).await;
            (asked, became)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut answers = Answers::default();
    let mut spared = 0;
    for (asked, became) in became {
        let Asked { version, query } = asked;
        match became? {
            Became::Read(Reading::Value(value)) => {
                let provided = Provided {
                    value,
                    kind: query.kind,
                    unit: query.unit,
                    description: query.description,
                };
                answers
                    .values
                    .entry(version)
                    .or_default()
                    .insert(query.metric, provided);
            }
            Became::Read(Reading::Nothing(why)) => answers.nothing.push((version, query.metric, why)),
            Became::Read(Reading::Fault(why)) | Became::Unreachable(why) => {
                answers.faults.push((version, query.metric, why));
            }
            Became::Spared => spared += 1,
            Became::Stopped => answers.stopped = true,
        }
    }
    if spared > 0 {
        let why = format!("and {spared} more were not asked after that");
        answers.faults.push((usize::MAX, String::new(), why));
    }
    Ok(answers)
}

impl Desk<'_> {
    async fn ask(&self, query: &Query) -> Result<Became, TaskError> {
        if self.unreachable.load(Ordering::Relaxed) {
            return Ok(Became::Spared);
        }
        let request = Request {
            headers: query.headers.clone(),
            body: query.body.clone(),
            timeout: self.timeout,
            body_limit: LARGEST,
            ..Request::new(query.method.clone(), query.url.clone())
        };
        let response = match send(self.client, &request, &self.context.shutdown).await {
            Ok(response) => response,
            Err(Unsent::Stopped) => return Ok(Became::Stopped),
            Err(Unsent::Failed(why)) => {
                self.unreachable.store(true, Ordering::Relaxed);
                return Ok(Became::Unreachable(why));
            }
        };
        Ok(Became::Read(self.read(query, response).await?))
    }

    async fn read(&self, query: &Query, response: Response) -> Result<Reading, TaskError> {
        let url = display_url(&query.url);
        let status = response.status;
        if !status.is_success() {
            let why = prometheus::error(&response.body).unwrap_or_else(|| beginning(&response.body));
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            let hint = match status.as_u16() {
                401 | 403 => " (check the token, or the user and the password)",
                404 => " (check the path of `url`)",
                _ => "",
            };
            return Ok(Reading::Fault(format!(
                "{url} answers with status {}{why}{hint}",
                status.as_u16()
            )));
        }
        let body = match response.whole_body() {
            Ok(body) => body,
            Err(error) => return Ok(Reading::Fault(error.to_string())),
        };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
            let begins = beginning(&body);
            let found = if begins.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("it begins {begins:?}")
            };
            return Ok(Reading::Fault(format!(
                "the answer of {url} is not JSON ({error}): {found}"
            )));
        }
        match &query.how {
            How::Prometheus => Ok(prometheus::read(&body)),
            How::Jq(program) => {
                let read = self.reader.lock().await.read(program, &body).await;
                let read = read.map_err(|error| TaskError::from_error(&error))?;
                Ok(explained(read, program, &body))
            }
        }
    }
}

/// What an expression made of an answer, with what the answer itself says of it.
fn explained(read: Reading, program: &str, body: &[u8]) -> Reading {
    match read {
        Reading::Nothing(why) if prometheus::is_empty(body) => {
            Reading::Nothing(format!("the query has an empty result ({why})"))
        }
        Reading::Value(_) | Reading::Nothing(_) => read,
        // An answer with status 200 may still say that it is an error.
        Reading::Fault(why) => Reading::Fault(match prometheus::error(body) {
            Some(error) => error,
            None => format!("jqExpression `{program}`: {why}"),
        }),
    }
}
