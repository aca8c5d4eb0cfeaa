//! [`Record`]: what is left of an answered request until it is counted.
//!
//! Counting touches histograms all over the memory; between two requests the kernel and a thousand connections push
//! them out of the caches. So a request only writes its record behind the last one, and every few hundred of them are
//! counted in one go.

/// Records that are counted in one go: few enough to stay in the cache until then.
pub(super) const BATCH: usize = 256;

/// An answered request. Instants are nanoseconds from the start of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) due: u64,
    /// When it was sent.
    pub(super) at: u64,
    pub(super) first_byte: u64,
    pub(super) end: u64,
    /// Of its body.
    pub(super) bytes: u64,
    pub(super) status: Option<u16>,
    pub(super) error: bool,
}

impl Record {
    pub(super) fn latency(&self) -> u64 {
        self.end.saturating_sub(self.due)
    }
}
