//! Whether stories hold together.

use crate::names;

/// Counts over some stories. People are those who have one of the corpus's [`names`].
///
/// ```
/// let mut cohesion = pipsqueak_stories::Cohesion::default();
/// cohesion.count("A boy named Dan sat down and thought. Then Dan slept.");
/// assert_eq!((cohesion.stories, cohesion.returns, cohesion.crowded), (1, 1, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cohesion {
    /// Stories counted.
    pub stories: u32,
    /// Those whose first-named person comes again in the last third. Where nobody is named, nobody comes again.
    pub returns: u32,
    /// Those that name more than three people.
    pub crowded: u32,
}

impl Cohesion {
    /// Counts a story.
    pub fn count(&mut self, story: &str) {
        let people = people(story);
        let returns = people.first().is_some_and(|&(_, first)| {
            people.iter().any(|&(at, name)| name == first && 3 * at >= 2 * story.len())
        });
        let mut distinct: Vec<&str> = people.iter().map(|&(_, name)| name).collect();
        distinct.sort_unstable();
        distinct.dedup();
        self.stories += 1;
        self.returns += u32::from(returns);
        self.crowded += u32::from(distinct.len() > 3);
    }
}

/// The names in a story, and where in its bytes each stands.
fn people(story: &str) -> Vec<(usize, &str)> {
    let starts = story.char_indices().filter(|&(at, c)| {
        c.is_ascii_uppercase() && !story[..at].ends_with(|before: char| before.is_alphanumeric())
    });
    let words = starts.map(|(at, _)| {
        let rest = &story[at..];
        (at, &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())])
    });
    words.filter(|(_, word)| names().any(|name| name == *word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stories;

    fn found(story: &str) -> (u32, u32) {
        let mut found = Cohesion::default();
        found.count(story);
        (found.returns, found.crowded)
    }

    #[test]
    fn people_are_the_corpus_s_names_and_nothing_else() {
        assert_eq!(
            people("Dan met Mama. \"Pip!\" said Dan's friend. Danny sat."),
            [(0, "Dan"), (15, "Pip"), (26, "Dan")]
        );
    }

    #[test]
    fn who_returns_and_who_is_too_many_is_counted() {
        assert_eq!(found("A boy named Dan sat down and thought. Then Dan slept."), (1, 0));
        assert_eq!(found("A boy named Dan sat by Dan and Mia for the whole of the day. He slept."), (0, 0));
        assert_eq!(found("Nobody was there."), (0, 0));
        assert_eq!(found("Dan, Tom, Ben and Max met. Dan slept."), (1, 1));
        assert_eq!(found("Dan, Tom and Ben met. Dan slept."), (1, 0));
    }

    #[test]
    fn the_corpus_holds_together() {
        let mut corpus = Cohesion::default();
        Stories::new(1).take(1000).for_each(|story| corpus.count(&story));
        assert!(corpus.returns >= 960 && corpus.crowded == 0, "{corpus:?}");
    }
}
