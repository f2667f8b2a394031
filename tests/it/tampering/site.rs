//! A web server that knows nothing of logs: it gives the files of a folder, and fails when it is told to.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

pub(super) struct Site {
    pub(super) address: String,
    asked: Arc<AtomicUsize>,
    failing: Arc<AtomicUsize>,
}

impl Site {
    /// The folder is served under `/log`, its `keys.json` where an office has its keys.
    pub(super) fn serve(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, failing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let site = Self { address, asked: Arc::clone(&asked), failing: Arc::clone(&failing) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (folder, asked, failing) = (folder.clone(), Arc::clone(&asked), Arc::clone(&failing));
                thread::spawn(move || answer(stream.unwrap(), &folder, &asked, &failing));
            }
        });
        site
    }

    /// How many files were asked for so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// So many of the next answers are 503.
    pub(super) fn fail(&self, times: usize) {
        self.failing.store(times, Ordering::SeqCst);
    }
}

fn answer(mut stream: TcpStream, folder: &std::path::Path, asked: &AtomicUsize, failing: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let path = request.split(' ').nth(1).unwrap();
        let file = match path.strip_prefix("/log/") {
            Some(name) => folder.join(name),
            None => folder.join("keys.json"),
        };
        let fails = failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let (status, body) = match fs::read(file) {
            _ if fails => ("503 Service Unavailable", Vec::new()),
            Ok(body) => ("200 OK", body),
            Err(_) => ("404 Not Found", Vec::new()),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}
