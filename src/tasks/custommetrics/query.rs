//! [`Query`]: one metric of one version, asked of its provider; many at a time, and no more than the provider can bear.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, Method};
use tokio::sync::Mutex;
use url::Url;

use super::answer::{self, Remarks, cut};
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
    /// What answers say of themselves: version, name, what.
    pub(super) remarks: Vec<(usize, String, Remarks)>,
    /// Whether the run was stopped.
    pub(super) stopped: bool,
}

/// What became of one query.
enum Became {
    Read(Reading, Remarks),
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
        let reading = match became? {
            Became::Read(reading, remarks) => {
                answers.remarks.push((version, query.metric.clone(), remarks));
                reading
            }
            Became::Unreachable(why) => Reading::Fault(why),
            Became::Spared => {
                spared += 1;
                continue;
            }
            Became::Stopped => {
                answers.stopped = true;
                continue;
            }
        };
        match reading {
            Reading::Value(value) => {
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
            Reading::Nothing(why) => answers.nothing.push((version, query.metric, why)),
            Reading::Fault(why) => answers.faults.push((version, query.metric, why)),
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
        let remarks = answer::remarks(&response.body);
        // Expressions take up to seconds each, and wait for each other.
        let reading = tokio::select! {
            reading = self.read(query, response) => reading?,
            () = self.context.shutdown.cancelled() => return Ok(Became::Stopped),
        };
        Ok(Became::Read(reading, remarks))
    }

    async fn read(&self, query: &Query, response: Response) -> Result<Reading, TaskError> {
        let url = display_url(&query.url);
        let status = response.status;
        if let Some(to) = response.leads_to() {
            let to = beginning(display_url(&to).as_bytes());
            return Ok(Reading::Fault(format!(
                "{url} redirects to {to} (status {}), where the query is not sent as it is: give the URL that it leads to",
                status.as_u16()
            )));
        }
        if !status.is_success() {
            let why = answer::error(&response.body).unwrap_or_else(|| beginning(&response.body));
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
            How::Prometheus => Ok(answer::read(&body)),
            How::Jq(program) => self.evaluate(program, &body).await,
        }
    }

    async fn evaluate(&self, program: &str, body: &[u8]) -> Result<Reading, TaskError> {
        // An answer with status 200 may still say that it is an error, and an expression may make 0 of it.
        if let Some(error) = answer::error(body) {
            return Ok(Reading::Fault(error));
        }
        let mut reader = self.reader.lock().await;
        let read = reader.read(program, body).await;
        let read = read.map_err(|error| TaskError::from_error(&error))?;
        if let Reading::Value(value) = read
            && let Some((several, orders)) = answer::reordered(body)
        {
            for order in orders {
                let again = reader.read(program, &order).await;
                let again = again.map_err(|error| TaskError::from_error(&error))?;
                if !alike(value, &again) {
                    return Ok(Reading::Fault(format!(
                        "jqExpression `{program}` takes one of several series: {several}"
                    )));
                }
            }
        }
        Ok(explained(read, program, body))
    }
}

/// Whether a reading is this value, but for what the order of an addition makes.
fn alike(value: f64, again: &Reading) -> bool {
    matches!(again, Reading::Value(other) if (value - other).abs() <= 1e-9 * value.abs().max(other.abs()))
}

/// What an expression made of an answer, with what the answer itself says of it.
fn explained(read: Reading, program: &str, body: &[u8]) -> Reading {
    match read {
        Reading::Nothing(why) if answer::is_empty(body) => {
            Reading::Nothing(format!("the query has an empty result ({})", cut(&why)))
        }
        Reading::Nothing(why) => Reading::Nothing(cut(&why)),
        Reading::Value(_) => read,
        Reading::Fault(why) => Reading::Fault(format!("jqExpression `{program}`: {}", cut(&why))),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::net::NetSettings;
    use crate::net::client::Redirects;

    #[tokio::test]
    async fn a_run_that_is_stopped_waits_for_no_expression() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let context = RunContext::silent();
        let desk = Desk {
            client: &Client::new(&NetSettings::default(), Redirects::None).expect("client"),
            timeout: Duration::from_secs(30),
            context: &context,
            reader: Mutex::new(Reader::new(std::path::Path::new("/nowhere"))),
            unreachable: AtomicBool::new(false),
        };
        let query = Query {
            metric: "db/m".to_owned(),
            kind: ProvidedKind::default(),
            unit: None,
            description: None,
            method: Method::GET,
            url: format!("http://{address}/").parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            how: How::Jq(".n".to_owned()),
        };
        // Another expression is being evaluated, and does not end.
        let _busy = desk.reader.lock().await;
        let stops = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.read(&mut [0; 4096]).await.expect("a request");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"n\":1}";
            stream.write_all(answer).await.expect("write");
            tokio::time::sleep(Duration::from_millis(200)).await;
            context.shutdown.cancel();
        };
        let both = async { tokio::join!(desk.ask(&query), stops).0 };
        let became = tokio::time::timeout(Duration::from_mins(1), both).await;
        assert!(matches!(became, Ok(Ok(Became::Stopped))));
    }

    #[test]
    fn sums_in_another_order_are_alike() {
        assert!(alike(0.1 + 0.2 + 0.7, &Reading::Value(0.7 + 0.2 + 0.1)));
        assert!(alike(0.0, &Reading::Value(0.0)));
        assert!(!alike(1.0, &Reading::Value(1.001)));
        assert!(!alike(1.0, &Reading::Nothing("the value is NaN".to_owned())));
    }
}
