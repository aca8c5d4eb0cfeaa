//! `iter8 demo`: a real experiment on a small service of our own, on loopback.

mod greeter;
mod service;

use std::path::Path;
use std::sync::Arc;

use super::args::Demo;
use super::check::check;
use super::console::Console;
use super::exit::Exit;
use super::post::Poster;
use super::session::{Session, formats};
use super::shown::show;
use super::signals::Signals;
use crate::cluster::Access;
use crate::diagnostic::Diagnostic;
use crate::platform::{Env, Platform};
use crate::results::SourceInfo;
use crate::spec::compat::Era;
use crate::spec::{Node, SourceFile};
use crate::tasks::Reach;

/// The experiment that is run; the same file stands in `examples/`.
const EXPERIMENT: &str = include_str!("../../../examples/demo.yaml");

/// Starts the service, tests it and prints the report.
pub(super) async fn demo(
    args: Demo,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    signals: Signals,
) -> Result<Exit, Exit> {
    let formats = formats(&args.output.reports).map_err(|message| {
        console.diagnostics(&[Diagnostic::error(message)]);
        Exit::Usage
    })?;
    let addresses = service::start(args.broken).map_err(|error| {
        console.diagnostics(&[Diagnostic::error(format!(
            "cannot start the demo service on 127.0.0.1: {error}"
        ))]);
        Exit::Error
    })?;
    let url = format!("http://{}", addresses.http);
    let host = addresses.grpc.to_string();
    let source = SourceFile::new("examples/demo.yaml", EXPERIMENT);
    let root = Node::parse(&source).map_err(|diagnostic| {
        console.diagnostics(&[diagnostic]);
        Exit::Usage
    })?;
    let pipeline = check(
        &source,
        (&root, Era::Current),
        Path::new("."),
        env,
        console,
        &[("DEMO_URL", &url), ("DEMO_HOST", &host)],
    )
    .or_usage(console)?;
    let session = Session {
        console,
        output: &args.output,
        source: SourceInfo {
            name: source.name().to_owned(),
            text: EXPERIMENT.to_owned(),
            fingerprint: None,
        },
        context: platform.context(env),
        platform: platform.name(),
        reach: Reach::Machine,
        validate_slos: true,
        cluster: Access::default(),
        publisher: Arc::new(Poster::new(console, env, None, None)),
        earlier: None,
        reused: None,
        revision: None,
        since: None,
        shard: None,
        after_task: None,
        reproduce: Some(if args.broken {
            "iter8 demo --broken".into()
        } else {
            "iter8 demo".into()
        }),
    };
    let finished = session.run(&pipeline, &formats, signals).await?;
    let shown = show(&finished.view, console, env).is_ok();
    finished.say_where(console, &args.output, None);
    Ok(finished.exit.if_written(shown))
}
