//! [`Servers`]: what stood behind the addresses of the recorded experiments, on free ports.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::case::Case;
use super::support::{Answer, Grpc, Reflection, Reply, Seen, Server, framed};

const WEB: &str = "127.0.0.1:18080";
const RAW: &str = "127.0.0.1:18081";
const GRPC: &str = "127.0.0.1:18090";
const MUTE: &str = "127.0.0.1:18091";

/// The servers that a case names.
pub(crate) struct Servers {
    web: Option<Server>,
    raw: Option<Server>,
    grpc: Option<Grpc>,
    mute: Option<Grpc>,
}

impl Servers {
    /// Starts those of a case.
    pub(crate) fn of(case: &Case) -> Self {
        let text = case.text();
        let own = Arc::new(OnceLock::new());
        let web = text.contains(WEB).then(|| {
            let own = Arc::clone(&own);
            let cycles = Mutex::new(BTreeMap::new());
            Server::new(move |seen| answer(seen, &cycles, &own))
        });
        if let Some(web) = &web {
            own.set(address(&web.url(""))).expect("once");
        }
        Self {
            web,
            raw: text
                .contains(RAW)
                .then(|| Server::new(|_| Answer::status(200).body("ok"))),
            grpc: text.contains(GRPC).then(|| Grpc::answering(reply).start()),
            mute: text
                .contains(MUTE)
                .then(|| Grpc::answering(reply).reflecting(Reflection::Off).start()),
        }
    }

    /// A text with the addresses as they are here.
    pub(crate) fn rewrite(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (old, new) in [
            (WEB, self.web.as_ref().map(|server| address(&server.url("")))),
            (RAW, self.raw.as_ref().map(|server| address(&server.url("")))),
            (GRPC, self.grpc.as_ref().map(Grpc::host)),
            (MUTE, self.mute.as_ref().map(Grpc::host)),
        ] {
            if let Some(new) = new {
                text = text.replace(old, &new);
            }
        }
        text
    }

    /// In what the requests differ from those that Iter8 sent.
    pub(crate) fn compare(&self, case: &Case) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if let (Some(expected), Some(web)) = (&case.requests, &self.web) {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for seen in web.seen() {
                let path = seen.path.split('?').next().unwrap_or_default();
                if !["/hook", "/db/"].iter().any(|kept| path.starts_with(kept)) {
                    *counts.entry(format!("{} {path}", seen.method)).or_default() += 1;
                }
            }
            if counts != *expected {
                found.push(("requests", format!("Iter8 sent {expected:?}, this {counts:?}")));
            }
        }
        if let Some(raw) = self.raw.as_ref().filter(|_| !case.raw.is_empty()) {
            let expected: Vec<_> = case.raw.iter().map(|text| request(text)).collect();
            let requests: Vec<_> = raw.seen().iter().map(essence).collect();
            if requests != expected && !case.text().contains("{uuid}") || requests.len() != expected.len() {
                found.push(("requests", format!("Iter8 sent {expected:?}, this {requests:?}")));
            }
        }
        if let Some(expected) = case.calls {
            // The recorded server counted messages.
            let servers = [&self.grpc, &self.mute].into_iter().flatten();
            let calls: usize = servers
                .flat_map(Grpc::calls)
                .map(|call| call.messages.len())
                .sum();
            if calls != expected {
                found.push(("requests", format!("Iter8 made {expected} calls, this {calls}")));
            }
        }
        found
    }
}

/// `HOST:PORT` of a URL.
fn address(url: &str) -> String {
    let rest = url.split("://").last().unwrap_or(url);
    rest.trim_end_matches('/').to_owned()
}

fn answer(seen: &Seen, cycles: &Mutex<BTreeMap<String, usize>>, own: &OnceLock<String>) -> Answer {
    let path = seen.path.split('?').next().unwrap_or_default();
    let (kind, rest) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((&path[1..], ""));
    let number = |text: &str| text.parse::<u16>().unwrap_or(400);
    match kind {
        "get" | "hook" => Answer::status(200),
        "post" => Answer::status(if seen.method == "POST" { 200 } else { 405 }),
        "hookfail" => Answer::status(500),
        "status" => Answer::status(number(rest)),
        "delay" => Answer::status(200).after(Duration::from_millis(number(rest).into())),
        "cycle" => {
            let codes: Vec<&str> = rest.split(',').collect();
            let mut cycles = cycles.lock().expect("no panic here");
            let turn = cycles.entry(rest.to_owned()).or_default();
            *turn += 1;
            Answer::status(number(codes[(*turn - 1) % codes.len()]))
        }
        "files" => file(rest, own),
        "db" => file(&format!("db-{rest}.json"), own),
        _ => Answer::status(404).body("404 page not found\n"),
    }
}

/// A file that was served to Iter8.
fn file(name: &str, own: &OnceLock<String>) -> Answer {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        "tests/oracle/inputs",
        "../shared/oracle/inputs",
        "../../shared/oracle/inputs",
    ];
    let text = folders
        .iter()
        .find_map(|folder| std::fs::read_to_string(root.join(folder).join(name)).ok());
    match (text, own.get()) {
        (Some(text), Some(own)) => Answer::status(200).body(text.replace(WEB, own)),
        _ => Answer::status(404).body("404 page not found\n"),
    }
}

/// What the recorded service does with a call.
fn reply(call: &super::support::Call) -> Reply {
    match call.item() {
        "fail" => Reply::trailers_only(5, "no such item"),
        "third" if call.number % 3 == 2 => Reply::trailers_only(14, "not now"),
        _ if call.path.ends_with("/Watch") => Reply::ok().bytes(framed(b"").repeat(3)),
        _ => Reply::ok().bytes(framed(b"")),
    }
}

/// What of a request does not depend on who sends it: method, target, headers of the user, body.
type Essence = (String, String, Vec<String>, String);

/// Headers that every client writes in its own way.
fn is_of_client(name: &str) -> bool {
    [
        "host",
        "user-agent",
        "content-length",
        "accept",
        "accept-encoding",
    ]
    .contains(&name)
}

fn request(raw: &str) -> Essence {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.to_ascii_lowercase();
        (!is_of_client(&name)).then(|| format!("{name}: {}", value.trim()))
    });
    let mut headers: Vec<String> = headers.collect();
    headers.sort();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    (method, path, headers, body.to_owned())
}

fn essence(seen: &Seen) -> Essence {
    let headers = seen.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        (!is_of_client(name.as_str())).then(|| format!("{name}: {value}"))
    });
    let mut headers: Vec<String> = headers.collect();
    headers.sort();
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    (seen.method.clone(), seen.path.clone(), headers, body)
}
