//! HTTP/1.x of the server side (RFC 9112): requests out of a byte stream, answers into one.
//!
//! Everything is bounded: what is longer than [`HEAD`] or [`BODY`] ends in an error status and in
//! the closing of the connection.

use super::knobs::HttpStyle;

/// The longest head of a request.
pub(crate) const HEAD: usize = 8 * 1024;

/// The longest body of a request, chunks joined.
pub(crate) const BODY: usize = 64 * 1024;

/// The most header fields of a request.
const FIELDS: usize = 64;

/// The longest line of a chunk's size, its extensions included.
const CHUNK_LINE: usize = 256;

/// A whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    pub(crate) minor: u8,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunked: bool,
}

impl Request {
    /// The first field of this name; names have no case (RFC 9110 §5.1).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Whether the client wants the connection kept (RFC 9112 §9.3).
    pub(crate) fn keeps_alive(&self) -> bool {
        let option = self.header("connection").unwrap_or_default();
        let says = |word: &str| {
            option
                .split(',')
                .any(|o| o.trim().eq_ignore_ascii_case(word))
        };
        if self.minor == 0 {
            says("keep-alive")
        } else {
            !says("close")
        }
    }

    pub(crate) fn start_line(&self) -> String {
        format!("{} {} HTTP/1.{}", self.method, self.target, self.minor)
    }
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut fields = headers.iter();
    let found = fields.find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    Some(&found.1)
}

/// What came of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A request is not yet whole.
    More,
    /// The client waits for "100 Continue" before it sends the body (RFC 9110 §10.1.1).
    Continue,
    Done(Request),
    /// To be answered by this status, and the connection closed. The head, if it could be read.
    Bad(u16, Option<Box<Request>>),
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Length(usize),
    /// Chunks are read as they come; the rest of the present one.
    ChunkSize,
    ChunkData(usize),
    ChunkEnd,
    Trailer(usize),
}

/// Takes requests out of a stream. After [`Progress::Bad`] it takes nothing more.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// An HTTP/1.1 request without a Host is none (RFC 9112 §3.2).
    wants_host: bool,
    buffer: Vec<u8>,
    /// So much of the buffer has been found to be no whole head.
    tried: usize,
    head: Option<(Request, Body)>,
    asked_to_continue: bool,
    broken: bool,
}

impl Decoder {
    pub(crate) fn new(wants_host: bool) -> Self {
        Self {
            wants_host,
            buffer: Vec::new(),
            tried: 0,
            head: None,
            asked_to_continue: false,
            broken: false,
        }
    }

