//! Rain, snow, wind and what comes of them.

use super::super::story::Story;
use super::super::words::{PLACES, TREATS};

/// Thunder is frightening until one counts it away.
pub(super) fn thunder(s: &mut Story) {
    s.row(
        ["idea", "did", "after"],
        &[
            [
                "Count from the flash to the bang. The more you count, the further away it is",
                "counted",
                "At first they counted to three, then to six, then to twelve",
            ],
            [
                "Let us be louder than the thunder",
                "beat on pots and sang",
                "They sang so loudly that they hardly heard the thunder",
            ],
            [
                "Let us make up a story about it",
                "told a story about two giants who rolled stones",
                "Each bang was a new part of the story",
            ],
        ],
    );
    s.row(["hide"], &[["under the bed"], ["under the table"], ["in the cupboard"], ["under three blankets"]]);
    s.open("One [summer|hot|dark] [night|evening]", "saw a bright flash in the sky");
    s.say(
        "Boom went the thunder! [The windows shook.|The rain beat on the roof.] {hero} [ran and hid|quickly
        hid] {hide}. [{full friend} was there to stay the night, and {friend} hid, too.|{friend} was
        staying for the night, and {friend} hid next to {him}.] «I do not like that,» said {hero}. «[I do
        not like it either|Make it stop],» said {friend}.",
    );
    s.para(
        "{elder} came in with a candle and [looked for them|lay down on the floor]. «[There you are|Here is
        space for one more],» said {elder}. «I know what to do. {idea}.» So {hero} and {friend} {did}. Boom!
        {after}. [{friend} put out {friend.his} head.|{hero} forgot to be afraid.] Then they both came out
        and looked out of the window.",
    );
    s.para(
        "The rain got softer, and the thunder went away over the hills. [«Is it over already?» asked
        {friend}.|It was almost a pity.] In the morning, [every leaf was clean and bright|the garden was
        full of puddles to jump in|a rainbow stood over the wood]. «Thunder is only [noise|a big noise],»
        {hero} told {elder} at breakfast. «And I am [louder|not scared of noise].»",
    );
}

/// Rain makes mud, mud holds a boot, and it takes a row of friends to get it out.
pub(super) fn boot_in_the_mud(s: &mut Story) {
    s.third("third");
    s.row(["color"], &[["red"], ["yellow"], ["blue"], ["green"]]);
    s.row(
        ["errand", "late"],
        &[
            ["bring a cake to Aunt Vera", "the cake"],
            ["fetch milk from the farm", "the milk"],
            ["bring bread to the miller", "the bread"],
            ["carry eggs to the market", "the eggs"],
        ],
    );
    s.open("One [day|morning]", "put on {his} new {color} boots to {errand}");
    s.say(
        "It had rained [all night|for three days], and the path was [one long puddle|deep in mud]. [«Walk
        on the stones,» called {elder}.|There were dry stones at the side.] But {hero} [loved mud|liked
        the sound of mud]. Squelch, squelch, stop! {His} [left|right] boot was stuck. [{he} pulled, and
        the foot came out, but the boot stayed there.|It would not come out.]",
    );
    s.para(
        "«Help!» {hero} called[, standing on one leg|]. {full friend} came and pulled {hero}, and {hero}
        pulled the boot. [It did not move.|It moved a tiny bit.] {full third} came and pulled {friend},
        and {friend} pulled {hero}, and {hero} pulled the boot. [«One, two, three!»|They pulled once
        more.] Plop! Out came the boot, and all three of them fell [into the mud|over backwards].",
    );
    s.para(
        "[They looked at each other and laughed.|They were brown from head to foot.] «What about {late}?»
        asked {friend}. But {hero} had put the basket safely on a dry stone [before it all began|by the
        road]. [All three went on together, and this time they walked on the stones.|They brought {late}
        there together, on the dry stones.] [In the evening, {hero} washed the boots until they were
        {color} again.|«The mud is fun,» said {hero}, «but it does not like to give things back.»]",
    );
}

