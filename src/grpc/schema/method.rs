//! [`Method`]: what is called, found by its name.

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::diagnostic::did_you_mean;

/// More names than these are not listed in an error.
const LISTED: usize = 12;

/// Who sends how many messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One message each way.
    Unary,
    /// Many messages to the server, one back.
    ClientStreaming,
    /// One message to the server, many back.
    ServerStreaming,
    /// Many messages both ways.
    Bidirectional,
}

impl MethodKind {
    /// Whether a call may send more than one message.
    pub fn client_streams(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::Bidirectional)
    }

    /// Whether a call may be answered by more than one message.
    pub fn server_streams(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::Bidirectional)
    }
}

/// A method of a service.
#[derive(Debug, Clone)]
pub struct Method {
    /// What the request asks for: `/package.Service/Method`.
    pub path: String,
    /// Its full name with dots alone: `package.Service.Method`.
    pub full_name: String,
    /// The service's full name: `package.Service`.
    pub service: String,
    /// Its own name: `Method`.
    pub name: String,
    /// Who streams.
    pub kind: MethodKind,
    /// What a call sends.
    pub input: MessageDescriptor,
    /// What a call is answered with.
    pub output: MessageDescriptor,
}

/// No such method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// The name has no service or no method.
    #[error("`{name}` is not the name of a method: it should be like `package.Service/Method`")]
    Malformed {
        /// As given.
        name: String,
    },
    /// There is no such service.
    #[error("there is no service `{service}`")]
    UnknownService {
        /// As given.
        service: String,
        /// What is near.
        meant: Option<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// The service has no such method.
    #[error("the service `{service}` has no method `{method}`")]
    UnknownMethod {
        /// The service.
        service: String,
        /// As given.
        method: String,
        /// What is near.
        meant: Option<String>,
        /// All that it has.
        known: Vec<String>,
    },
}

impl MethodError {
    /// What was probably meant, or what there is.
    pub fn hint(&self) -> Option<String> {
        let (meant, known, none) = match self {
            Self::Malformed { .. } => return None,
            Self::UnknownService { meant, known, .. } => (meant, known, "there are no services"),
            Self::UnknownMethod { meant, known, .. } => (meant, known, "it has no methods"),
        };
        if let Some(meant) = meant {
            return Some(format!("did you mean `{meant}`?"));
        }
        let mut hint = match known.as_slice() {
            [] => return Some(none.to_owned()),
            [only] => return Some(format!("there is only `{only}`")),
            several => format!(
                "there are {}",
                several
                    .iter()
                    .take(LISTED)
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        if known.len() > LISTED {
            hint.push_str(&format!(" and {} more", known.len() - LISTED));
        }
        Some(hint)
    }
}

impl Method {
    pub(super) fn find(pool: &DescriptorPool, name: &str) -> Result<Self, MethodError> {
        let (service, method) = split(name).ok_or_else(|| MethodError::Malformed {
            name: name.to_owned(),
        })?;
        let Some(found) = pool.get_service_by_name(service) else {
            return Err(unknown_service(pool, service, method));
        };
        let Some(descriptor) = found.methods().find(|candidate| candidate.name() == method) else {
            return Err(unknown_method(&found, method));
        };
        Ok(Self::of(&descriptor))
    }

    fn of(method: &MethodDescriptor) -> Self {
        let service = method.parent_service();
        Self {
            path: format!("/{}/{}", service.full_name(), method.name()),
            full_name: method.full_name().to_owned(),
            service: service.full_name().to_owned(),
            name: method.name().to_owned(),
            kind: match (method.is_client_streaming(), method.is_server_streaming()) {
                (false, false) => MethodKind::Unary,
                (true, false) => MethodKind::ClientStreaming,
                (false, true) => MethodKind::ServerStreaming,
                (true, true) => MethodKind::Bidirectional,
            },
            input: method.input(),
            output: method.output(),
        }
    }
}

/// Service and method of `package.Service/Method` and `package.Service.Method`, with or without a dot or slash before.
fn split(name: &str) -> Option<(&str, &str)> {
    let name = name.trim();
    let name = name.strip_prefix(['.', '/']).unwrap_or(name);
    let (service, method) = match name.split_once('/') {
        Some(parts) => parts,
        None => name.rsplit_once('.')?,
    };
    let well_formed = !service.is_empty() && !method.is_empty() && !method.contains(['/', '.']);
    well_formed.then_some((service, method))
}

fn unknown_service(pool: &DescriptorPool, service: &str, method: &str) -> MethodError {
    let mut known: Vec<String> = pool
        .services()
        .map(|found| found.full_name().to_owned())
        .collect();
    known.sort_unstable();
    let same_own_name = |name: &&String| own_name(name).eq_ignore_ascii_case(own_name(service));
    let has_method = |name: &&String| {
        pool.get_service_by_name(name)
            .is_some_and(|found| found.methods().any(|m| m.name() == method))
    };
    // The package is what is most often left out or wrong.
    let mut candidates = known.iter().filter(same_own_name);
    let meant = candidates
        .clone()
        .find(has_method)
        .or_else(|| candidates.next())
        .map(String::as_str)
        .or_else(|| did_you_mean(service, known.iter().map(String::as_str)))
        .map(str::to_owned);
    MethodError::UnknownService {
        service: service.to_owned(),
        meant,
        known,
    }
}

fn own_name(full: &str) -> &str {
    full.rsplit('.').next().unwrap_or(full)
}

fn unknown_method(service: &ServiceDescriptor, method: &str) -> MethodError {
    let known: Vec<String> = service.methods().map(|found| found.name().to_owned()).collect();
    MethodError::UnknownMethod {
        service: service.full_name().to_owned(),
        method: method.to_owned(),
        meant: did_you_mean(method, known.iter().map(String::as_str)).map(str::to_owned),
        known,
    }
}
