//! What it costs to merge the results of 64 shards, each of ten minutes at 250 requests per second.
//!
//! `cargo bench --bench merge`; the aim is at most one second.

use std::path::PathBuf;
use std::time::Duration;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use iter8::metrics::{Insights, Load, LoadMeasurement, SliceRecorder, Timing, VersionInsights, nanos};
use iter8::results::merge::Merger;
use iter8::results::{Environment, ExperimentResult, Shard, ShardNumber, SourceInfo, read_bounded, write};
use iter8::slo::{Policy, Terms};
use jiff::Timestamp;
use tempfile::TempDir;

const SHARDS: u32 = 64;
const SECONDS: u64 = 600;
const RATE: u64 = 250;

fn main() {
    divan::main();
}

/// Latencies around some milliseconds with a long tail, the same in every run.
struct Latencies(u64);

impl Iterator for Latencies {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let share = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        Some(Duration::from_secs_f64(0.004 * (1.0 - share).powf(-0.4)))
    }
}

fn measurement(shard: u32) -> LoadMeasurement {
    let mut load = LoadMeasurement {
        began: Some(Timestamp::UNIX_EPOCH),
        requests: SECONDS * RATE,
        answered: SECONDS * RATE,
        elapsed: SECONDS as f64,
        ..LoadMeasurement::default()
    };
    let mut slices = SliceRecorder::default();
    for (n, latency) in (0..SECONDS * RATE).zip(Latencies(u64::from(shard))) {
        let due = n * 1_000_000_000 / RATE;
        slices.request(due, false);
        slices.latency(due, nanos(latency));
        for timing in [Timing::Latency, Timing::ServiceTime, Timing::Ttfb, Timing::Body] {
            load.timings.entry(timing).or_default().record(latency);
        }
        load.send_delay.record(latency / 100);
    }
    load.slices = slices.finish();
    load
}

fn result(shard: u32) -> ExperimentResult {
    let mut result = ExperimentResult::new(
        SourceInfo::default(),
        Environment::default(),
        Timestamp::UNIX_EPOCH,
    );
    result.shard = Some(Shard {
        number: ShardNumber::new(shard, SHARDS).expect("a shard"),
        start_at: Some(Timestamp::UNIX_EPOCH),
    });
    result.terms = vec![Terms {
        task: 2,
        condition: None,
        objectives: vec!["http/latency-p95 <= 50ms".parse().expect("an objective")],
        rewards: Vec::new(),
        policy: Policy::default(),
    }];
    let load = Load {
        target: "http://shop.example/".to_owned(),
        plan: "16000 requests/s for 10m".to_owned(),
        ..Load::bare("http".parse().expect("a stream"), measurement(shard))
    };
    result.insights = Insights {
        versions: vec![VersionInsights {
            name: "default".to_owned(),
            loads: vec![load],
            ..VersionInsights::default()
        }],
    };
    result.ended = true;
    result
}

/// The results as files, and how many bytes they are.
fn stored() -> (TempDir, Vec<PathBuf>, u64) {
    let folder = TempDir::new().expect("a folder");
    let mut bytes = 0;
    let files = (0..SHARDS).map(|shard| {
        let path = folder.path().join(format!("{shard}.json"));
        write(&path, &result(shard)).expect("written");
        bytes += std::fs::metadata(&path).expect("a file").len();
        path
    });
    let files = files.collect();
    (folder, files, bytes)
}

fn merged(files: &[PathBuf]) -> ExperimentResult {
    let mut merger = Merger::new(None);
    for (n, file) in files.iter().enumerate() {
        let result = read_bounded(file).expect("a result");
        merger.add(&n.to_string(), result).expect("a shard");
    }
    merger.finish(Environment::default()).expect("merged")
}

/// From files to the judged result.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn sixty_four_results_of_ten_minutes(bencher: Bencher<'_, '_>) {
    let (_folder, files, bytes) = stored();
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| black_box(merged(black_box(&files))));
}

/// The same and written again.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn with_the_merged_result_written(bencher: Bencher<'_, '_>) {
    let (folder, files, _) = stored();
    let out = folder.path().join("merged.json");
    bencher.bench(|| write(&out, &merged(&files)).expect("written"));
}
