//! [`Door`]: a way to a server that can be shut and opened, as if that server went away and came back.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A port on loopback behind which is another server.
pub(crate) struct Door {
    port: u16,
    target: String,
    open: Mutex<Option<Open>>,
}

struct Open {
    streams: Arc<Mutex<Vec<TcpStream>>>,
    shut: Arc<Mutex<bool>>,
    thread: JoinHandle<()>,
}

impl Door {
    /// An open door to the server of a URL.
    pub(crate) fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let door = Self {
            port: listener.local_addr().expect("an address").port(),
            target: url.trim_start_matches("https://").to_owned(),
            open: Mutex::default(),
        };
        door.serve(listener);
        door
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Cuts all connections, and refuses new ones.
    pub(crate) fn shut(&self) {
        let open = self.open.lock().expect("a lock").take();
        let Some(open) = open else { return };
        *open.shut.lock().expect("a lock") = true;
        // So that it looks.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        open.thread.join().expect("a thread");
        for stream in open.streams.lock().expect("a lock").drain(..) {
            // The other side may have been faster.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets everybody in again.
    pub(crate) fn open(&self) {
        self.serve(TcpListener::bind(("127.0.0.1", self.port)).expect("the port"));
    }

    fn serve(&self, listener: TcpListener) {
        let streams = Arc::new(Mutex::new(Vec::new()));
        let shut = Arc::new(Mutex::new(false));
        let (target, all, is_shut) = (self.target.clone(), Arc::clone(&streams), Arc::clone(&shut));
        let thread = std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if *is_shut.lock().expect("a lock") {
                    return;
                }
                let far = TcpStream::connect(&target).expect("the target");
                let clone = |stream: &TcpStream| stream.try_clone().expect("a clone");
                all.lock().expect("a lock").extend([clone(&near), clone(&far)]);
                for (mut from, mut to) in [(clone(&near), clone(&far)), (far, near)] {
                    std::thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        *self.open.lock().expect("a lock") = Some(Open {
            streams,
            shut,
            thread,
        });
    }
}
