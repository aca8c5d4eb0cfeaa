//! [`GHZ`]: how the keys of ghz fare here.

/// How a key of ghz fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does what it does in ghz.
    Works,
    /// It does something else, in words.
    Differs(&'static str),
    /// It is accepted and changes nothing; why.
    Nothing(&'static str),
}

use Fit::{Differs, Nothing, Works};

/// All keys of ghz's configuration, in its order.
pub static GHZ: &[(&str, Fit)] = &[
    (
        "proto",
        Differs("it may be a URL, too; the file is also looked for in `import-paths`"),
    ),
    ("protoset", Differs("it may be a URL, too")),
    ("call", Works),
    (
        "cacert",
        Differs("means TLS; trusted beside the system's authorities, not in their place"),
    ),
    ("cert", Differs("means TLS; an error beside `insecure: true`")),
    ("key", Differs("means TLS; an error beside `insecure: true`")),
    (
        "count-errors",
        Nothing("errors are always counted, and their latency has a place of its own"),
    ),
    ("skipTLS", Differs("means TLS; an error beside `insecure: true`")),
    ("skipFirst", Works),
    ("cname", Works),
    ("authority", Works),
    ("insecure", Differs("default true, as in Iter8; in ghz false")),
    ("total", Works),
    (
        "async",
        Differs("without `rps`, all of `total` are called at once"),
    ),
    ("concurrency", Works),
    (
        "concurrency-schedule",
        Differs("keys of its steps are refused without it; ghz ignores them then"),
    ),
    ("concurrency-start", Works),
    ("concurrency-end", Works),
    ("concurrency-step", Works),
    ("concurrency-step-duration", Works),
    ("concurrency-max-duration", Works),
    (
        "connections",
        Differs(
            "opened before the first call, in ten seconds at most; the first call on one that is not open by then opens it, and has that in its time",
        ),
    ),
    (
        "rps",
        Differs("fractions are allowed; calls that are due wait for a free lane, and their wait counts"),
    ),
    (
        "duration",
        Differs("with `total`, whichever comes first; ghz ignores `total` then"),
    ),
    (
        "duration-stop",
        Differs("default `wait`; ghz's `close` turns calls under way into errors"),
    ),
    ("max-duration", Works),
    ("timeout", Works),
    (
        "data",
        Differs("without any data an empty message is sent; `@` (the standard input) is refused"),
    ),
    (
        "data-file",
        Differs("it may be a URL, too; beside `data` it is refused"),
    ),
    (
        "binary-file",
        Differs("it may be a URL, too; beside `data` it is refused"),
    ),
    (
        "metadata",
        Differs("values of keys that end in `-bin` are base64; names that gRPC gives itself are refused"),
    ),
    ("metadata-file", Differs("it may be a URL, too")),
    (
        "stream-interval",
        Differs("a warning where nothing streams; ghz says nothing"),
    ),
    (
        "stream-call-duration",
        Differs("a warning where nothing streams; ghz says nothing"),
    ),
    (
        "stream-call-count",
        Differs("a warning where nothing streams; ghz says nothing"),
    ),
    (
        "stream-dynamic-messages",
        Differs("messages without call templates are fine"),
    ),
    ("output", Nothing("reports have flags and inputs of their own")),
    ("format", Nothing("reports have flags and inputs of their own")),
    (
        "connect-timeout",
        Differs(
            "for reflection; a call that has to open its connection has the time for it in its `timeout`",
        ),
    ),
    (
        "keepalive",
        Differs("as short as it is given; ghz waits 10s at least"),
    ),
    ("cpus", Nothing("as many processors are used as help")),
    ("import-paths", Works),
    ("name", Nothing("`version` names what is tested")),
    ("tags", Nothing("results say where they come from")),
    ("reflect-metadata", Works),
    ("debug", Nothing("the slowest and failed calls are in the report")),
    (
        "host",
        Differs("a URL is read with a warning; sockets of files cannot be called"),
    ),
    ("enable-compression", Works),
    (
        "load-schedule",
        Differs("keys of its steps are refused without it; ghz ignores them then"),
    ),
    ("load-start", Works),
    ("load-end", Works),
    ("load-step", Works),
    ("load-step-duration", Works),
    ("load-max-duration", Works),
    (
        "lb-strategy",
        Differs("default `round_robin`: connections, not calls, take turns over the addresses of the host"),
    ),
    (
        "max-recv-message-size",
        Differs("of what comes over the wire: answers are counted, not decoded"),
    ),
    ("max-send-message-size", Works),
    ("disable-template-functions", Differs("Go's own functions stay")),
    ("disable-template-data", Differs("holds for `metadata`, too")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::input::GrpcFields;
    use super::*;

    #[test]
    fn every_key_of_ghz_is_a_field_and_nothing_else_is_missing() {
        let fields: BTreeSet<&str> = GrpcFields::documented().iter().map(|field| field.key).collect();
        let keys: BTreeSet<&str> = GHZ.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.len(), GHZ.len(), "each once");
        let missing: Vec<_> = keys.difference(&fields).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let own: Vec<_> = fields.difference(&keys).copied().collect();
        assert_eq!(own, ["percentiles", "proxy", "resolve"]);
    }
}
