//! The limit on open files, of which every connection is one.

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

/// Lets this process open as many connections as the system allows; the usual soft limit is 1,024.
pub(super) fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};

        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where it is not allowed, a connection too many says so itself.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
