//! What the system tells about a thread, its cgroups, files and ports. What it does not tell is `None`.

use std::time::Duration;

use crate::metrics::{Throttled, Usage};

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{Cgroups, RunQueue, ports};
#[cfg(target_os = "linux")]
pub(super) use linux::{Cgroups, RunQueue, ports};

/// What a thread has used so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Processor time.
    pub(super) cpu: Option<Duration>,
    /// Waiting for a processor.
    pub(super) waited: Option<Duration>,
    /// How often the processor was taken away.
    pub(super) involuntary: Option<u64>,
}

impl Account {
    /// That of this thread.
    pub(super) fn read() -> Self {
        Self {
            cpu: cpu(),
            waited: RunQueue::of_this_thread().and_then(|queue| queue.waited()),
            involuntary: involuntary_switches(),
        }
    }
}

#[cfg(unix)]
fn cpu() -> Option<Duration> {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(
        u64::try_from(spent.tv_sec).ok()?,
        u32::try_from(spent.tv_nsec).ok()?,
    ))
}

#[cfg(not(unix))]
fn cpu() -> Option<Duration> {
    None
}

fn involuntary_switches() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    value(&status, "nonvoluntary_ctxt_switches:")
}

/// The open files of this process. Systems before Linux 6.2 do not count them.
pub(super) fn files() -> Option<Usage> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};

        let most = std::fs::metadata("/proc/self/fd").ok()?.len();
        let limit = getrlimit(Resource::Nofile).current?;
        (most > 0).then_some(Usage { most, limit })
    }
    #[cfg(not(unix))]
    None
}

/// The number that follows a name in a table of the kernel.
fn value(table: &str, name: &str) -> Option<u64> {
    table
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
}

/// What a cgroup's `cpu.stat` tells; version 1 counts in nanoseconds, version 2 in microseconds. Without a quota it
/// has had no periods.
fn parse_throttled(table: &str) -> Option<Throttled> {
    let periods = value(table, "nr_periods ")?;
    let micros = value(table, "throttled_usec ")
        .or_else(|| value(table, "throttled_time ").map(|nanos| nanos / 1000))?;
    Some(Throttled {
        periods,
        throttled_periods: value(table, "nr_throttled ")?,
        seconds: Duration::from_micros(micros).as_secs_f64(),
    })
}

