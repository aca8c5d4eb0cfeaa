//! How connections are made: to which addresses, how many there may be, and what becomes of them at the end.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, App, Certificate, Faulty, Flaw, Server, each};

fn measurement(app: &App) -> Value {
    app.result()["insights"]["versions"][0]["loads"][0]["measurement"].clone()
}

/// A name with two addresses, the second of which may answer nothing.
struct TwoAddresses {
    port: u16,
    args: Vec<String>,
}

impl TwoAddresses {
    fn new(second_listens: bool) -> Self {
        let (first, second) = loop {
            let first = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
            let port = first.local_addr().expect("an address").port();
            // The port may be taken on the other address.
            if let Ok(second) = TcpListener::bind(("127.0.0.2", port)) {
                break (first, second);
            }
        };
        let port = first.local_addr().expect("an address").port();
        answer_all(first);
        if second_listens {
            answer_all(second);
        }
        let url = format!("http://app.invalid:{port}/");
        let resolve = format!("app.invalid:{port}:127.0.0.1,127.0.0.2");
        let args = ["run", "--url", &url, "--resolve", &resolve];
        Self {
            port,
            args: args.iter().map(ToString::to_string).collect(),
        }
    }

    fn run(&self, more: &[&str]) -> Value {
        let app = App::new();
        let args: Vec<&str> = self
            .args
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        app.run(&args).exits(0);
        measurement(&app)
    }

    fn at(&self, host: &str) -> String {
        format!("{host}:{}", self.port)
    }
}

fn answer_all(listener: TcpListener) {
    use std::io::{BufRead as _, BufReader};

    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
                while let Some(Ok(line)) = lines.next() {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    if line.is_empty() && stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

#[test]
fn connections_are_shared_out_over_all_addresses_of_a_name() {
    for shape in [
        ["--connections", "8", "--qps", "max"],
        ["--connections", "64", "--qps", "max"],
        ["--connections", "2", "--qps", "max"],
    ] {
        let two = TwoAddresses::new(true);
        let measured = two.run(&[&shape[..], &["--numRequests", "400"]].concat());
        assert_eq!(
            (&measured["answered"], &measured["errors"]),
            (&400.into(), &0.into())
        );
        let opened = measured["connections"].as_u64().expect("a number");
        for host in ["127.0.0.1", "127.0.0.2"] {
            let share = measured["addresses"][two.at(host)].as_u64().unwrap_or_default();
            assert!(share * 3 >= opened, "{host} {shape:?}: {}", measured["addresses"]);
        }
    }
}

#[test]
fn an_address_that_refuses_costs_no_request() {
    let two = TwoAddresses::new(false);
    let measured = two.run(&["--connections", "20", "--qps", "max", "--numRequests", "400"]);
    assert_eq!(
        (&measured["answered"], &measured["errors"]),
        (&400.into(), &0.into())
    );
    let addresses = measured["addresses"].as_object().expect("a map");
    assert_eq!(addresses.keys().collect::<Vec<_>>(), [&two.at("127.0.0.1")]);
}

#[test]
fn more_connections_than_files_may_be_open_are_refused_before_anything_is_sent() {
    let server = Server::ok();
    let url = server.url("/");
    let app = App::new();
    let args = ["run", "--url", &url, "--connections", "20000", "--qps", "max"];
    let output = app.run_with_files(256, &args);
    output
        .exits(2)
        .says("`connections` is 20000, but this system allows");
    output.says("ulimit -Hn");
    assert_eq!((server.requests(), server.connections()), (0, 0));
    let few = [
        "run",
        "--url",
        &url,
        "--connections",
        "100",
        "--numRequests",
        "500",
        "--qps",
        "max",
    ];
    app.run_with_files(256, &few).exits(0);
}

/// A server that answers nothing until so many requests are there, and then all; and the most it had at once.
fn gated(enough: usize, and_then: Duration) -> (Faulty, Arc<AtomicUsize>) {
    let (most, under_way) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let (counted, there, open) = (Arc::clone(&most), Mutex::new(0), Condvar::new());
    let server = Faulty::new(move |stream| {
        counted.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let mut there = there.lock().expect("no panic");
        *there += 1;
        if *there == enough {
            std::thread::sleep(and_then);
            open.notify_all();
        }
        let _there = open.wait_while(there, |there| *there < enough).expect("no panic");
        under_way.fetch_sub(1, Ordering::SeqCst);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .is_ok()
    });
    (server, most)
}

#[test]
fn a_stall_is_met_with_more_connections_as_far_as_they_are_allowed() {
    let run = |server: &Faulty, connections: &str| {
        let app = App::with(&format!(
            "spec:\n- task: http\n  with: {{url: '{}', numRequests: 80, qps: 100, timeout: 20s, {connections}}}\n",
            server.url()
        ));
        let output = app.run(&["run"]);
        let measured = measurement(&app);
        assert_eq!(measured["answered"], 80, "{output}");
        (measured, output)
    };
    // Every request that falls due during the stall reaches the server.
    let (server, most) = gated(60, Duration::ZERO);
    let (measured, output) = run(&server, "connections: 4, maxConnections: 200");
    assert!(most.load(Ordering::SeqCst) >= 60, "{output}");
    assert_eq!(measured["waited"], 0, "{output}");
    let (server, most) = gated(10, Duration::from_millis(300));
    let (measured, output) = run(&server, "connections: 4, maxConnections: 10");
    assert_eq!(
        (most.load(Ordering::SeqCst), server.connections()),
        (10, 10),
        "{output}"
    );
    assert_ne!(measured["waited"], 0, "{output}");
    output.says("requests waited because all 10 connections were busy");
}

#[test]
fn a_signal_ends_a_thousand_busy_connections_in_time() {
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(5)));
    let url = server.url("/");
    let app = App::new();
    let args = [
        "run",
        "--url",
        &url,
        "--duration",
        "10m",
        "--qps",
        "max",
        "--connections",
        "1000",
    ];
    let running = app.start(&args);
    let started = Instant::now();
    while server.connections() < 1000 {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{} connections",
            server.connections()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal(Signal::TERM);
    let signalled = Instant::now();
    let output = running.finish();
    assert!(
        signalled.elapsed() < Duration::from_secs(5),
        "{:?}",
        signalled.elapsed()
    );
    output.exits(143).says("SIGTERM");
    let (result, measured) = (app.result(), measurement(&app));
    assert_eq!(result["interrupted"], "SIGTERM");
    let count = |name: &str| measured[name].as_u64().expect("a number");
    assert_eq!(count("requests"), count("answered") + count("errors"), "{output}");
    assert!(count("answered") >= 500, "{output}");
    assert!(
        server.requests() as u64 <= count("requests") + 1,
        "what was sent is counted, and one probe"
    );
}

#[test]
fn a_closed_connection_costs_a_handshake_that_resumes_the_session() {
    let certificate = Certificate::new(Flaw::None);
    let server = Server::tls(&certificate, |_| {
        Answer::status(200).header("connection", "close")
    });
    let load = |version: &str| {
        let app = App::with(&format!(
            "spec:\n- task: http\n  with: {{url: '{}', numRequests: 20, qps: 50, connections: 1, caCert: ca.pem{version}}}\n",
            server.url("/")
        ))
        .file("ca.pem", &certificate.authority);
        app.run(&["run"]).exits(0);
        measurement(&app)
    };
    let measured = load("");
    assert_eq!(
        (&measured["answered"], &measured["connections"]),
        (&20.into(), &20.into())
    );
    assert_eq!(measured["resumed"], 19);
    assert_eq!(measured["timings"]["tls"]["count"], 20);
    // A library sends these: the sessions are resumed all the same.
    assert_eq!(load(", followRedirects: true")["resumed"], 19);
}

#[test]
fn a_client_shows_its_certificate_where_it_is_asked_for() {
    let certificate = Certificate::new(Flaw::None).for_clients();
    let server = Server::tls(&certificate, |_| Answer::status(200));
    let rows = [
        ("without", "", 3),
        ("with", ", clientCert: client.pem, clientKey: client.key", 0),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, more, code)| {
            let app = App::with(&format!(
                "spec:\n- task: http\n  with: {{url: '{}', numRequests: 4, qps: 100, caCert: ca.pem{more}}}\n",
                server.url("/")
            ))
            .file("ca.pem", &certificate.authority)
            .file("client.pem", &certificate.chain)
            .file("client.key", &certificate.key);
            let output = app.run(&["run"]);
            output.exits(*code);
            if *code == 3 {
                output.says("client certificate");
            }
        },
    );
    assert_eq!(server.requests(), 4);
}

