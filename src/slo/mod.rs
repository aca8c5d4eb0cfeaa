//! What was promised: objectives, how sure a measured value is, and the verdict on both.

pub mod interval;
