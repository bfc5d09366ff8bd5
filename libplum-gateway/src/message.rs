//! What SSDP and HTTP say, taken apart for the log.

/// The most of one text that the log keeps, in bytes.
const TEXT: usize = 512;

/// The most of all texts of one message, so that a full log is bounded whatever is sent.
const ALL_TEXTS: usize = 2_048;

/// The most header fields or arguments that the log keeps.
const FIELDS: usize = 32;

/// A datagram of SSDP, or a request or answer over HTTP. The log keeps the first 32 header fields
/// and the first 32 arguments, of each text the first 512 bytes, and of all about 2 KiB each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HttpMessage {
    /// The request line or status line.
    pub start: String,
    /// Names as they came, and values.
    pub headers: Vec<(String, String)>,
    /// The control message in the body, when it is one.
    pub soap: Option<Soap>,
}

/// A control message of UPnP: an action, its result, or its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Soap {
    /// The type of the service.
    pub service: String,
    /// The action, in answers too.
    pub action: String,
    /// The arguments of a request, or the results of an answer.
    pub args: Vec<(String, String)>,
    /// The UPnP error code of a failure.
    pub error: Option<u16>,
}

impl Soap {
    pub(crate) fn new(
        service: &str,
        action: &str,
        args: &[(String, String)],
        error: Option<u16>,
    ) -> Self {
        let mut left = ALL_TEXTS;
        Self {
            service: cut(service, &mut left),
            action: cut(action, &mut left),
            args: args
                .iter()
                .take(FIELDS)
                .map(|(name, value)| (cut(name, &mut left), cut(value, &mut left)))
                .collect(),
            error,
        }
    }

    /// An argument or result by its name.
    pub fn arg(&self, name: &str) -> Option<&str> {
        let found = self.args.iter().find(|(n, _)| n == name)?;
        Some(&found.1)
    }
}

impl HttpMessage {
    pub(crate) fn read(head: &[u8], soap: Option<Soap>) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Self {
            start,
            headers,
            soap,
        }
    }

    pub(crate) fn bounded(mut self) -> Self {
        let mut left = ALL_TEXTS;
        self.start = cut(&self.start, &mut left);
        self.headers.truncate(FIELDS);
        for (name, value) in &mut self.headers {
            *name = cut(name, &mut left);
            *value = cut(value, &mut left);
        }
        self
    }

    /// The first header field of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        let found = fields.find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        if self.start.starts_with("HTTP/") {
            return None;
        }
        self.start.split(' ').next().filter(|m| !m.is_empty())
    }

    /// The target of a request: path and query, or `*`.
    pub fn target(&self) -> Option<&str> {
        self.method()?;
        self.start.split(' ').nth(1)
    }

    /// The status of an answer.
    pub fn status(&self) -> Option<u16> {
        let rest = self.start.strip_prefix("HTTP/")?;
        rest.split(' ').nth(1)?.parse().ok()
    }

    /// Whether there is a SOAPAction field in double quotes, as UDA 1.0 §3.2.1 wants it.
    pub fn soap_action_is_quoted(&self) -> bool {
        let value = self.header("soapaction").unwrap_or_default();
        value.len() > 2 && value.starts_with('"') && value.ends_with('"')
    }
}

/// As much of a text as may be kept, and counts it.
fn cut(text: &str, left: &mut usize) -> String {
    let mut end = text.len().min(TEXT).min(*left);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    *left -= end;
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_keeps_is_bounded() {
        let many: Vec<_> = (0..100)
            .map(|i| (format!("N{i}"), "é".repeat(4_000)))
            .collect();
        let soap = Soap::new("s", "a", &many, None);
        let size = |pairs: &[(String, String)]| {
            pairs.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>()
        };
        assert!(soap.args.len() == FIELDS && size(&soap.args) <= ALL_TEXTS);
        let message = HttpMessage {
            start: "GET / HTTP/1.1".to_owned(),
            headers: many,
            soap: None,
        };
        let message = message.bounded();
        assert!(message.headers.len() == FIELDS && size(&message.headers) <= ALL_TEXTS);
        assert_eq!(message.headers[0].1.len(), TEXT);
        assert_eq!(
            (message.method(), message.target()),
            (Some("GET"), Some("/"))
        );
    }

    #[test]
    fn start_lines_of_both_kinds() {
        let answer = HttpMessage::read(b"HTTP/1.0 500 Internal Server Error\r\nA:b\r\n", None);
        assert_eq!(
            (answer.status(), answer.method(), answer.target()),
            (Some(500), None, None)
        );
        assert_eq!(answer.header("a"), Some("b"));
        let broken = HttpMessage::read(b"", None);
        assert_eq!((broken.status(), broken.method()), (None, None));
    }
}
