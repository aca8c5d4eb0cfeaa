//! The limit on open files, of which every connection is one.

#[cfg(unix)]
use std::sync::{Mutex, PoisonError};

/// Files that are open beside the connections: standard streams, timers, the event loop, results.
const OTHERS: u64 = 64;

/// How many connections this process can have open at once, when the system says so.
pub fn most_connections() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};

        let most = getrlimit(Resource::Nofile).maximum?;
        Some(most.saturating_sub(OTHERS))
    }
    #[cfg(not(unix))]
    None
}

/// Makes room for so many open files, as far as the system allows; how many may be open stays as it is.
///
/// # Why
/// Linux doubles its table of a process's open files when it is full. As soon as there are several threads, that waits until
/// no processor reads the old table: 15 ms in the middle of a load, in which nothing is sent. Before there are any it costs
/// nothing.
pub fn make_room(files: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::fcntl_dupfd_cloexec;
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        let most = files.min(limit.maximum.unwrap_or(u64::MAX));
        let is_lower = limit.current.is_some_and(|current| current < most);
        if is_lower {
            let current = Some(most);
            // Where it is not allowed, there is room for fewer.
            let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
        }
        let last = i32::try_from(most.saturating_sub(1)).unwrap_or(i32::MAX);
        // The table grows as soon as one file has the last number. Where there is no standard input, it grows when it must.
        let _ = fcntl_dupfd_cloexec(std::io::stdin(), last);
        if is_lower {
            // What a script of the user starts has the limits that it would have without iter8.
            let _ = setrlimit(Resource::Nofile, limit);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = files;
}

/// Loads that go on now, and the limit that there was before them.
#[cfg(unix)]
static RAISED: Mutex<(u32, Option<rustix::process::Rlimit>)> = Mutex::new((0, None));

/// As long as it is kept, connections are limited by what the system allows at most. Afterwards the limit is what it was:
/// a script of the user has the one that it would have without iter8.
#[derive(Debug)]
pub(super) struct Raised(());

/// Lets this process open as many connections as the system allows, where the usual soft limit is 1,024, and makes room
/// for so many.
pub(super) fn prepare(connections: u64) -> Raised {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};

        let mut raised = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut limit = getrlimit(Resource::Nofile);
        raised.0 += 1;
        raised.1.get_or_insert(limit);
        limit.current = limit.maximum;
        // Where it is not allowed, a connection too many says so itself.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    make_room(connections.saturating_add(OTHERS));
    Raised(())
}

impl Drop for Raised {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, setrlimit};

            let mut raised = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
            raised.0 -= 1;
            if raised.0 == 0
                && let Some(before) = raised.1.take()
            {
                let _ = setrlimit(Resource::Nofile, before);
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// How many files the table of this process has room for (proc_pid_status(5)).
    fn room() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("this process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        line.and_then(|size| size.trim().parse().ok())
            .expect("a number of files")
    }

    #[test]
    fn the_limit_is_what_it_was_as_soon_as_no_load_goes_on() {
        use rustix::process::{Resource, getrlimit};

        let raised = (prepare(10), prepare(10));
        let before = RAISED.lock().expect("no panic").1.expect("a limit");
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        drop(raised);
        // Loads of other tests may go on.
        let others = RAISED.lock().expect("no panic");
        if others.0 == 0 {
            assert_eq!(getrlimit(Resource::Nofile).current, before.current);
        }
    }

    #[test]
    fn room_for_all_connections_is_made_at_once() {
        let _raised = prepare(9000);
        assert!(room() >= 9064, "{}", room());
    }
}
