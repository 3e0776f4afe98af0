//! A story in the telling: who is in it, what is known so far, and the text.

use super::random::{Choose, SplitMix64};
use super::template::{capitalised, choose, fill, polish};
use super::words::{self, ANIMALS, BOYS, Cast, ELDERS, GIRLS, HER_NAMES, HIS_NAMES, KINDS, Table};

/// Somebody in the story.
#[derive(Clone, Debug)]
pub(super) struct Person {
    name: &'static str,
    /// "girl", "boy", an animal, or nothing for the grown-ups of the family.
    kind: &'static str,
    manner: &'static str,
    female: bool,
}

impl Person {
    fn is_animal(&self) -> bool {
        ANIMALS.contains(&self.kind)
    }

    /// A form of the person: a pronoun or a part of the body.
    fn form(&self, form: &str) -> &'static str {
        match (form, self.female) {
            ("he", true) => "she",
            ("he", false) => "he",
            ("him" | "his", true) => "her",
            ("him", false) => "him",
            ("his", false) => "his",
            ("himself", true) => "herself",
            ("himself", false) => "himself",
            ("hand", _) if self.is_animal() => "paw",
            ("hand", _) => "hand",
            ("kind", _) => self.kind,
            _ => panic!("no such form of a person: {form}"),
        }
    }

    /// How the person is called: "a kind girl named Mia", "Pip the rabbit" (or plain "Mia"), "Pip".
    fn called(&self, article: &str) -> String {
        match article {
            "a" => format!("a {} {} named {}", self.manner, self.kind, self.name),
            "full" if self.is_animal() => format!("{} the {}", self.name, self.kind),
            _ => self.name.to_string(),
        }
    }
}

/// A story in the telling.
///
/// Everyone and everything in it has a name for the templates: `hero`, `friend` and `elder` are always there,
/// the rest is bound by the shape.
pub(super) struct Story {
    random: SplitMix64,
    people: Vec<(&'static str, Person)>,
    words: Vec<(String, String)>,
    text: String,
}

impl Story {
    /// A story with its people and their home, and nothing told yet.
    pub(super) fn new(random: SplitMix64, cast: Cast) -> Self {
        let mut story = Self { random, people: Vec::new(), words: Vec::new(), text: String::new() };
        let animals = match cast {
            Cast::Anyone => story.chance(45),
            Cast::Children => false,
        };
        let female = story.chance(50);
        story.join("hero", animals, female);
        let female = story.chance(if female { 25 } else { 75 });
        story.join("friend", animals, female);
        story.elder(ELDERS);
        story.set("folk", if animals { "animals" } else { "children" });
        story.bind("home", if animals { &words::DENS } else { &words::HOUSES });
        story
    }

    /// Whether something with `percent` chances in a hundred happens.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    /// Lets a new person into the story whose name and kind nobody else has.
    pub(super) fn join(&mut self, role: &'static str, animal: bool, female: bool) {
        let names = match (animal, female) {
            (true, true) => HER_NAMES,
            (true, false) => HIS_NAMES,
            (false, true) => GIRLS,
            (false, false) => BOYS,
        };
        let name = self.fresh(names, |person| person.name);
        let kind = match (animal, female) {
            (true, _) => self.fresh(ANIMALS, |person| person.kind),
            (false, true) => "girl",
            (false, false) => "boy",
        };
        let manner = *self.random.pick(KINDS);
        self.people.push((role, Person { name, kind, manner, female }));
    }

    /// One of `choices` that nobody in the story has.
    fn fresh(&mut self, choices: &[&'static str], of: fn(&Person) -> &'static str) -> &'static str {
        loop {
            let choice = *self.random.pick(choices);
            if self.people.iter().all(|(_, person)| of(person) != choice) {
                return choice;
            }
        }
    }

