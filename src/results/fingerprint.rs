//! [`fingerprint`]: by what runs know whether they are of one experiment, whatever flags and inputs put over its text.

use crate::spec::{Node, Value};

/// Keys by which independent loads of one experiment may differ.
pub(super) const OWN: &[&str] = &[
    "numrequests",
    "duration",
    "qps",
    "connections",
    "maxconnections",
    "streams",
    "n",
    "total",
    "rps",
    "concurrency",
    "c",
];
/// Keys whose values are secret.
const SECRET: &[&str] = &["basicauth", "bearertoken"];

/// A checksum of an experiment, but for how much is sent. `masked` leaves out secrets; the sum is too short to tell what else
/// went into it.
pub fn fingerprint(root: &Node, masked: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    write(root, masked, &mut text);
    // FNV-1a.
    let sum = text.bytes().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{sum:08x}")
}

/// Every text is quoted, so that no two trees are written alike.
fn write(node: &Node, masked: &dyn Fn(&str) -> String, out: &mut String) {
    match &node.value {
        Value::Null => out.push('~'),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&value.to_string()),
        Value::String(text) | Value::Text(text) => out.push_str(&format!("{:?}", masked(text))),
        Value::List(items) => {
            out.push('[');
            for item in items {
                write(item, masked, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Map(entries) => {
            let left_out = |name: &str| {
                let name = name.to_ascii_lowercase();
                OWN.contains(&name.as_str()) || SECRET.contains(&name.as_str())
            };
            let mut kept: Vec<_> = entries.iter().filter(|(key, _)| !left_out(&key.name)).collect();
            kept.sort_by(|one, other| one.0.name.cmp(&other.0.name));
            out.push('{');
            for (key, value) in kept {
                out.push_str(&format!("{:?}:", key.name));
                write(value, masked, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SourceFile;

    fn of(text: &str) -> String {
        let root = Node::parse(&SourceFile::new("experiment", text)).expect("YAML");
        fingerprint(&root, &|text| text.replace("s3cret", "***"))
    }

    #[test]
    fn it_changes_with_all_but_how_much_is_sent_and_what_is_secret() {
        let base = of("{url: 'http://a/?x=1', qps: 5, headers: {a: s3cret}}");
        for same in [
            "{headers: {a: s3cret}, url: 'http://a/?x=1', QPS: 9, duration: 3s, basicAuth: 'a:b'}",
            "{url: 'http://a/?x=1', headers: {a: '***'}}",
        ] {
            assert_eq!(of(same), base, "{same}");
        }
        for other in [
            "{url: 'http://a/?x=2', headers: {a: s3cret}}",
            "{url: 'http://a/?x=1', headers: {a: s3cret}, method: POST}",
            "{url: 'http://a/?x=1', headers: {b: s3cret}}",
            "[{url: 'http://a/?x=1', headers: {a: s3cret}}]",
        ] {
            assert_ne!(of(other), base, "{other}");
        }
    }
}
