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
    #[error("{} has {what}", path.display())]
    Absurd {
        /// The file.
        path: PathBuf,
        /// What, and where in it.
        what: String,
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
    let versions = versions(&value);
    let absurd = |what: String| WireError::Absurd {
        path: path.to_owned(),
        what,
    };
    let mut count = 0;
    for loads in versions.filter_map(|version| version.get("loads")) {
        count += loads.as_array().map_or(0, Vec::len);
        if count > MOST_LOADS {
            return Err(absurd(format!("more than {MOST_LOADS} loads")));
        }
    }
    if let Some(place) = unmeasurable(&value) {
        return Err(absurd(format!("a number that no run measures, at {place}")));
    }
    parse(path, &text)
}

fn versions(result: &Value) -> impl Iterator<Item = &Value> {
    let versions = result.pointer("/insights/versions").and_then(Value::as_array);
    versions.into_iter().flatten()
}

/// Where the first number of a load is with which a sum of some of them would overflow, as a JSON pointer. What a provider
/// says, and what is judged by it, may be as large as it likes: nobody adds it up.
pub fn unmeasurable(result: &Value) -> Option<String> {
    let mut loads = versions(result).map(|version| version.get("loads")).enumerate();
    loads.find_map(|(index, loads)| {
        let place = absurd_number(loads?)?;
        Some(format!("/insights/versions/{index}/loads{place}"))
    })
}

/// Where the first such number is, as a JSON pointer.
fn absurd_number(value: &Value) -> Option<String> {
    let inside = |name: &dyn std::fmt::Display, value: &Value| {
        absurd_number(value).map(|place| format!("/{name}{place}"))
    };
    match value {
        Value::Number(number) => {
            let fits = |number: f64| number.abs() <= LARGEST_NUMBER;
            (!number.as_f64().is_some_and(fits)).then(String::new)
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, value)| inside(&index, value))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| inside(name, value)),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Insights, Load, LoadMeasurement, Provided, VersionInsights};
    use crate::results::{Environment, SourceInfo};

    #[test]
    fn a_provider_may_say_any_number_and_a_load_may_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("result.json");
        let with = |requests: u64| {
            let started = jiff::Timestamp::UNIX_EPOCH;
            let mut result = ExperimentResult::new(SourceInfo::default(), Environment::default(), started);
            let measurement = LoadMeasurement {
                requests,
                ..LoadMeasurement::default()
            };
            let load = Load::bare("http".parse().expect("a stream"), measurement);
            let values = [("db/time_ns".to_owned(), Provided::from(1.77e18))];
            result.insights = Insights {
                versions: vec![VersionInsights {
                    loads: vec![load],
                    values: values.into(),
                    ..VersionInsights::default()
                }],
            };
            write(&path, &result).expect("written");
            read_bounded(&path)
        };
        let read = with(1000).expect("a result");
        let found = read.insights.versions[0].values["db/time_ns"].value;
        assert_eq!(found.to_bits(), 1.77e18_f64.to_bits());
        let error = with(1 << 60).expect_err("refused").to_string();
        assert!(
            error.contains(
                "a number that no run measures, at /insights/versions/0/loads/0/measurement/requests"
            ),
            "{error}"
        );
    }
}