    /// Chooses the grown-up of the story.
    pub(super) fn elder(&mut self, choices: &[(&'static str, bool)]) {
        let &(name, female) = self.random.pick(choices);
        self.people.retain(|(role, _)| *role != "elder");
        self.people.push(("elder", Person { name, kind: "", manner: "", female }));
    }

    /// A third one who joins in, of the same world as the hero.
    pub(super) fn third(&mut self, role: &'static str) {
        let (animal, female) = (self.person("hero").is_animal(), self.chance(50));
        self.join(role, animal, female);
    }

    /// Binds `name` to a text; alternatives are chosen and names filled in now.
    pub(super) fn set(&mut self, name: &str, template: &str) {
        let text = self.expand(template);
        self.words.push((name.to_string(), text));
    }

    /// Binds `names` to one of `rows`.
    pub(super) fn row<const N: usize>(&mut self, names: [&str; N], rows: &[[&str; N]]) {
        let row = *self.random.pick(rows);
        for (name, template) in names.iter().zip(row) {
            self.set(name, template);
        }
    }

    /// Binds `name` to one of the things of the world, and `name.fact` to each fact about it.
    pub(super) fn bind<const N: usize>(&mut self, name: &str, table: &Table<N>) {
        let row = *self.random.pick(table.rows);
        for (fact, template) in table.facts.iter().zip(row) {
            let name = if fact.is_empty() { name.to_string() } else { format!("{name}.{fact}") };
            self.set(&name, template);
        }
    }

    /// Introduces the hero, and begins: `when` says the time, `what` what the hero did then.
    pub(super) fn open(&mut self, when: &str, what: &str) {
        let opening = *self.random.pick(words::OPENINGS);
        self.set("first.when", when);
        self.set("first.what", what);
        self.say(opening);
    }

    /// As [`Story::open`], for a hero known for something: `quirk` is a clause like "who never looked back".
    pub(super) fn open_about(&mut self, quirk: &str, when: &str, what: &str) {
        let opening = *self.random.pick(words::OPENINGS_ABOUT);
        self.set("quirk", quirk);
        self.set("first.when", when);
        self.set("first.what", what);
        self.say(opening);
    }

    /// Adds sentences.
    pub(super) fn say(&mut self, template: &str) {
        let text = self.expand(template);
        self.text.push(' ');
        self.text += &text;
    }

    /// Adds sentences in a new paragraph.
    pub(super) fn para(&mut self, template: &str) {
        self.text.push('\n');
        self.say(template);
    }

    /// Adds one of several passages.
    pub(super) fn one_of(&mut self, passages: &[&str]) {
        let passage = *self.random.pick(passages);
        self.say(passage);
    }

    /// The finished text.
    pub(super) fn finish(self) -> String {
        self.text.lines().map(polish).collect::<Vec<_>>().join("\n")
    }

    /// Chooses a template's alternatives and fills in its names; its line breaks become spaces.
    fn expand(&mut self, template: &str) -> String {
        let on_one_line = template.split_whitespace().collect::<Vec<_>>().join(" ");
        let chosen = choose(&on_one_line, &mut self.random);
        fill(&chosen, |name| self.look_up(name))
    }

    /// The text for a name in braces; with a capital if the name has one.
    fn look_up(&self, name: &str) -> String {
        if name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return capitalised(&self.look_up(&name.to_ascii_lowercase()));
        }
        match name {
            "he" | "him" | "his" | "himself" | "hand" => self.person("hero").form(name).to_string(),
            _ => self.noun(name),
        }
    }

    /// `toy`, `a toy` (with its looks), `full toy` (the same without an article), `the boat` (bound as "a paper
    /// boat"), `friend.he`, `toy.kept`.
    fn noun(&self, name: &str) -> String {
        let (article, name) = name.split_once(' ').unwrap_or(("", name));
        let (role, form) = name.split_once('.').unwrap_or((name, ""));
        match self.people.iter().find(|(known, _)| *known == role) {
            Some((_, person)) if form.is_empty() => person.called(article),
            Some((_, person)) => person.form(form).to_string(),
            None => self.thing(article, name),
        }
    }

    fn thing(&self, article: &str, name: &str) -> String {
        match article {
            "" => self.word(name).to_string(),
            "a" => format!("a {} {}", self.word(&format!("{name}.look")), self.word(name)),
            "the" => format!("the {}", self.word(name).trim_start_matches("a ").trim_start_matches("an ")),
            _ => format!("{} {}", self.word(&format!("{name}.look")), self.word(name)),
        }
    }

    fn person(&self, role: &str) -> &Person {
        &self.people.iter().find(|(known, _)| *known == role).expect("everyone has a role").1
    }

    /// The text last bound to `name`.
    fn word(&self, name: &str) -> &str {
        let found = self.words.iter().rev().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("nothing is called {name}")).1
    }
}