    /// Takes bytes in. A client that sends more than one request ahead of the answers gets no
    /// further than the bounds of one.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = (HEAD + BODY + CHUNK_LINE).saturating_sub(self.buffer.len());
        self.buffer
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.broken |= bytes.len() > room;
    }

    /// Whether a request has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.head.is_some() || !self.buffer.is_empty()
    }

    pub(crate) fn next(&mut self) -> Progress {
        if self.head.is_none() {
            match self.read_head() {
                Ok(true) => {}
                // What has been cut off will never come.
                Ok(false) if self.broken => return self.stop(Progress::Bad(413, None)),
                Ok(false) => return Progress::More,
                Err(progress) => return self.stop(progress),
            }
        }
        match self.read_body() {
            Ok(true) => {}
            Ok(false) => {
                let expects = self.head.as_ref().and_then(|(r, _)| r.header("expect"));
                let expects = expects.is_some_and(|e| e.eq_ignore_ascii_case("100-continue"));
                if expects && !self.asked_to_continue {
                    self.asked_to_continue = true;
                    return Progress::Continue;
                }
                return if self.broken {
                    self.stop(Progress::Bad(413, None))
                } else {
                    Progress::More
                };
            }
            Err(status) => {
                let head = self.head.take().map(|(request, _)| Box::new(request));
                return self.stop(Progress::Bad(status, head));
            }
        }
        self.asked_to_continue = false;
        match self.head.take() {
            Some((request, _)) => Progress::Done(request),
            None => Progress::More,
        }
    }

    fn stop(&mut self, progress: Progress) -> Progress {
        self.buffer = Vec::new();
        self.broken = true;
        progress
    }

    fn read_head(&mut self) -> Result<bool, Progress> {
        // Empty lines before a request are skipped (RFC 9112 §2.2).
        let blank = self
            .buffer
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        self.buffer.drain(..blank);
        if self.buffer.is_empty() {
            return Ok(false);
        }
        // Whole lines alone are looked at, and only when there is a new one: so it does not matter
        // in which pieces they come.
        let end = self
            .buffer
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |i| i + 1);
        if end == self.tried && self.buffer.len() <= HEAD {
            return Ok(false);
        }
        self.tried = end;
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        let outcome = parsed.parse(&self.buffer[..end]);
        let used = match outcome {
            Ok(httparse::Status::Complete(used)) if used <= HEAD => used,
            Ok(httparse::Status::Partial) if self.buffer.len() <= HEAD => return Ok(false),
            // RFC 6585 §5.
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Progress::Bad(431, None)),
            Err(httparse::Error::Version) => return Err(Progress::Bad(505, None)),
            Err(_) => return Err(Progress::Bad(400, None)),
        };
        let request = Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            minor: parsed.version.unwrap_or_default(),
            headers: parsed
                .headers
                .iter()
                .map(|f| {
                    let value = String::from_utf8_lossy(f.value).trim().to_owned();
                    (f.name.to_owned(), value)
                })
                .collect(),
            body: Vec::new(),
            chunked: false,
        };
        self.buffer.drain(..used);
        self.tried = 0;
        match framing(&request, self.wants_host) {
            Ok(body) => {
                let chunked = matches!(body, Body::ChunkSize);
                self.head = Some((Request { chunked, ..request }, body));
                Ok(true)
            }
            Err(status) => Err(Progress::Bad(status, Some(Box::new(request)))),
        }
    }

    fn read_body(&mut self) -> Result<bool, u16> {
        let Some((request, body)) = &mut self.head else {
            return Ok(false);
        };
        loop {
            match *body {
                Body::Length(length) => {
                    if self.buffer.len() < length {
                        return Ok(false);
                    }
                    request.body = self.buffer.drain(..length).collect();
                    return Ok(true);
                }
                Body::ChunkSize => match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete((used, size))) => {
                        let fits = BODY - request.body.len();
                        let size = usize::try_from(size)
                            .ok()
                            .filter(|&s| s <= fits)
                            .ok_or(413u16)?;
                        self.buffer.drain(..used);
                        *body = if size == 0 {
                            Body::Trailer(0)
                        } else {
                            Body::ChunkData(size)
                        };
                    }
                    Ok(httparse::Status::Partial) if self.buffer.len() <= CHUNK_LINE => {
                        return Ok(false)
                    }
                    _ => return Err(400),
                },
                Body::ChunkData(left) => {
                    let here = left.min(self.buffer.len());
                    request.body.extend(self.buffer.drain(..here));
                    if here < left {
                        *body = Body::ChunkData(left - here);
                        return Ok(false);
                    }
                    *body = Body::ChunkEnd;
                }
                Body::ChunkEnd => {
                    if self.buffer.len() < 2 {
                        return Ok(false);
                    }
                    if !self.buffer.starts_with(b"\r\n") {
                        return Err(400);
                    }
                    self.buffer.drain(..2);
                    *body = Body::ChunkSize;
                }
                Body::Trailer(seen) => {
                    let Some(end) = self.buffer.iter().position(|&b| b == b'\n') else {
                        return if seen + self.buffer.len() > HEAD {
                            Err(431)
                        } else {
                            Ok(false)
                        };
                    };
                    let line: Vec<u8> = self.buffer.drain(..=end).collect();
                    if line == b"\r\n" || line == b"\n" {
                        return Ok(true);
                    }
                    if seen + line.len() > HEAD {
                        return Err(431);
                    }
                    *body = Body::Trailer(seen + line.len());
                }
            }
        }
    }
}

/// RFC 9112 §6.3, for requests.
fn framing(request: &Request, wants_host: bool) -> Result<Body, u16> {
    if wants_host && request.minor == 1 && request.header("host").is_none() {
        return Err(400);
    }
    let mut lengths = request
        .headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().map(|(_, value)| value.as_str());
    if lengths.any(|(_, other)| Some(other.as_str()) != length) {
        return Err(400);
    }
    match (request.header("transfer-encoding"), length) {
        (Some(_), Some(_)) => Err(400),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Body::ChunkSize),
        (Some(_), None) => Err(501),
        (None, Some(digits)) => {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(400);
            }
            // More digits than a number holds is more than a body holds.
            let length = digits.parse::<usize>().unwrap_or(usize::MAX);
            if length > BODY {
                return Err(413);
            }
            Ok(Body::Length(length))
        }
        (None, None) if request.method == "POST" => Err(411),
        (None, None) => Ok(Body::Length(0)),
    }
}

