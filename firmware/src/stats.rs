//! The numbers of an answer.

use core::fmt;

use crate::Clock;

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

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answer { tokens, fingerprint, .. } = self;
        write!(f, "[{tokens} tokens, {}, fingerprint {fingerprint:08x}]", self.speed())
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

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clock {
            Clock::Instructions { per_tick } => {
                let each = self.ticks.saturating_mul(per_tick.into()).checked_div(self.count.into());
                write!(f, "{} instructions/token", each.unwrap_or(0))
            }
            Clock::Time { hz } => {
                let tenths = (u64::from(self.count) * 10).saturating_mul(hz.into()).checked_div(self.ticks);
                write!(f, "{}.{} tokens/s", tenths.unwrap_or(0) / 10, tenths.unwrap_or(0) % 10)
            }
        }
    }
}

/// Prints as `12345 instructions` or `12 ms`.
pub struct Duration {
    ticks: u64,
    clock: Clock,
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clock {
            Clock::Instructions { per_tick } => {
                write!(f, "{} instructions", self.ticks.saturating_mul(per_tick.into()))
            }
            Clock::Time { hz } => {
                let ms = self.ticks.saturating_mul(1000).checked_div(hz.into());
                write!(f, "{} ms", ms.unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const ANSWER: Answer = Answer {
        tokens: 201,
        first_ticks: 1000,
        later_ticks: 61725,
        fingerprint: 0x00c0ffee,
        clock: Clock::Instructions { per_tick: 40 },
    };

    #[test]
    fn an_emulator_counts_instructions() {
        assert_eq!(ANSWER.to_string(), "[201 tokens, 12345 instructions/token, fingerprint 00c0ffee]");
        assert_eq!(ANSWER.first_token().to_string(), "40000 instructions");
    }

    #[test]
    fn a_chip_counts_time() {
        let answer = Answer { clock: Clock::Time { hz: 10_000 }, ..ANSWER };
        assert_eq!(answer.to_string(), "[201 tokens, 32.4 tokens/s, fingerprint 00c0ffee]");
        assert_eq!(answer.first_token().to_string(), "100 ms");
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        let nothing = Answer { tokens: 0, later_ticks: 0, ..ANSWER };
        assert_eq!(nothing.to_string(), "[0 tokens, 0 instructions/token, fingerprint 00c0ffee]");
        assert_eq!(Answer { clock: Clock::Time { hz: 0 }, ..nothing }.first_token().to_string(), "0 ms");
    }
}
