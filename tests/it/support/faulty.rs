//! [`Faulty`]: servers that break the rules, on plain sockets.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server that reads the header of each request and then does with the socket what it was told.
pub(crate) struct Faulty {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Faulty {
    /// Starts it; `answer` gets the socket once for every request, and whether to go on is its answer.
    pub(crate) fn new(answer: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        Self::start(move |stream, requests| serve(stream, requests, &answer))
    }

    fn start(serve: impl Fn(TcpStream, &AtomicUsize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let (serve, counted) = (Arc::new(serve), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, counted) = (Arc::clone(&serve), Arc::clone(&counted));
                std::thread::spawn(move || serve(stream, &counted));
            }
        });
        Self { address, requests }
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
        Self::start(|mut stream, requests| {
            let mut byte = [0];
            // The request is left unread: the kernel answers a close with RST then.
            if matches!(stream.peek(&mut byte), Ok(1..)) {
                requests.fetch_add(1, Ordering::SeqCst);
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
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, counted: &AtomicUsize, answer: &impl Fn(&mut TcpStream) -> bool) {
    let Ok(copy) = stream.try_clone() else { return };
    let mut reader = BufReader::new(copy);
    loop {
        let mut line = String::new();
        // The empty line ends the header; requests here have no body.
        while line != "\r\n" {
            line.clear();
            match reader.read_line(&mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
        counted.fetch_add(1, Ordering::SeqCst);
        if !answer(&mut stream) {
            return;
        }
    }
}
