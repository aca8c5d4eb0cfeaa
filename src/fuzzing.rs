//! What fuzzers and the replay of their corpus reach of private parsers. It is no part of the interface.

pub use crate::load::h2::header_replay::{Pair, fields};
pub use crate::load::h2::replay::{Act, Conversation, Reply, converse};
pub use crate::load::http::codec::Violation;
pub use crate::load::http::codec::replay::{Answer, Behind, Memory, Replayed, replay};
pub use crate::load::http::replay::{Rendered, Unfolded, render, unfold};
