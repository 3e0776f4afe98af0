//! The numbers of an answer.

use crate::text::divide;
use crate::{Clock, Hex, Put, Show};

/// The numbers of the last answer; they print as the line that ends it.
///
/// `[200 tokens, 12345 instructions/token, fingerprint 1a2b3c4d]`, or on a chip
/// `[200 tokens, 31.2 tokens/s, fingerprint 1a2b3c4d]`. Tests read this line: its form stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Tokens written.
    pub tokens: u32,
    /// Ticks until the first token was chosen: reading the prompt, mostly.
    pub first_ticks: u64,
    /// Ticks spent on all tokens after the first, the serial port's time left out.
    pub later_ticks: u64,
    /// A hash of every logit and every token.
    pub fingerprint: u32,
    /// The clock that the ticks are of.
    pub clock: Clock,
}

impl Show for Answer {
    fn show(&self, out: &mut impl Put) {
        out.put("[").put(self.tokens).put(" tokens, ").put(self.speed());
        out.put(", fingerprint ").put(Hex(self.fingerprint)).put("]");
    }
}

impl Answer {
    /// Instructions a token or tokens a second, the first token left out, because reading the prompt belongs to it.
    pub fn speed(&self) -> Speed {
        Speed { count: self.tokens.saturating_sub(1), ticks: self.later_ticks, clock: self.clock }
    }

    /// How long the first token took.
    pub fn first_token(&self) -> Duration {
        Duration { ticks: self.first_ticks, clock: self.clock }
    }
}

/// Prints as `12345 instructions/token` or `31.2 tokens/s`.
pub struct Speed {
    count: u32,
    ticks: u64,
    clock: Clock,
}

impl Show for Speed {
    fn show(&self, out: &mut impl Put) {
        match self.clock {
            Clock::Instructions { per_tick } => {
                let each = quotient(self.ticks.wrapping_mul(per_tick.into()), self.count.into());
                out.put(each).put(" instructions/token");
            }
            Clock::Time { hz } => {
                let tenths = quotient((u64::from(self.count) * 10).wrapping_mul(hz.into()), self.ticks);
                let (whole, tenth) = divide(tenths, 10);
                out.put(whole).put(".").put(tenth).put(" tokens/s");
            }
        }
    }
}

/// Prints as `12345 instructions` or `12 ms`.
pub struct Duration {
    ticks: u64,
    clock: Clock,
}

impl Show for Duration {
    fn show(&self, out: &mut impl Put) {
        match self.clock {
            Clock::Instructions { per_tick } => {
                out.put(self.ticks.wrapping_mul(per_tick.into())).put(" instructions")
            }
            Clock::Time { hz } => out.put(quotient(self.ticks.wrapping_mul(1000), hz.into())).put(" ms"),
        };
    }
}

/// 0 where it would be a division by 0.
fn quotient(value: u64, by: u64) -> u64 {
    if by == 0 { 0 } else { divide(value, by).0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::shown;

    const ANSWER: Answer = Answer {
        tokens: 201,
        first_ticks: 1000,
        later_ticks: 61725,
        fingerprint: 0x00c0ffee,
        clock: Clock::Instructions { per_tick: 40 },
    };

    #[test]
    fn an_emulator_counts_instructions() {
        assert_eq!(shown(ANSWER), "[201 tokens, 12345 instructions/token, fingerprint 00c0ffee]");
        assert_eq!(shown(ANSWER.first_token()), "40000 instructions");
    }

    #[test]
    fn a_chip_counts_time() {
        let answer = Answer { clock: Clock::Time { hz: 10_000 }, ..ANSWER };
        assert_eq!(shown(answer), "[201 tokens, 32.4 tokens/s, fingerprint 00c0ffee]");
        assert_eq!(shown(answer.first_token()), "100 ms");
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        let nothing = Answer { tokens: 0, later_ticks: 0, ..ANSWER };
        assert_eq!(shown(nothing), "[0 tokens, 0 instructions/token, fingerprint 00c0ffee]");
        assert_eq!(shown(Answer { clock: Clock::Time { hz: 0 }, ..nothing }.first_token()), "0 ms");
    }
}
