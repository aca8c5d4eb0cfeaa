//! The `with:` of `http`: how requests look, how many, how fast; and endpoints and versions, which inherit what they do
//! not say.

use crate::load::Arrivals;
use crate::load::http::HttpVersion;
use crate::spec::{Decode, Decoder, Map, Node, Period};
use crate::tasks::inputs::{
    Count, Data, HttpMethod, NetInput, Places, Range, Rate, Source, StageInput, Statuses, Target,
    merge_schemas,
};

crate::fields! {
    /// What is sent and how often.
    pub(super) struct RequestInput in "an `http` task" {
        /// URL of the target.
        url: Target = ["url"],
        /// Number of requests, exactly; default 100 unless `duration` is given. With both, whichever comes first.
        num_requests: Count = ["numRequests"],
        /// For how long to send.
        duration: Period = ["duration"],
        /// Requests per second; `max` sends as fast as the connections allow; default 8.
        qps: Rate = ["qps"],
        /// Parts of the load one after the other, each `{duration, qps}`, or `{duration, from, qps}` for a ramp; instead of
        /// `qps` and `duration`. `numRequests` caps them.
        stages: Vec<StageInput> = ["stages"],
        /// How requests follow each other: `constant` (default), or `poisson` for random intervals as those of many users.
        arrivals: Arrivals = ["arrivals"],
        /// Connections in the pool; default 4. Requests that are due while all are busy wait, and their wait counts.
        connections: Count = ["connections"],
        /// Connections that may be opened when due requests find none free; default `connections`.
        max_connections: Count = ["maxConnections"],
        /// Requests per connection before the clock starts, not counted; default 0.
        connection_warmup: u64 = ["connectionWarmup"],
        /// `auto` (default: what ALPN decides over TLS, else 1.1), `1.1`, `2` over TLS, or `h2c` for HTTP/2 without TLS.
        http_version: HttpVersion = ["httpVersion"],
        /// Requests under way on one connection at a time, with HTTP/2; default 1.
        streams: Count = ["streams"],
        /// Method; default GET, or POST with a payload or a `contentType`.
        method: HttpMethod = ["method"],
        /// Body to send.
        payload_str: String = secret ["payloadStr"],
        /// File with the body to send; wins over `payloadStr`.
        payload_file: Source = ["payloadFile"],
        /// URL of the body to send, downloaded before the load; wins over both.
        payload_url: Target = ["payloadURL"],
        /// Content-Type of the body; default application/octet-stream.
        content_type: String = ["contentType"],
        /// Time after which a request counts as failed; default 3s.
        timeout: Period = ["timeout"],
        /// Statuses that count as errors, both bounds included; default `[{lower: 400}]`.
        error_ranges: Vec<Range> = ["errorRanges"],
        /// Percentiles to report beside 50, 75, 90, 95, 99 and 99.9. Objectives need no listing.
        percentiles: Vec<Percentile> = ["percentiles"],
        /// What a good answer is: `status`, `body` (contains), `header`. Anything else is an error.
        expect: Expect = ["expect"],
        /// Follow redirects, up to 10; default false: a 3xx is an answer.
        follow_redirects: bool = ["followRedirects"],
        /// Ask for gzip; default false.
        compression: bool = ["compression"],
        /// Send a fresh W3C `traceparent` header with each request, not sampled (flags 00); default false.
        traceparent: bool = ["traceparent"],
        /// Accepted as in Iter8; failed first requests never stop a load here.
        allow_initial_errors: bool = ["allowInitialErrors"],
        /// Rows for `{name}` in path, query, headers and body, one for each request in turn: a list, or the path of a CSV or JSON file.
        data: Data = secret ["data"],
    }
}

crate::fields! {
    /// What a good answer is.
    pub(super) struct Expect in "`expect`" {
        /// Status: `200`, `2xx`, `200-204` or a list.
        status: Statuses = ["status"],
        /// Text that the body contains.
        body: String = ["body"],
        /// Headers and their values.
        header: Map<String> = ["header"],
    }
}

/// A percentile, above 0 and at most 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percentile(pub(crate) f64);

