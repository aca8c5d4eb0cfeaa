//! Results for tests: [`broken`] is an ordinary day on which a change made an endpoint slow, [`hostile`] has every
//! verdict, and foreign text wherever foreign text can be.

use std::time::Duration;

use crate::metrics::{
    Failure, FailureClass, Histogram, Insights, Load, LoadMeasurement, SliceRecorder, Timing,
    VersionInsights, nanos,
};
use crate::results::{Environment, ExperimentResult, SourceInfo, TaskRecord, TaskStatus};
use crate::slo::interval::Interval;
use crate::slo::{Assessment, Certainty, Judgement, Verdict};

/// Numbers that look random and are the same on every run.
struct Noise(u64);

impl Noise {
    /// 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// Log-normal around `median`, as latencies are.
    fn latency(&mut self, median: f64, sigma: f64) -> Duration {
        let normal = (0..12).map(|_| self.next()).sum::<f64>() - 6.0;
        Duration::from_secs_f64(median * (sigma * normal).exp() / 1e3)
    }
}

/// What a load looks like.
struct Shape {
    median: f64,
    sigma: f64,
    requests: u64,
    errors_every: u64,
    stall: bool,
}

fn measurement(shape: &Shape, seed: u64) -> LoadMeasurement {
    let mut noise = Noise(seed);
    let (mut slices, mut latency, mut service, mut ttfb, mut body) = (
        SliceRecorder::default(),
        Histogram::new(),
        Histogram::new(),
        Histogram::new(),
        Histogram::new(),
    );
    let mut load = LoadMeasurement {
        requests: shape.requests,
        answered: shape.requests,
        connections: 10,
        bytes_received: shape.requests * 1834,
        elapsed: shape.requests as f64 / 40.0,
        ..LoadMeasurement::default()
    };
    for n in 0..shape.requests {
        let due = Duration::from_millis(n * 25);
        let served = noise.latency(shape.median, shape.sigma);
        let into_stall = due.as_secs_f64() - 18.0;
        let waited = if shape.stall && (0.0..0.6).contains(&into_stall) {
            Duration::from_secs_f64(0.6 - into_stall)
        } else {
            Duration::ZERO
        };
        let error = shape.errors_every > 0 && n % shape.errors_every == 0;
        load.errors += u64::from(error);
        *load.statuses.entry(if error { 503 } else { 200 }).or_default() += 1;
        slices.request(nanos(due), error);
        slices.latency(nanos(due), nanos(served + waited));
        latency.record(served + waited);
        service.record(served);
        ttfb.record(served.mul_f64(0.94));
        body.record(served.mul_f64(0.06));
        load.send_delay.record(Duration::from_micros(20 + n % 60));
    }
    if load.errors > 0 {
        let example = "503 Service Unavailable: upstream connect error".to_owned();
        load.failures.insert(
            FailureClass::Status,
            Failure {
                count: load.errors,
                example,
            },
        );
    }
    for (timing, milliseconds) in [(Timing::Dns, 4), (Timing::Connect, 8), (Timing::Tls, 19)] {
        let mut times = Histogram::new();
        times.record_many(
            Duration::from_millis(milliseconds),
            if timing == Timing::Dns { 1 } else { 10 },
        );
        load.timings.insert(timing, times);
    }
    load.cold_start = Some(88.0);
    load.timings.extend([
        (Timing::Latency, latency),
        (Timing::ServiceTime, service),
        (Timing::Ttfb, ttfb),
        (Timing::Body, body),
    ]);
    load.slices = slices.finish();
    load
}

fn load(stream: &str, target: &str, shape: &Shape, seed: u64) -> Load {
    Load {
        stream: stream.parse().expect(stream),
        target: target.to_owned(),
        plan: "40 requests/s on 10 connections for 30 s, alternating between versions".to_owned(),
        percentiles: Vec::new(),
        together: None,
        measurement: measurement(shape, seed),
    }
}

