//! [`SourceFile`]: a text the user wrote, and where in it a byte stands.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Place, Span};

/// Largest experiment that is read, in bytes.
const LARGEST: u64 = 8 << 20;
/// Longest line that a diagnostic shows, in characters.
const LONGEST_LINE: usize = 200;

/// A file that cannot be used as an experiment.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error("cannot read the experiment {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The content of a regular file of at most `largest` bytes. Devices and pipes, which may never end, are refused unopened.
pub fn read_file(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    // A file may grow while it is read.
    File::open(path)?.take(largest + 1).read_to_end(&mut content)?;
    if content.len() as u64 > largest {
        let limit = largest >> 20;
        return Err(io::Error::other(format!("it is larger than {limit} MiB")));
    }
    Ok(content)
}

/// A text with a name.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: String,
    text: String,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

impl SourceFile {
    /// A text under the name that diagnostics show.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name: name.into(),
            text,
            lines,
        }
    }

    /// Reads a file of at most 8 MiB.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        Self::read_up_to(path, LARGEST)
    }

    /// Reads a file of at most so many bytes.
    pub fn read_up_to(path: &Path, largest: u64) -> Result<Self, SourceError> {
        let read = |source| SourceError::Read {
            path: path.to_owned(),
            source,
        };
        let content = read_file(path, largest).map_err(read)?;
        let text = String::from_utf8(content).map_err(|cause| read(io::Error::other(cause.utf8_error())))?;
        Ok(Self::new(
            path.display().to_string(),
            text.trim_start_matches('\u{feff}'),
        ))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a scalar in a range of bytes, as it is written but without quotes; that of its anchor for an alias.
    pub(super) fn literal(&self, range: Range<usize>) -> Option<&str> {
        let text = self.text.get(range)?.trim();
        let text = match text.strip_prefix('*') {
            Some(anchor) => {
                let anchor = format!("&{anchor} ");
                let at = self.text.find(&anchor)? + anchor.len();
                self.text[at..].lines().next()?.trim()
            }
            None => text,
        };
        Some(text.trim_matches(['"', '\'']))
    }

    /// The place of a range of bytes; only its first line is meant.
    pub fn place(&self, range: Range<usize>) -> Place {
        let start = self.floor(range.start);
        let line = self
            .lines
            .partition_point(|first| *first <= start)
            .saturating_sub(1);
        let first = self.lines[line];
        let whole = self.text[first..].lines().next().unwrap_or("");
        let end = self
            .floor(range.end)
            .clamp(start, (first + whole.len()).max(start));
        let width = self.text[start..end].chars().count().max(1);
        let column = self.text[first..start].chars().count() + 1;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let text = whole.chars().take(LONGEST_LINE).collect();
        Place {
            source: self.name.clone(),
            span: Some(Span {
                line: count(line + 1),
                column: count(column),
                width: count(width),
                text,
            }),
        }
    }

    /// The place of a line and column, both from 1.
    pub fn place_at(&self, line: u64, column: u64) -> Place {
        let index = usize::try_from(line.saturating_sub(1))
            .unwrap_or(usize::MAX)
            .min(self.lines.len() - 1);
        let first = self.lines[index];
        let skip = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let whole = self.text[first..].lines().next().unwrap_or("");
        let offset = whole.char_indices().nth(skip).map_or(whole.len(), |(at, _)| at);
        self.place(first + offset..first + offset)
    }

    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = SourceFile::new("e.yaml", "spec:\n- täsk: http\n");
        let at = source.text().find("http").expect("there");
        let place = source.place(at..at + 4);
        assert_eq!(place.to_string(), "e.yaml:2:9");
        assert_eq!(place.span.expect("lines").width, 4);
    }

    #[test]
    fn only_regular_files_of_a_fair_size_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("e.yaml");
        std::fs::write(&path, vec![b'#'; 9 << 20]).expect("written");
        for (path, why) in [
            (Path::new("/dev/zero"), "not a regular file"),
            (folder.path(), "not a regular file"),
            (&path, "larger than 8 MiB"),
        ] {
            let SourceError::Read { source, .. } = SourceFile::read(path).expect_err("refused");
            assert!(source.to_string().contains(why), "{source}");
        }
        assert_eq!(
            read_file(&path, 9 << 20).expect("as large as allowed").len(),
            9 << 20
        );
    }

    #[test]
    fn offsets_outside_the_text_do_not_panic() {
        let source = SourceFile::new("e.yaml", "ä");
        for (start, end) in [(0, 1), (1, 9), (7, 3)] {
            let _ = source.place(start..end);
        }
        let _ = SourceFile::new("e", "").place_at(99, 99);
    }
}
