//! [`Template`]: text in which `{uuid}` stands for a fresh random UUID (version 4) in every request.

use std::fmt::Write as _;

use bytes::Bytes;

pub(super) use crate::load::random::Random;

/// As users write it, and as it looks in the path of a parsed URL.
const TOKENS: [&[u8]; 2] = [b"{uuid}", b"%7Buuid%7D"];

/// Text with or without placeholders.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// The text between the placeholders: one part more than there are placeholders.
    parts: Vec<Bytes>,
}

impl Template {
    pub(super) fn new(text: &Bytes) -> Self {
        let mut parts = Vec::new();
        let mut begin = 0;
        let mut at = 0;
        while at < text.len() {
            match TOKENS.iter().find(|token| text[at..].starts_with(token)) {
                Some(token) => {
                    parts.push(text.slice(begin..at));
                    at += token.len();
                    begin = at;
                }
                None => at += 1,
            }
        }
        parts.push(text.slice(begin..));
        Self { parts }
    }

    /// Whether every request gets the same text.
    pub(super) fn is_constant(&self) -> bool {
        self.parts.len() == 1
    }

    /// The text of the next request.
    pub(super) fn fill(&self, random: &mut Random) -> Bytes {
        if self.is_constant() {
            return self.parts[0].clone();
        }
        let mut text = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(uuid(random).as_bytes());
            }
            text.extend_from_slice(part);
        }
        text.into()
    }
}

/// RFC 9562, section 5.4.
fn uuid(random: &mut Random) -> String {
    let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
    let versioned = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut text = String::with_capacity(36);
    for (index, byte) in versioned.to_be_bytes().iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &'static str) -> String {
        let filled = Template::new(&text.into()).fill(&mut Random::new());
        String::from_utf8(filled.to_vec()).expect("text")
    }

    #[test]
    fn text_without_a_placeholder_stays() {
        assert_eq!(filled("/a?{b}=%7Bc%7D"), "/a?{b}=%7Bc%7D");
        assert!(Template::new(&"/".into()).is_constant());
    }

    #[test]
    fn every_placeholder_becomes_another_uuid_of_version_4() {
        let text = filled("/{uuid}/%7Buuid%7D?x={uuid}.");
        let parts: Vec<_> = text.trim_end_matches('.').split(['/', '?']).skip(1).collect();
        assert_eq!(parts.len(), 3, "{text}");
        let pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
        let pattern = regex::Regex::new(pattern).expect("pattern");
        for uuid in [parts[0], parts[1], &parts[2][2..]] {
            assert!(pattern.is_match(uuid), "{uuid}");
        }
        assert_ne!(parts[0], parts[1]);
        assert_ne!(filled("{uuid}"), filled("{uuid}"));
    }
}
