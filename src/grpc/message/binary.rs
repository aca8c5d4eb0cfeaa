//! Messages that are encoded already, from a file: one, or several of them.

use bytes::{Buf, Bytes};
use prost_reflect::prost::encoding::decode_varint;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::error::MessageError;

/// The messages in `data`: several when all of it is messages with their length before each (a varint, as `writeDelimitedTo`
/// writes it), otherwise the only one. Nothing is no message.
pub fn split(data: &Bytes, message: &MessageDescriptor) -> Result<Vec<Bytes>, MessageError> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(several) = delimited(data.clone(), message) {
        return Ok(several);
    }
    match DynamicMessage::decode(message.clone(), data.clone()) {
        Ok(_) => Ok(vec![data.clone()]),
        Err(source) => Err(MessageError::Binary {
            message: message.full_name().to_owned(),
            source,
        }),
    }
}

fn delimited(mut data: Bytes, message: &MessageDescriptor) -> Option<Vec<Bytes>> {
    let mut messages = Vec::new();
    while data.has_remaining() {
        let length = usize::try_from(decode_varint(&mut data).ok()?).ok()?;
        if length > data.len() {
            return None;
        }
        let next = data.split_to(length);
        DynamicMessage::decode(message.clone(), next.clone()).ok()?;
        messages.push(next);
    }
    Some(messages)
}
