//! `http`: sends HTTP requests at a pace and measures.

mod curl;
mod input;
#[cfg(test)]
mod input_tests;
mod pace;
mod plan;
#[cfg(test)]
mod tests;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::inputs::{Data, NetInput, Places, Sender, Source, Target, download};
use super::load::{Checked, LoadKind, Whose, Words, pace::requests};
use super::ready::Form;
use super::{RunContext, TaskError};
use crate::load::http::{Part, RequestSpec, run};
use crate::load::{LoadError, Mix, Onlooker, Pace, Plan, Pool, Ran};
use crate::metrics::Protocol;
use crate::net::display_url;
use crate::secret::Mask;
use crate::spec::{Decode as _, Decoder, Field, Fields};
use input::{HttpFields, RequestInput};

/// The kind `http`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpKind;

impl LoadKind for HttpKind {
    const NAME: &'static str = "http";
    const ARTICLE: &'static str = "an";
    const ABOUT: &'static str = "Sends HTTP requests at a pace and measures latency and errors.";
    const PROTOCOL: Protocol = Protocol::Http;
    const WORDS: Words = Words {
        request: "request",
        target: "url",
        form: Form::Url,
        count: "numRequests",
        rate: "qps",
        free: "qps: max",
        pace: pace::FIELDS,
    };
    const BASELINE: Field = Field {
        key: "baselineURL",
        aliases: &[],
        kind: Target::TYPE,
        about: " URL of the version to compare with: short for two `versions` with one URL each. Each is sent `qps`.",
    };

    type Fields = HttpFields;
    type Target = Target;
    type Call = HttpCall;
    type Ready = Part;

    fn fields() -> Vec<&'static Field> {
        RequestInput::FIELDS.iter().chain(NetInput::FIELDS).collect()
    }

    fn schemas() -> Vec<serde_json::Value> {
        vec![RequestInput::schema(), NetInput::schema()]
    }

    fn read(fields: &mut Fields, decoder: &mut Decoder<'_>) -> HttpFields {
        HttpFields {
            request: RequestInput::read(fields, decoder),
            net: NetInput::read(fields, decoder),
        }
    }

    fn or(own: HttpFields, base: &HttpFields) -> HttpFields {
        own.or(base)
    }

    fn aimed(target: &Target) -> HttpFields {
        HttpFields {
            request: RequestInput {
                url: Some(target.clone()),
                ..RequestInput::default()
            },
            net: NetInput::default(),
        }
    }

    fn moved(version: &HttpFields, endpoint: &HttpFields) -> HttpFields {
        version.moved(endpoint)
    }

    fn differences(one: &HttpFields, other: &HttpFields) -> Vec<&'static str> {
        pace::differences(&one.request, &other.request)
    }

    fn check(
        whose: Whose<'_>,
        fields: &HttpFields,
        places: Places<'_>,
        decoder: &mut Decoder<'_>,
    ) -> Option<Checked<Self>> {
        plan::check(whose, fields, places, decoder)
    }

    fn describe(plan: &Plan, pool: &Pool) -> String {
        format!(
            "{} on {}",
            requests(plan, &Self::WORDS),
            pace::connections(plan, pool)
        )
    }

    fn busy(pool: &Pool, pace: &Pace) -> String {
        match pool.most_connections(pace) {
            1 => "the only connection was busy".to_owned(),
            most => format!("all {most} connections were busy"),
        }
    }

    fn url(call: &HttpCall) -> &Url {
        &call.spec.url
    }

    fn target(call: &HttpCall) -> String {
        display_url(&call.spec.url)
    }

    fn proxy(call: &HttpCall) -> Option<String> {
        call.sender.proxy_for(&call.spec.url)
    }

    fn prepare<'a>(
        call: &'a HttpCall,
        pool: &'a Pool,
        context: &'a RunContext,
    ) -> BoxFuture<'a, Result<Part, TaskError>> {
        Box::pin(async move {
            Ok(Part {
                spec: call.prepare(context).await?,
                net: call
                    .sender
                    .settings()
                    .map_err(|error| TaskError::from_error(&error))?,
                pool: pool.clone(),
            })
        })
    }

    fn run<'a>(
        plan: &'a Plan,
        mix: &'a Mix,
        parts: &'a [Part],
        shutdown: &'a CancellationToken,
        onlooker: Onlooker,
    ) -> BoxFuture<'a, Result<Ran, LoadError>> {
        Box::pin(run(plan, mix, parts, shutdown, onlooker))
    }

    fn reproduce(part: &Part, mask: &Mask) -> String {
        curl::line(part, mask)
    }
}

/// What is sent, checked.
pub(in crate::tasks) struct HttpCall {
    spec: RequestSpec,
    sender: Sender,
    body: Body,
    data: Option<Data>,
}

/// Where a body comes from.
enum Body {
    /// There is none, or it was read already.
    Ready,
    /// A file that a script writes.
    File(Source),
    /// Downloaded before the load.
    Download(Target),
}

impl HttpCall {
    async fn prepare(&self, context: &RunContext) -> Result<RequestSpec, TaskError> {
        let mut spec = self.spec.clone();
        let data = self.data.as_ref().map(Data::load).transpose();
        spec.data = data.map_err(|error| TaskError::from_error(&error))?;
        match &self.body {
            Body::Ready => {}
            Body::File(source) => {
                spec.body = source.load().map_err(|(path, cause)| {
                    TaskError::new(format!("cannot read the payload {}: {cause}", path.display()))
                })?;
            }
            Body::Download(target) => {
                spec.body = download("payload", target, &self.sender, context).await?;
            }
        }
        Ok(spec)
    }
}
