//! `iter8 k run`: what the pod does. The run is that of `iter8 run`; its experiment comes from the Secret of a group, and its
//! result goes to the ConfigMap.

use std::path::Path;

use super::args::RunIn;
use super::diary::Diary;
use super::keeper::Keeper;
use super::prepare::Prepared;
use super::shards::Crew;
use super::whole::{Part, Whole};
use crate::cli::args::{LogLevel, Output};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::run::Order;
use crate::cli::shard::Said;
use crate::cli::signals::Signals;
use crate::cluster::Line;
use crate::cluster::manifests::{Group, JOB};
use crate::platform::{Env, Platform};
use crate::results::{self, ExperimentResult};
use crate::tasks::quoted;

/// Runs the experiment of a group.
pub(super) async fn run(
    args: RunIn,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    mut signals: Signals,
) -> Result<Exit, Exit> {
    let (cluster, group) = args.group.open(env, console).await?;
    let access = args.group.cluster.access(env, &console.mask);
    let keeper = Keeper {
        line: Line::of(access, cluster),
        group,
        job: env.get(JOB).map(str::to_owned),
        // Older ones than Kubernetes 1.27 leave it empty.
        is_pod: env.with_prefix(JOB).any(|(name, _)| name == JOB),
        console,
    };
    let folder = workplace(console)?;
    let output = Output {
        run_dir: folder.path().to_owned(),
        output_dir: here(&args.output_dir),
        // A volume keeps what machines read, too.
        reports: args.result_volume.iter().map(|_| "junit".to_owned()).collect(),
    };
    let prepared = tokio::select! {
        prepared = keeper.prepare(&args, &output) => prepared,
        (_, exit) = signals.next() => return Err(exit),
    };
    let mut prepared = prepared.map_err(|error| keeper.complain(&error))?;
    let whole = Whole::of(args.result_volume.clone(), prepared.url.take(), env);
    let part = Part {
        group: &keeper.group,
        revision: prepared.revision,
        shard: args.shard.map(|number| number.index),
        output: &output,
    };
    let crew = args.shard.map(|number| Crew {
        keeper: &keeper,
        whole: &whole,
        number,
        revision: part.revision,
    });
    let agreed = match &crew {
        None => None,
        Some(crew) => Some(tokio::select! {
            agreed = crew.agree() => agreed?,
            (_, exit) = signals.next() => return Err(exit),
        }),
    };
    let start = agreed.as_ref().map(|agreed| agreed.start.to_string());
    let measuring = measure((&keeper, &args), (prepared, part, start), env, platform, signals);
    let exit = Box::pin(measuring).await?;
    let Ok(result) = results::read(&output.result()) else {
        // Why it could not be written was said.
        return Err(if exit == Exit::Pass { Exit::Output } else { exit });
    };
    if let Some((crew, agreed)) = crew.as_ref().zip(agreed.as_ref()) {
        let leaving = crew.leave(result, (agreed, exit), (&output, env, platform));
        return Box::pin(leaving).await;
    }
    whole.deliver(&keeper, part, (&result, exit)).await
}

/// Runs what was fetched, beside which the cluster is kept up to date.
async fn measure(
    (keeper, args): (&Keeper<'_>, &RunIn),
    (prepared, part, start): (Prepared, Part<'_>, Option<String>),
    env: &Env,
    platform: &'static dyn Platform,
    signals: Signals,
) -> Result<Exit, Exit> {
    let (console, revision) = (keeper.console, prepared.revision);
    let shard = args.shard.map(|number| number.to_string());
    // What goes on with a result does not spoil it until it has another.
    let diary = (!args.reuse_result).then(|| Diary::begin(keeper, part.place(), revision));
    let see = |result: &ExperimentResult| diary.iter().for_each(|diary| diary.see(result));
    let order = Order {
        output: part.output,
        history: None,
        reuse: prepared.reuse,
        revision: Some(u64::from(revision)),
        since: prepared.since,
        // Whoever types it beside the Job would not repeat its run, but another one from elsewhere.
        reproduce: (!keeper.is_pod).then(|| command(&keeper.group)),
        cluster: args.group.cluster.access(env, &console.mask),
        part: Said::flags(shard.as_deref(), start.as_deref()),
        details: keeper.details(),
        brief: args.shard.is_some(),
        after_task: Some(&see),
    };
    let exit = Box::pin(order.run(prepared.opened, console, env, platform, signals)).await?;
    if let Some(diary) = diary {
        diary.end().await;
    }
    Ok(exit)
}

/// Where the experiment and its files are put.
fn workplace(console: &Console) -> Result<tempfile::TempDir, Exit> {
    tempfile::tempdir().map_err(|cause| {
        let text = format!("error: no folder for the experiment: {cause}");
        console.say(LogLevel::Error, &text);
        Exit::Error
    })
}

/// A path that means the same in whatever folder it is looked at.
fn here(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What to type to run the same again.
fn command(group: &Group) -> String {
    let Group { name, namespace } = group;
    format!("iter8 k run -n {} -g {}", quoted(namespace), quoted(name))
}
