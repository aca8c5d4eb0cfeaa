//! [`each`]: the rows of a table at the same time, because most of them only wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that run at the same time; more would disturb the latencies of each other.
const AT_ONCE: usize = 4;

/// Runs `check` on every row and fails with the names of all rows that failed.
pub(crate) fn each<T: Sync>(rows: &[T], name: impl Fn(&T) -> &str + Sync, check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(rows.len()) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(row))) {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                        let text = text.unwrap_or_default();
                        failed
                            .lock()
                            .expect("no panic here")
                            .push(format!("{}: {text}", name(row)));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic here");
    assert!(
        failed.is_empty(),
        "{} of {} rows failed:\n{}",
        failed.len(),
        rows.len(),
        failed.join("\n")
    );
}
