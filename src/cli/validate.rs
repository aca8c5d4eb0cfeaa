//! `iter8 validate`: every mistake of a file, which era it is of, and the same in today's form. It sends nothing.

use std::path::Path;

use super::args::{LogLevel, Validate};
use super::assemble::Given;
use super::check::check;
use super::console::Console;
use super::exit::Exit;
use super::run::{Opened, read, unreadable};
use super::shown::print_text;
use crate::platform::Env;
use crate::spec::compat::Era;
use crate::spec::{At, Node, Value, to_yaml};
use crate::tasks::{Pipeline, Step};

/// Checks a file.
pub(super) fn validate(args: &Validate, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let folder = args
        .file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let given = Given::default();
    let opened = read(Some(&args.file), &given).map_err(|found| unreadable(&found, console))?;
    let Opened {
        source,
        root,
        era,
        found,
    } = opened;
    let checked = check(&source, (&root, era), folder, env, console, &[]).and(found);
    let unread = checked.unread.clone();
    let pipeline = checked.or_usage(console)?;
    if !args.upgrade {
        let tasks = pipeline.steps.len();
        let plural = if tasks == 1 { "" } else { "s" };
        let mut text = format!("{}: valid, {tasks} task{plural}, {}\n", source.name(), era.name());
        if let Some(repetition) = &pipeline.repetition {
            text.push_str(&format!("  in a loop: {}\n", repetition.about()));
        }
        text.push_str(&steps(&pipeline));
        print_text(&console.inert(&console.mask.apply(&text)), console)?;
        if era.is_past() {
            let hint = format!(
                "note: `iter8 validate --upgrade {}` prints it in the current format",
                source.name()
            );
            console.say(LogLevel::Info, &hint);
        }
        return Ok(Exit::Pass);
    }
    if !era.is_past() {
        print_text(source.text(), console)?;
        return Ok(Exit::Pass);
    }
    let mut upgraded = root;
    strip(&mut upgraded, &unread);
    // What was tolerated in an old file is a mistake in a new one.
    check(&source, (&upgraded, Era::Current), folder, env, console, &[]).or_usage(console)?;
    print_text(&to_yaml(&upgraded), console)?;
    Ok(Exit::Pass)
}

fn steps(pipeline: &Pipeline) -> String {
    let step = |step: &Step| {
        let Step {
            index,
            name,
            condition,
            ..
        } = step;
        let condition = condition
            .as_ref()
            .map(|condition| format!(" (if {})", condition.text()))
            .unwrap_or_default();
        format!("  {index} {name}: {}{condition}\n", pipeline.about(step))
    };
    pipeline.steps.iter().map(step).collect()
}

/// Takes out the keys that nothing reads.
fn strip(node: &mut Node, unread: &[At]) {
    match &mut node.value {
        Value::Map(entries) => {
            entries.retain(|(key, _)| !unread.contains(&key.at));
            entries.iter_mut().for_each(|(_, node)| strip(node, unread));
        }
        Value::List(items) => items.iter_mut().for_each(|item| strip(item, unread)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_) => {}
    }
}