/// A snowman melts, but not without a plan.
pub(super) fn snowman(s: &mut Story) {
    s.row(
        ["keep", "later"],
        &[
            ["made a tiny snowman and put it in the ice box", "On the hottest day of summer, {hero} opened the ice box, and the tiny snowman was still smiling"],
            ["drew a picture of him for the wall", "All summer, the picture hung over {hero}'s bed"],
            ["caught the water from him in a can and gave it to a rose bush", "In summer, the rose bush had more roses than ever before"],
        ],
    );
    s.row(["nose"], &[["a carrot"], ["a red apple"], ["a pine cone"], ["a potato"]]);
    s.row(["clothes"], &[["a blue scarf"], ["an old hat"], ["a green coat"], ["a straw hat"]]);
    s.open("One [cold|white] winter [day|morning]", "saw that snow had fallen in the night");
    s.say(
        "{hero} called {friend}, and they [rolled three big balls of snow|ran outside]. They made a snowman
        with {nose} for a nose and gave him {clothes}. [They named him Mister Cold.|They told him all
        their secrets.] Every day they [said good morning to him|danced around him].",
    );
    s.para(
        "Then the wind turned warm. The snowman [got smaller|got thin], and {the nose} fell off. «He is
        [going away|melting]!» cried {friend}. {hero} tried to [hold an umbrella over him|put more snow on
        him], but it did not help. «[It is the sun|Spring is coming],» said {elder}. «Nobody can stop
        that. But you can keep something of him.»",
    );
    s.para(
        "{hero} [thought about it|looked at the puddle around the snowman]. Then {he} {keep}. The next
        morning, only {the clothes} lay on the wet grass, [and a bird sat next to it|and {friend} picked
        it up]. {later}. «See you [in winter|next year],» said {hero}. And when the first snow fell, they
        brought out {the clothes} again.",
    );
}

/// The wind takes something, and somebody else needs it more.
pub(super) fn hat_in_the_tree(s: &mut Story) {
    s.row(
        ["hat", "user", "use", "new"],
        &[
            ["hat", "a bird", "had laid three blue eggs in it", "a hat with a feather"],
            ["scarf", "a squirrel mother", "had wrapped her babies in it", "a scarf with long ends"],
            ["mitten", "a tiny mouse", "was asleep inside it", "a pair of mittens with stars"],
            ["sock", "a robin", "had made a nest in it", "socks with red stripes"],
        ],
    );
    s.row(["look"], &[["blue"], ["red"], ["green"], ["yellow"]]);
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.open("One [very windy|stormy] [day|morning]", "lost {his} {look} {hat}");
    s.say(
        "{elder} had made the {hat}, and {hero} loved it. But the wind [took|pulled] it away and carried it
        over the [roofs|hedge|trees]. {hero} ran after it until {he} [had no breath left|could not see it
        any more].",
    );
    s.para(
        "{he} looked for it [every day|for two weeks]. {friend} helped {him}. [They asked the miller, and
        they asked the crow.|They looked in ditches and behind walls.] Then, one [sunny|quiet] day,
        {friend} looked up. «There is something {look} in that tree!» {hero} climbed up, [branch by
        branch|very carefully]. It was the {hat}! But it was not empty. {user} {use}.",
    );
    s.para(
        "{hero} [held {his} breath|did not move]. {he} could have taken the {hat}. [But where would they
        go?|But it was not only {his} {hat} now.] So {he} climbed down again without a sound. «Where is
        the {hat}?» asked {friend}. «It has [found a job|moved house],» said {hero}, and {he} told
        {friend} all about it. When {elder} heard the story, {elder.he} [took out the needles at
        once|laughed and fetched the wool]. [A week later|Soon], {hero} had {new}.",
    );
}

/// The bridge is gone, and two sides must work together.
pub(super) fn bridge_after_the_flood(s: &mut Story) {
    s.row(
        ["need", "joy"],
        &[
            [
                "The school was on one side, and the teacher lived on the other",
                "the teacher came over first and gave them a day off",
            ],
            [
                "The mill was on one side, and the baker lived on the other",
                "the baker gave a fresh roll to everyone who had helped",
            ],
            [
                "{hero} lived on one side, and {friend} lived on the other",
                "the two friends met in the middle and danced",
            ],
        ],
    );
    s.row(
        ["first", "second"],
        &[
            ["threw a long rope across, but it broke", "tied three ropes together"],
            ["laid a thin pole across, but the water took it", "found a tree that the storm had thrown down"],
            ["made a raft, but it turned around and around", "tied the raft to a tree on each side"],
        ],
    );
    s.open("After a week of heavy rain", "went to the river and saw that the bridge was gone");
    s.say(
        "[The brown water had taken it in the night.|The water was high, fast and brown.] {need}. «What
        shall we do?» {hero} called over the water. «[We must find a way|I do not know]!» {friend} called
        back.",
    );
    s.para(
        "So {hero} {first}. [They both sat down and looked at the river.|«It is no use!» called {friend}.]
        «We need [something stronger|a better plan],» said {hero}. «And we need everybody.» All the {folk}
        came. They {second}. [Those on one side pulled, and those on the other side pushed.|Everyone on
        both sides had something to do.] [It was hard work.|]",
    );
    s.para(
        "By the evening, there was a way across the river, and {joy}. In spring, they built a real bridge
        of stone. [{hero} put the last stone in its place.|{hero} and {friend} wrote their names on it.]
        «[This one will stay,» said {hero}, and it did.|A flood can take a bridge, but not our
        friendship,» said {hero}.]",
    );
}

