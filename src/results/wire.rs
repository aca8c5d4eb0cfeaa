//! The stored form of a result: versioned JSON, written atomically.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::ExperimentResult;

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
