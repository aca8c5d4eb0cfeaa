//! [`Shard`]: the part of a load that one of several generators sends, each on a machine of its own.
//!
//! # Why turns
//! All shards go over the one schedule of the whole load, and each sends every `of`-th turn of it: their union is the
//! schedule, to the nanosecond. A turn stays whole, because what slows down the machine of a shard must slow down all
//! versions alike.

use std::num::{NonZeroU32, NonZeroU64};

use tokio::time::Instant;

use super::pool::{AtOnce, MOST_AT_ONCE, Pool};
use super::{Pace, Plan, Rate, Stage, Stop};

/// Which part of a load is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0 and below `of`.
    pub index: u32,
    /// How many there are.
    pub of: NonZeroU32,
    /// Of all that is random; the same for all of them.
    pub seed: u64,
    /// When the load begins; at once without it, or where it has passed.
    pub start: Option<Instant>,
}

/// Why a load cannot be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undivided {
    /// A closed loop would have shards without a request under way.
    #[error("{0} {1}{plural} cannot be divided among {2} shards", plural = if *.0 == 1 { "" } else { "s" })]
    Few(u64, &'static str, NonZeroU32),
    /// A number of calls that changes is one generator's.
    #[error("a number of concurrent {0}s that changes cannot be divided among shards")]
    Steps(&'static str),
}

impl Shard {
    /// Of so many things, numbered from 0, those whose turn it is.
    pub(super) fn share(&self, all: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of.get()));
        all / of + u64::from(index < all % of)
    }

    /// The plan of a load that is as large as the part of this shard: what can be told of it, not what is sent.
    pub fn alone(&self, whole: &Plan) -> Plan {
        let count = |all: NonZeroU64| NonZeroU64::new(self.share(all.get())).unwrap_or(NonZeroU64::MIN);
        let stop = match whole.stop {
            Stop::After(all) => Stop::After(count(all)),
            Stop::Either(all, time) => Stop::Either(count(all), time),
            Stop::For(time) => Stop::For(time),
        };
        let part = |rate: Rate| {
            let thousandths = (rate.get() / f64::from(self.of.get()) * 1e3).round();
            Rate::per_second(thousandths / 1e3).unwrap_or(rate)
        };
        let pace = match &whole.pace {
            Pace::Free => Pace::Free,
            Pace::PerSecond(rate) => Pace::PerSecond(part(*rate)),
            Pace::Stages(stages) => {
                let stage = |stage: &Stage| Stage {
                    from: stage.from.map(part),
                    to: stage.to.map(part),
                    time: stage.time,
                };
                Pace::Stages(stages.iter().map(stage).collect())
            }
        };
        Plan {
            stop,
            pace,
            shard: None,
            ..whole.clone()
        }
    }

    fn of_lanes(&self, all: NonZeroU32) -> Option<NonZeroU32> {
        NonZeroU32::new(u32::try_from(self.share(u64::from(all.get()))).unwrap_or(u32::MAX))
    }

    /// The connections of this shard, of those of the whole load. A paced load has at least one on each; in a closed loop,
    /// whose connections are the load, there must be enough for all.
    pub fn pool(&self, whole: &Pool, paced: bool, request: &'static str) -> Result<Pool, Undivided> {
        let least = NonZeroU32::MIN;
        let share = |all: NonZeroU32, what| match self.of_lanes(all) {
            _ if !paced && all < self.of => Err(Undivided::Few(u64::from(all.get()), what, self.of)),
            share => Ok(share.unwrap_or(least)),
        };
        let at_once = match whole.at_once {
            AtOnce::Streams => AtOnce::Streams,
            AtOnce::Lanes(all) if paced && all == MOST_AT_ONCE => AtOnce::Lanes(all),
            AtOnce::Lanes(all) => AtOnce::Lanes(share(all, request)?),
            AtOnce::Steps(_) => return Err(Undivided::Steps(request)),
        };
        let connections = match at_once {
            AtOnce::Streams => share(whole.connections, "connection")?,
            // Several calls share one.
            AtOnce::Lanes(_) | AtOnce::Steps(_) => self.of_lanes(whole.connections).unwrap_or(least),
        };
        Ok(Pool {
            connections,
            max_connections: self.of_lanes(whole.max_connections).unwrap_or(least),
            at_once,
            ..whole.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("not zero")
    }

    fn shards(of: u32) -> impl Iterator<Item = Shard> {
        (0..of).map(move |index| Shard {
            index,
            of: number(of),
            seed: 1,
            start: None,
        })
    }

    fn pool(connections: u32, at_once: AtOnce) -> Pool {
        Pool {
            connections: number(connections),
            max_connections: number(2 * connections),
            streams: number(1),
            at_once,
            timeout: Duration::from_secs(1),
            connection_warmup: 0,
        }
    }

    #[test]
    fn the_connections_of_all_shards_are_those_of_the_load() {
        let whole = pool(50, AtOnce::Lanes(number(101)));
        let divided: Vec<Pool> = shards(8)
            .map(|shard| shard.pool(&whole, false, "call").expect("enough"))
            .collect();
        let sum = |of: fn(&Pool) -> u32| divided.iter().map(of).sum::<u32>();
        assert_eq!(sum(|pool| pool.connections.get()), 50);
        assert_eq!(sum(|pool| pool.max_connections.get()), 100);
        let lanes = |pool: &Pool| pool.at_once.bounds().map_or(0, |(most, _)| most.get());
        assert_eq!(divided.iter().map(lanes).sum::<u32>(), 101);
    }

    #[test]
    fn a_closed_loop_with_fewer_connections_than_shards_is_refused_and_a_paced_load_is_not() {
        let whole = pool(3, AtOnce::Streams);
        for shard in shards(4) {
            let refused = shard.pool(&whole, false, "request").expect_err("too few");
            assert_eq!(
                refused.to_string(),
                "3 connections cannot be divided among 4 shards"
            );
            let paced = shard.pool(&whole, true, "request").expect("one each");
            assert_eq!(paced.connections.get(), 1);
        }
        let unlimited = pool(4, AtOnce::Lanes(MOST_AT_ONCE));
        let shard = shards(2).next().expect("a shard");
        let paced = shard.pool(&unlimited, true, "call").expect("divided");
        assert_eq!(paced.at_once, AtOnce::Lanes(MOST_AT_ONCE));
    }
}
