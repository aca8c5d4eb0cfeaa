//! What it costs to read a stored result of Iter8 0.13 with ten megabytes of latencies and buckets.
//!
//! `cargo bench --bench results`; the aim is at most 200 ms.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use iter8::results::legacy::from_experiment;
use iter8::spec::SourceFile;

const BYTES: usize = 10 << 20;

fn main() {
    divan::main();
}

/// A result as Iter8 wrote it after many loops: `lists` fills the insights.
fn stored(lists: impl Fn(&mut String)) -> SourceFile {
    let mut text = String::from(
        "result:\n  failure: false\n  insights:\n    metricsInfo:\n      grpc/latency:\n        description: latencies\n        \
         type: Sample\n        units: msec\n",
    );
    lists(&mut text);
    text.push_str(
        "    numVersions: 1\n    SLOs:\n      upper:\n      - limit: 50\n        metric: grpc/latency/p95\n    \
         SLOsSatisfied:\n      upper:\n      - - true\n  iter8Version: v0.13\n  numCompletedTasks: 2\n  numLoops: 99\n  \
         startTime: \"2023-05-01T10:00:00Z\"\nspec:\n- task: grpc\n  with:\n    host: shop.example:8080\n- task: assess\n",
    );
    SourceFile::new("experiment.yaml", text)
}

fn read(bencher: Bencher<'_, '_>, source: &SourceFile) {
    bencher
        .counter(BytesCount::of_str(source.text()))
        .bench(|| black_box(from_experiment(black_box(source)).expect("a result")));
}

#[divan::bench]
fn latencies(bencher: Bencher<'_, '_>) {
    let source = stored(|text| {
        text.push_str("    nonHistMetricValues:\n    - grpc/latency:\n");
        let mut n: u64 = 1;
        while text.len() < BYTES {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(&format!("      - {}\n", n >> 54));
        }
    });
    read(bencher, &source);
}

#[divan::bench]
fn buckets(bencher: Bencher<'_, '_>) {
    let source = stored(|text| {
        text.push_str("    histMetricValues:\n    - http/latency:\n");
        let mut n = 0;
        while text.len() < BYTES {
            n += 1;
            text.push_str(&format!(
                "      - count: {}\n        lower: {}\n        upper: {}.5\n",
                n % 9,
                n % 700,
                n % 700
            ));
        }
    });
    read(bencher, &source);
}
