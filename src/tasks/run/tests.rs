//! Scripts in a real shell.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::output::LONGEST;
use super::shell;
use crate::tasks::{Event, RunContext};

const LONG: Duration = Duration::from_secs(20);

type Lines = Arc<Mutex<Vec<String>>>;

fn context() -> (RunContext, Lines) {
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    let context = RunContext {
        events: Arc::new(move |event| {
            if let Event::Foreign(line) = event {
                seen.lock().expect("lines").push(line);
            }
        }),
        ..RunContext::silent()
    };
    (context, lines)
}

fn first(lines: &Lines) -> String {
    lines.lock().expect("lines")[0].clone()
}

fn count(lines: &Lines) -> usize {
    lines.lock().expect("lines").len()
}

/// Whether a process with the id in this line is alive.
fn lives(id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn dies(id: &str) -> bool {
    for _ in 0..100 {
        if !lives(id) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn an_endless_line_is_cut_and_the_next_one_is_shown() {
    let (context, lines) = context();
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after";
    shell::run(script, LONG, &context).await.expect("status 0");
    let lines = lines.lock().expect("lines");
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].len(), LONGEST + " … (cut)".len());
    assert!(lines[0].ends_with("x … (cut)"));
    assert_eq!(lines[1], "after");
}

#[tokio::test]
async fn a_secret_at_the_cut_does_not_show_its_first_half() {
    let (context, lines) = context();
    context.mask.add("hunter2-and-more");
    let script = format!("printf '%0{}d' 0; echo hunter2-and-more", LONGEST - 7);
    shell::run(&script, LONG, &context).await.expect("status 0");
    assert!(lines.lock().expect("lines")[0].ends_with("00*** … (cut)"));
}

#[tokio::test]
async fn the_script_is_complete_when_its_shell_is_and_what_it_started_goes_on() {
    let (context, lines) = context();
    let begun = Instant::now();
    let script = "(while :; do echo x; sleep 0.05; done) & echo $!";
    shell::run(script, LONG, &context).await.expect("status 0");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let id = lines
        .lock()
        .expect("lines")
        .iter()
        .find(|line| *line != "x")
        .cloned();
    let id = id.expect("the id of the loop");
    let before = count(&lines);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(count(&lines) > before, "its output is shown");
    assert!(lives(&id));
    context.groups.end().await;
    assert!(dies(&id).await, "the end of the run is its end");
}

#[tokio::test]
async fn a_dropped_run_leaves_nothing_behind() {
    let (context, lines) = context();
    shell::run("sleep 60 & echo $!", LONG, &context)
        .await
        .expect("status 0");
    let id = first(&lines);
    assert!(lives(&id));
    drop(context);
    assert!(dies(&id).await);
}

#[tokio::test]
async fn a_time_out_ends_everything_even_what_ignores_requests() {
    let (context, lines) = context();
    let script = "trap '' TERM; sleep 60 & echo $!; wait";
    let error = shell::run(script, Duration::from_secs(1), &context)
        .await
        .expect_err("a time-out");
    assert!(error.to_string().contains("did not end within 1s"));
    assert!(dies(&first(&lines)).await);
}

#[tokio::test]
async fn an_interruption_ends_the_background_after_its_shell() {
    let (context, lines) = context();
    // The shell obeys at once, what it started does not.
    let script = "(trap '' TERM; sleep 60 & echo $!; wait; sleep 60) & sleep 60";
    let shutdown = context.shutdown.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        shutdown.cancel();
    });
    shell::run(script, LONG, &context).await.expect_err("interrupted");
    assert!(dies(&first(&lines)).await);
}
