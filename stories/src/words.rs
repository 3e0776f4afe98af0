//! The things of the world, with what a story needs to know about them, and the ways to begin.

/// Who a shape may be about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cast {
    /// Children or animals.
    Anyone,
    /// Children only.
    Children,
}

/// Things of one sort: the first column is the thing's name, the others are facts about it.
pub(super) struct Table<const N: usize> {
    /// The names of the columns; the first is empty.
    pub(super) facts: [&'static str; N],
    /// Each row is one thing, as templates.
    pub(super) rows: &'static [[&'static str; N]],
}

pub(super) const GIRLS: &[&str] = &[
    "Mia", "Anna", "Lily", "Rosa", "Emma", "Nora", "Ruby", "Ella", "Clara", "Zoe", "Lucy", "Maya", "Ada",
    "Nina", "Leila", "Hana", "Amy", "Sara",
];

pub(super) const BOYS: &[&str] = &[
    "Tom", "Ben", "Max", "Leo", "Sam", "Jack", "Oscar", "Finn", "Noah", "Theo", "Hugo", "Omar", "Ravi",
    "Eli", "Adam", "Dan", "Toby", "Paul",
];

/// Names of animals that are "she".
pub(super) const HER_NAMES: &[&str] =
    &["Dot", "Poppy", "Daisy", "Tilly", "Mimi", "Bella", "Nell", "Penny", "Kiki", "Molly", "Betty", "Fern"];

/// Names of animals that are "he".
pub(super) const HIS_NAMES: &[&str] =
    &["Pip", "Bruno", "Otto", "Barney", "Milo", "Bobo", "Archie", "Monty", "Rocky", "Tuck", "Gil", "Benny"];

/// Animals that walk, talk and keep house; all of them have paws.
pub(super) const ANIMALS: &[&str] =
    &["rabbit", "bear", "fox", "mouse", "cat", "dog", "hedgehog", "badger", "squirrel", "mole"];

/// Characters of a hero.
pub(super) const KINDS: &[&str] =
    &["little", "kind", "cheerful", "curious", "friendly", "lively", "gentle", "clever", "young", "merry"];

/// The grown-ups of the family, and whether they are "she".
pub(super) const ELDERS: &[(&str, bool)] =
    &[("Mama", true), ("Papa", false), ("Grandma", true), ("Grandpa", false)];

const NEAR: &str = "[by the river|at the edge of the wood|on the green hill|at the end of the lane|next to the mill|near the sea|by the old bridge]";

/// Where children live: the whole, and where it is.
pub(super) const HOUSES: Table<2> = Table {
    facts: ["", "near"],
    rows: &[
        ["a [small|little|white|red|tall] house", NEAR],
        ["a [small|busy|quiet] village", NEAR],
        ["an old farm house", NEAR],
    ],
};

/// Where animals live.
pub(super) const DENS: Table<2> = Table {
    facts: ["", "near"],
    rows: &[
        ["a [small|little|snug|round] house", NEAR],
        ["a [warm|dry|snug] hole", NEAR],
        ["a [small|tiny|wooden] hut", NEAR],
    ],
};

/// Toys: where they are kept, how to play with them, how they break and how that is mended.
pub(super) const TOYS: Table<7> = Table {
    facts: ["", "look", "kept", "play", "played", "broke", "mend"],
    rows: &[
        [
            "ball",
            "[red|blue|yellow|striped]",
            "in the box by the door",
            "throw it high in the air",
            "threw it high in the air",
            "it got a hole",
            "put a patch over the hole",
        ],
        [
            "kite",
            "[green|orange|blue|red]",
            "on the hook by the door",
            "run with it in the wind",
            "ran with it in the wind",
            "its tail came off",
            "tied on a new tail",
        ],
        [
            "cart",
            "[little|wooden|green|red]",
            "under the table",
            "pull it up and down the path",
            "pulled it up and down",
            "one wheel came off",
            "put the wheel back on with a nail",
        ],
        [
            "boat",
            "[wooden|white|blue|little]",
            "on the shelf",
            "play that it was sailing on the sea",
            "played that it was sailing on the sea",
            "its sail came off",
            "made a new sail from an old shirt",
        ],
        [
            "doll",
            "[soft|little|wooden]",
            "on the bed",
            "tell it long stories",
            "told it long stories",
            "one arm came off",
            "sewed the arm back on",
        ],
        [
            "drum",
            "[red|little|round|blue]",
            "under the bed",
            "march and play",
            "marched up and down and played",
            "one of its sticks broke",
            "made a new stick from a branch",
        ],
        [
            "train",
            "[wooden|green|black|little]",
            "on the shelf",
            "push it along like a real one",
            "pushed it along like a real one",
            "one wheel came off",
            "put the wheel back on with glue",
        ],
        [
            "puppet",
            "[funny|little|wooden]",
            "in the box under the bed",
            "make it dance",
            "made it dance",
            "one of its strings broke",
            "tied on a new string",
        ],
        [
            "robot",
            "[silver|shiny|little|blue]",
            "on the shelf",
            "make it walk and talk",
            "made it walk and talk",
            "one leg came off",
            "put the leg back on with glue",
        ],
    ],
};

