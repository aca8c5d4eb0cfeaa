//! [`Group`]: a script with everything it started. [`Groups`]: those that are alive; the run owns them and ends them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid};
use tokio::time::{Instant, sleep};

/// How long a group may take to end after it was asked to.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// A process group. Its id is that of the shell, and outlives the shell as long as anybody is in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group(Pid);

impl Group {
    /// The group that the process with this id leads.
    pub(super) fn led_by(id: u32) -> Option<Self> {
        i32::try_from(id).ok().and_then(Pid::from_raw).map(Self)
    }

    /// Asks everybody in the group to end.
    pub(super) fn ask(self) {
        let _ = kill_process_group(self.0, Signal::TERM);
    }

    /// Ends everybody in the group.
    pub(super) fn kill(self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }

    /// Whether anybody is in the group. The shell must have been waited for.
    pub(super) fn is_alive(self) -> bool {
        // Orphans become children of process 1, which is this program in a container.
        while matches!(waitpgid(self.0, WaitOptions::NOHANG), Ok(Some(_))) {}
        test_kill_process_group(self.0).is_ok()
    }

    /// Waits until nobody is in the group, and makes that so at the deadline.
    pub(super) async fn gone_by(self, deadline: Instant) {
        while Instant::now() < deadline {
            if !self.is_alive() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.kill();
    }
}

/// The groups that are alive. Cloning shares the list; what is left when the last clone is dropped is killed.
#[derive(Debug, Clone, Default)]
pub struct Groups(Arc<List>);

#[derive(Debug, Default)]
struct List(Mutex<Vec<Group>>);

impl Groups {
    /// Remembers a group.
    pub(super) fn add(&self, group: Group) {
        self.0.with(|list| list.push(group));
    }

    /// Forgets a group that has ended: its id may become somebody else's.
    pub(super) fn remove(&self, group: Group) {
        self.0.with(|list| list.retain(|known| *known != group));
    }

    /// Asks every group to end, and makes those that do not.
    pub(in crate::tasks) async fn end(&self) {
        let groups = self.0.with(std::mem::take);
        groups.iter().for_each(|group| group.ask());
        let deadline = Instant::now() + GRACE;
        for group in groups {
            group.gone_by(deadline).await;
        }
    }
}

impl List {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<Group>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.with(|list| list.iter().for_each(|group| group.kill()));
    }
}
