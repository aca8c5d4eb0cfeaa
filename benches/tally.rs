//! What it costs to count a request: a million requests on a thousand connections, with log-normal latencies.
//!
//! `cargo bench --bench tally`; the time per request is one over the items per second. `warm` counts and does nothing
//! else. `cold` walks through the memory of a connection before each request, as the engine and the kernel do: what
//! counting costs there is its difference from `walking`.

use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use iter8::load::{Answer, Sent, Tally};
use tokio::time::Instant;

const CONNECTIONS: u64 = 1000;
const REQUESTS: u64 = 1_000_000;
/// Median latency of the requests, in nanoseconds.
const MEDIAN: f64 = 10e6;
/// Standard deviation of the logarithm of their latencies.
const SIGMA: f64 = 0.5;
/// Memory that is touched of a connection, in words.
const PER_CONNECTION: usize = 512;

fn main() {
    divan::main();
}

/// Numbers without a pattern, the same in every run (xorshift, George Marsaglia).
struct Noise(u64);

impl Noise {
    /// Between 0 and 1.
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().max(f64::MIN_POSITIVE).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn latency(&mut self) -> Duration {
        Duration::from_secs_f64(MEDIAN / 1e9 * (SIGMA * self.normal()).exp())
    }
}

/// How requests go.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Sent when they are due and answered in one read.
    Free,
    /// Sent a little after they are due and answered in one read.
    Paced,
    /// Sent a little after they are due; their answers come in parts.
    Parts,
}

/// Requests of connections that each send one after the other, in the order of their ends.
fn requests(kind: Kind, start: Instant) -> Vec<(Sent, Instant, Instant)> {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let mut requests = Vec::new();
    for connection in 0..CONNECTIONS {
        let mut due = Duration::from_micros(connection);
        for turn in 0..REQUESTS / CONNECTIONS {
            let latency = noise.latency();
            let (lag, body) = match kind {
                Kind::Free => (Duration::ZERO, Duration::ZERO),
                Kind::Paced => (noise.latency() / 500, Duration::ZERO),
                Kind::Parts => (noise.latency() / 500, latency / 10),
            };
            let sent = Sent {
                n: turn * CONNECTIONS + connection,
                due,
                at: due + lag,
                connection: connection + 1,
                opened: None,
            };
            let end = sent.at + latency;
            requests.push((sent, start + end - body, start + end));
            due = end;
        }
    }
    requests.sort_unstable_by_key(|(sent, _, end)| (*end, sent.n));
    requests
}

fn count(tally: &mut Tally, kind: Kind, (sent, first_byte, end): &(Sent, Instant, Instant)) {
    if !matches!(kind, Kind::Free) {
        tally.released(sent.n, sent.at.saturating_sub(sent.due));
    }
    let answer = Answer {
        status: Some(200),
        first_byte: *first_byte,
        end: *end,
        bytes: 2,
        failure: None,
        aside: None,
    };
    tally.answered(*sent, &answer);
}

const KINDS: [Kind; 3] = [Kind::Free, Kind::Paced, Kind::Parts];

#[divan::bench(args = KINDS, sample_count = 15)]
fn warm(bencher: Bencher, kind: Kind) {
    let start = Instant::now();
    let requests = requests(kind, start);
    bencher
        .counter(ItemsCount::new(requests.len()))
        .with_inputs(|| Tally::new(start))
        .bench_local_values(|mut tally| {
            for request in &requests {
                count(&mut tally, kind, black_box(request));
            }
            tally
        });
}

/// Touches the memory of a connection.
fn walk(memory: &mut [u64], sent: &Sent) {
    let from =
        usize::try_from(sent.connection * 7919 % CONNECTIONS).expect("few connections") * PER_CONNECTION;
    for line in memory[from..from + PER_CONNECTION].iter_mut().step_by(8) {
        *line += 1;
    }
}

#[divan::bench(args = KINDS, sample_count = 15)]
fn cold(bencher: Bencher, kind: Kind) {
    let start = Instant::now();
    let requests = requests(kind, start);
    let mut memory = vec![0; PER_CONNECTION * 1000];
    bencher
        .counter(ItemsCount::new(requests.len()))
        .with_inputs(|| Tally::new(start))
        .bench_local_values(|mut tally| {
            for request in &requests {
                walk(&mut memory, &request.0);
                count(&mut tally, kind, black_box(request));
            }
            tally
        });
}

#[divan::bench(sample_count = 15)]
fn walking(bencher: Bencher) {
    let requests = requests(Kind::Free, Instant::now());
    let mut memory = vec![0; PER_CONNECTION * 1000];
    bencher.counter(ItemsCount::new(requests.len())).bench_local(|| {
        for request in &requests {
            walk(&mut memory, &request.0);
            black_box(request);
        }
    });
}

/// The measurement that is made of a million requests.
#[divan::bench(sample_count = 15)]
fn finish(bencher: Bencher) {
    let start = Instant::now();
    let mut tally = Tally::new(start);
    for request in &requests(Kind::Parts, start) {
        count(&mut tally, Kind::Parts, request);
    }
    bencher.bench_local(|| tally.measured_so_far(Duration::ZERO));
}
