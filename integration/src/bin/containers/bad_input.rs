//! What is not as it should be: each ends in one sentence that says what to do.

use super::runner::Case;

pub(crate) const CASES: &[Case] = &[];
