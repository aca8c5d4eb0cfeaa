//! `compression`: bodies are looked into as they were before they were encoded, and counted as they came.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Answer, App, Seen, Server, each};

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// The text stands behind more than one piece of the body.
fn page() -> String {
    let numbers = (0..40_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string());
    let filler = numbers.collect::<Vec<_>>().join(" ");
    filler + " the needle"
}

/// A body, its encoding, what is expected of it, and the class and words of the failure if it fails.
struct Row {
    name: &'static str,
    body: Vec<u8>,
    encoding: &'static str,
    expect: &'static str,
    failure: Option<(&'static str, &'static str)>,
}

#[test]
fn encoded_bodies_are_looked_into_and_counted_as_they_came() {
    let good = gzipped(&page());
    let (half, mut wrong) = (good[..good.len() / 2].to_vec(), good.clone());
    wrong[12..76].fill(0xff);
    let row = |name, body: &[u8], encoding, expect, failure| Row {
        name,
        body: body.to_vec(),
        encoding,
        expect,
        failure,
    };
    let needle = "the needle";
    let rows = [
        row("gzip", &good, "gzip", needle, None),
        row(
            "not in it",
            &good,
            "gzip",
            "no such text",
            Some(("expectation", "does not contain")),
        ),
        row(
            "half of it",
            &half,
            "gzip",
            needle,
            Some(("protocol", "cannot be decoded")),
        ),
        row(
            "broken",
            &wrong,
            "gzip",
            needle,
            Some(("protocol", "cannot be decoded")),
        ),
        row(
            "no gzip",
            b"plain: the needle",
            "gzip",
            needle,
            Some(("protocol", "cannot be decoded")),
        ),
        row("plain", b"plain: the needle", "identity", needle, None),
        row(
            "another encoding",
            &good,
            "br",
            needle,
            Some(("protocol", "encoded as `br`")),
        ),
    ];
    each(
        &rows,
        |row| row.name,
        |row| {
            for version in ["'1.1'", "h2c"] {
                let (body, encoding) = (Bytes::from(row.body.clone()), row.encoding);
                let answer = move |seen: &Seen| {
                    assert_eq!(seen.header("accept-encoding"), "gzip");
                    Answer::status(200)
                        .header("content-encoding", encoding)
                        .body(body.clone())
                };
                let server = if version == "h2c" {
                    Server::http2(answer)
                } else {
                    Server::new(answer)
                };
                let app = App::with(&format!(
                    "spec:\n- task: http\n  with: {{url: '{}', httpVersion: {version}, numRequests: 8, qps: max, connections: 2, compression: true, expect: {{body: '{}'}}}}\n- task: assess\n  with: {{objectives: [http/error-count <= 0]}}\n",
                    server.url("/"),
                    row.expect
                ));
                let output = app.run(&["run"]);
                let measured = app.result()["insights"]["versions"][0]["loads"][0]["measurement"].clone();
                assert_eq!(measured["answered"], 8, "{version}: {output}");
                assert_eq!(
                    measured["bytesReceived"],
                    8 * row.body.len(),
                    "{version}: {output}"
                );
                match row.failure {
                    None => assert_eq!(measured["errors"], 0, "{version}: {output}"),
                    Some((class, words)) => {
                        output.exits(1).says(words);
                        assert_eq!(measured["failures"][class]["count"], 8, "{version}: {output}");
                    }
                }
                assert_eq!((server.requests(), server.connections()), (8, 2), "{version}");
            }
        },
    );
}
