//! The clock that tells clients of lost state: Epoch Time (RFC 6887 §8.5), which NAT-PMP calls
//! Seconds Since Start of Epoch (RFC 6886 §3.6).

use std::time::Duration;

/// Counts seconds from `base`, at `rate` seconds for each second of model time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoch {
    base: u32,
    since: Duration,
}

impl Epoch {
    pub(crate) fn starting(at: Duration, base: u32) -> Self {
        Self { base, since: at }
    }

    /// The value to send at `now`. It wraps after 2^32 seconds, as 32 bits do.
    pub(crate) fn at(&self, now: Duration, rate: f64) -> u32 {
        let elapsed = now.saturating_sub(self.since);
        let counted = if rate == 1.0 {
            elapsed.as_secs() // exact: no rounding on the common road
        } else {
            (elapsed.as_secs_f64() * rate) as u64
        };
        self.base.wrapping_add(counted as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_whole_seconds_at_its_rate() {
        let e = Epoch::starting(Duration::from_millis(500), 10);
        assert_eq!(e.at(Duration::from_millis(1499), 1.0), 10);
        assert_eq!(e.at(Duration::from_millis(1500), 1.0), 11);
        assert_eq!(e.at(Duration::from_millis(100_500), 1.06), 116);
        assert_eq!(
            e.at(Duration::from_millis(100_500), 0.0),
            10,
            "a clock that stands still"
        );
        assert_eq!(
            e.at(Duration::ZERO, 1.0),
            10,
            "a time before the start is the start"
        );
    }

    #[test]
    fn wraps_instead_of_overflowing() {
        let e = Epoch::starting(Duration::ZERO, u32::MAX);
        assert_eq!(e.at(Duration::from_secs(2), 1.0), 1);
    }
}
