//! [`Addresses`]: which address of a name the next connection goes to.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an address that refused is avoided: a server that starts anew gets its share again.
const AVOIDED: Duration = Duration::from_secs(5);

/// The addresses of a name. Connections take turns over those of the family that answered first (RFC 8305 lets the
/// fastest family win); an address that refused is tried only after all others, for some seconds.
#[derive(Debug)]
pub(crate) struct Addresses {
    all: Vec<SocketAddr>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    turn: usize,
    /// Whether the turn is always the first one's.
    stays: bool,
    /// Whether the family of the load is IPv6, once one has answered.
    ipv6: Option<bool>,
    /// And when.
    failed: Vec<(SocketAddr, Instant)>,
    worked: Vec<SocketAddr>,
}

impl Addresses {
    /// In the order of preference, not empty.
    pub(crate) fn new(all: Vec<SocketAddr>) -> Self {
        let state = Mutex::default();
        Self { all, state }
    }

    /// From now on all connections go to the first address that takes them.
    pub(crate) fn stay(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stays = true;
    }

    /// All of them, in the order in which the next connection tries them.
    pub(crate) fn in_turn(&self) -> Vec<SocketAddr> {
        if let [only] = self.all[..] {
            return vec![only];
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = |address: &SocketAddr| {
            state.ipv6.is_none_or(|ipv6| address.is_ipv6() == ipv6)
                && !state
                    .failed
                    .iter()
                    .any(|(failed, at)| failed == address && at.elapsed() < AVOIDED)
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = self.all.iter().copied().partition(usual);
        let turn = state.turn;
        if !state.stays {
            state.turn = turn.wrapping_add(1);
        }
        let family = |ipv6: bool| {
            let of_it = first.iter().copied().filter(|address| address.is_ipv6() == ipv6);
            let mut of_it: Vec<_> = of_it.collect();
            let first = turn % of_it.len().max(1);
            of_it.rotate_left(first);
            of_it.into_iter()
        };
        let (mut newer, mut older) = (family(true), family(false));
        for address in &mut first {
            // Families keep their places: which of them answers is not known at first.
            let next = if address.is_ipv6() {
                newer.next()
            } else {
                older.next()
            };
            *address = next.unwrap_or(*address);
        }
        first.extend(rest);
        first
    }

    /// Whether a connection to it was opened before.
    pub(crate) fn is_known(&self, address: SocketAddr) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.worked.contains(&address)
    }

    /// A connection to it was opened.
    pub(crate) fn worked(&self, address: SocketAddr) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed.retain(|(failed, _)| *failed != address);
        state.ipv6.get_or_insert(address.is_ipv6());
        if !state.worked.contains(&address) {
            state.worked.push(address);
        }
    }

    /// It took no connection.
    pub(crate) fn failed(&self, address: SocketAddr) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed.retain(|(failed, _)| *failed != address);
        state.failed.push((address, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    }

    #[test]
    fn connections_take_turns_over_the_family_that_answered() {
        let all = addresses(&["[::1]:80", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
        let known = Addresses::new(all.clone());
        assert_eq!(known.in_turn(), all);
        known.failed(all[0]);
        known.worked(all[1]);
        let firsts: Vec<_> = (0..6).map(|_| known.in_turn()[0]).collect();
        assert_eq!(firsts, [all[2], all[3], all[1], all[2], all[3], all[1]]);
        assert_eq!(known.in_turn().len(), 4);
    }

    #[test]
    fn connections_that_stay_go_to_the_first_address_that_takes_them() {
        let all = addresses(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
        let known = Addresses::new(all.clone());
        known.stay();
        let firsts = || -> Vec<_> { (0..3).map(|_| known.in_turn()[0]).collect() };
        assert_eq!(firsts(), [all[0]; 3]);
        known.failed(all[0]);
        assert_eq!(firsts(), [all[1]; 3]);
    }

    #[test]
    fn connections_that_are_opened_before_any_has_answered_take_turns_too() {
        let all = addresses(&["[::1]:80", "10.0.0.1:80", "[::2]:80", "10.0.0.2:80"]);
        let known = Addresses::new(all.clone());
        assert_eq!(known.in_turn(), all);
        assert_eq!(known.in_turn(), [all[2], all[3], all[0], all[1]]);
        assert_eq!(known.in_turn(), all);
    }

    #[test]
    fn an_address_that_refused_comes_last_until_it_answers() {
        let all = addresses(&["10.0.0.1:80", "10.0.0.2:80"]);
        let known = Addresses::new(all.clone());
        known.worked(all[0]);
        known.failed(all[1]);
        assert!((0..4).all(|_| known.in_turn() == all));
        known.worked(all[1]);
        let firsts: Vec<_> = (0..4).map(|_| known.in_turn()[0]).collect();
        assert_eq!(firsts.iter().filter(|first| **first == all[1]).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refused_once_gets_its_share_again() {
        let all = addresses(&["10.0.0.1:80", "10.0.0.2:80"]);
        let known = Addresses::new(all.clone());
        known.worked(all[0]);
        known.failed(all[1]);
        assert!((0..4).all(|_| known.in_turn() == all));
        tokio::time::advance(AVOIDED).await;
        let firsts: Vec<_> = (0..4).map(|_| known.in_turn()[0]).collect();
        assert_eq!(firsts.iter().filter(|first| **first == all[1]).count(), 2);
    }
}
