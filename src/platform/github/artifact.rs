//! [`read`]: a result out of a downloaded artifact, which anybody may have written who can open a pull request.
//!
//! Only `result.json` at its top is read; nothing in it names a path, and nothing else in the folder is opened.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::results::{ExperimentResult, WireError, parse, unmeasurable};

/// Files and folders of an artifact.
const MOST_FILES: usize = 200;
/// Folders in folders.
const DEEPEST: usize = 4;
/// Bytes of all files.
const LARGEST: u64 = 128 << 20;
/// Bytes of `result.json`.
const LARGEST_RESULT: u64 = 16 << 20;
/// Loads of a result, each of which takes megabytes once it is read.
const MOST_LOADS: usize = 100;
/// Tasks and judgements.
const MOST_ROWS: usize = 2000;
const RESULT: &str = "result.json";

/// Why an artifact is not used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A link, a pipe, a device.
    #[error("{name:?} in the artifact is neither a file nor a folder")]
    Strange {
        /// Its name.
        name: String,
    },
    /// More than any run leaves behind.
    #[error("the artifact has more than {limit} {of}")]
    TooMuch {
        /// Of what.
        of: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// No count, time or share.
    #[error("the artifact has a number that no run measures, at {0}")]
    Number(String),
    /// Not what iter8 writes.
    #[error(transparent)]
    Result(#[from] WireError),
}

fn too_much(of: &'static str, limit: u64) -> ArtifactError {
    ArtifactError::TooMuch { of, limit }
}

/// Reads the result in an artifact.
pub fn read(folder: &Path) -> Result<ExperimentResult, ArtifactError> {
    let mut seen = Seen::default();
    seen.look(folder, 0)?;
    let path = folder.join(RESULT);
    from_text(&path, &text(&path)?)
}

/// Reads the text of a result that anybody may have written; `path` is where it came from.
pub fn from_text(path: &Path, text: &str) -> Result<ExperimentResult, ArtifactError> {
    let value: Value = serde_json::from_str(text).map_err(|source| WireError::Format {
        path: path.to_owned(),
        source,
    })?;
    check(&value)?;
    Ok(parse(path, text)?)
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    entries: usize,
    bytes: u64,
}

impl Seen {
    fn look(&mut self, folder: &Path, depth: usize) -> Result<(), ArtifactError> {
        let wrong = |source| ArtifactError::Read {
            path: folder.to_owned(),
            source,
        };
        if depth > DEEPEST {
            return Err(too_much("folders in each other", DEEPEST as u64));
        }
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            self.entries += 1;
            if self.entries > MOST_FILES {
                return Err(too_much("files", MOST_FILES as u64));
            }
            // Of the entry itself, not of what it links to.
            let about = entry.metadata().map_err(wrong)?;
            if about.is_dir() {
                self.look(&entry.path(), depth + 1)?;
            } else if about.is_file() {
                self.bytes = self.bytes.saturating_add(about.len());
                if self.bytes > LARGEST {
                    return Err(too_much("MiB", LARGEST >> 20));
                }
            } else {
                let name = entry.file_name().to_string_lossy().chars().take(80).collect();
                return Err(ArtifactError::Strange { name });
            }
        }
        Ok(())
    }
}

