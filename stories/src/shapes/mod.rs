//! The shapes of the stories.

use super::story::Story;
use super::words::Cast;

mod brave;
mod friends;
mod garden;
mod journeys;
mod kitchen;
mod lost;
mod skills;
mod truth;
mod weather;

/// A plot, and who it can be about.
pub(super) struct Shape {
    /// The plot in a few words.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests name the shape that failed"))]
    pub(super) name: &'static str,
    pub(super) cast: Cast,
    pub(super) tell: fn(&mut Story),
}

const fn anyone(name: &'static str, tell: fn(&mut Story)) -> Shape {
    Shape { name, cast: Cast::Anyone, tell }
}

const fn children(name: &'static str, tell: fn(&mut Story)) -> Shape {
    Shape { name, cast: Cast::Children, tell }
}

/// Every shape.
pub(super) const SHAPES: &[Shape] = &[
    anyone("toy left behind", lost::toy_left_behind),
    anyone("hole in the pocket", lost::hole_in_the_pocket),
    anyone("found and given back", lost::found_and_given_back),
    anyone("lost in the wood", lost::lost_in_the_wood),
    anyone("baby looks for its mother", lost::baby_looks_for_its_mother),
    anyone("hide and seek", lost::hide_and_seek),
    anyone("lost in the mess", lost::lost_in_the_mess),
    anyone("sharing", friends::sharing),
    anyone("over the fence", friends::over_the_fence),
    anyone("quarrel over a toy", friends::quarrel_over_a_toy),
    anyone("new baby", friends::new_baby),
    anyone("shy newcomer", friends::shy_newcomer),
    anyone("smallest helps", friends::smallest_helps),
    children("letter to a friend", friends::letter_to_a_friend),
    anyone("sick friend", friends::sick_friend),
    anyone("learning something new", skills::learning_something_new),
    anyone("race", skills::race),
    anyone("practice makes music", skills::practice_makes_music),
    anyone("tower that fell", skills::tower_that_fell),
    anyone("blot on the picture", skills::blot_on_the_picture),
    anyone("learning to read", skills::learning_to_read),
    children("lie found out", truth::lie_found_out),
    anyone("promise kept", truth::promise_kept),
    anyone("false alarm", truth::false_alarm),
    anyone("surprise party", truth::surprise_party),
    anyone("taken without asking", truth::taken_without_asking),
    children("boasting", truth::boasting),
    anyone("secret giver", truth::secret_giver),
    anyone("unfair swap", truth::unfair_swap),
    anyone("thunder", weather::thunder),
    anyone("boot in the mud", weather::boot_in_the_mud),
    anyone("snowman", weather::snowman),
    children("hat in the tree", weather::hat_in_the_tree),
    anyone("bridge after the flood", weather::bridge_after_the_flood),
    anyone("dry summer", weather::dry_summer),
    anyone("picnic in the rain", weather::picnic_in_the_rain),
    anyone("planting a seed", garden::planting_a_seed),
    anyone("too much", garden::too_much),
    children("fallen from the nest", garden::fallen_from_the_nest),
    anyone("birds and seeds", garden::birds_and_seeds),
    anyone("caterpillar", garden::caterpillar),
    anyone("out of reach", garden::out_of_reach),
    anyone("prettiest thing", garden::prettiest_thing),
    anyone("baking mistake", kitchen::baking_mistake),
    anyone("borrowing chain", kitchen::borrowing_chain),
    children("trail of crumbs", kitchen::trail_of_crumbs),
    anyone("trading up", kitchen::trading_up),
    anyone("saved coins", kitchen::saved_coins),
    anyone("too many cooks", kitchen::too_many_cooks),
    anyone("last piece", kitchen::last_piece),
    anyone("noise in the night", brave::noise_in_the_night),
    children("afraid of the dark", brave::afraid_of_the_dark),
    children("high place", brave::high_place),
    children("dog at the gate", brave::dog_at_the_gate),
    anyone("first day at school", brave::first_day_at_school),
    anyone("rescue from the hole", brave::rescue_from_the_hole),
    anyone("under the bed", brave::under_the_bed),
    anyone("treasure map", journeys::treasure_map),
    anyone("wish on a star", journeys::wish_on_a_star),
    anyone("basket on the road", journeys::basket_on_the_road),
    anyone("boat with a note", journeys::boat_with_a_note),
    anyone("first time at the sea", journeys::first_time_at_the_sea),
    anyone("moon that follows", journeys::moon_that_follows),
    anyone("helping a stranger", journeys::helping_a_stranger),
    anyone("outgrown", journeys::outgrown),
    anyone("cannot sleep", journeys::cannot_sleep),
];