/// Small things that fit in a pocket.
pub(super) const TREASURES: Table<2> = Table {
    facts: ["", "look"],
    rows: &[
        ["shell", "[white|pink|smooth]"],
        ["stone", "[smooth|round|shiny|green]"],
        ["button", "[red|gold|blue|shiny]"],
        ["bell", "[little|silver|tiny]"],
        ["marble", "[green|blue|shiny]"],
        ["ribbon", "[red|silk|yellow]"],
        ["whistle", "[tin|wooden|silver]"],
        ["feather", "[blue|white|long]"],
    ],
};

/// Places out of doors: how to be there, where a thing may lie hidden, what one did there.
pub(super) const PLACES: Table<4> = Table {
    facts: ["", "at", "spot", "did"],
    rows: &[
        [
            "the park",
            "in the park",
            "[under the bench|behind the big tree]",
            "[fed the ducks|ran races on the grass]",
        ],
        [
            "the wood",
            "in the wood",
            "[under the old oak|beside the hollow log]",
            "[looked for nuts|climbed over the logs]",
        ],
        [
            "the beach",
            "on the beach",
            "[behind the big rock|beside the old boat]",
            "[dug a deep hole in the sand|ran away from the waves]",
        ],
        [
            "the meadow",
            "in the meadow",
            "[in the long grass|among the flowers]",
            "[picked flowers|ran after the butterflies]",
        ],
        [
            "the pond",
            "by the pond",
            "[under the willow tree|beside the flat stone]",
            "[watched the frogs|threw little stones into the water]",
        ],
        [
            "the hill",
            "on the hill",
            "[behind the big rock|beside the tree stump]",
            "[rolled down in the grass|watched the clouds go by]",
        ],
        [
            "the river",
            "by the river",
            "[under the bridge|beside the flat stone]",
            "[watched the fish|jumped from stone to stone]",
        ],
        [
            "the orchard",
            "in the orchard",
            "[under the oldest apple tree|beside the wall]",
            "[picked up apples|climbed the lowest tree]",
        ],
        ["the farm", "at the farm", "[behind the barn|in the hay]", "[fed the hens|talked to the cows]"],
    ],
};

/// Things to eat, one of each and many.
pub(super) const TREATS: Table<2> = Table {
    facts: ["", "many"],
    rows: &[
        ["apple", "apples"],
        ["pear", "pears"],
        ["bun", "buns"],
        ["pancake", "pancakes"],
        ["plum", "plums"],
        ["honey cake", "honey cakes"],
        ["sandwich", "sandwiches"],
        ["carrot", "carrots"],
    ],
};

/// Ways to begin a story; the hero did `first.what` at `first.when`, which is its first event.
pub(super) const OPENINGS: &[&str] = &[
    "Once upon a time, there was {a hero}. {he} lived in {home} {home.near}. {first.when}, {hero} {first.what}.",
    "Once upon a time, {a hero} lived in {home} {home.near}. {first.when}, {he} {first.what}.",
    "Once upon a time, there was {a hero} who loved to [sing|dance|draw|run|read|climb|laugh|play]. {first.when}, {hero} {first.what}.",
    "Once upon a time, in {home} {home.near}, there lived {a hero}. {first.when}, {hero} {first.what}.",
    "{first.when}, {a hero} {first.what}.",
    "There was once {a hero}. {he} lived in {home} {home.near}. {first.when}, {he} {first.what}.",
    "In {home} {home.near} there lived {a hero}. {first.when}, {hero} {first.what}.",
    "This is a story about {a hero}. {first.when}, {hero} {first.what}.",
    "Let me tell you about {a hero}. {first.when}, {he} {first.what}.",
    "[Long ago|A long time ago], {a hero} lived in {home} {home.near}. {first.when}, {he} {first.what}.",
    "Far away, in {home} {home.near}, there lived {a hero}. {first.when}, {hero} {first.what}.",
    "{hero} was a [little|young] {hero.kind}, and {he} lived in {home} {home.near}. {first.when}, {he} {first.what}.",
    "Everyone in the valley knew {a hero}. {first.when}, {hero} {first.what}.",
    "Do you know {full hero}? {He} lived in {home} {home.near}. {first.when}, {he} {first.what}.",
];

/// Ways to begin a story about a hero with a quirk.
pub(super) const OPENINGS_ABOUT: &[&str] = &[
    "Once upon a time, there was {a hero} {quirk}. {first.when}, {hero} {first.what}.",
    "Once upon a time, in {home} {home.near}, there lived {a hero} {quirk}. {first.when}, {he} {first.what}.",
    "There was once {a hero} {quirk}. {first.when}, {hero} {first.what}.",
    "This is a story about {a hero} {quirk}. {first.when}, {hero} {first.what}.",
    "Long ago, there lived {a hero} {quirk}. {first.when}, {he} {first.what}.",
    "In {home} {home.near} there lived {a hero} {quirk}. {first.when}, {hero} {first.what}.",
    "Let me tell you about {a hero} {quirk}. {first.when}, {he} {first.what}.",
    "Everyone in the valley knew {hero}, the [little|young] {hero.kind} {quirk}. {first.when}, {he} {first.what}.",
];
