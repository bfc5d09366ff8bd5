//! Chance, always from a seed: the same seed and the same calls give the same troubles.

/// When a trouble strikes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Odds {
    /// It never does.
    #[default]
    Never,
    /// Every time.
    Always,
    /// With this probability, 0 to 1, drawn from the gateway's seed.
    Chance(f64),
    /// The next so many times, then never again.
    Next(u32),
    /// Lets so many pass, strikes once, then never again.
    OnceAfter(u32),
}

impl Odds {
    /// Draws once. `Next` and `OnceAfter` count down in place.
    pub(crate) fn strikes(&mut self, rng: &mut Rng) -> bool {
        match self {
            Odds::Never => false,
            Odds::Always => true,
            Odds::Chance(p) => rng.unit() < *p,
            Odds::Next(0) => false,
            Odds::Next(n) => {
                *n -= 1;
                true
            }
            Odds::OnceAfter(0) => {
                *self = Odds::Never;
                true
            }
            Odds::OnceAfter(n) => {
                *n -= 1;
                false
            }
        }
    }

    pub(crate) fn is_probability(&self) -> bool {
        match self {
            Odds::Chance(p) => (0.0..=1.0).contains(p),
            _ => true,
        }
    }
}

/// SplitMix64: small, fast, and good enough to lose packets by.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A stream of its own for each purpose, so that one trouble more does not shift the others.
    pub(crate) fn stream(seed: u64, purpose: u64) -> Self {
        let mut rng = Self(seed ^ purpose.wrapping_mul(0xA076_1D64_78BD_642F));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(mut odds: Odds, n: usize) -> Vec<bool> {
        let mut rng = Rng::stream(1, 1);
        (0..n).map(|_| odds.strikes(&mut rng)).collect()
    }

    #[test]
    fn counted_odds_run_out() {
        assert_eq!(draws(Odds::Next(2), 4), [true, true, false, false]);
        assert_eq!(
            draws(Odds::OnceAfter(2), 5),
            [false, false, true, false, false]
        );
        assert_eq!(draws(Odds::Always, 2), [true, true]);
        assert_eq!(draws(Odds::Never, 2), [false, false]);
    }

    #[test]
    fn chance_is_seeded_and_near_its_probability() {
        let hits = draws(Odds::Chance(0.25), 10_000)
            .iter()
            .filter(|&&b| b)
            .count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert_eq!(draws(Odds::Chance(0.5), 64), draws(Odds::Chance(0.5), 64));
        assert!(draws(Odds::Chance(1.0), 1_000).iter().all(|&b| b));
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::stream(3, 9);
        assert!((0..1_000).all(|_| rng.below(7) < 7));
        assert_eq!(rng.below(0), 0);
    }
}
