//! [`Turn`]: the right to run the program beside that of other tests, or alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who runs the program now.
#[derive(Debug)]
struct Now {
    running: usize,
    alone: bool,
    /// Tests that wait until nobody else runs it.
    waiting: usize,
}

static NOW: Mutex<Now> = Mutex::new(Now {
    running: 0,
    alone: false,
    waiting: 0,
});
static CHANGED: Condvar = Condvar::new();

/// Held while the program runs.
#[derive(Debug)]
pub(super) struct Turn {
    alone: bool,
}

/// A test that failed holds nothing any more.
fn now() -> MutexGuard<'static, Now> {
    NOW.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_while(now: MutexGuard<'static, Now>, condition: impl Fn(&Now) -> bool) -> MutexGuard<'static, Now> {
    CHANGED
        .wait_while(now, |now| condition(now))
        .unwrap_or_else(PoisonError::into_inner)
}

impl Turn {
    /// As soon as nobody runs it alone. Who waits for that is let in as soon as it can be: not before those that run have
    /// ended, one of which may need another to end.
    pub(super) fn beside_others() -> Self {
        let mut now = wait_while(now(), |now| now.alone || (now.waiting > 0 && now.running == 0));
        now.running += 1;
        Self { alone: false }
    }

    /// As soon as nobody runs it; nobody else does until it ends.
    pub(super) fn alone() -> Self {
        let mut now = now();
        now.waiting += 1;
        let mut now = wait_while(now, |now| now.alone || now.running > 0);
        now.waiting -= 1;
        now.alone = true;
        Self { alone: true }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut now = now();
        if self.alone {
            now.alone = false;
        } else {
            now.running -= 1;
        }
        drop(now);
        CHANGED.notify_all();
    }
}
