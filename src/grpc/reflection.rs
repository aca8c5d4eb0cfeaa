//! [`Reflection`]: asks a server for the descriptors of its services
//! (<https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>).
//!
//! Each question is a call of its own: servers that leave out what they sent before on the same stream then send all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use prost::Message as _;
use prost_types::FileDescriptorProto;
use protox::file::{FileResolver as _, GoogleFileResolver};
use tokio::time::Instant;
// The messages of v1alpha have the same fields under the same numbers.
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest as Question;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse as Answer;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::channel::{CallError, Channel, foreign};
use super::code::Code;
use crate::diagnostic::did_you_mean;

const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const V1_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
/// More files than any service needs: a server that goes on for ever is stopped here.
const MOST_FILES: usize = 10_000;
/// Services that a message lists.
const LISTED: usize = 10;

/// Why reflection gives no descriptors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReflectionError {
    /// The server has neither version.
    #[error("the server has no reflection; give its definitions by `proto` or `protoset`")]
    Unimplemented,
    /// The server has no such service.
    #[error("the server knows no service `{service}`{}", instead(suggestion.as_ref(), known))]
    UnknownService {
        /// As it was asked for.
        service: String,
        /// What was probably meant.
        suggestion: Option<String>,
        /// All that the server lists.
        known: Vec<String>,
    },
    /// A file imports another one that the server does not have.
    #[error(
        "by reflection the server gives no `{import}`, which `{file}` imports; give `proto` or `protoset`"
    )]
    MissingImport {
        /// The file that imports it.
        file: String,
        /// The file that is missing.
        import: String,
    },
    /// The answer is not what was asked for.
    #[error("the server's reflection cannot be used: {0}; give `proto` or `protoset`")]
    Unusable(String),
    /// The call failed.
    #[error("reflection: {0}")]
    Call(#[from] CallError),
}

fn instead(suggestion: Option<&String>, known: &[String]) -> String {
    if let Some(suggestion) = suggestion {
        return format!(" (did you mean `{suggestion}`?)");
    }
    let names: Vec<_> = known
        .iter()
        .filter(|name| !name.starts_with("grpc.reflection."))
        .map(|name| format!("`{name}`"))
        .collect();
    match &names[..] {
        [] => String::new(),
        few if few.len() <= LISTED => format!(" (it has {})", few.join(", ")),
        many => {
            let more = many.len() - LISTED;
            format!(" (it has {} and {more} more)", many[..LISTED].join(", "))
        }
    }
}

/// A server's reflection.
#[derive(Debug)]
pub struct Reflection<'a> {
    channel: &'a Channel,
    metadata: HeaderMap,
    deadline: Instant,
    patience: Duration,
    /// The version that the server has, once it is known.
    path: Option<&'static str>,
}

impl<'a> Reflection<'a> {
    /// Asks over `channel`, with `metadata`; `patience` is for all questions together.
    pub fn new(channel: &'a Channel, metadata: HeaderMap, patience: Duration) -> Self {
        Self {
            channel,
            metadata,
            deadline: Instant::now() + patience,
            patience,
            path: None,
        }
    }

    /// The full names of the server's services.
    pub async fn list_services(&mut self) -> Result<Vec<String>, ReflectionError> {
        let answer = self.ask(Question::ListServices(String::new())).await?;
        let Answer::ListServicesResponse(list) = answer else {
            return Err(unusable(&answer));
        };
        Ok(list
            .service
            .iter()
            .map(|service| foreign(&service.name))
            .collect())
    }

    /// The encoded `FileDescriptorProto`s that describe the service of a call (`pkg.Service/Method`,
    /// `pkg.Service.Method`, or the service alone) with all that they import; imported ones come first.
    pub async fn files(&mut self, call: &str) -> Result<Vec<Bytes>, ReflectionError> {
        let call = call.trim();
        let call = call.strip_prefix(['.', '/']).unwrap_or(call);
        let (service, method) = match call.rsplit_once('/') {
            Some((service, method)) => (service, Some(method)),
            None => (call, None),
        };
        // Not every server finds methods, so that `a.B.C` is first taken for the method C.
        let shorter = service.rsplit_once('.').map(|(front, _)| front);
        let candidates = match method {
            Some(_) => [Some(service), None],
            None => [shorter, Some(service)],
        };
        for symbol in candidates.into_iter().flatten() {
            let found = self
                .find(Question::FileContainingSymbol(symbol.to_owned()))
                .await?;
            // Some servers find packages too.
            if found
                .iter()
                .any(|file| file.services.iter().any(|name| name == symbol))
            {
                return self.with_imports(found).await;
            }
        }
        let service = candidates[0].unwrap_or(service);
        // Without a list the error says less.
        let known = self.list_services().await.unwrap_or_default();
        Err(ReflectionError::UnknownService {
            service: service.to_owned(),
            suggestion: did_you_mean(service, known.iter().map(String::as_str)).map(str::to_owned),
            known,
        })
    }

