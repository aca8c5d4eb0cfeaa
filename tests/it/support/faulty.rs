//! [`Faulty`]: servers that break the rules, on plain sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server that reads each request and then does with the socket what it was told.
pub(crate) struct Faulty {
    address: SocketAddr,
    counts: Arc<Counts>,
}

/// What came so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: AtomicUsize,
    connections: AtomicUsize,
}

impl Counts {
    /// A request came.
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::SeqCst);
    }
}

impl Faulty {
    /// Starts it; `answer` gets the socket once for every request, and whether to go on is its answer.
    pub(crate) fn new(answer: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        Self::counting(move |stream, _| answer(stream))
    }

    /// The same; `answer` also gets the number of the request on its connection, from 0.
    pub(crate) fn counting(answer: impl Fn(&mut TcpStream, usize) -> bool + Send + Sync + 'static) -> Self {
        Self::sockets(move |stream, counts| serve(stream, counts, &answer))
    }

    /// A server that does with each connection what it was told, in a thread of its own.
    pub(crate) fn sockets(serve: impl Fn(TcpStream, &Counts) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Counts::default());
        let (serve, counted) = (Arc::new(serve), Arc::clone(&counts));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).expect("a socket");
                let (serve, counted) = (Arc::clone(&serve), Arc::clone(&counted));
                std::thread::spawn(move || serve(stream, &counted));
            }
        });
        Self { address, counts }
    }

    /// Answers every request with these bytes and closes.
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |stream| {
            // A client that has seen enough is none of its business.
            let _ = stream.write_all(&bytes);
            false
        })
    }

    /// Takes requests and never answers.
    pub(crate) fn silent() -> Self {
        Self::new(|_| {
            std::thread::sleep(Duration::from_mins(1));
            false
        })
    }

    /// Answers a byte a second.
    pub(crate) fn slow() -> Self {
        Self::new(|stream| {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
            for byte in answer {
                if stream.write_all(&[*byte]).is_err() {
                    return false;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            true
        })
    }

    /// Resets the connection in the middle of the answer.
    pub(crate) fn reset() -> Self {
        Self::sockets(|mut stream, counts| {
            let mut byte = [0];
            // The request is left unread: the kernel answers a close with RST then.
            if matches!(stream.peek(&mut byte), Ok(1..)) {
                counts.request();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    }

    /// `http://127.0.0.1:PORT/`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, counts: &Counts, answer: &impl Fn(&mut TcpStream, usize) -> bool) {
    let Ok(copy) = stream.try_clone() else { return };
    let mut reader = BufReader::new(copy);
    let mut index = 0;
    while read_request(&mut reader).is_some() {
        counts.request();
        if !answer(&mut stream, index) {
            return;
        }
        index += 1;
    }
}

/// Reads a request to its end; `None` when there is none.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<()> {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()
}