#[test]
fn a_server_may_be_trusted_by_its_own_certificate() {
    let certificate = Certificate::self_signed();
    let server = Server::tls(&certificate, |_| Answer::status(200));
    let run = |trusted: &Certificate| {
        let load = format!(
            "spec:\n- task: ready\n  with: {{url: '{0}', timeout: 1s, caCert: ca.pem}}\n- task: http\n  with: {{url: '{0}', numRequests: 4, qps: 100, caCert: ca.pem}}\n",
            server.url("/")
        );
        App::with(&load).file("ca.pem", &trusted.authority).run(&["run"])
    };
    run(&certificate).exits(0);
    run(&Certificate::self_signed()).exits(3).says("unknown issuer");
}

#[test]
fn a_name_that_is_resolved_by_hand_is_the_one_that_tls_asks_for() {
    let certificate = Certificate::new(Flaw::OtherName);
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let server = Server::tls(&certificate, |_| Answer::status(200));
    let address = sni_recorder(server.port(), move |name| {
        if name == "other.example" {
            seen.store(true, Ordering::SeqCst);
        }
    });
    let url = format!("https://other.example:{}/", address.port());
    let resolve = format!("other.example:{}:127.0.0.1", address.port());
    let app = App::new().file("ca.pem", &certificate.authority);
    let args = [
        "run",
        "--url",
        &url,
        "--resolve",
        &resolve,
        "--caCert",
        "ca.pem",
        "--numRequests",
        "4",
        "--qps",
        "100",
    ];
    app.run(&args).exits(0);
    assert!(asked.load(Ordering::SeqCst));
}

/// Stands before a server of TLS and reads the name that each client asks for.
fn sni_recorder(port: u16, tell: impl Fn(&str) + Send + Sync + 'static) -> SocketAddr {
    use std::io::Read as _;
    use std::net::TcpStream;

    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let tell = Arc::new(tell);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let tell = Arc::clone(&tell);
            std::thread::spawn(move || {
                let mut hello = vec![0; 4096];
                let read = client.read(&mut hello).unwrap_or_default();
                let mut acceptor = rustls::server::Acceptor::default();
                let _ = acceptor.read_tls(&mut &hello[..read]);
                if let Ok(Some(accepted)) = acceptor.accept() {
                    tell(accepted.client_hello().server_name().unwrap_or_default());
                }
                let mut server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
                server.write_all(&hello[..read]).expect("the server reads");
                let (mut from, mut to) = (
                    client.try_clone().expect("a socket"),
                    server.try_clone().expect("a socket"),
                );
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    address
}
