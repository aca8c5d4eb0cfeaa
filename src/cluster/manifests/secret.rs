//! What is in the Secret of a group: the experiment, files that travel with it, and where its whole result is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::secret::Secret;

/// Key of the Secret with the URL that whole results are sent to: it may be signed.
pub const RESULT_URL: &str = "resultURL";
/// Stands in a key for what lies between folders in a path.
const BETWEEN: &str = "..";
/// Longest key that Kubernetes takes.
const LONGEST: usize = 253;

/// The key that a file has, by its path from the experiment's folder; `None` where no key can say it.
pub fn key_of(path: &str) -> Option<String> {
    let key = path.replace('/', BETWEEN);
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_key = key.chars().all(is_fine) && key.len() <= LONGEST && key != RESULT_URL;
    (is_key && path_of(&key).as_deref() == Some(path)).then_some(key)
}

/// The path of a file, from the experiment's folder, by its key; `None` for a key that is no file's.
pub fn path_of(key: &str) -> Option<String> {
    let is_fine = |part: &str| !part.is_empty() && part != "." && !part.contains(['/', '\\', '\0']);
    key.split(BETWEEN).all(is_fine).then(|| key.replace(BETWEEN, "/"))
}

/// Puts files into a Secret: text as text, so that people can read what is applied.
pub(super) fn fill(secret: &mut Value, files: &[(String, Vec<u8>)], url: Option<&Secret>) {
    let mut texts = Map::new();
    let mut bytes = Map::new();
    for (key, content) in files {
        match text(content) {
            Some(text) => texts.insert(key.clone(), text.into()),
            None => bytes.insert(key.clone(), STANDARD.encode(content).into()),
        };
    }
    if let Some(url) = url {
        texts.insert(RESULT_URL.to_owned(), url.expose().into());
    }
    secret["stringData"] = texts.into();
    if !bytes.is_empty() {
        secret["data"] = bytes.into();
    }
}

/// Content that is the same after it was written as YAML and read.
fn text(content: &[u8]) -> Option<&str> {
    let is_plain = |letter: char| !letter.is_control() || letter == '\n' || letter == '\t';
    let text = std::str::from_utf8(content).ok()?;
    let is_plain = text.chars().all(is_plain) && !text.contains(['\u{feff}', '\u{2028}', '\u{2029}']);
    is_plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_come_back_from_their_keys() {
        for (path, key) in [
            ("body.json", "body.json"),
            ("Body_1.JSON", "Body_1.JSON"),
            ("api/v1/shop.proto", "api..v1..shop.proto"),
            ("a/.b", "a...b"),
        ] {
            assert_eq!(key_of(path).as_deref(), Some(key));
            assert_eq!(path_of(key).as_deref(), Some(path));
        }
        for path in [
            "",
            "/a",
            "a/",
            "../a",
            "a/../b",
            "a..b",
            "a./b",
            "./a",
            "a b",
            "ä",
            "resultURL",
        ] {
            assert_eq!(key_of(path), None, "{path}");
        }
        for key in ["..", "..a", "a....b", "a/../../b", "."] {
            assert_eq!(path_of(key), None, "{key}");
        }
    }

    #[test]
    fn what_is_no_text_is_in_the_secret_byte_by_byte() {
        let files = [
            ("t", "a\n".as_bytes()),
            ("b", &[0xff, 0]),
            ("r", "a\r\n".as_bytes()),
        ];
        let files = files.map(|(key, content)| (key.to_owned(), content.to_vec()));
        let mut secret = json!({});
        fill(&mut secret, &files, Some(&Secret::new("https://a.example/")));
        assert_eq!(
            secret,
            json!({
                "stringData": {"t": "a\n", "resultURL": "https://a.example/"},
                "data": {"b": "/wA=", "r": "YQ0K"},
            })
        );
    }
}
