//! [`Messages`]: those of one request, where it has any number of them, and [`Counts`]: those of all requests.

use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{Histogram, Recorder, Timing, nanos};

/// Times between messages that are kept one by one; of longer streams they go into a histogram.
const FEW: usize = 256;

/// The messages of the request that is under way.
#[derive(Debug, Default)]
pub struct Messages {
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
    /// From the send of the request to the first message of the answer.
    first: Option<Duration>,
    last: Option<Instant>,
    /// Messages that came together with the one before them.
    together: u64,
    /// Nanoseconds from one message to the next.
    gaps: Vec<u64>,
    /// The same, of those before.
    more: Option<Box<Recorder>>,
}

impl Messages {
    /// So many messages came at the same time, as parts of a stream that began at `sent`.
    pub fn streamed(&mut self, count: u64, at: Instant, sent: Instant) {
        if count == 0 {
            return;
        }
        self.received += count;
        self.together += count - 1;
        match self.last.replace(at) {
            None => self.first = Some(at.saturating_duration_since(sent)),
            Some(last) if last == at => self.together += 1,
            Some(last) => self.gap(nanos(at.saturating_duration_since(last))),
        }
    }

    fn gap(&mut self, gap: u64) {
        if self.gaps.len() == FEW {
            let more = self.more.get_or_insert_default();
            self.gaps.drain(..).for_each(|gap| more.record(gap));
        }
        self.gaps.push(gap);
    }
}

/// The messages of many requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) received: u64,
    first: Recorder,
    between: Recorder,
}

impl Counts {
    /// Takes in what is known of one request, and leaves nothing of it.
    #[inline]
    pub(super) fn take(&mut self, messages: &mut Messages) {
        self.sent += std::mem::take(&mut messages.sent);
        self.received += std::mem::take(&mut messages.received);
        if let Some(first) = messages.first.take() {
            self.first.record(nanos(first));
            self.take_gaps(messages);
        }
    }

    fn take_gaps(&mut self, messages: &mut Messages) {
        messages.last = None;
        let together = std::mem::take(&mut messages.together);
        if together > 0 {
            self.between.record_many(0, together);
        }
        messages.gaps.drain(..).for_each(|gap| self.between.record(gap));
        if let Some(more) = messages.more.take() {
            self.between.merge(&more);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.first.merge(&other.first);
        self.between.merge(&other.between);
    }

    pub(super) fn timings(&self) -> [(Timing, Histogram); 2] {
        [
            (Timing::FirstMessage, self.first.histogram()),
            (Timing::BetweenMessages, self.between.histogram()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Statistic;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn times_are_those_between_the_messages_of_one_stream() {
        let start = Instant::now();
        let (mut messages, mut counts) = (Messages::default(), Counts::default());
        for _ in 0..2 {
            messages.streamed(0, start, start);
            messages.streamed(2, start + ms(10), start);
            messages.streamed(1, start + ms(10), start);
            messages.streamed(1, start + ms(40), start);
            counts.take(&mut messages);
        }
        assert_eq!((counts.sent, counts.received), (0, 8));
        let [(_, first), (_, between)] = counts.timings();
        assert_eq!((first.count(), between.count()), (2, 6));
        let mean = |histogram: Histogram| histogram.statistic(Statistic::Mean).expect("a mean");
        assert!((mean(first) - 10.0).abs() < 0.1);
        assert!((mean(between) - 10.0).abs() < 0.1);
    }

    #[test]
    fn long_streams_lose_no_time() {
        let start = Instant::now();
        let (mut messages, mut counts) = (Messages::default(), Counts::default());
        let many = 3 * FEW as u64;
        (0..=many).for_each(|n| messages.streamed(1, start + ms(n), start));
        counts.take(&mut messages);
        let [_, (_, between)] = counts.timings();
        assert_eq!(between.count(), many);
        counts.take(&mut messages);
        assert_eq!(counts.received, many + 1);
    }
}
