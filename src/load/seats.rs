//! [`Seats`]: the lanes of one part on one worker: how many there may be, and which connection each of them uses.

use std::num::NonZeroU32;
use std::time::Duration;

use super::pool::{AtOnce, Pool};

/// A lane and its connection. Both numbers are those of the whole part; all lanes of a connection are on one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The number of the lane, from 0. A lane keeps it.
    pub lane: u32,
    /// The number of the connection, from 0. Other lanes may have the same.
    pub connection: u32,
}

/// One worker's lanes, which it numbers from 0 in the order in which they are started.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    pool: Pool,
    /// Connections of the whole part.
    connections: u32,
    worker: u32,
    workers: u32,
}

impl Seats {
    /// The share of a worker. Each connection belongs to one of them, in turn.
    pub(super) fn new(pool: &Pool, paced: bool, worker: usize, workers: usize) -> Self {
        let to_u32 = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            connections: pool.connections_of(paced).get(),
            pool: pool.clone(),
            worker: to_u32(worker),
            workers: to_u32(workers).max(1),
        }
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The most workers that a part can be divided among: none may ever be without a lane.
    pub(super) fn most_workers(pool: &Pool) -> NonZeroU32 {
        match pool.at_once.bounds() {
            Some((_, fewest)) => pool.connections.min(fewest),
            None => pool.connections,
        }
    }

    /// Of so many things, numbered from 0, those whose number is this worker's turn.
    fn share(&self, all: u32) -> u32 {
        all / self.workers + u32::from(self.worker < all % self.workers)
    }

    /// The connections of this worker that are opened before the load, if any are.
    pub(super) fn first_connections(&self) -> u32 {
        self.share(self.pool.connections.get().min(self.connections))
    }

    /// Whether the lanes take the connections in turn.
    pub(super) fn are_in_turn(&self) -> bool {
        self.pool.at_once != AtOnce::Streams
    }

    /// Whether several lanes may use one connection.
    pub(super) fn are_shared(&self) -> bool {
        self.are_in_turn() || self.pool.streams > NonZeroU32::MIN
    }

    /// How many lanes there may be at a time since the start.
    pub(super) fn at(&self, time: Duration) -> u32 {
        let all = match self.pool.at_once {
            AtOnce::Streams => {
                return self
                    .share(self.connections)
                    .saturating_mul(self.pool.streams.get());
            }
            AtOnce::Lanes(lanes) => lanes.get(),
            AtOnce::Steps(steps) => steps.at(time).get(),
        };
        // Every round over all connections is a round over those of this worker.
        let (rounds, rest) = (all / self.connections, all % self.connections);
        rounds
            .saturating_mul(self.share(self.connections))
            .saturating_add(self.share(rest))
    }

    /// When that number changes next.
    pub(super) fn next_change(&self, time: Duration) -> Option<Duration> {
        match &self.pool.at_once {
            AtOnce::Streams | AtOnce::Lanes(_) => None,
            AtOnce::Steps(steps) => steps.next_change(time),
        }
    }

    /// The place of this worker's lane of a number.
    pub(super) fn seat(&self, number: u32) -> Seat {
        let mine = self.share(self.connections).max(1);
        let streams = self.pool.streams.get();
        let in_turn = self.are_in_turn();
        let (connection, place) = if in_turn {
            (number % mine, number / mine)
        } else {
            (number / streams, number % streams)
        };
        let connection = connection
            .saturating_mul(self.workers)
            .saturating_add(self.worker);
        let lane = if in_turn {
            place.saturating_mul(self.connections).saturating_add(connection)
        } else {
            connection.saturating_mul(streams).saturating_add(place)
        };
        Seat { lane, connection }
    }

    /// The first of this worker's lanes that uses the `index`-th of its connections.
    pub(super) fn first_of(&self, index: u32) -> u32 {
        match self.pool.at_once {
            AtOnce::Streams => index.saturating_mul(self.pool.streams.get()),
            AtOnce::Lanes(_) | AtOnce::Steps(_) => index,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn pool(connections: u32, at_once: AtOnce) -> Pool {
        let connections = NonZeroU32::new(connections).expect("not zero");
        Pool {
            connections,
            max_connections: connections,
            streams: NonZeroU32::MIN,
            at_once,
            timeout: Duration::from_secs(1),
            connection_warmup: 0,
        }
    }

    fn seats(pool: &Pool, workers: usize) -> Vec<Seat> {
        let of = |worker| Seats::new(pool, false, worker, workers);
        (0..workers)
            .map(of)
            .flat_map(|seats| {
                (0..seats.at(Duration::ZERO))
                    .map(|number| seats.seat(number))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn every_lane_is_on_one_worker_and_its_connection_follows_from_its_number() {
        for (connections, lanes, workers) in [(3, 50, 2), (3, 50, 3), (1, 7, 1), (50, 50, 4), (4, 9, 3)] {
            let at_once = AtOnce::Lanes(NonZeroU32::new(lanes).expect("not zero"));
            let all = seats(&pool(connections, at_once), workers);
            assert_eq!(all.len(), lanes as usize);
            let numbers: BTreeSet<u32> = all.iter().map(|seat| seat.lane).collect();
            assert_eq!(numbers, (0..lanes).collect());
            assert!(all.iter().all(|seat| seat.connection == seat.lane % connections));
        }
    }

    #[test]
    fn streams_of_a_connection_are_lanes_that_follow_each_other() {
        let mut pool = pool(5, AtOnce::Streams);
        pool.streams = NonZeroU32::new(4).expect("not zero");
        let all = seats(&pool, 2);
        let numbers: BTreeSet<u32> = all.iter().map(|seat| seat.lane).collect();
        assert_eq!(numbers, (0..20).collect());
        assert!(all.iter().all(|seat| seat.connection == seat.lane / 4));
        let mut of_connection = BTreeMap::<u32, u32>::new();
        all.iter()
            .for_each(|seat| *of_connection.entry(seat.connection).or_default() += 1);
        assert_eq!(of_connection, (0..5).map(|connection| (connection, 4)).collect());
    }

    #[test]
    fn a_paced_load_has_more_connections_and_lanes_when_it_may_open_them() {
        let mut pool = pool(2, AtOnce::Streams);
        pool.max_connections = NonZeroU32::new(5).expect("not zero");
        let count = |paced| {
            let of = |worker| Seats::new(&pool, paced, worker, 2);
            [of(0), of(1)].map(|seats| (seats.first_connections(), seats.at(Duration::ZERO)))
        };
        assert_eq!(count(true), [(1, 3), (1, 2)]);
        assert_eq!(count(false), [(1, 1), (1, 1)]);
    }

    #[test]
    fn no_more_connections_are_opened_than_there_are_lanes() {
        let pool = pool(10, AtOnce::Lanes(NonZeroU32::new(3).expect("not zero")));
        let seats = Seats::new(&pool, true, 0, 1);
        assert_eq!(seats.first_connections(), 3);
        assert_eq!(Seats::most_workers(&pool).get(), 3);
        assert_eq!((seats.first_of(2), seats.seat(2).connection), (2, 2));
    }
}
