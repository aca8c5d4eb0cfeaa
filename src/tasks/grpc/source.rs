//! [`Descriptors`]: where descriptions of methods and messages come from.

use std::path::{Path, PathBuf};

use http::HeaderMap;

use super::fetch::{Fetch, ProtoFile};
use super::reach::Reach;
use crate::grpc::channel::{Channel, ChannelError, Server, foreign};
use crate::grpc::reflection::{Reflection, ReflectionError};
use crate::grpc::schema::{Schema, SchemaError};
use crate::tasks::inputs::{Target, download};
use crate::tasks::ready::{Form, explain_loopback};
use crate::tasks::{RunContext, TaskError};

/// Where descriptors come from.
#[derive(Debug, Clone)]
pub(super) enum Descriptors {
    /// A `.proto` file.
    Proto {
        /// Where it was found, or where it may be once a script has run.
        file: ProtoFile,
        /// Where imports are looked for.
        folders: Vec<PathBuf>,
    },
    /// A descriptor set.
    Set(Fetch),
    /// The server is asked.
    Reflection(HeaderMap),
}

/// A file that is named from the folder of the experiment, or from one of the folders of imports.
fn found(name: &str, path: &Path, folders: &[PathBuf]) -> PathBuf {
    let elsewhere = || {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    };
    if path.is_file() {
        return path.to_owned();
    }
    elsewhere().unwrap_or_else(|| path.to_owned())
}

fn compile(name: &str, path: &Path, folders: &[PathBuf]) -> Result<Schema, SchemaError> {
    Schema::from_proto(&[found(name, path, folders)], folders)
}

/// What is wrong with a schema, in one line.
fn told(error: &SchemaError) -> TaskError {
    let found = error.diagnostic();
    let at = found.place.map(|place| format!("{place}: ")).unwrap_or_default();
    let error = TaskError::new(format!("{at}{}", found.message));
    match found.hint {
        Some(hint) => error.hint(&hint),
        None => error,
    }
}

impl Descriptors {
    /// The field that gives them, and what it calls them.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Proto { .. } => "proto",
            Self::Set(_) => "protoset",
            Self::Reflection(_) => "host",
        }
    }

    /// The schema, if everything that it needs is there.
    pub(super) fn known(&self) -> Option<Result<Schema, SchemaError>> {
        match self {
            Self::Proto {
                file:
                    ProtoFile::File {
                        name,
                        path,
                        later: false,
                    },
                folders,
            } => Some(compile(name, path, folders)),
            Self::Set(fetch) => fetch
                .known()
                .map(|bytes| Schema::from_protoset("`protoset`", bytes)),
            Self::Proto { .. } | Self::Reflection(_) => None,
        }
    }

    /// The schema; the server of a call is asked where nothing else is given.
    pub(super) async fn load(
        &self,
        reach: &Reach,
        call: &str,
        context: &RunContext,
    ) -> Result<Schema, TaskError> {
        match self {
            Self::Proto { file, folders } => match file {
                ProtoFile::File { name, path, .. } => {
                    compile(name, path, folders).map_err(|error| told(&error))
                }
                ProtoFile::Url(target) => from_url(target, folders, reach, context).await,
                ProtoFile::Nothing => Err(TaskError::new("`proto` names no file")),
            },
            Self::Set(fetch) => {
                let bytes = fetch.load("descriptors", &reach.sender, context).await?;
                Schema::from_protoset("`protoset`", &bytes).map_err(|error| told(&error))
            }
            Self::Reflection(metadata) => {
                tokio::select! {
                    schema = ask(reach, call, metadata.clone(), context) => schema,
                    () = context.shutdown.cancelled() => {
                        Err(TaskError::new(format!("stopped while asking {} for its methods", reach.host)))
                    }
                }
            }
        }
    }
}

/// A `.proto` file is stored where the compiler finds it, under its own name.
async fn from_url(
    target: &Target,
    folders: &[PathBuf],
    reach: &Reach,
    context: &RunContext,
) -> Result<Schema, TaskError> {
    let bytes = download("proto file", target, &reach.sender, context).await?;
    let stored = || -> std::io::Result<(tempfile::TempDir, PathBuf)> {
        let folder = tempfile::tempdir()?;
        let name = target
            .0
            .path_segments()
            .and_then(Iterator::last)
            .unwrap_or_default();
        let path = folder
            .path()
            .join(if name.is_empty() { "api.proto" } else { name });
        std::fs::write(&path, &bytes)?;
        Ok((folder, path))
    };
    let (_folder, path) =
        stored().map_err(|error| TaskError::new(format!("cannot store {target}: {error}")))?;
    Schema::from_proto(&[path], folders).map_err(|error| told(&error))
}

/// Asks a server by reflection.
async fn ask(
    reach: &Reach,
    call: &str,
    metadata: HeaderMap,
    context: &RunContext,
) -> Result<Schema, TaskError> {
    let settings = reach
        .sender
        .settings()
        .map_err(|error| TaskError::from_error(&error))?;
    let server = Server::called(reach.url.clone(), reach.authority.clone());
    let failed = |why: String| {
        let error = TaskError::new(format!("reflection at {}: {why}", reach.host));
        error.hint("give `proto` or `protoset` if it has no reflection")
    };
    let channel = match Channel::connect(&server, &settings, reach.connect_timeout).await {
        Ok(channel) => channel,
        Err(error) => {
            let told = TaskError::new(format!("reflection: {}", in_words(&error)));
            let unreachable = error.is_unreachable();
            return Err(if unreachable {
                explain_loopback(&reach.url, Form::Host, context, told)
            } else {
                told
            });
        }
    };
    let mut reflection = Reflection::new(&channel, metadata, reach.connect_timeout);
    let files = reflection.files(call).await.map_err(|error| {
        if let ReflectionError::Call(cause) = &error {
            failed(cause.to_string())
        } else {
            TaskError::new(format!("{}: {error}", reach.host))
        }
    })?;
    Schema::from_files(&files).map_err(|error| {
        let told = told(&error);
        TaskError {
            message: foreign(&told.message),
            ..told
        }
    })
}

fn in_words(error: &ChannelError) -> String {
    TaskError::from_error(error).message
}