impl Decode for Percentile {
    const TYPE: &'static str = "percentile";

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 100 })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let percent = f64::decode(node, decoder)?;
        if percent > 0.0 && percent <= 100.0 {
            return Some(Self(percent));
        }
        decoder.error(
            &node.at,
            format!("{percent} is no percentile"),
            Some("percentiles are above 0 and at most 100".into()),
        );
        None
    }
}

crate::fields! {
    /// What only the whole task has.
    pub(super) struct WholeInput in "an `http` task" {
        /// Endpoints by name; each has the fields of the task and inherits what it does not say. One after the other; at the
        /// same time if each has a `weight`, its share of the requests.
        endpoints: Map<EndpointInput> = ["endpoints"],
        /// Versions to compare, tested side by side: each has a `name`, and fields of the task that differ. All but the
        /// baseline are judged: the first, or the one with `baseline: true`.
        versions: Vec<VersionInput> = ["versions"],
        /// URL of the version to compare with: short for two `versions` with one URL each. Each is sent `qps`.
        baseline_url: Target = ["baselineURL"],
        /// Send the load but forget its results; default false.
        warmup: bool = ["warmup"],
        /// Name of the version in reports; default `default`.
        version: String = ["version"],
        /// End a load as soon as an objective of the `assess` tasks behind it is certain to fail; default false.
        abort: bool = ["abort"],
    }
}

crate::fields! {
    /// What only an endpoint has.
    struct OfEndpoint in "an endpoint" {
        /// Its share of the requests, against the weights of the other endpoints.
        weight: Count = ["weight"],
    }
}

crate::fields! {
    /// What only a version has.
    struct OfVersion in "a version" {
        /// Its name in reports.
        name: String = ["name"],
        /// The version that the others are compared with; it is shown and not judged. Default the first.
        baseline: bool = ["baseline"],
    }
}

/// The fields of a task, an endpoint or a version, all optional, and their place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EndpointInput {
    /// What is sent.
    pub(crate) request: RequestInput,
    /// How it is reached.
    pub(crate) net: NetInput,
    /// Of an endpoint: its share of the requests.
    pub(crate) weight: Option<Count>,
    /// Where it stands.
    pub(crate) node: Node,
}

/// The JSON Schemas of the shared fields.
fn shared_schemas() -> [serde_json::Value; 2] {
    [RequestInput::schema(), NetInput::schema()]
}

fn schema_with(own: serde_json::Value, required: &[&str]) -> serde_json::Value {
    let [request, net] = shared_schemas();
    merge_schemas(&[request, net, own], required)
}

impl Decode for EndpointInput {
    const TYPE: &'static str = "endpoint";

    fn schema() -> serde_json::Value {
        schema_with(OfEndpoint::schema(), &[])
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of an endpoint")?;
        let request = RequestInput::read(&mut fields, decoder);
        let net = NetInput::read(&mut fields, decoder);
        let own = OfEndpoint::read(&mut fields, decoder);
        fields.finish("an endpoint", decoder);
        Some(Self {
            request,
            net,
            weight: own.weight,
            node: node.clone(),
        })
    }
}

/// One of `versions`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VersionInput {
    /// Its name.
    pub(crate) name: String,
    /// Whether it says that it is the baseline, or that it is not.
    pub(crate) baseline: Option<bool>,
    /// Where it differs from the task.
    pub(crate) fields: EndpointInput,
}

impl Decode for VersionInput {
    const TYPE: &'static str = "version";

    fn schema() -> serde_json::Value {
        schema_with(OfVersion::schema(), &["name"])
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of a version")?;
        let own = OfVersion::read(&mut fields, decoder);
        let request = RequestInput::read(&mut fields, decoder);
        let net = NetInput::read(&mut fields, decoder);
        fields.finish("a version", decoder);
        let named = node.field("name");
        let name = own.name.filter(|name| !name.trim().is_empty());
        // A name that is there and no text has been reported.
        if name.is_none() && named.is_none_or(|(_, given)| Decoder::is_text(given)) {
            let at = named.map_or(&node.at, |(_, given)| &given.at);
            decoder.error(at, "a version needs `name`", None);
        }
        Some(Self {
            name: name?,
            baseline: own.baseline,
            fields: EndpointInput {
                request,
                net,
                weight: None,
                node: node.clone(),
            },
        })
    }
}