/// In a dry summer the last water is shared.
pub(super) fn dry_summer(s: &mut Story) {
    s.row(
        ["plant", "gift"],
        &[
            ["a little apple tree", "a basket of apples"],
            ["a pumpkin plant", "a pumpkin as big as a wheel"],
            ["a row of beans", "a pot of bean soup"],
            ["a plum tree", "a jar of plum jam"],
        ],
    );
    s.row(
        ["stranger", "known"],
        &[
            ["a thin old dog", "the dog"],
            ["a tired donkey", "the donkey"],
            ["a goose with five babies", "the goose"],
            ["a lost pony", "the pony"],
        ],
    );
    s.open("One [hot|very dry] summer", "had to carry water from the well every day for {plant}");
    s.say(
        "It had not rained for [six weeks|a long time], and the well was almost empty. «One bucket a day,»
        said {elder}, «and no more.» One day, {stranger} stood at the gate and looked at the bucket. [It
        could hardly stand.|] {hero} looked at {the plant}, and {he} looked at {known}.",
    );
    s.para(
        "«[You need it more|Plants can wait a little],» said {hero}, and {he} put the bucket down. {known}
        drank and drank. The next day, {he} gave half of the water to {known} and half to {the plant}.
        [The leaves turned yellow.|The leaves began to hang down.] «[I hope that was right|Hold on],»
        whispered {hero}.",
    );
    s.para(
        "Then {known} began to scratch at the ground behind the [barn|shed|house]. It scratched and
        scratched and would not stop. «There is something there!» said {friend}, who had come to help.
        They dug with a spade, and the ground got dark and wet. Water! [Now there was enough for
        everyone.|Now every garden had water.|] In autumn, {hero} had {gift}, and [{he} shared it with all
        who had dug|the first bite was for {known}].",
    );
}

/// A picnic is rained off, and is had all the same.
pub(super) fn picnic_in_the_rain(s: &mut Story) {
    s.bind("treat", &TREATS);
    s.bind("place", &PLACES);
    s.row(
        ["indoor", "grass", "extra"],
        &[
            ["in the barn", "on the hay", "The cows looked on and chewed"],
            ["under the kitchen table", "on a green blanket", "The table cloth was their tent"],
            ["in the attic", "on an old green carpet", "The rain played a song on the roof"],
            ["on the stairs", "with one step for each of them", "Every step was a seat with a view"],
        ],
    );
    s.open("One [Saturday|Sunday]", "packed a basket with [six|eight|ten] {treat.many} for a picnic");
    s.say(
        "{he} wanted to go to {place} with {friend}. But when {friend} knocked at the door, [big drops were
        falling|it began to rain]. It rained [harder and harder|and did not stop]. «No picnic,» said
        {friend}, and [two tears fell as well|sat down on the basket].",
    );
    s.para(
        "{hero} looked at the rain and at the basket. «Who says that a picnic must be outside?» {he} asked.
        So they made a picnic {indoor}, {grass}. {extra}. [{hero} put up paper clouds and a paper
        sun.|They put on their sun hats.] «What [fine weather|a lovely day],» said {hero}. «[Mind the
        ants|Not a cloud in the sky],» said {friend}, and they [giggled|laughed].",
    );
    s.para("They ate all the {treat.many} but one, which was for {elder}.");
    s.say(
        "[When it got dark, nobody wanted to stop.|Then they told each other stories.] «Next time, I hope
        the sun shines, and we can go to {place},» said {friend}. «[I hope it rains|I do not mind],» said
        {hero}. [It was the best picnic they had ever had.|They had been dry and happy all day.]",
    );
}
