//! The order that an answer gives.

use crate::Refusal;

/// An answer, read as an order: `lamp on`, `lamp off`, `lamp 50` (percent), or `nothing`.
///
/// ```
/// use pipsqueak_obey::Order;
///
/// assert_eq!(Order::parse("lamp 50"), Ok(Order::Set { output: "lamp", percent: 50 }));
/// assert_eq!(Order::parse("nothing"), Ok(Order::Nothing));
/// assert!(Order::parse("lamp 101").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// Leave everything as it is: for prompts that order nothing.
    Nothing,
    /// Set an output.
    Set {
        /// Its name.
        output: &'a str,
        /// 0 is off, 100 is on.
        percent: u8,
    },
}

impl<'a> Order<'a> {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Refusal::NoOrder`].
    pub fn parse(answer: &'a str) -> Result<Self, Refusal<'a>> {
        let mut words = answer.split_ascii_whitespace();
        match (words.next(), words.next().map(percent), words.next()) {
            (Some("nothing"), None, _) => Ok(Order::Nothing),
            (Some(output), Some(Some(percent)), None) => Ok(Order::Set { output, percent }),
            _ => Err(Refusal::NoOrder(answer)),
        }
    }
}

fn percent(word: &str) -> Option<u8> {
    match word {
        "on" => Some(100),
        "off" => Some(0),
        number => number.parse().ok().filter(|&percent| percent <= 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_a_name_and_a_level() {
        let set = |output, percent| Ok(Order::Set { output, percent });
        assert_eq!(Order::parse("lamp on"), set("lamp", 100));
        assert_eq!(Order::parse(" fan  off "), set("fan", 0));
        assert_eq!(Order::parse("lamp 7"), set("lamp", 7));
        assert_eq!(Order::parse("nothing"), Ok(Order::Nothing));
        for answer in ["", "lamp", "lamp dim", "lamp 101", "lamp -1", "lamp on now", "nothing on", "lamp 1.5"]
        {
            if answer == "nothing on" {
                assert_eq!(Order::parse(answer), set("nothing", 100));
            } else {
                assert_eq!(Order::parse(answer), Err(Refusal::NoOrder(answer)));
            }
        }
    }
}
