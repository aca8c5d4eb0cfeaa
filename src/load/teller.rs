//! [`Teller`]: tells an onlooker how a load is getting on, on a thread of its own.
//!
//! # Why
//! Who listens may block for as long as it likes, like a terminal that nobody reads. No request waits for that.

use std::io;
use std::sync::mpsc::sync_channel;

use tokio::sync::oneshot;

use super::{Onlooker, Progress};

type Tell = Box<dyn Fn(Progress) + Send + Sync>;

/// Tells what the onlooker is to know, until the load ends.
pub(super) struct Teller {
    /// Gives the listener back when there are no more news.
    end: oneshot::Receiver<Tell>,
}

impl Teller {
    /// Takes the listener of an onlooker and puts one in its place that never blocks: it drops what comes while the former
    /// is busy, and ends this one when it is dropped. Fails if there can be no thread.
    pub(super) fn of(onlooker: &mut Onlooker) -> io::Result<Self> {
        let (news, all) = sync_channel(1);
        let (done, end) = oneshot::channel();
        let never_blocks = move |progress| {
            let _ = news.try_send(progress);
        };
        let tell: Tell = std::mem::replace(&mut onlooker.progress, Box::new(never_blocks));
        let body = move || {
            all.iter().for_each(&tell);
            // Nobody waits for it when the load was dropped.
            let _ = done.send(tell);
        };
        let thread = std::thread::Builder::new().name("progress".to_owned());
        thread.spawn(body)?;
        Ok(Self { end })
    }

    /// Tells the last of it, after all that was told before.
    pub(super) async fn finish(self, last: Progress) {
        // A listener that panicked hears no more.
        if let Ok(tell) = self.end.await {
            tell(last);
        }
    }
}
