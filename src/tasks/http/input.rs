//! The `with:` of `http`: how requests look, how many and how fast.

use url::{Position, Url};

use crate::load::Arrivals;
use crate::load::http::HttpVersion;
use crate::spec::{Map, Period};
use crate::tasks::inputs::{
    Count, Data, HttpMethod, NetInput, Percentile, Range, Rate, Source, StageInput, Statuses, Target,
    merge_headers,
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
        /// What a good answer is: `status`, `body` (contains), `header`. Anything else is an error. A page for logging in is one only if `body` is its title, such as `Sign in`.
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

/// The fields of a task, an endpoint or a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::tasks) struct HttpFields {
    /// What is sent.
    pub(super) request: RequestInput,
    /// How it is reached.
    pub(super) net: NetInput,
}

impl HttpFields {
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
        }
    }

    /// Those of a version for an endpoint: of an endpoint that has its own URL, that of the version replaces scheme, host
    /// and port, as `--url` does.
    pub(super) fn moved(&self, endpoint: &Self) -> Self {
        let mut fields = self.clone();
        if let (Some(Target(url)), Some(Target(own))) = (&self.request.url, &endpoint.request.url) {
            let moved = format!("{}{}", &url[..Position::BeforePath], &own[Position::BeforePath..]);
            fields.request.url = Url::parse(&moved).ok().map(Target);
        }
        fields
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
