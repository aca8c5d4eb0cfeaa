//! Paths and URLs.

use std::collections::BTreeMap;

use url::Url;

use super::super::super::format::text_of;
use super::super::super::value::Value;
use super::super::lists::entries;
use super::super::{Function, function, text};

pub(super) const PATHS: &[Function] = &[
    function("base", 1, 1, |_, values| {
        let path = text(values, 0)?;
        let trimmed = path.trim_end_matches('/');
        Ok(match (path, trimmed) {
            ("", _) => ".".into(),
            (_, "") => "/".into(),
            (_, trimmed) => trimmed.rsplit('/').next().unwrap_or(trimmed).into(),
        })
    }),
    function("dir", 1, 1, |_, values| {
        let path = text(values, 0)?;
        let end = path.rfind('/').map_or(0, |at| at + 1);
        Value::text(clean(&path[..end]))
    }),
    function("clean", 1, 1, |_, values| Value::text(clean(text(values, 0)?))),
    function("ext", 1, 1, |_, values| {
        let name = text(values, 0)?.rsplit('/').next().unwrap_or_default();
        Ok(name.rfind('.').map_or("", |at| &name[at..]).into())
    }),
    function("isAbs", 1, 1, |_, values| {
        Ok(Value::Bool(text(values, 0)?.starts_with('/')))
    }),
    function("urlParse", 1, 1, |_, values| parts(text(values, 0)?)),
    function("urlJoin", 1, 1, |_, values| {
        let parts = entries(values, 0)?;
        let part = |name: &str| parts.get(name).map(text_of).unwrap_or_default();
        let mut out = String::new();
        if !part("scheme").is_empty() {
            out.push_str(&format!("{}:", part("scheme")));
        }
        if !part("opaque").is_empty() {
            out.push_str(&part("opaque"));
        } else if !(part("host").is_empty() && part("userinfo").is_empty()) {
            let user = part("userinfo");
            let at = if user.is_empty() { "" } else { "@" };
            out.push_str(&format!("//{user}{at}{}", part("host")));
        }
        out.push_str(&part("path"));
        for (mark, name) in [("?", "query"), ("#", "fragment")] {
            if !part(name).is_empty() {
                out.push_str(&format!("{mark}{}", part(name)));
            }
        }
        Value::text(out)
    }),
];

/// The shortest path that is the same.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if absolute => {}
            part => kept.push(part),
        }
    }
    let joined = kept.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn parts(text: &str) -> Result<Value, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default();
    let user = match (url.username(), url.password()) {
        (user, Some(password)) => format!("{user}:{password}"),
        (user, None) => user.to_owned(),
    };
    // The port as written: the parser drops one that is usual.
    let authority = text
        .split_once("//")
        .map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    let written = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path =
        if url.path() == "/" && !text.trim_end_matches(['?', '#']).ends_with('/') && url.query().is_none() {
            ""
        } else {
            url.path()
        };
    let fields = [
        ("fragment", url.fragment().unwrap_or_default().to_owned()),
        ("host", written.to_owned()),
        ("hostname", host.to_owned()),
        (
            "opaque",
            if url.cannot_be_a_base() {
                url.path().to_owned()
            } else {
                String::new()
            },
        ),
        (
            "path",
            if url.cannot_be_a_base() {
                String::new()
            } else {
                path.to_owned()
            },
        ),
        ("query", url.query().unwrap_or_default().to_owned()),
        ("scheme", url.scheme().to_owned()),
        ("userinfo", user),
    ];
    let entries: BTreeMap<String, Value> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    Value::map(entries)
}
