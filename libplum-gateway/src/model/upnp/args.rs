//! Arguments as numbers: strict decimals, or as forgivingly as miniupnpd 2.3.1 was seen to read.

use super::code;
use super::soap::Call;

/// How arguments are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Decimal digits and nothing else.
    Strict,
    /// As C's `atoi` does, cut to the bits that fit: "-1" is port 65535, "x" is 0.
    Miniupnpd,
}

/// A port, where 0 has a meaning of its own.
pub(super) fn port(call: &Call, name: &str, how: How) -> Result<u16, u16> {
    let text = call.arg(name).ok_or(code::INVALID_ARGS)?;
    match how {
        How::Strict => u16::try_from(number(text, how)?).map_err(|_| code::INVALID_ARGS),
        How::Miniupnpd => Ok(atoi(text) as u16),
    }
}

/// A port that names an entry.
pub(super) fn entry_port(call: &Call, name: &str, how: How) -> Result<u16, u16> {
    match port(call, name, how)? {
        0 if how == How::Miniupnpd => Err(code::INVALID_ARGS),
        port => Ok(port),
    }
}

/// An index; one that is below 0 is there for miniupnpd, but nothing is at it.
pub(super) fn index(call: &Call, name: &str, how: How) -> Result<u16, u16> {
    let text = call.arg(name).ok_or(code::INVALID_ARGS)?;
    match how {
        How::Strict => port(call, name, how),
        How::Miniupnpd => text
            .parse::<i64>()
            .map(|n| n as u16)
            .map_err(|_| code::INVALID_ARGS),
    }
}

pub(super) fn number(text: &str, how: How) -> Result<u32, u16> {
    if how == How::Miniupnpd {
        return Ok(atoi(text) as u32);
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(code::INVALID_ARGS);
    }
    text.parse().map_err(|_| code::INVALID_ARGS)
}

/// UDA 1.0 §2.3: 0, 1, true, false, yes, no. miniupnpd does not look.
pub(super) fn boolean(text: &str, how: How) -> Result<bool, u16> {
    match text {
        _ if how == How::Miniupnpd => Ok(true),
        "1" | "true" | "True" | "yes" => Ok(true),
        "0" | "false" | "False" | "no" => Ok(false),
        _ => Err(code::INVALID_ARGS),
    }
}

/// Blanks, a sign, and digits as far as they go; more than 18 of them count as that many.
fn atoi(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits
        .bytes()
        .take(18)
        .take_while(u8::is_ascii_digit)
        .count();
    sign * digits[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_c_reads_numbers() {
        for (text, n) in [
            ("", 0),
            ("x", 0),
            (" 42x", 42),
            ("-5", -5),
            ("+80", 80),
            ("-", 0),
            ("é", 0),
        ] {
            assert_eq!(atoi(text), n, "{text}");
        }
        assert_eq!(atoi("99999999999999999999"), 999_999_999_999_999_999);
        assert_eq!(number("-5", How::Miniupnpd), Ok(4_294_967_291));
    }
}
