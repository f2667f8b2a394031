//! HTTP as bytes: what a hostile or a dying peer sends, and what came back, untouched by a client library.
//!
//! A library client was rejected here, because it would refuse to send most of what these tests must send.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// Longer than any timeout of the server, so that a test fails instead of waiting for ever.
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 when the server closed the connection without an answer.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// What followed the first answer on the same connection.
    pub(crate) rest: Vec<u8>,
}

impl Answer {
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that is kept open from one request to the next.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.write(request)?;
        read_answer(&mut self.0, request.starts_with(b"HEAD "))
    }

    /// Sends bytes without waiting for an answer.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// The next line that the server sends; empty when it has closed the connection.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line)
    }
}

/// Sends bytes on a connection of their own and reads until the server closes it. A server may answer before it has read
/// everything, so reading and writing go on at once and a broken pipe is no error.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut connection = Connection::open(address).expect("the server accepts connections");
    let mut writer = connection.0.get_ref().try_clone().expect("a socket can be cloned");
    thread::scope(|scope| {
        scope.spawn(move || {
            // The server may rightly have closed already.
            let _ = writer.write_all(request);
        });
        let mut answer = read_answer(&mut connection.0, request.starts_with(b"HEAD ")).unwrap_or_default();
        // A reset instead of an orderly end is as good an end.
        let _ = connection.0.read_to_end(&mut answer.rest);
        answer
    })
}

pub(crate) fn read_answer(reader: &mut impl BufRead, head_only: bool) -> io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|digits| digits.parse().ok());
    let mut answer = Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, head, ..Answer::default() };
    if answer.status == 100 {
        return read_answer(reader, head_only);
    }
    let length = answer.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if head_only || matches!(answer.status, 204 | 304) {
        return Ok(answer);
    }
    if answer.header("transfer-encoding").is_some() {
        while let size @ 1.. = read_chunk_size(reader)? {
            reader.by_ref().take(size).read_to_end(&mut answer.body)?;
            reader.read_line(&mut String::new())?;
        }
        reader.read_line(&mut String::new())?;
    } else if let Some(length) = length {
        if reader.by_ref().take(length).read_to_end(&mut answer.body)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    } else {
        reader.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

fn read_chunk_size(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    u64::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// A request as a browser would send it, up to what the caller adds or puts wrong.
#[derive(Clone)]
pub(crate) struct Request {
    start: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { start: format!("{method} {target} HTTP/1.1"), headers: Vec::new(), body: None }
            .header("Host", "127.0.0.1")
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    /// A body with its true length.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        self.body = Some(body);
        self.header("Content-Length", length)
    }

    /// For one exchange.
    pub(crate) fn closing(self) -> Vec<u8> {
        self.header("Connection", "close").bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.start.clone().into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// `name=value` pairs, percent-encoded.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