/// Most endpoints of one task.
const MOST: usize = 1000;

/// The whole `with:`.
pub(super) struct HttpInput {
    /// What every endpoint inherits; the only load without endpoints.
    pub(crate) base: EndpointInput,
    /// What only the task has.
    pub(crate) whole: WholeInput,
}

impl HttpInput {
    /// The JSON Schema.
    pub(super) fn schema() -> serde_json::Value {
        schema_with(WholeInput::schema(), &[])
    }

    /// Reads it.
    pub(super) fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of an `http` task")?;
        let request = RequestInput::read(&mut fields, decoder);
        let net = NetInput::read(&mut fields, decoder);
        let mut whole = WholeInput::read(&mut fields, decoder);
        fields.finish("an `http` task", decoder);
        let number = whole.endpoints.as_ref().map_or(0, |endpoints| endpoints.0.len());
        if number > MOST {
            let message = format!("{number} endpoints; a task has at most {MOST}");
            decoder.error(Places::of(node).at("endpoints"), message, None);
            whole.endpoints = None;
        }
        Some(Self {
            base: EndpointInput {
                request,
                net,
                weight: None,
                node: node.clone(),
            },
            whole,
        })
    }

    /// Whether endpoints or versions were given that cannot be used; that has been reported.
    pub(super) fn is_unreadable(&self) -> bool {
        let lost = |read: bool, key: &str| !read && self.base.node.field(key).is_some();
        lost(self.whole.endpoints.is_some(), "endpoints")
            || lost(self.whole.versions.is_some(), "versions")
            || lost(self.whole.baseline_url.is_some(), "baselineURL")
    }

    /// The endpoints with their names; one without a name and without fields of its own if none are given.
    pub(super) fn endpoints(&self) -> Vec<(Option<&str>, Option<&EndpointInput>)> {
        match &self.whole.endpoints {
            Some(Map(endpoints)) if !endpoints.is_empty() => endpoints
                .iter()
                .map(|(name, endpoint)| (Some(name.as_str()), Some(endpoint)))
                .collect(),
            _ => vec![(None, None)],
        }
    }
}

impl EndpointInput {
    /// What is given here, completed by the base. Fields that answer one question are one: who gives `duration` does
    /// not inherit `numRequests`, nor the other way round.
    pub(super) fn or(self, base: &Self) -> Self {
        let mut net_base = base.net.clone();
        if self.net.basic_auth.is_some() || self.net.bearer_token.is_some() {
            net_base.basic_auth = None;
            net_base.bearer_token = None;
        }
        net_base.headers = merge_headers(self.net.headers.as_ref(), base.net.headers.as_ref());
        let net = NetInput {
            headers: None,
            ..self.net
        }
        .or(&net_base);
        let left = self.request.without_rivals(&base.request);
        Self {
            request: self.request.or(&left),
            net,
            weight: self.weight,
            node: self.node,
        }
    }
}

impl RequestInput {
    /// What is left of a base whose answers to the same questions are given here.
    fn without_rivals(&self, base: &Self) -> Self {
        let mut left = base.clone();
        if self.num_requests.is_some() || self.duration.is_some() || self.stages.is_some() {
            left.num_requests = None;
            left.duration = None;
        }
        if self.stages.is_some() {
            left.qps = None;
        }
        // One of them alone leaves half of the question open: the plan refuses it beside the stages.
        if self.qps.is_some() && (self.duration.is_some() || self.num_requests.is_some()) {
            left.stages = None;
        }
        if self.payload_str.is_some() || self.payload_file.is_some() || self.payload_url.is_some() {
            left.payload_str = None;
            left.payload_file = None;
            left.payload_url = None;
        }
        left
    }
}

/// Headers of both, the nearer winning.
fn merge_headers(own: Option<&Map<String>>, base: Option<&Map<String>>) -> Option<Map<String>> {
    let mut merged: Vec<(String, String)> = base.map(|map| map.0.clone()).unwrap_or_default();
    for (name, value) in own.into_iter().flat_map(|map| &map.0) {
        merged.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        merged.push((name.clone(), value.clone()));
    }
    (!merged.is_empty()).then_some(Map(merged))
}
