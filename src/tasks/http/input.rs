//! The `with:` of `http`: how requests look, how many, how fast; and endpoints, which inherit what they do not say.

use crate::spec::{Decode, Decoder, Map, Node, Period};
use crate::tasks::inputs::{
    Count, Data, HttpMethod, NetInput, Places, Range, Rate, Source, Statuses, Target, merge_schemas,
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
        /// Connections in the pool; default 4. Requests that are due while all are busy wait, and their wait counts.
        connections: Count = ["connections"],
        /// Connections that may be opened when due requests find none free; default `connections`.
        max_connections: Count = ["maxConnections"],
        /// Requests per connection before the clock starts, not counted; default 0.
        connection_warmup: u64 = ["connectionWarmup"],
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
        /// Endpoints by name, one after the other; each has the fields of the task and inherits what it does not say.
        endpoints: Map<EndpointInput> = ["endpoints"],
        /// Send the load but forget its results; default false.
        warmup: bool = ["warmup"],
        /// Name of the version in reports; default `default`.
        version: String = ["version"],
    }
}

/// One endpoint: the same fields, all optional, and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EndpointInput {
    /// What is sent.
    pub(crate) request: RequestInput,
    /// How it is reached.
    pub(crate) net: NetInput,
    /// Where it stands.
    pub(crate) node: Node,
}

impl EndpointInput {
    /// The JSON Schema of the shared fields.
    pub(super) fn fields_schema() -> Vec<serde_json::Value> {
        vec![RequestInput::schema(), NetInput::schema()]
    }
}

impl Decode for EndpointInput {
    const TYPE: &'static str = "endpoint";

    fn schema() -> serde_json::Value {
        merge_schemas(&Self::fields_schema(), &[])
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "a map with the fields of an endpoint")?;
        let request = RequestInput::read(&mut fields, decoder);
        let net = NetInput::read(&mut fields, decoder);
        fields.finish("an endpoint", decoder);
        Some(Self {
            request,
            net,
            node: node.clone(),
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
        let mut parts = EndpointInput::fields_schema();
        parts.push(WholeInput::schema());
        merge_schemas(&parts, &[])
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
                node: node.clone(),
            },
            whole,
        })
    }

    /// Whether endpoints were given that cannot be used; that has been reported.
    pub(super) fn lacks_endpoints(&self) -> bool {
        self.whole.endpoints.is_none() && self.base.node.field("endpoints").is_some()
    }

    /// The loads to run: each endpoint completed by the base, or the base alone.
    pub(super) fn endpoints(&self) -> Vec<(Option<String>, EndpointInput)> {
        match &self.whole.endpoints {
            Some(Map(endpoints)) if !endpoints.is_empty() => endpoints
                .iter()
                .map(|(name, endpoint)| (Some(name.clone()), endpoint.clone().or(&self.base)))
                .collect(),
            _ => vec![(None, self.base.clone())],
        }
    }
}

impl EndpointInput {
    /// What is given here, completed by the base. How many requests is one question: an endpoint that answers it with
    /// `duration` does not inherit `numRequests`, nor the other way round.
    fn or(self, base: &Self) -> Self {
        let stops = self.request.num_requests.is_some() || self.request.duration.is_some();
        let mut base_request = base.request.clone();
        if stops {
            base_request.num_requests = None;
            base_request.duration = None;
        }
        let mut net_base = base.net.clone();
        net_base.headers = merge_headers(self.net.headers.as_ref(), base.net.headers.as_ref());
        let net = NetInput {
            headers: None,
            ..self.net
        }
        .or(&net_base);
        Self {
            request: self.request.or(&base_request),
            net,
            node: self.node,
        }
    }
}

/// Headers of both, an endpoint's own winning.
fn merge_headers(own: Option<&Map<String>>, base: Option<&Map<String>>) -> Option<Map<String>> {
    let mut merged: Vec<(String, String)> = base.map(|map| map.0.clone()).unwrap_or_default();
    for (name, value) in own.into_iter().flat_map(|map| &map.0) {
        merged.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        merged.push((name.clone(), value.clone()));
    }
    (!merged.is_empty()).then_some(Map(merged))
}
