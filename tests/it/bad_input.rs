//! Mistakes in files and flags: each is exit 2 with its place and a hint, and nothing is sent.

use std::fmt::Write as _;

use crate::support::{App, Server, each};

/// A mistake: its name, the experiment (`URL` is the server's), where it must be found (`line:column`; empty if a file
/// as a whole is wrong), and what must be said.
struct Row {
    name: &'static str,
    text: &'static str,
    at: &'static str,
    says: &'static [&'static str],
}

/// For rows about gRPC.
const PROTO: &str = "syntax = \"proto3\";\npackage t;\nmessage M { int32 amount = 1; }\nservice S { rpc Do(M) returns (M); }\n";

const fn row(name: &'static str, text: &'static str, at: &'static str, says: &'static [&'static str]) -> Row {
    Row { name, text, at, says }
}

#[rustfmt::skip] // a table
const ROWS: &[Row] = &[
    row("unknown key", "spec:\n- task: http\n  with: {url: URL, qsp: 20}\n", "3:URL+2", &["unknown field `qsp`", "did you mean `qps`?"]),
    row("unknown key of a task", "spec:\n- task: http\n  wiht: {url: URL}\n", "3:3", &["unknown field `wiht`", "did you mean `with`?"]),
    row("unknown key at the top", "spec:\n- run: 'true'\nspce: 1\n", "3:1", &["unknown field `spce`", "did you mean `spec`?"]),
    row("unknown key of an endpoint", "spec:\n- task: http\n  with:\n    endpoints:\n      home:\n        url: URL\n        methd: PUT\n", "7:9", &["unknown field `methd`", "did you mean `method`?"]),
    row("wrong type: word for number", "spec:\n- task: http\n  with:\n    url: URL\n    qps: fast\n", "5:10", &["expected a number", "`fast`"]),
    row("wrong type: quoted number", "spec:\n- task: http\n  with:\n    url: URL\n    numRequests: '10'\n", "5:18", &["expected", "without quotes: 10"]),
    row("wrong type: list for map", "spec:\n- task: http\n  with:\n    url: URL\n    headers: [a, b]\n", "5:14", &["expected", "list"]),
    row("wrong type: number for text", "spec:\n- task: http\n  with:\n    url: URL\n    payloadStr: 5\n", "5:17", &["expected a string", "put it in quotes"]),
    row("wrong type: yes for boolean", "spec:\n- task: http\n  with:\n    url: URL\n    followRedirects: yes\n", "5:22", &["expected", "`yes`"]),
    row("misspelt metric", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    objectives: [http/latancy-p95 <= 1s]\n", "6:18", &["latancy", "did you mean"]),
    row("misspelt metric of Iter8's form", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    SLOs:\n      upper:\n      - metric: http/error-rat\n        limit: 0\n", "8:17", &["error-rat", "did you mean"]),
    row("metric of no task", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    objectives: [grpc/error-rate <= 1%]\n", "6:18", &["no task measures grpc/error-rate", "measured is `http/error-rate`"]),
    row("metric of no endpoint", "spec:\n- task: http\n  with: {endpoints: {home: {url: URL}}}\n- task: assess\n  with:\n    objectives: [http-hoem/latency-p95 <= 1s]\n", "6:18", &["no task measures http-hoem/latency-p95", "did you mean `http-home/latency-p95`?"]),
    row("metric measured too late", "spec:\n- task: assess\n  with:\n    objectives: [http/error-rate <= 1%]\n- task: http\n  with: {url: URL}\n", "4:18", &["measured only after this task", "behind it"]),
    row("baseline without one", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    objectives: [http/latency-p95 <= 1.1x base]\n", "6:18", &["no baseline"]),
    row("version without a name", "spec:\n- task: http\n  with:\n    url: URL\n    versions: [{name: a}, {method: PUT}]\n", "5:27", &["a version needs `name`"]),
    row("two versions of one name", "spec:\n- task: http\n  with:\n    url: URL\n    versions: [{name: a}, {name: a}]\n", "5:34", &["another version is called `a`"]),
    row("versions with paces of their own", "spec:\n- task: http\n  with:\n    url: URL\n    versions: [{name: a}, {name: b, qps: 5}]\n", "5:42", &["`qps` is not the same for all versions", "give it to the task"]),
    row("some weights", "spec:\n- task: http\n  with:\n    url: URL\n    endpoints:\n      a: {weight: 1}\n      b: {method: PUT}\n", "7:10", &["this one has none", "one after the other"]),
    row("weights and qps: max", "spec:\n- task: http\n  with:\n    url: URL\n    qps: max\n    endpoints: {a: {weight: 1}, b: {weight: 1}}\n", "5:10", &["`qps: max`", "leave the weights out"]),
    row("stages and qps", "spec:\n- task: http\n  with:\n    url: URL\n    qps: 5\n    stages: [{duration: 5s, qps: 5}]\n", "5:10", &["`qps` and `stages` are both given"]),
    row("no stages", "spec:\n- task: http\n  with:\n    url: URL\n    stages: []\n", "5:5", &["nothing would be sent"]),
    row("a stage of nothing", "spec:\n- task: http\n  with:\n    url: URL\n    stages: [{duration: 5s, qps: 0}]\n", "5:34", &["a stage without a rate sends nothing"]),
    row("unknown arrivals", "spec:\n- task: http\n  with:\n    url: URL\n    arrivals: poison\n", "5:15", &["did you mean `poisson`?"]),
    row("streams of HTTP/1.1", "spec:\n- task: http\n  with:\n    url: URL\n    streams: 5\n", "5:14", &["needs HTTP/2", "h2c"]),
    row("HTTP/2 without TLS", "spec:\n- task: http\n  with:\n    url: URL\n    httpVersion: 2\n", "5:18", &["over TLS", "`h2c`"]),
    row("redirects over HTTP/2", "spec:\n- task: http\n  with:\n    url: URL\n    httpVersion: h2c\n    followRedirects: true\n", "5:18", &["redirects are followed by HTTP/1.1"]),
    row("unknown task", "spec:\n- task: htpp\n  with: {url: URL}\n", "2:9", &["unknown task `htpp`", "did you mean `http`?"]),
    row("a task without a name", "spec:\n- with: {url: URL}\n", "2:3", &["task"]),
    row("an entry that is a task and a script", "spec:\n- task: http\n  run: 'true'\n  with: {url: URL}\n", "", &["run", "task"]),
    row("empty file", "", "1:1", &["spec"]),
    row("only a comment", "# nothing\n", "", &["spec"]),
    row("no tasks", "spec: []\n", "1:1", &["no tasks"]),
    row("null tasks", "spec:\n", "", &["task"]),
    row("not YAML", "spec: [1, 2\n", "", &["not usable YAML"]),
    row("tab as indentation", "spec:\n\t- run: 'true'\n", "2:", &["not usable YAML"]),
    row("a list instead of spec", "- task: http\n  with: {url: URL}\n", "1:1", &["spec"]),
    row("a text instead of spec", "hello\n", "1:1", &["spec"]),
    row("limit without number", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    SLOs:\n      upper:\n      - metric: http/error-rate\n", "8:9", &["a limit needs `limit`"]),
    row("null limit", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    SLOs:\n      upper:\n      - metric: http/error-rate\n        limit:\n", "8:9", &["a limit needs `limit`"]),
    row("limit that is a word", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    SLOs:\n      upper:\n      - metric: http/error-rate\n        limit: low\n", "9:16", &["expected a number", "`low`"]),
    row("limit that is no number", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    SLOs:\n      upper:\n      - metric: http/error-rate\n        limit: .nan\n", "9:16", &[".nan"]),
    row("objective without number", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    objectives: ['http/latency-p95 <=']\n", "6:18", &["limit"]),
    row("objective with <", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with:\n    objectives: ['http/latency-p95 < 5ms']\n", "6:18", &["<="]),
    row("assess without objectives", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n", "", &["no objectives", "would judge nothing"]),
    row("qps 0", "spec:\n- task: http\n  with:\n    url: URL\n    qps: 0\n", "5:10", &["nothing would be sent", "write `max`"]),
    row("negative number of requests", "spec:\n- task: http\n  with:\n    url: URL\n    numRequests: -5\n", "5:18", &["whole number from 1", "-5"]),
    row("no connections", "spec:\n- task: http\n  with:\n    url: URL\n    connections: 0\n", "5:18", &["whole number from 1", "0"]),
    row("half a connection", "spec:\n- task: http\n  with:\n    url: URL\n    connections: 0.5\n", "5:18", &["whole number"]),
    row("negative warm-up", "spec:\n- task: http\n  with:\n    url: URL\n    connectionWarmup: -1\n", "5:23", &["whole number"]),
    row("unreadable payload file", "spec:\n- task: http\n  with:\n    url: URL\n    payloadFile: no-such.json\n", "5:18", &["no-such.json", "No such file"]),
    row("unreadable certificate", "spec:\n- task: http\n  with:\n    url: URL\n    caCert: no-such.pem\n", "5:13", &["no-such.pem"]),
    row("certificate that is none", "spec:\n- task: http\n  with:\n    url: URL\n    caCert: experiment.yaml\n", "", &["PEM"]),
    row("no URL", "spec:\n- task: http\n  with: {qps: 5}\n", "3:9", &["needs `url`"]),
    row("bad URL", "spec:\n- task: http\n  with: {url: 'http://[::1'}\n", "3:15", &["not a URL"]),
    row("URL with a bad port", "spec:\n- task: http\n  with: {url: 'http://a:99999/'}\n", "3:15", &["not a URL", "port"]),
    row("unsupported scheme", "spec:\n- task: http\n  with: {url: 'ftp://a.example/'}\n", "3:15", &["`ftp://` cannot be tested", "use http:// or https://"]),
    row("bad duration", "spec:\n- task: http\n  with:\n    url: URL\n    duration: 5 parsecs\n", "5:15", &["duration", "5 parsecs"]),
    row("duration without a unit", "spec:\n- task: http\n  with:\n    url: URL\n    duration: 5\n", "5:15", &["5s"]),
    row("duration of 0", "spec:\n- task: http\n  with:\n    url: URL\n    duration: 0s\n", "", &["`duration` of 0"]),
    row("negative duration", "spec:\n- task: http\n  with:\n    url: URL\n    duration: -5s\n", "5:15", &["duration"]),
    row("duplicate keys", "spec:\n- task: http\n  with:\n    url: URL\n    qps: 5\n    qps: 6\n", "6:5", &["duplicate", "qps"]),
    row("the same key in another case", "spec:\n- task: http\n  with:\n    url: URL\n    numRequests: 5\n    numrequests: 6\n", "6:5", &["are the same field"]),
    row("bad if: syntax", "spec:\n- run: 'true'\n  if: SLOs() &&\n", "3:7", &["condition"]),
    row("bad if: name", "spec:\n- run: 'true'\n  if: SLO()\n", "3:7", &["SLO", "did you mean `SLOs"]),
    row("bad if: type", "spec:\n- run: 'true'\n  if: Result.NumLoops\n", "3:7", &["condition"]),
    row("bad if: comparison of types", "spec:\n- run: 'true'\n  if: Result.NumLoops == \"a\"\n", "3:7", &["condition"]),
    row("undefined name", "spec:\n- task: http\n  with:\n    url: URL\n    qps: ${NO_SUCH}\n", "5:10", &["the environment has no NO_SUCH", "${NO_SUCH:-default}"]),
    row("empty name", "spec:\n- task: http\n  with:\n    url: URL\n    qps: ${EMPTY}\n", "5:10", &["EMPTY is empty in the environment", "${EMPTY:-default}"]),
    row("name of the wrong type", "spec:\n- task: http\n  with:\n    url: URL\n    qps: ${WORD}\n", "5:10", &["expected a number"]),
    row("bad method", "spec:\n- task: http\n  with:\n    url: URL\n    method: 'GE T'\n", "5:13", &["method"]),
    row("bad header", "spec:\n- task: http\n  with:\n    url: URL\n    headers: {'a b': c}\n", "", &["a header needs `name: value`"]),
    row("bad percentile", "spec:\n- task: http\n  with:\n    url: URL\n    percentiles: [101]\n", "5:19", &["101 is no percentile"]),
    row("unknown word", "spec:\n- task: http\n  with: {url: URL}\n- task: assess\n  with: {objectives: [http/error-rate <= 1%], onInconclusive: fial}\n", "5:63", &["expected observed, pass or fail", "`fial`"]),
    row("empty script", "spec:\n- run: ''\n", "2:8", &["the script is empty"]),
    row("script that is none", "spec:\n- run: [a]\n", "2:8", &["a shell script"]),
    row("task `run`", "spec:\n- task: run\n  with: {}\n", "2:9", &["run"]),
    row("ready without URL", "spec:\n- task: ready\n  with: {timeout: 5s}\n", "3:9", &["needs `url`"]),
    row("bad status", "spec:\n- task: ready\n  with:\n    url: URL\n    status: 2000\n", "5:13", &["expected a status"]),
    row("both kinds of credentials", "spec:\n- task: http\n  with: {url: URL, bearerToken: abcdefg, basicAuth: 'a:bcdefgh'}\n", "", &["either `basicAuth` or `bearerToken`"]),
    row("gRPC: no method", "spec:\n- task: grpc\n  with: {host: 127.0.0.1:1}\n", "3:9", &["needs `call`"]),
    row("gRPC: no host", "spec:\n- task: grpc\n  with: {call: a.B/C}\n", "3:9", &["needs `host`"]),
    row("gRPC: a host without a port", "spec:\n- task: grpc\n  with:\n    host: shop.example\n    call: a.B/C\n", "4:11", &["no port", "shop.example:50051"]),
    row("gRPC: a key of http", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    numRequest: 5\n", "6:5", &["unknown field `numRequest`"]),
    row("gRPC: no number of calls", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    total: 0\n", "6:12", &["whole number from 1"]),
    row("gRPC: a word for a rate", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    rps: fast\n", "6:10", &["expected a number", "`fast`"]),
    row("gRPC: a negative rate", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    rps: -5\n", "6:10", &["from 0", "-5"]),
    row("gRPC: a word for a count of messages", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    stream-call-count: many\n", "6:24", &["expected", "`many`"]),
    row("gRPC: a negative start", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    load-schedule: step\n    load-start: -5\n    load-step: 1\n    load-step-duration: 1s\n", "7:17", &["expected", "-5"]),
    row("gRPC: half a step", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    load-schedule: step\n    load-start: 5\n    load-step: 0.5\n    load-step-duration: 1s\n", "8:16", &["expected a whole number", "0.5"]),
    row("gRPC: steps without a schedule", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    load-step: 5\n", "6:16", &["changes nothing without `load-schedule`"]),
    row("gRPC: a size that is none", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    max-recv-message-size: lots\n", "6:28", &["expected a number of bytes", "`lots`"]),
    row("gRPC: unknown strategy", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    lb-strategy: roundrobin\n", "6:18", &["did you mean `round_robin`"]),
    row("gRPC: unknown ending", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    duration-stop: stop\n", "6:20", &["wait", "close"]),
    row("gRPC: metadata that is a list", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    metadata: [a]\n", "6:15", &["expected", "list"]),
    row("gRPC: metadata that is no object", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    metadata: '[1]'\n", "6:15", &["metadata is a JSON object of strings, not a list", "x-user"]),
    row("gRPC: metadata of the protocol", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    metadata: {grpc-timeout: 1S}\n", "6:30", &["given by gRPC itself"]),
    row("gRPC: data that is a number", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    data: 5\n", "6:11", &["a message"]),
    row("gRPC: data that is not JSON", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    data: '{a'\n", "6:11", &["not JSON"]),
    row("gRPC: a template of no function", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    data: '{{nope}}'\n", "6:11", &["no function `nope`"]),
    row("gRPC: bad time-out", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    timeout: 5 parsecs\n", "6:14", &["duration", "5 parsecs"]),
    row("gRPC: TLS and none", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    insecure: true\n    skipTLS: true\n", "6:15", &["`insecure: true` means no TLS"]),
    row("gRPC: half of an identity", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    cert: experiment.yaml\n", "6:11", &["`cert` and `key` must be given together"]),
    row("gRPC: no such proto", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: a.B/C\n    proto: no-such.proto\n", "6:12", &["no-such.proto"]),
    row("gRPC: no number in a message", "spec:\n- task: grpc\n  with:\n    host: 127.0.0.1:1\n    call: t.S/Do\n    proto: t.proto\n    data: {amount: many}\n", "7:20", &["$.amount", "expected a whole number of 32 bits", "many"]),
    row("metrics: neither a template nor Prometheus", "spec:\n- task: custommetrics\n  with: {values: {a: b}}\n", "3:9", &["needs `templates` or `prometheus`"]),
    row("metrics: unknown key", "spec:\n- task: custommetrics\n  with:\n    template: {a: URL}\n    prometheus: {url: URL, queries: {a: b}}\n", "4:5", &["unknown field `template`", "did you mean `templates`?"]),
    row("metrics: templates as a list", "spec:\n- task: custommetrics\n  with:\n    templates: [a.tpl]\n", "4:16", &["expected a map"]),
    row("metrics: no such template", "spec:\n- task: custommetrics\n  with:\n    templates: {a: no-such.tpl}\n", "4:20", &["cannot read", "no-such.tpl"]),
    row("metrics: a template that is not closed", "spec:\n- task: custommetrics\n  with:\n    templates: {a: '{{ .b'}\n", "4:20", &["not closed"]),
    row("metrics: a function of a later sprig", "spec:\n- task: custommetrics\n  with:\n    templates: {a: 'url: {{ get .b \"c\" }}'}\n", "4:20", &["there is no function `get`", "sprig 2.22"]),
    row("metrics: a template without a URL", "spec:\n- task: custommetrics\n  with:\n    templates:\n      a: |\n        metrics:\n        - {name: m, jqExpression: .m}\n", "", &["there is no `url`"]),
    row("metrics: no jq", "spec:\n- task: custommetrics\n  with:\n    templates:\n      a: |\n        url: http://x\n        metrics:\n        - {name: m}\n", "", &["a/m has no `jqExpression`"]),
    row("metrics: a wrong type", "spec:\n- task: custommetrics\n  with:\n    templates:\n      a: |\n        url: http://x\n        metrics:\n        - {name: m, type: histogram, jqExpression: .m}\n", "", &["expected gauge or counter, found `histogram`"]),
    row("metrics: bad startingTime", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL, queries: {a: b}}\n    values: {startingTime: yesterday}\n", "5:28", &["`yesterday` is no time", "2026-05-01T10:00:00Z"]),
    row("metrics: startingTime of a version", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL, queries: {a: b}}\n    versionValues:\n    - {startingTime: '2999-01-01T00:00:00Z'}\n", "6:22", &["still to come"]),
    row("metrics: a provider called http", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL, provider: http, queries: {a: b}}\n", "", &["cannot be called `http`"]),
    row("metrics: no queries", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL}\n", "4:17", &["`prometheus` needs `queries`"]),
    row("metrics: an empty query", "spec:\n- task: custommetrics\n  with:\n    prometheus:\n      url: URL\n      queries: {a: ''}\n", "6:20", &["there is no query"]),
    row("metrics: a list of queries", "spec:\n- task: custommetrics\n  with:\n    prometheus:\n      url: URL\n      queries: [up]\n", "6:16", &["a map from the names of metrics to queries"]),
    row("metrics: versions twice", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL, queries: {a: b}}\n    versions: [{name: x}, {name: x}]\n", "", &["two versions `x`"]),
    row("metrics: both forms of versions", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL, queries: {a: b}}\n    versions: [{name: x}]\n    versionValues: [{a: b}]\n", "", &["`versions` and `versionValues` are both given"]),
    row("metrics: an objective on a metric that is not asked for", "spec:\n- task: custommetrics\n  with:\n    prometheus: {url: URL, queries: {errors: b}}\n- task: assess\n  with: {objectives: [prometheus/error <= 1]}\n", "6:23", &["no task measures prometheus/error", "did you mean `prometheus/errors`?"]),
    row("notify: no URL", "spec:\n- task: notify\n  with: {method: POST}\n", "3:9", &["a `notify` task needs `url`"]),
    row("notify: bad method", "spec:\n- task: notify\n  with: {url: URL, method: SEND}\n", "", &["`SEND` is no method"]),
    row("notify: parameters as a list", "spec:\n- task: notify\n  with:\n    url: URL\n    params: [a]\n", "5:13", &["expected a map"]),
    row("notify: a field that no result has", "spec:\n- task: notify\n  with:\n    url: URL\n    payloadTemplate: '{{ .Report.NumTask }}'\n", "5:22", &["there is no field `.NumTask`", "did you mean `.NumTasks`?"]),
    row("notify: a payload of no function", "spec:\n- task: notify\n  with:\n    url: URL\n    payloadTemplate: '{{ env \"HOME\" }}'\n", "5:22", &["there is no function `env`", "do not see the environment"]),
    row("slack: no URL", "spec:\n- task: slack\n", "", &["a `slack` task needs `url`", "incoming webhook"]),
    row("github: no token", "spec:\n- task: github\n  with: {owner: octo, repo: shop}\n", "3:9", &["a `github` task needs `token`"]),
    row("github: no repository", "spec:\n- task: github\n  with: {token: abcdefgh}\n", "3:9", &["needs `owner`", "needs `repo`"]),
    row("github: an owner that is none", "spec:\n- task: github\n  with: {owner: octo/shop, repo: shop, token: abcdefgh}\n", "3:17", &["`octo/shop` is no name on GitHub"]),
];

fn check(row: &Row) {
    let server = Server::ok();
    let url = server.url("/");
    let app = App::with(&row.text.replace("URL", &format!("'{url}'")))
        .env("WORD", "fast")
        .env("EMPTY", "")
        .file("t.proto", PROTO);
    for command in [&["run"][..], &["validate", "experiment.yaml"]] {
        let output = app.run(command);
        output.exits(2);
        // A column behind the address depends on the length of the address.
        let at = match row.at.split_once("URL+") {
            Some((line, more)) => {
                let column =
                    "  with: {url: ".len() + url.len() + 2 + more.parse::<usize>().expect("a number") + 1;
                format!("{line}{column}")
            }
            None => row.at.to_owned(),
        };
        assert!(
            output.stderr.contains(&format!("experiment.yaml:{at}")) || at.is_empty(),
            "not at {at}: {output}"
        );
        assert!(output.stderr.contains("experiment.yaml"), "no place: {output}");
        output.says_all(row.says);
        assert_eq!(output.stdout, "", "{output}");
    }
    assert_eq!((server.requests(), server.connections()), (0, 0));
    assert!(!app.path("iter8-results").exists());
}

#[test]
fn a_mistake_in_a_file_is_shown_at_its_place_and_nothing_is_sent() {
    each(ROWS, |row| row.name, check);
}

#[test]
fn hostile_files_are_refused_and_do_no_harm() {
    let bomb = |levels: u32| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..levels {
            let before = vec![format!("*a{}", level - 1); 9].join(", ");
            writeln!(text, "a{level}: &a{level} [{before}]").expect("text grows");
        }
        text
    };
    let deep = format!("spec: {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    let nested = (0..20_000).fold(String::new(), |text, depth| {
        format!("{text}{}a:\n", " ".repeat(depth % 80))
    });
    let rows = [
        ("alias bomb", bomb(12).into_bytes()),
        ("deep list", deep.into_bytes()),
        ("deep maps", nested.into_bytes()),
        ("deep flow maps", "{a: ".repeat(20_000).into_bytes()),
        ("100 MB", vec![b'#'; 100 << 20]),
        (
            "a million keys",
            (0..1_000_000)
                .fold(String::new(), |text, n| text + &format!("k{n}: 1\n"))
                .into_bytes(),
        ),
        ("not UTF-8", b"spec: \xff\xfe\n".to_vec()),
        ("binary", vec![0; 4096]),
        ("an endless anchor", b"spec: &a [*a]\n".to_vec()),
    ];
    each(
        &rows,
        |(name, _)| name,
        |(_, content)| {
            let app = App::new().file("experiment.yaml", content);
            let output = app.run(&["run"]);
            output.exits(2).says("experiment.yaml");
            assert!(
                output.stderr.len() < 4096,
                "{} bytes of talk",
                output.stderr.len()
            );
        },
    );
}

#[test]
fn all_mistakes_are_listed_at_once() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    qsp: 5\n    numRequests: -1\n    timeout: soon\n- task: rady\n- run: echo\n  if: SLO()\n- task: assess\n  with: {{objectives: [http/latensy-p95 <= 1s, http/error-rate < 1]}}\n",
        server.url("/")
    ));
    let output = app.run(&["run"]);
    output.exits(2).says("7 mistakes; nothing was sent");
    for place in ["5:5", "6:18", "7:14", "8:9", "10:7", "12:23", "12:"] {
        output.says(&format!("--> ./experiment.yaml:{place}"));
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_key_in_another_case_is_a_warning() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numrequests: 3, QPS: 100}}\n",
        server.url("/")
    ));
    app.run(&["run"])
        .exits(0)
        .says("`numrequests` is read as `numRequests`");
    assert_eq!(server.requests(), 3);
}

#[test]
fn mistakes_in_flags_name_the_flag() {
    let server = Server::ok();
    let url = server.url("/");
    let url = url.as_str();
    #[rustfmt::skip] // a table
    let rows: &[(&[&str], &[&str])] = &[
        (&["--url", url, "--qps", "0"], &["flag --qps", "write `max`"]),
        (&["--url", url, "--qps", "NaN"], &["flag --qps"]),
        (&["--url", url, "--numRequests", "-3"], &["flag --numRequests", "not negative"]),
        (&["--url", url, "--duration", "soon"], &["flag --duration"]),
        (&["--url", url, "--slo", "http/latency-p95"], &["flag --slo", "METRIC <= LIMIT"]),
        (&["--url", url, "--slo", "http/latency-p95 < 5ms"], &["flag --slo", "<="]),
        (&["--url", url, "--slo", "http/latency-p95 <= fast"], &["flag --slo", "fast"]),
        (&["--url", url, "--slo", "http/latency-p101 <= 5ms"], &["flag --slo", "p101"]),
        (&["--url", url, "--slo", "latency-p95 <= 5ms"], &["flag --slo", "http/latency-p95"]),
        (&["--url", url, "--slo", "http-x/error-rate <= 1%"], &["flag --slo", "no task measures"]),
        (&["--url", url, "--headers", "no colon"], &["flag --headers", "1 mistake", "name: value"]),
        (&["--url", url, "--payloadFile", "none"], &["flag --payloadFile", "none"]),
        (&["--url", url, "--readyTimeout", "x"], &["flag --readyTimeout"]),
        (&["--url", url, "--reports", "pdf"], &["unknown report format `pdf`"]),
        (&["--url", url, "--slo", "http/error-rate <= 1%", "--onInconclusive", "maybe"], &["flag --onInconclusive"]),
        (&["--url", url, "--baselineURL", "gopher://a"], &["flag --baselineURL", "`gopher://`"]),
        (&["--url", url, "--slo", "http/latency-p95 <= 1.1x base"], &["flag --slo", "no baseline", "`baselineURL`"]),
        (&["--url", url, "--streams", "4"], &["flag --streams", "needs HTTP/2"]),
        (&["--url", url, "--arrivals", "random"], &["flag --arrivals", "constant or poisson"]),
        (&["--url", url, "--httpVersion", "3"], &["flag --httpVersion", "1.1, 2 or h2c"]),
        (&["--url", "gopher://a"], &["flag --url", "`gopher://`"]),
        (&["--url", ""], &["experiment.yaml"]),
        (&["--qps", "5"], &["experiment.yaml"]),
        (&["none.yaml"], &["none.yaml", "No such file"]),
    ];
    each(
        rows,
        |(args, _)| args.last().expect("an argument"),
        |(args, says)| {
            let app = App::new();
            let output = app.run(&[&["run"], *args].concat());
            output.exits(2);
            output.says_all(says);
            assert!(!app.path("iter8-results").exists());
        },
    );
    assert_eq!(server.connections(), 0);
}
