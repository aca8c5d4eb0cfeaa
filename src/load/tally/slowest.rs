//! [`Slowest`]: the few slowest requests of a load, kept in full.

use super::Sent;
use crate::metrics::{Exemplar, nanos};

/// A request with its latency and its answer, if it had one.
#[derive(Debug, Clone)]
struct Slow {
    /// Nanoseconds.
    latency: u64,
    sent: Sent,
    answer: Option<SlowAnswer>,
}

/// The answer of a slow request, in nanoseconds from the start of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlowAnswer {
    pub(super) first_byte: u64,
    pub(super) end: u64,
    pub(super) status: Option<u16>,
}

impl Slow {
    fn exemplar(self) -> Exemplar {
        let ms = |nanos: u64| nanos as f64 / 1e6;
        let at = nanos(self.sent.at);
        let opened = self.sent.opened;
        Exemplar {
            n: self.sent.n,
            due: self.sent.due.as_secs_f64(),
            send_delay: ms(at.saturating_sub(nanos(self.sent.due))),
            connect: opened.map(|times| ms(nanos(times.connect))),
            tls: opened.and_then(|times| times.tls).map(|tls| ms(nanos(tls))),
            ttfb: self.answer.map(|answer| ms(answer.first_byte.saturating_sub(at))),
            body: self
                .answer
                .map(|answer| ms(answer.end.saturating_sub(answer.first_byte))),
            latency: ms(self.latency),
            connection: self.sent.connection,
            status: self.answer.and_then(|answer| answer.status),
            traceparent: None,
        }
    }
}

/// The slowest requests so far, the slowest first; of equal ones the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Slowest {
    kept: Vec<Slow>,
    /// No request that was faster can be kept.
    least: u64,
}

impl Slowest {
    /// Keeps a request if it is one of the slowest; its latency in nanoseconds.
    #[inline]
    pub(super) fn offer(&mut self, latency: u64, sent: &Sent, answer: Option<SlowAnswer>) {
        if latency >= self.least {
            self.insert(Slow {
                latency,
                sent: *sent,
                answer,
            });
        }
    }

    #[cold]
    fn insert(&mut self, slow: Slow) {
        let rank = |slow: &Slow| (std::cmp::Reverse(slow.latency), slow.sent.n);
        let place = self.kept.partition_point(|kept| rank(kept) < rank(&slow));
        self.kept.insert(place, slow);
        self.kept.truncate(Exemplar::KEPT);
        if let Some(last) = self.kept.get(Exemplar::KEPT - 1) {
            self.least = last.latency;
        }
    }

    /// Adds those of another worker.
    pub(super) fn merge(&mut self, other: &Self) {
        for slow in &other.kept {
            self.insert(slow.clone());
        }
    }

    /// All of them in full.
    pub(super) fn exemplars(self) -> Vec<Exemplar> {
        self.kept.into_iter().map(Slow::exemplar).collect()
    }
}