/// A verdict with its numbers: value, low, high.
fn judge(
    objective: &str,
    verdict: Verdict,
    value: Option<f64>,
    interval: Option<(Option<f64>, Option<f64>)>,
) -> Judgement {
    Judgement {
        task: 3,
        objective: objective.parse().expect(objective),
        version: "preview".into(),
        verdict,
        value,
        interval: interval.map(|(low, high)| Interval { low, high }),
        certainty: Certainty::Sure,
        requests: Some(1200),
        note: None,
    }
}

fn task(index: usize, name: &str, about: &str, status: TaskStatus, seconds: f64) -> TaskRecord {
    TaskRecord {
        index,
        name: name.into(),
        about: about.into(),
        status,
        started: None,
        seconds: Some(seconds),
        notes: Vec::new(),
    }
}

fn environment() -> Environment {
    Environment {
        iter8_version: "1.0.0".into(),
        platform: "github".into(),
        system: "linux x86_64".into(),
        processors: 4,
        commit: Some("abc1234def5678".into()),
        commit_url: Some("https://github.com/acme/shop/commit/abc1234def5678".into()),
        run_url: Some("https://github.com/acme/shop/actions/runs/1".into()),
        reproduce: Some(
            "iter8 run --url https://pr-42.preview.example.com --baselineURL https://staging.example.com --qps 40 \
             --duration 30s --slo \"http/latency-p95 <= 250ms\""
                .into(),
        ),
    }
}

fn empty() -> ExperimentResult {
    let source = SourceInfo {
        name: "experiment.yaml".into(),
        text: "spec:\n- task: http\n  with:\n    qps: 40\n    duration: 30s\n".into(),
    };
    let started = "2026-11-22T10:00:00Z".parse().expect("an instant");
    let mut result = ExperimentResult::new(source, environment(), started);
    result.seconds = 34.2;
    result
}

fn version(name: &str, baseline: bool, loads: Vec<Load>) -> VersionInsights {
    VersionInsights {
        name: name.into(),
        baseline,
        loads,
        ..VersionInsights::default()
    }
}

/// Two endpoints and a baseline; `checkout` became slow, the target stalled once.
pub(crate) fn broken() -> ExperimentResult {
    let (here, there) = ("https://pr-42.preview.example.com", "https://staging.example.com");
    let shape = |median, stall| Shape {
        median,
        sigma: 0.5,
        requests: 1200,
        errors_every: 0,
        stall,
    };
    let mut result = empty();
    result.insights = Insights {
        versions: vec![
            version(
                "preview",
                false,
                vec![
                    load("http-home", here, &shape(22.0, true), 1),
                    load("http-checkout", here, &shape(138.0, true), 2),
                ],
            ),
            version(
                "baseline",
                true,
                vec![
                    load("http-home", there, &shape(21.0, false), 3),
                    load("http-checkout", there, &shape(74.0, false), 4),
                ],
            ),
        ],
    };
    let p95 = |stream: &str| {
        result.insights.versions[0].value(&format!("{stream}/latency-p95").parse().expect("a metric"))
    };
    let checkout = p95("http-checkout");
    let mut unsure = judge(
        "http/latency-p99 <= 600ms",
        Verdict::Met,
        Some(579.0),
        Some((Some(391.0), None)),
    );
    unsure.certainty = Certainty::Unsure {
        more_requests: Some(1200),
    };
    result.assessment = Assessment {
        judgements: vec![
            judge(
                "http/latency-p50 <= 100ms",
                Verdict::Met,
                Some(48.3),
                Some((Some(46.0), Some(51.0))),
            ),
            judge(
                "http-checkout/latency-p95 <= 250ms",
                Verdict::NotMet,
                checkout,
                Some((Some(287.0), Some(378.0))),
            ),
            judge(
                "http/error-rate <= 1%",
                Verdict::Met,
                Some(0.0),
                Some((Some(0.0), Some(0.0031))),
            ),
            unsure,
            judge(
                "http/latency-p95 <= 1.1x base",
                Verdict::NotMet,
                Some(1.26),
                Some((Some(1.15), Some(1.38))),
            ),
        ],
    };
    result.tasks = vec![
        task(
            1,
            "ready",
            "https://pr-42.preview.example.com",
            TaskStatus::Completed,
            1.4,
        ),
        task(
            2,
            "http",
            "40 requests/s for 30 s to 2 versions",
            TaskStatus::Completed,
            30.1,
        ),
        task(3, "assess", "5 objectives", TaskStatus::Completed, 0.01),
    ];
    result.ended = true;
    result.conclude();
    result
}