/// The text of a file, which is no link even if it has become one since.
fn text(path: &Path) -> Result<String, ArtifactError> {
    let wrong = |source| ArtifactError::Read {
        path: path.to_owned(),
        source,
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let file = std::fs::File::from(opened.map_err(|error| wrong(error.into()))?);
    if !file.metadata().map_err(wrong)?.is_file() {
        return Err(ArtifactError::Strange {
            name: RESULT.to_owned(),
        });
    }
    let mut text = String::new();
    let length = file
        .take(LARGEST_RESULT + 1)
        .read_to_string(&mut text)
        .map_err(wrong)?;
    if length as u64 > LARGEST_RESULT {
        return Err(too_much("MiB of result.json", LARGEST_RESULT >> 20));
    }
    Ok(text)
}

/// Refuses a result that would take more memory than this step has, before it is read.
fn check(result: &Value) -> Result<(), ArtifactError> {
    let list = |pointer: &str| result.pointer(pointer).and_then(Value::as_array);
    let versions = list("/insights/versions").into_iter().flatten();
    let loads: usize = versions
        .map(|version| 1 + version["loads"].as_array().map_or(0, Vec::len))
        .sum();
    if loads > MOST_LOADS {
        return Err(too_much("loads", MOST_LOADS as u64));
    }
    let rows = ["/tasks", "/assessment/judgements", "/distrust"];
    if rows.iter().any(|rows| list(rows).map_or(0, Vec::len) > MOST_ROWS) {
        return Err(too_much("tasks or judgements", MOST_ROWS as u64));
    }
    unmeasurable(result).map_or(Ok(()), |place| Err(ArtifactError::Number(place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn refused(folder: &Path) -> String {
        read(folder).expect_err("refused").to_string()
    }

    #[test]
    fn only_files_and_folders_are_looked_at() {
        let artifact = folder();
        assert!(refused(artifact.path()).contains("result.json"));
        assert!(refused(&artifact.path().join("none")).contains("none"));
        let link = artifact.path().join(RESULT);
        std::os::unix::fs::symlink("/etc/passwd", &link).expect("a link");
        assert!(refused(artifact.path()).contains("neither a file nor a folder"));
        assert!(text(&link).is_err(), "a link made after the look");
        std::fs::remove_file(&link).expect("removed");
        std::fs::create_dir(&link).expect("a folder");
        assert!(refused(artifact.path()).contains(RESULT));
    }

    #[test]
    fn size_and_number_are_limited() {
        let many = folder();
        for n in 0..=MOST_FILES {
            std::fs::write(many.path().join(n.to_string()), "").expect("a file");
        }
        assert!(refused(many.path()).contains("more than 200 files"));
        let deep = folder();
        std::fs::create_dir_all(deep.path().join("a/b/c/d/e")).expect("folders");
        assert!(refused(deep.path()).contains("folders in each other"));
        let large = folder();
        let sparse = |name: &str, length: u64| {
            let file = std::fs::File::create(large.path().join(name)).expect("a file");
            file.set_len(length).expect("a sparse file");
        };
        sparse(RESULT, LARGEST_RESULT + 1);
        assert!(refused(large.path()).contains("more than 16 MiB of result.json"));
        sparse("report.html", LARGEST);
        assert!(refused(large.path()).contains("more than 128 MiB"));
    }

    #[test]
    fn what_is_no_result_is_refused() {
        let artifact = folder();
        let loads = vec![json!({}); MOST_LOADS];
        for (text, says) in [
            (String::new(), "not a result of iter8"),
            ("{}".to_owned(), "not a result of iter8"),
            ("[".repeat(100_000), "not a result of iter8"),
            (
                json!({ "schemaVersion": "2.0.0" }).to_string(),
                "format version 2.0.0",
            ),
            (
                json!({ "schemaVersion": "1.0.0" }).to_string(),
                "not a result of iter8",
            ),
            (
                json!({ "insights": { "versions": [{ "loads": loads }] } }).to_string(),
                "100 loads",
            ),
            (
                json!({ "tasks": vec![0; MOST_ROWS + 1] }).to_string(),
                "tasks or judgements",
            ),
            (
                json!({ "insights": { "versions": [{ "loads": [{ "b": u64::MAX }] }] } }).to_string(),
                "a number that no run measures, at /insights/versions/0/loads/0/b",
            ),
            (
                json!({ "insights": { "versions": [{}, { "loads": [-1e300] }] } }).to_string(),
                "a number that no run measures, at /insights/versions/1/loads/0",
            ),
            (
                // Nanoseconds since 1970, as a provider may give them.
                json!({ "insights": { "versions": [{ "values": { "db/at": { "value": 1.8e18 } } }] } })
                    .to_string(),
                "not a result of iter8",
            ),
        ] {
            std::fs::write(artifact.path().join(RESULT), &text).expect("a file");
            let error = refused(artifact.path());
            assert!(error.contains(says), "{error}");
        }
        std::fs::write(artifact.path().join(RESULT), [0xff, 0xfe]).expect("a file");
        assert!(refused(artifact.path()).contains("cannot read"));
    }
}
