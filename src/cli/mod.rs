//! The command line: it wires the others together and decides nothing about results.

mod action;
mod args;
mod assemble;
mod assert;
mod check;
mod checkout;
mod cluster;
mod commands;
mod console;
mod demo;
mod deployment;
pub mod docs;
mod exit;
mod folder;
mod former;
mod forward;
mod index;
mod inputs;
mod k;
mod launch;
mod load_flags;
mod merge;
mod note;
mod origin;
mod plan;
mod post;
mod progress;
mod publish;
mod reproduce;
mod run;
mod session;
mod shard;
mod shown;
mod signals;
mod stored;
mod validate;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

pub use exit::Exit;

use args::{Args, Command, LogLevel, Output};
use console::Console;
use signals::Signals;

use crate::load::make_room;
use crate::platform::{Env, Platform, detect};

/// Room for open files that is made at the start: more than the connections of most loads, and a few kilobytes.
const FILES: u64 = 4096;

/// Runs the program: parses what was typed, does it, and says how it ended.
pub fn main() -> ExitCode {
    // Before there is a second thread.
    make_room(FILES);
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refused(error).into(),
    };
    if matches!(args.command, Command::JqChild) {
        return jq_child().into();
    }
    let env = Env::of_process();
    let platform = detect(&env);
    let asked = matches!(args.command, Command::Action).then(|| inputs::log_level(&env));
    let level = asked.flatten().unwrap_or(args.global.log_level);
    let console = Console::new(level, args.global.color, &env, platform);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.say(
                LogLevel::Error,
                &format!("error: cannot start an event loop: {error}"),
            );
            return Exit::Error.into();
        }
    };
    let exit = runtime.block_on(command(args, &console, &env, platform));
    // A load that a second signal left behind must not hold the process.
    runtime.shutdown_background();
    exit.unwrap_or_else(|exit| exit).into()
}

/// Says what is wrong with a command line; help and version are no mistakes.
fn refused(mut error: clap::Error) -> Exit {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if !asked {
        former::explain(&mut error, &words);
    }
    // Where it cannot be printed, nobody reads.
    let _ = error.print();
    if asked {
        return Exit::Pass;
    }
    if let Some(output) = Output::of_words(&words) {
        output.set_aside();
    }
    Exit::Usage
}

/// A parent that is gone is no error, and nobody reads one.
fn jq_child() -> Exit {
    match crate::jq::serve() {
        Ok(()) => Exit::Pass,
        Err(_) => Exit::Error,
    }
}

async fn command(
    args: Args,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
) -> Result<Exit, Exit> {
    // From the start: as process 1 of a container, signals would do nothing by themselves.
    let mut signals = Signals::listen().map_err(|error| {
        console.say(
            LogLevel::Error,
            &format!("error: cannot listen for signals: {error}"),
        );
        Exit::Error
    })?;
    match args.command {
        Command::Demo(demo) => Box::pin(demo::demo(demo, console, env, platform, signals)).await,
        Command::Run(run) => {
            let output = run.output.clone();
            let exit = Box::pin(run::run(*run, console, env, platform, signals)).await;
            if exit == Err(Exit::Usage) {
                output.set_aside();
            }
            exit
        }
        Command::Plan(run) => plan::plan(&run, console, env),
        Command::Merge(args) => tokio::select! {
            exit = merge::merge(*args, console, env, platform) => exit,
            (_, exit) = signals.next() => Err(exit),
        },
        Command::Launch(args) => Box::pin(launch::launch(*args, console, env, platform, signals)).await,
        Command::Gen(args) => launch::generate(*args, console, env).await,
        Command::K(what) => k::k(what, console, env, platform, signals).await,
        Command::Action => Box::pin(action::action(console, env, platform, signals)).await,
        Command::Assert(assert) => tokio::select! {
            exit = assert::assert(&assert, console) => exit,
            (_, exit) = signals.next() => Err(exit),
        },
        Command::Report(report) => commands::report(&report, console, env),
        Command::Validate(validate) => validate::validate(&validate, console, env),
        Command::Hub { words } => Err(commands::hub(&words, console)),
        Command::Version { short } => commands::version(short, console),
        Command::Schema { of, chart } => commands::schema(of, chart.as_deref(), console),
        Command::Completions { shell } => commands::completions(shell, console),
        // Done before there was a runtime.
        Command::JqChild => Ok(jq_child()),
        Command::Docs => {
            shown::print_text(&docs::everything(), console)?;
            Ok(Exit::Pass)
        }
    }
}
