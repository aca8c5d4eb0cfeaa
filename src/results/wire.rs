//! The stored form of a result: versioned JSON, written atomically.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ExperimentResult;
use crate::spec::read_file;

/// Version of the format; additions raise the minor, anything else the major.
pub(super) const SCHEMA_VERSION: &str = "1.0.0";

/// A result that cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The file cannot be read.
    #[error("cannot read the result {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a result.
    #[error("{} is not a result of iter8", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// No run leaves so much behind, or measures such numbers.
    #[error("{} has a number that no run measures, or more than {MOST_LOADS} loads", path.display())]
    Absurd {
        /// The file.
        path: PathBuf,
    },
    /// The file is of another major version.
    #[error("{} has format version {found}, this iter8 reads {SCHEMA_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
}

/// Reads a result.
pub fn read(path: &Path) -> Result<ExperimentResult, WireError> {
    let text = std::fs::read_to_string(path).map_err(|source| WireError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// A result from its text; `path` is where it came from.
pub fn parse(path: &Path, text: &str) -> Result<ExperimentResult, WireError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Header {
        schema_version: String,
    }
    let path = || path.to_owned();
    let format = |source| WireError::Format { path: path(), source };
    let header: Header = serde_json::from_str(text).map_err(format)?;
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(&header.schema_version) != major(SCHEMA_VERSION) {
        return Err(WireError::Version {
            path: path(),
            found: header.schema_version,
        });
    }
    serde_json::from_str(text).map_err(format)
}

/// Bytes of a result of a shard: hundreds of endpoints over ten minutes stay below.
const LARGEST: u64 = 64 << 20;
/// Loads of a result, each of which takes megabytes once it is read.
const MOST_LOADS: usize = 1000;
/// Any number: nanoseconds of eleven days, a thousand million million requests.
const LARGEST_NUMBER: f64 = 1e15;

/// Reads a result that anybody may have written: neither its size nor its numbers can do harm.
pub fn read_bounded(path: &Path) -> Result<ExperimentResult, WireError> {
    let bytes = read_file(path, LARGEST).map_err(|source| WireError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let value: Value = serde_json::from_str(&text).map_err(|source| WireError::Format {
        path: path.to_owned(),
        source,
    })?;
    let versions = value.pointer("/insights/versions").and_then(Value::as_array);
    let loads = |version: &Value| version["loads"].as_array().map_or(0, Vec::len);
    let loads: usize = versions.into_iter().flatten().map(loads).sum();
    if loads > MOST_LOADS || has_absurd_number(&value) {
        return Err(WireError::Absurd {
            path: path.to_owned(),
        });
    }
    parse(path, &text)
}

/// Whether there is a number with which a sum of some of them would overflow.
pub fn has_absurd_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number
            .as_f64()
            .is_some_and(|number| number.abs() <= LARGEST_NUMBER),
        Value::Array(items) => items.iter().any(has_absurd_number),
        Value::Object(fields) => fields.values().any(has_absurd_number),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Writes a result so that a reader sees the old one or the new one, never a part.
pub fn write(path: &Path, result: &ExperimentResult) -> Result<(), WireError> {
    let format = |source| WireError::Format {
        path: path.to_owned(),
        source,
    };
    let mut text = serde_json::to_string_pretty(result).map_err(format)?;
    text.push('\n');
    store(path, text.as_bytes())
}

/// Writes a file of the output folder at once or not at all, so that later steps, as other users, can read it:
/// mode 0644, and 0755 for a folder that has to be made.
pub fn store(path: &Path, bytes: &[u8]) -> Result<(), WireError> {
    replace(path, bytes).map_err(|source| WireError::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    }
    let mut file = tempfile::Builder::new().prefix(".iter8-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

/// The JSON Schema of the stored form.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(ExperimentResult).to_value();
    schema["$id"] = "https://iter8.tools/schemas/result/v1.json".into();
    schema
}