/// The same on a day on which all is well: one version, one endpoint.
pub(crate) fn kept() -> ExperimentResult {
    let shape = Shape {
        median: 22.0,
        sigma: 0.45,
        requests: 1200,
        errors_every: 0,
        stall: false,
    };
    let mut result = empty();
    result.insights.versions = vec![version(
        "default",
        false,
        vec![load("http", "https://pr-42.preview.example.com", &shape, 9)],
    )];
    let mut judgements = vec![
        judge(
            "http/latency-p95 <= 250ms",
            Verdict::Met,
            Some(45.6),
            Some((Some(43.1), Some(48.9))),
        ),
        judge(
            "http/error-rate <= 1%",
            Verdict::Met,
            Some(0.0),
            Some((Some(0.0), Some(0.0031))),
        ),
    ];
    for judgement in &mut judgements {
        judgement.version = "default".into();
    }
    result.assessment.judgements = judgements;
    result.tasks = broken().tasks;
    result.ended = true;
    result.conclude();
    result
}

/// A name that tries everything.
pub(crate) const EVIL: &str = "::error::a|b`c`<script>alert(1)</script>%0A\n::error::\"x\" @octocat #12 --> [l](http://evil.example) $x$ 🚀 =1+1 \u{1b}[31m\u{202e}\u{fffe}\0##[error]\\|";

/// Two versions, all verdicts, foreign text everywhere, endpoints without requests, open intervals.
pub(crate) fn hostile() -> ExperimentResult {
    let long = format!("/{}", "ä".repeat(299));
    let shape = |requests| Shape {
        median: 30.0,
        sigma: 0.4,
        requests,
        errors_every: 7,
        stall: false,
    };
    let endpoint = |name: &str, shape: &Shape| {
        let mut load = load("http", EVIL, shape, 5);
        load.stream.endpoint = Some(name.to_owned());
        load.plan = EVIL.into();
        load.measurement.failures.insert(
            FailureClass::Reset,
            Failure {
                count: 3,
                example: EVIL.into(),
            },
        );
        load.measurement.walls.insert(EVIL.into(), 2);
        load
    };
    let mut result = empty();
    result.insights.versions = vec![
        version(
            EVIL,
            false,
            vec![
                endpoint(EVIL, &shape(200)),
                endpoint(&long, &shape(0)),
                endpoint("%s{}", &shape(1)),
            ],
        ),
        version("other|`version", false, vec![endpoint(EVIL, &shape(150))]),
    ];
    result.insights.versions[0]
        .values
        .insert(format!("istio/{EVIL}"), f64::MIN_POSITIVE);
    result.assessment.judgements = hostile_judgements();
    result.experiment = SourceInfo {
        name: EVIL.into(),
        text: EVIL.into(),
    };
    result.environment = Environment {
        iter8_version: EVIL.into(),
        commit: Some(EVIL.into()),
        commit_url: Some("javascript:alert(1)".into()),
        run_url: Some("https://x\"><script>".into()),
        reproduce: Some(EVIL.into()),
        system: EVIL.into(),
        ..environment()
    };
    result.tasks = vec![
        task(1, EVIL, EVIL, TaskStatus::Completed, 0.0),
        task(
            2,
            "http",
            EVIL,
            TaskStatus::Skipped {
                condition: EVIL.into(),
            },
            f64::NAN,
        ),
        task(3, "run", EVIL, TaskStatus::NotRun, -1.0),
    ];
    result.tasks[0].notes = vec![EVIL.into()];
    result.distrust = vec![];
    result.ended = true;
    result.conclude();
    result
}

