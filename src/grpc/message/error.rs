//! [`MessageError`]: why data is no message.

use prost_reflect::prost::DecodeError;

/// Fragments that name the place in the data, as `$.address.zip`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MessageError {
    /// The text is no JSON.
    #[error("the data is not JSON: {what}")]
    NotJson {
        /// What, with line and column.
        what: String,
    },
    /// There is a field that the message does not have.
    #[error("{path}: `{message}` has no field `{field}`")]
    UnknownField {
        /// Of the field, inside the data.
        path: String,
        /// The message's full name.
        message: String,
        /// The field.
        field: String,
        /// What was probably meant, or what there is.
        hint: Option<String>,
    },
    /// A value does not fit its field.
    #[error("{path}: {what}")]
    Value {
        /// Of the value, inside the data.
        path: String,
        /// Why it does not fit.
        what: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A proto2 message lacks a `required` field.
    #[error("{path}: `{message}` requires the field `{field}`")]
    Missing {
        /// Of the message, inside the data.
        path: String,
        /// The message's full name.
        message: String,
        /// The field.
        field: String,
    },
    /// Several values are wrong, or not fields.
    #[error("{}", joined(.0))]
    Several(Vec<MessageError>),
    /// The data is nested too deeply to be a message.
    #[error("the data is nested more than {limit} levels deep")]
    TooDeep {
        /// Levels.
        limit: usize,
    },
    /// Raw bytes are neither one message nor several with their lengths before them.
    #[error("the bytes are neither a `{message}` nor a sequence of them, each after its length: {source}")]
    Binary {
        /// The message's full name.
        message: String,
        /// Why they are not one.
        source: DecodeError,
    },
}

impl MessageError {
    /// What to try.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::UnknownField { hint, .. } | Self::Value { hint, .. } => hint.as_deref(),
            Self::NotJson { .. }
            | Self::Missing { .. }
            | Self::Several(_)
            | Self::TooDeep { .. }
            | Self::Binary { .. } => None,
        }
    }

    /// One of these if there is more than one.
    pub(super) fn of(mut errors: Vec<Self>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Self::Several(errors)),
        }
    }
}

/// Each with what to try.
fn joined(errors: &[MessageError]) -> String {
    let one = |error: &MessageError| match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}
