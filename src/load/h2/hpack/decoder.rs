//! [`Decoder`]: header blocks of the server, in the order in which they came.

use std::rc::Rc;

use super::table::{Field, Table};
use super::{Malformed, TABLE, fixed, huffman};

/// Integers above this are refused: nothing that is counted here is as large.
const LARGEST: usize = 1 << 24;

/// Decodes the header blocks of one connection.
#[derive(Debug)]
pub(in super::super) struct Decoder {
    table: Table,
    /// For strings in Huffman's code.
    name: Vec<u8>,
    value: Vec<u8>,
}

/// What a block did beside telling its fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Effects {
    /// It refers to the dynamic table: in another state of that it means something else.
    pub(in super::super) refers: bool,
    /// The fields that it added to the table.
    pub(in super::super) inserted: Vec<Rc<Field>>,
    /// It changed the size of the table.
    pub(in super::super) resized: bool,
}

/// A string of a block.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    huffman: bool,
}

impl<'a> Text<'a> {
    fn read<'s>(self, space: &'s mut Vec<u8>) -> Result<&'s [u8], Malformed>
    where
        'a: 's,
    {
        if !self.huffman {
            return Ok(self.bytes);
        }
        space.clear();
        huffman::decode(self.bytes, space)?;
        Ok(space)
    }
}

/// The name of a literal field.
enum Name<'a> {
    Index(usize),
    Text(Text<'a>),
}

impl Decoder {
    pub(in super::super) fn new() -> Self {
        Self {
            table: Table::new(),
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// What the dynamic table takes, as RFC 7541, section 4.1 counts it.
    pub(super) fn size(&self) -> usize {
        self.table.size()
    }

    /// The state of the dynamic table.
    pub(in super::super) fn version(&self) -> u64 {
        self.table.version()
    }

    /// Does again what a block did that only added these fields.
    pub(in super::super) fn repeat(&mut self, inserted: &[Rc<Field>]) {
        for field in inserted {
            self.table.insert(Rc::clone(field));
        }
    }

    /// Hands on the fields of a block, one by one.
    pub(in super::super) fn decode(
        &mut self,
        block: &[u8],
        mut take: impl FnMut(&[u8], &[u8]),
    ) -> Result<Effects, Malformed> {
        let mut rest = block;
        let mut effects = Effects::default();
        let mut begun = false;
        while let Some(first) = rest.first().copied() {
            match first {
                0x80.. => {
                    let index = integer(&mut rest, 7)?;
                    let (name, value) = self.field(index, &mut effects)?;
                    take(name, value);
                }
                0x20..0x40 => {
                    let size = integer(&mut rest, 5)?;
                    if begun || size > TABLE {
                        return Err(Malformed);
                    }
                    self.table.resize(size);
                    effects.resized = true;
                    continue;
                }
                0x40..0x80 => self.literal(&mut rest, 6, &mut effects, &mut take)?,
                0..0x20 => self.literal(&mut rest, 4, &mut effects, &mut take)?,
            }
            begun = true;
        }
        Ok(effects)
    }

    fn field(&self, index: usize, effects: &mut Effects) -> Result<(&[u8], &[u8]), Malformed> {
        let index = index.checked_sub(1).ok_or(Malformed)?;
        if let Some((name, value)) = fixed::ENTRIES.get(index) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        effects.refers = true;
        let field = self.table.get(index - fixed::ENTRIES.len()).ok_or(Malformed)?;
        Ok((&field.name, &field.value))
    }

    /// A field that is written out; with a prefix of 6 bits it is added to the table.
    fn literal(
        &mut self,
        rest: &mut &[u8],
        prefix: u32,
        effects: &mut Effects,
        take: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Malformed> {
        let name = match integer(rest, prefix)? {
            0 => Name::Text(text(rest)?),
            index => Name::Index(index),
        };
        let value = text(rest)?;
        let mut spaces = (std::mem::take(&mut self.name), std::mem::take(&mut self.value));
        let name = match name {
            Name::Text(name) => name.read(&mut spaces.0)?,
            Name::Index(index) => self.field(index, effects)?.0,
        };
        let value = value.read(&mut spaces.1)?;
        take(name, value);
        if prefix == 6 {
            let field = Rc::new(Field {
                name: name.into(),
                value: value.into(),
            });
            effects.inserted.push(Rc::clone(&field));
            self.table.insert(field);
        }
        (self.name, self.value) = spaces;
        Ok(())
    }
}

/// An integer behind the higher bits of a byte (RFC 7541, section 5.1).
fn integer(rest: &mut &[u8], prefix: u32) -> Result<usize, Malformed> {
    let mask = (1 << prefix) - 1;
    let mut value = usize::from(next(rest)?) & mask;
    if value < mask {
        return Ok(value);
    }
    let mut shift = 0;
    loop {
        let byte = next(rest)?;
        // No more bytes than the largest number has bits.
        if shift > 28 {
            return Err(Malformed);
        }
        value += usize::from(byte & 0x7f) << shift;
        if value > LARGEST {
            return Err(Malformed);
        }
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        shift += 7;
    }
}

/// A string (RFC 7541, section 5.2).
fn text<'a>(rest: &mut &'a [u8]) -> Result<Text<'a>, Malformed> {
    let huffman = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(rest, 7)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = after;
    Ok(Text { bytes, huffman })
}

fn next(rest: &mut &[u8]) -> Result<u8, Malformed> {
    let (first, after) = rest.split_first().ok_or(Malformed)?;
    *rest = after;
    Ok(*first)
}
