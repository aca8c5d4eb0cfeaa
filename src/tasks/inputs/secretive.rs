//! Names that say that what they name is a secret, and what is hidden for it.

use crate::secret::Mask;
use crate::spec::{Decoder, Node, Value};

/// Words in names of secrets.
const WORDS: [&str; 6] = ["token", "secret", "password", "passwd", "signature", "credential"];
/// Keys that open something, without punctuation. Others sort, group or cache.
const KEYS: [&str; 14] = [
    "apikey",
    "appkey",
    "applicationkey",
    "accesskey",
    "accountkey",
    "authkey",
    "functionskey",
    "insertkey",
    "licensekey",
    "privatekey",
    "querykey",
    "signingkey",
    "subscriptionkey",
    "userkey",
];

/// Whether the value of a header is a secret even when it is written out.
pub(crate) fn is_secret_header(name: &str) -> bool {
    let name = plain(name);
    let others = ["authorization", "cookie", "xvercelprotectionbypass"];
    is_secret(&name) || others.iter().any(|word| name.contains(word))
}

/// Whether a parameter of a query is a secret.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    let name = plain(name);
    name == "sig" || name.ends_with("key") || name.contains("auth") || is_secret(&name)
}

/// Hides the secrets among the values of a template, at any depth, and before anything is said of the file.
pub(crate) fn hide_values(values: &Node, decoder: &Decoder<'_>) {
    match &values.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                if is_secret(&plain(&key.name)) {
                    hide_all(node, decoder);
                } else {
                    hide_values(node, decoder);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| hide_values(item, decoder)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_) => {}
    }
}

fn hide_all(node: &Node, decoder: &Decoder<'_>) {
    match &node.value {
        Value::String(text) | Value::Text(text) => decoder.hide(Some(node), text, Mask::add),
        Value::Int(_) | Value::Float(_) => {
            if let Some(text) = decoder.as_written(node) {
                decoder.mask().add(text);
            }
        }
        Value::Map(entries) => entries.iter().for_each(|(_, node)| hide_all(node, decoder)),
        Value::List(items) => items.iter().for_each(|item| hide_all(item, decoder)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn is_secret(name: &str) -> bool {
    WORDS.iter().any(|word| name.contains(word)) || KEYS.iter().any(|key| name.contains(key))
}

/// A name without case and punctuation.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets_from_other_keys() {
        for name in [
            "Authorization",
            "Ocp-Apim-Subscription-Key",
            "X-Query-Key",
            "x_api_key",
            "Set-Cookie",
            "X-Functions-Key",
        ] {
            assert!(is_secret_header(name), "{name}");
        }
        for name in ["Idempotency-Key", "Sec-WebSocket-Key", "Surrogate-Key", "Accept"] {
            assert!(!is_secret_header(name), "{name}");
        }
        for name in ["sig", "key", "access_token", "authuser"] {
            assert!(is_secret_parameter(name), "{name}");
        }
        assert!(!is_secret_parameter("page"));
        for name in ["queryKey", "PASSWORD", "client_secret"] {
            assert!(is_secret(&plain(name)), "{name}");
        }
        for name in ["groupKey", "author", "user"] {
            assert!(!is_secret(&plain(name)), "{name}");
        }
    }
}