    /// Descriptors; none if the server does not know what they are asked by.
    async fn find(&mut self, question: Question) -> Result<Vec<File>, ReflectionError> {
        match self.ask(question).await {
            Ok(Answer::FileDescriptorResponse(found)) => found
                .file_descriptor_proto
                .into_iter()
                .map(|bytes| File::read(bytes.into()))
                .collect(),
            Ok(other) => Err(unusable(&other)),
            Err(ReflectionError::Call(CallError::Status {
                code: Code::NOT_FOUND,
                ..
            })) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn with_imports(&mut self, found: Vec<File>) -> Result<Vec<Bytes>, ReflectionError> {
        let mut files: BTreeMap<String, File> = BTreeMap::new();
        let mut new = found;
        loop {
            for file in new.drain(..) {
                files.entry(file.name.clone()).or_insert(file);
            }
            if files.len() > MOST_FILES {
                let reason = format!("it has more than {MOST_FILES} files");
                return Err(ReflectionError::Unusable(reason));
            }
            let missing = files.values().find_map(|file| {
                let import = file.imports.iter().find(|import| !files.contains_key(*import));
                import.map(|import| (file.name.clone(), import.clone()))
            });
            let Some((file, import)) = missing else {
                return Ok(in_order(files));
            };
            new = self.import(&import).await?;
            if !new.iter().any(|found| found.name == import) {
                return Err(ReflectionError::MissingImport {
                    file: foreign(&file),
                    import: foreign(&import),
                });
            }
        }
    }

    /// A file by its name; those of Google are known without the server, which may leave them out.
    async fn import(&mut self, name: &str) -> Result<Vec<File>, ReflectionError> {
        let found = self.find(Question::FileByFilename(name.to_owned())).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        match GoogleFileResolver::new().open_file(name) {
            Ok(known) => {
                File::read(known.file_descriptor_proto().encode_to_vec().into()).map(|file| vec![file])
            }
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Asks in the newest version that the server has.
    async fn ask(&mut self, question: Question) -> Result<Answer, ReflectionError> {
        if let Some(path) = self.path {
            return Ok(self.ask_by(path, question).await?);
        }
        for path in [V1, V1_ALPHA] {
            match self.ask_by(path, question.clone()).await {
                Err(error) if error.is_unimplemented() => {}
                other => {
                    self.path = Some(path);
                    return Ok(other?);
                }
            }
        }
        Err(ReflectionError::Unimplemented)
    }

    async fn ask_by(&self, path: &'static str, question: Question) -> Result<Answer, CallError> {
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let answer = self.channel.call(path, question, &self.metadata, left).await;
        let answer: ServerReflectionResponse = match answer {
            Err(CallError::TimedOut(_)) => return Err(CallError::TimedOut(self.patience)),
            other => other?,
        };
        match answer.message_response {
            Some(Answer::ErrorResponse(error)) => Err(CallError::Status {
                code: Code(u16::try_from(error.error_code).unwrap_or(Code::UNKNOWN.0)),
                message: foreign(&error.error_message),
            }),
            Some(answer) => Ok(answer),
            None => Err(CallError::Broken("the answer is empty".to_owned())),
        }
    }
}

fn unusable(answer: &Answer) -> ReflectionError {
    let what = match answer {
        Answer::FileDescriptorResponse(_) => "descriptors",
        Answer::AllExtensionNumbersResponse(_) => "numbers of extensions",
        Answer::ListServicesResponse(_) => "a list of services",
        Answer::ErrorResponse(_) => "an error",
    };
    ReflectionError::Unusable(format!("it answers another question with {what}"))
}

/// An encoded `FileDescriptorProto`, and what of it matters here.
#[derive(Debug)]
struct File {
    name: String,
    imports: Vec<String>,
    /// Full names.
    services: Vec<String>,
    bytes: Bytes,
}

impl File {
    fn read(bytes: Bytes) -> Result<Self, ReflectionError> {
        match FileDescriptorProto::decode(bytes.clone()) {
            Ok(file) => Ok(Self {
                services: services(&file),
                name: file.name().to_owned(),
                imports: file.dependency,
                bytes,
            }),
            Err(error) => Err(ReflectionError::Unusable(format!(
                "a descriptor is broken ({error})"
            ))),
        }
    }
}

fn services(file: &FileDescriptorProto) -> Vec<String> {
    let full = |name: &str| match file.package() {
        "" => name.to_owned(),
        package => format!("{package}.{name}"),
    };
    file.service.iter().map(|service| full(service.name())).collect()
}

/// Each file after those that it imports; of files that import each other, in any order.
fn in_order(mut files: BTreeMap<String, File>) -> Vec<Bytes> {
    let mut sorted = Vec::with_capacity(files.len());
    while !files.is_empty() {
        let ready: BTreeSet<String> = files
            .values()
            .filter(|file| !file.imports.iter().any(|import| files.contains_key(import)))
            .map(|file| file.name.clone())
            .collect();
        let before = sorted.len();
        files.retain(|name, file| {
            let stays = !ready.contains(name);
            if !stays {
                sorted.push(std::mem::take(&mut file.bytes));
            }
            stays
        });
        if sorted.len() == before {
            sorted.extend(std::mem::take(&mut files).into_values().map(|file| file.bytes));
        }
    }
    sorted
}
