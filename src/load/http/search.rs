//! [`Search`]: whether a stream of chunks contains a text, without keeping the stream (Knuth, Morris and Pratt).

use bytes::Bytes;

/// A text to look for.
#[derive(Debug)]
pub(super) struct Needle {
    text: Bytes,
    /// For each prefix, the length of its longest proper prefix that is also its suffix.
    borders: Vec<usize>,
}

impl Needle {
    pub(super) fn new(text: Bytes) -> Self {
        let mut borders = vec![0; text.len()];
        let mut border = 0;
        for end in 1..text.len() {
            while border > 0 && text[end] != text[border] {
                border = borders[border - 1];
            }
            if text[end] == text[border] {
                border += 1;
            }
            borders[end] = border;
        }
        Self { text, borders }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search<'a> {
    needle: &'a Needle,
    matched: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(needle: &'a Needle) -> Self {
        Self { needle, matched: 0 }
    }

    /// Takes the next chunk.
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        let text = &self.needle.text;
        for byte in chunk {
            if self.found() {
                return;
            }
            while self.matched > 0 && *byte != text[self.matched] {
                self.matched = self.needle.borders[self.matched - 1];
            }
            if *byte == text[self.matched] {
                self.matched += 1;
            }
        }
    }

    /// Whether the text was in what came so far.
    pub(super) fn found(&self) -> bool {
        self.matched == self.needle.text.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(needle: &[u8], chunks: &[&[u8]]) -> bool {
        let needle = Needle::new(Bytes::copy_from_slice(needle));
        let mut search = Search::new(&needle);
        for chunk in chunks {
            search.feed(chunk);
        }
        search.found()
    }

    #[test]
    fn a_text_is_found_across_chunks() {
        assert!(found(b"aab", &[b"xa", b"aa", b"b"]));
        assert!(!found(b"aab", &[b"aa", b"ab".split_at(1).0]));
        assert!(found(b"", &[]));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[ab]{0,30}", needle in "[ab]{1,5}", cut in 0..30_usize) {
            let (front, back) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(found(needle.as_bytes(), &[front, back]), text.contains(&needle));
        }
    }
}