fn hostile_judgements() -> Vec<Judgement> {
    let verdicts = [
        (
            "http/error-rate <= 0",
            Verdict::NotMet,
            Some(1e-6),
            Some((Some(1e-9), Some(1e-4))),
        ),
        (
            "http/latency-p95 <= 250ms",
            Verdict::NotMet,
            Some(250.000_4),
            Some((Some(249.9), None)),
        ),
        (
            "http/latency-p99 <= 100ms",
            Verdict::Undecided,
            Some(99.0),
            Some((None, None)),
        ),
        ("http/throughput >= 5", Verdict::NoData, None, None),
        (
            "http/latency-max <= 5s",
            Verdict::NotAssessed,
            Some(f64::NAN),
            Some((None, Some(f64::INFINITY))),
        ),
        ("http/latency-mean <= 1.1x base", Verdict::Met, Some(0.9), None),
        ("http/ttfb-p50 <= 1us", Verdict::NotMet, Some(1e300), None),
    ];
    let mut judgements = Vec::new();
    for (index, version) in [EVIL, "other|`version"].into_iter().enumerate() {
        for (objective, verdict, value, interval) in verdicts {
            let mut judgement = judge(objective, verdict, value, interval);
            judgement.version = version.into();
            judgement.objective.warn = index == 1 && verdict == Verdict::NotMet;
            judgement.note = (verdict == Verdict::NoData).then(|| EVIL.to_owned());
            judgements.push(judgement);
        }
        let mut endpoint = judge("http-x/latency-p95 <= 1ms", Verdict::NotMet, Some(2.0), None);
        if let crate::metrics::MetricName::Load(stream, _) = &mut endpoint.objective.metric {
            stream.endpoint = Some(EVIL.into());
        }
        endpoint.version = version.into();
        endpoint.certainty = Certainty::Unsure {
            more_requests: Some(u64::MAX),
        };
        judgements.push(endpoint);
    }
    judgements
}

/// A task failed before anything was measured.
pub(crate) fn failed() -> ExperimentResult {
    let mut result = empty();
    let error =
        "https://pr-42.preview.example.com did not get ready in 60 s: 503 Service Unavailable".to_owned();
    result.tasks = vec![
        task(
            1,
            "ready",
            "https://pr-42.preview.example.com",
            TaskStatus::Failed { error },
            60.0,
        ),
        task(2, "http", "40 requests/s for 30 s", TaskStatus::NotRun, 0.0),
    ];
    result.assessment.judgements = vec![judge(
        "http/latency-p95 <= 250ms",
        Verdict::NotAssessed,
        None,
        None,
    )];
    result.ended = true;
    result.conclude();
    result
}

/// Many endpoints, as a crawler would find them.
pub(crate) fn crowded(endpoints: usize) -> ExperimentResult {
    let mut result = broken();
    let shape = Shape {
        median: 0.001,
        sigma: 0.3,
        requests: 5,
        errors_every: 2,
        stall: false,
    };
    let mut template = measurement(&shape, 3);
    template.timings.retain(|timing, _| *timing == Timing::Latency);
    result.insights.versions[0].loads = (0..endpoints)
        .map(|n| {
            let mut load = load("http", "https://x.example", &Shape { requests: 0, ..shape }, 1);
            load.stream.endpoint = Some(format!("/page/{n}/{EVIL}"));
            load.measurement = template.clone();
            load
        })
        .collect();
    result
}
