//! The one bounded reader that all input passes: big-endian, and its first failure sticks.

/// Reads from the front of a packet. After a read past the end every read yields zeros and
/// [`Reader::failed`] is true, so that a parser needs one check at its end.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            failed: false,
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) if !self.failed => {
                self.rest = rest;
                *head
            }
            _ => {
                self.failed = true;
                [0; N]
            }
        }
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        if self.failed || length > self.rest.len() {
            self.failed = true;
            return &[];
        }
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        head
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_sticks() {
        let mut r = Reader::new(&[1, 2, 3]);
        assert_eq!(r.u16(), 0x0102);
        assert_eq!(r.u32(), 0);
        assert!(r.failed());
        assert_eq!(
            r.u8(),
            0,
            "the byte that was left is not given after a failure"
        );
        assert_eq!(r.take(1), b"");
    }

    #[test]
    fn reads_to_the_end_without_failing() {
        let mut r = Reader::new(&[0, 0, 0, 7, 9, 8]);
        assert_eq!((r.u32(), r.take(2)), (7, &[9, 8][..]));
        assert!(r.is_empty() && !r.failed());
    }
}