/// An answer to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// A captured head, up to and with the empty line, to be used instead of one of ours.
    pub(crate) head: Option<Vec<u8>>,
    pub(crate) close: bool,
    /// It is said in HTTP/1.0, though its length is told.
    pub(crate) in_1_0: bool,
}

impl Response {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "text/xml; charset=\"utf-8\"".to_owned())],
            body: body.into_bytes(),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Keep,
    Close,
}

/// The bytes of an answer to `request`, in the style of this gateway.
pub(crate) fn write(
    response: &Response,
    request: Option<&Request>,
    style: &HttpStyle,
    server: &str,
) -> (Vec<u8>, Ending) {
    let wants_more = request.is_some_and(Request::keeps_alive);
    let is_head = request.is_some_and(|r| r.method == "HEAD");
    let close = response.close || style.close_always || style.http10 || !wants_more;
    if let Some(head) = &response.head {
        return write_captured(head, response, is_head, close);
    }
    let version = if style.http10 || response.in_1_0 {
        "1.0"
    } else {
        "1.1"
    };
    let mut out = format!(
        "HTTP/{version} {} {}\r\n",
        response.status,
        reason(response.status)
    );
    let mut field = |name: &str, value: &str| {
        let name = if style.odd_case {
            odd_case(name)
        } else {
            name.to_owned()
        };
        out.push_str(&name);
        out.push_str(if value.is_empty() { ":" } else { ": " });
        out.push_str(value);
        out.push_str("\r\n");
    };
    for (name, value) in &response.headers {
        field(name, value);
    }
    let open_ended = style.http10 || style.no_length_open;
    let chunked = style.chunked && !open_ended && !response.body.is_empty();
    if close && !style.http10 && !style.no_length_open {
        field("Connection", "close");
    }
    if chunked {
        field("Transfer-Encoding", "chunked");
    } else if !open_ended {
        field("Content-Length", &response.body.len().to_string());
    }
    field("Server", server);
    field("Ext", ""); // UDA 1.0 §3.2.2
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    if is_head {
        // RFC 9110 §9.3.2: the same fields and no content.
    } else if chunked {
        write_chunks(&mut out, &response.body);
    } else {
        out.extend_from_slice(&response.body);
    }
    let close = close && !style.no_length_open;
    (out, if close { Ending::Close } else { Ending::Keep })
}

/// A captured head, its Content-Length mended. One without a length is ended by closing.
fn write_captured(
    head: &[u8],
    response: &Response,
    is_head: bool,
    close: bool,
) -> (Vec<u8>, Ending) {
    let text = String::from_utf8_lossy(head);
    let mut out = String::new();
    let mut has_length = false;
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if name.trim().eq_ignore_ascii_case("content-length") {
            has_length = true;
            out.push_str(&format!("{name}: {}\r\n", response.body.len()));
        } else {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str("\r\n");
    let says_close = text.to_ascii_lowercase().contains("connection: close");
    let mut out = out.into_bytes();
    if !is_head {
        out.extend_from_slice(&response.body);
    }
    let close = close || says_close || !has_length;
    (out, if close { Ending::Close } else { Ending::Keep })
}

/// Uneven chunks, one with an extension, and an empty trailer.
fn write_chunks(out: &mut Vec<u8>, body: &[u8]) {
    let mut rest = body;
    let mut size = 7;
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        let extension = if size == 7 { ";first" } else { "" };
        out.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
        rest = left;
        size = 1000;
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

/// `Content-Length` → `cONTENT-lENGTH`.
pub(super) fn odd_case(name: &str) -> String {
    let mut first = true;
    name.chars()
        .map(|c| {
            let odd = if first {
                c.to_ascii_lowercase()
            } else {
                c.to_ascii_uppercase()
            };
            first = c == '-';
            odd
        })
        .collect()
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