/// Where `cpu.stat` of a process's cgroup and of those around it may be, from `/proc/self/cgroup`; the innermost first.
fn places(cgroups: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let root = if controllers.is_empty() {
            "/sys/fs/cgroup".to_owned()
        } else if controllers.split(',').any(|name| name == "cpu") {
            format!("/sys/fs/cgroup/{controllers}")
        } else {
            continue;
        };
        let mut path = path.trim_end_matches('/');
        loop {
            found.push(format!("{root}{path}/cpu.stat"));
            let Some((outer, _)) = path.rsplit_once('/') else {
                break;
            };
            path = outer;
        }
    }
    found
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;
    use std::time::Duration;

    use super::{parse_throttled, places, value};
    use crate::metrics::{Throttled, Usage};

    /// The kernel's account of this thread's waits.
    #[derive(Debug)]
    pub(in super::super) struct RunQueue(File);

    impl RunQueue {
        pub(in super::super) fn of_this_thread() -> Option<Self> {
            let queue = Self(File::open("/proc/thread-self/schedstat").ok()?);
            // Kernels that do not keep it show zeros, and every running thread has been given a processor.
            queue.read().filter(|[_, _, turns]| *turns > 0)?;
            Some(queue)
        }

        /// All waits so far.
        pub(in super::super) fn waited(&self) -> Option<Duration> {
            self.read().map(|[_, waited, _]| Duration::from_nanos(waited))
        }

        /// Time run, time waited, and turns on a processor.
        fn read(&self) -> Option<[u64; 3]> {
            // Three numbers of at most 20 digits.
            let mut text = [0; 64];
            let length = self.0.read_at(&mut text, 0).ok()?;
            let mut numbers = std::str::from_utf8(&text[..length]).ok()?.split_whitespace();
            let mut number = || numbers.next()?.parse().ok();
            Some([number()?, number()?, number()?])
        }
    }

    /// The cgroups of this process that count throttling, as they were at the start.
    #[derive(Debug)]
    pub(in super::super) struct Cgroups(Vec<(String, Throttled)>);

    impl Cgroups {
        pub(in super::super) fn of_this_process() -> Self {
            let cgroups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
            let known = places(&cgroups).into_iter().filter_map(|place| {
                let before = throttled(&place)?;
                Some((place, before))
            });
            Self(known.collect())
        }

        /// The most that one of them was throttled since the start.
        pub(in super::super) fn throttled(&self) -> Option<Throttled> {
            self.0
                .iter()
                .filter_map(|(place, before)| {
                    let now = throttled(place)?;
                    Some(Throttled {
                        periods: now.periods.saturating_sub(before.periods),
                        throttled_periods: now.throttled_periods.saturating_sub(before.throttled_periods),
                        seconds: (now.seconds - before.seconds).max(0.0),
                    })
                })
                .max_by(|a, b| a.seconds.total_cmp(&b.seconds))
        }
    }

    fn throttled(place: &str) -> Option<Throttled> {
        parse_throttled(&std::fs::read_to_string(place).ok()?)
    }

    /// TCP sockets of this network namespace, and the ports that outgoing connections may take.
    pub(in super::super) fn ports() -> Option<Usage> {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let mut range = range.split_whitespace().map(str::parse::<u64>);
        let (Ok(lowest), Ok(highest)) = (range.next()?, range.next()?) else {
            return None;
        };
        let sockets = std::fs::read_to_string("/proc/net/sockstat").ok()?;
        let tcp = sockets.lines().find(|line| line.starts_with("TCP:"))?;
        let named = |name: &str| {
            tcp.split_once(name)
                .and_then(|(_, rest)| value(rest, ""))
                .unwrap_or(0)
        };
        Some(Usage {
            most: named(" inuse ") + named(" tw "),
            limit: (highest + 1).saturating_sub(lowest),
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::time::Duration;

    use crate::metrics::{Throttled, Usage};

    /// Not known here.
    #[derive(Debug)]
    pub(in super::super) enum RunQueue {}

    impl RunQueue {
        pub(in super::super) fn of_this_thread() -> Option<Self> {
            None
        }

        pub(in super::super) fn waited(&self) -> Option<Duration> {
            match *self {}
        }
    }

    /// There are none here.
    #[derive(Debug)]
    pub(in super::super) struct Cgroups;

    impl Cgroups {
        pub(in super::super) fn of_this_process() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub(in super::super) fn throttled(&self) -> Option<Throttled> {
            None
        }
    }

    pub(in super::super) fn ports() -> Option<Usage> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_cgroups_tell_how_much_they_throttled() {
        let two = "usage_usec 90\nnr_periods 20\nnr_throttled 3\nthrottled_usec 1500000\n";
        let one = "nr_periods 20\nnr_throttled 3\nthrottled_time 1500000000\nwait_sum 7\n";
        let throttled = Throttled {
            periods: 20,
            throttled_periods: 3,
            seconds: 1.5,
        };
        assert_eq!(parse_throttled(two), Some(throttled));
        assert_eq!(parse_throttled(one), Some(throttled));
        assert_eq!(parse_throttled("usage_usec 90\nuser_usec 80\n"), None);
    }

    #[test]
    fn the_quota_may_be_that_of_any_cgroup_around_the_process() {
        assert_eq!(
            places("0::/kube/pod/app\n"),
            [
                "/sys/fs/cgroup/kube/pod/app/cpu.stat",
                "/sys/fs/cgroup/kube/pod/cpu.stat",
                "/sys/fs/cgroup/kube/cpu.stat",
                "/sys/fs/cgroup/cpu.stat",
            ]
        );
        assert_eq!(
            places("5:memory:/a\n3:cpuset:/\n2:cpu,cpuacct:/docker\n1:name=systemd:/x:y\nnonsense"),
            [
                "/sys/fs/cgroup/cpu,cpuacct/docker/cpu.stat",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.stat",
            ]
        );
        assert_eq!(places("0::/\n"), ["/sys/fs/cgroup/cpu.stat"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_counts_the_ports_of_open_connections() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let open: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(address)).collect();
        let ports = ports().expect("known");
        assert!(ports.most >= 20 && ports.limit > 0, "{ports:?}");
        drop(open);
    }
}
