//! Descriptors that were compiled elsewhere: checked, completed, lowered and linked.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions};

use super::edition::{self, Features};
use super::error::SchemaError;

/// More than any schema takes, in MiB.
const LIMIT: u64 = 64;
/// How many missing imports are named.
const NAMED: usize = 5;

/// A `FileDescriptorSet` whose files are still encoded.
#[derive(Clone, PartialEq, Message)]
struct EncodedSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    files: Vec<Bytes>,
}

/// What an encoded `FileDescriptorSet` holds.
pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<DescriptorPool, SchemaError> {
    if bytes.len() as u64 > LIMIT << 20 {
        return Err(SchemaError::TooLarge {
            name: name.to_owned(),
            limit: LIMIT,
        });
    }
    let set = EncodedSet::decode(bytes).map_err(|source| not_descriptors(name, source))?;
    let files: Vec<&[u8]> = set.files.iter().map(AsRef::as_ref).collect();
    link(name, &files)
}

/// The imports of an encoded file.
pub(super) fn imports(name: &str, file: &[u8]) -> Result<Vec<String>, SchemaError> {
    let file = FileDescriptorProto::decode(file).map_err(|source| not_descriptors(name, source))?;
    Ok(file.dependency)
}

fn not_descriptors(name: &str, source: prost_reflect::prost::DecodeError) -> SchemaError {
    SchemaError::NotDescriptors {
        name: name.to_owned(),
        source,
    }
}

/// Links encoded files; of several with one name the first counts.
pub(super) fn link(name: &str, encoded: &[&[u8]]) -> Result<DescriptorPool, SchemaError> {
    let mut files: BTreeMap<String, FileDescriptorProto> = BTreeMap::new();
    for bytes in encoded {
        let mut file = FileDescriptorProto::decode(*bytes).map_err(|source| not_descriptors(name, source))?;
        if files.contains_key(file.name()) {
            continue;
        }
        let features = Features::decode(*bytes).map_err(|source| not_descriptors(name, source))?;
        edition::lower(&mut file, &features).map_err(|edition::Unknown(dialect)| {
            SchemaError::UnknownDialect {
                name: name.to_owned(),
                file: file.name().to_owned(),
                dialect,
            }
        })?;
        check(name, &file)?;
        files.insert(file.name().to_owned(), file);
    }
    if files.is_empty() {
        return Err(SchemaError::Empty {
            name: name.to_owned(),
        });
    }
    complete(name, &mut files)?;
    let set = FileDescriptorSet {
        file: files.into_values().collect(),
    };
    DescriptorPool::from_file_descriptor_set(set).map_err(|source| SchemaError::Link {
        name: name.to_owned(),
        source,
    })
}

/// Adds the well-known files that are imported but missing, and refuses when others are.
fn complete(name: &str, files: &mut BTreeMap<String, FileDescriptorProto>) -> Result<(), SchemaError> {
    let known = DescriptorPool::global();
    let mut missing = BTreeSet::new();
    let mut open: Vec<String> = files.keys().cloned().collect();
    while let Some(file) = open.pop() {
        let imports = files
            .get(&file)
            .map(|file| file.dependency.clone())
            .unwrap_or_default();
        for import in imports {
            if files.contains_key(&import) {
                continue;
            }
            if let Some(built_in) = known.get_file_by_name(&import) {
                files.insert(import.clone(), built_in.file_descriptor_proto().clone());
                open.push(import);
            } else {
                missing.insert((file.clone(), import));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(SchemaError::Incomplete {
        name: name.to_owned(),
        missing: missing.into_iter().take(NAMED).collect(),
    })
}

/// Refuses what a compiler would not have written and what a message could not be made from later.
fn check(name: &str, file: &FileDescriptorProto) -> Result<(), SchemaError> {
    file.message_type.iter().try_for_each(|message| {
        check_message(message, message.name()).map_err(|what| SchemaError::Invalid {
            name: name.to_owned(),
            what: format!("`{}`: {what}", file.name()),
        })
    })
}

fn check_message(message: &DescriptorProto, path: &str) -> Result<(), String> {
    if message.options.as_ref().is_some_and(MessageOptions::map_entry) && !is_map_entry(message) {
        return Err(format!("`{path}` is no entry of a map, but says it is one"));
    }
    message
        .nested_type
        .iter()
        .try_for_each(|nested| check_message(nested, &format!("{path}.{}", nested.name())))
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    let [key, value] = message.field.as_slice() else {
        return false;
    };
    let single = |label: Label| label != Label::Repeated;
    key.number() == 1
        && value.number() == 2
        && single(key.label())
        && single(value.label())
        && !matches!(
            key.r#type(),
            Type::Double | Type::Float | Type::Bytes | Type::Message | Type::Group | Type::Enum
        )
}
