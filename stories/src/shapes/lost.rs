//! Things and people lost, looked for and found.

use super::super::story::Story;
use super::super::words::{PLACES, TOYS, TREASURES};

/// A toy put down for a moment is missed at bedtime; thinking back leads to it.
pub(super) fn toy_left_behind(s: &mut Story) {
    s.bind("toy", &TOYS);
    s.bind("place", &PLACES);
    s.open("One [sunny|warm|fine|quiet] [day|morning|afternoon]", "took {his} {full toy} to {place}");
    s.say(
        "{he} {toy.played}. Then {he} put the {toy} down {place.spot} and {place.did}. [It was such fun
        that {he} forgot the {toy}.|Soon {he} did not think of the {toy} any more.]",
    );
    s.para(
        "At bedtime, {hero} wanted {his} {toy}. It was not {toy.kept}, where it belonged. [{hero} looked
        everywhere, even in the cooking pot.|{hero} began to cry.] «[Close your eyes|Sit down and think],»
        said {elder}. «Where did you have it last?»",
    );
    s.one_of(&[
        "{hero} [thought and thought|thought hard]. «I put it down {place.spot}!» {he} cried.",
        "{hero} thought about {place}, and how {he} {place.did}. «Oh! It is still there!» {he} said.",
    ]);
    s.para(
        "[{elder} took a lamp, and they went back together.|Early the next morning, they went back to
        {place}.] There was the {toy}, {place.spot}, [a little wet but safe|with a snail sitting on
        it|just where {he} had left it]. [{hero} held it tight all the way home.|From that day on, {hero}
        always looked behind {him} before {he} went home.| That night, the {toy} slept next to {hero}.]",
    );
}

/// Treasures drop through a hole in a pocket, and make a trail.
pub(super) fn hole_in_the_pocket(s: &mut Story) {
    s.bind("gem", &TREASURES);
    s.row(["many", "most"], &[["five", "four"], ["six", "five"], ["seven", "six"], ["ten", "nine"]]);
    s.open(
        "One [windy|sunny|cool] [day|morning]",
        "found an old box by the road, and in it were {many} {gem.look} {gem}s that nobody wanted",
    );
    s.say(
        "{he} put them into {his} coat pocket and [ran|hopped|skipped] home to show them to {elder}. But
        the pocket had a little hole in it. [Plop, plop, plop! One {gem} after another fell out.|One by
        one, the {gem}s fell out.]",
    );
    s.para(
        "At home, {hero} put {his} {hand} into the pocket. Only one {gem} was left! «[Where are the
        others|Who took them]?» {he} cried. {elder} [turned the pocket inside out|put one finger through
        the pocket] and [smiled|laughed]. «Nobody took them. Look, here is the hole.»",
    );
    s.one_of(&[
        "So {hero} went back along the road and looked at the ground. There was a {gem}, and there was the next!",
        "Just then {full friend} came to the door. «I found a {gem} at your gate and one by the well,» said {friend}. «They lie all along the road!» So the two friends went to look.",
    ]);
    s.para(
        "Before [dark|supper], {hero} had all {many} {gem}s again. [{elder} showed {him} how to sew, and
        {he} closed the hole.| {hero} and {elder} closed the hole with needle and thread.] [{hero} kept
        one {gem} and gave {most} away, because {he} had learned how it feels to lose something.| After
        that, {he} always looked at {his} pockets first.|{He} gave the best {gem} to {friend}.]",
    );
}

/// Something nice is found, but it belongs to somebody.
pub(super) fn found_and_given_back(s: &mut Story) {
    s.bind("gem", &TREASURES);
    s.bind("place", &PLACES);
    s.row(
        ["from", "use"],
        &[
            ["grandma gave it to me", "so I think of her every day"],
            ["papa gave it to me", "before he went to sea"],
            ["best friend gave it to me", "before she moved away"],
        ],
    );
    s.open("One [sunny|cool|fine] [day|morning]", "found {a gem} {place.at}, {place.spot}");
    s.say(
        "It was the [nicest|prettiest|best] {gem} {he} had ever seen. {hero} wanted to keep it. «But [maybe
        somebody is looking for it|somebody may be sad about it],» {he} thought.",
    );
    s.para(
        "So {hero} asked [the baker|the old man at the gate]. «It is not mine,» said the [kind|friendly]
        man. {he} asked [a woman with a basket|the woman at the shop]. «No,» she said. «[I have never seen
        it.|It is too pretty to be mine.]» [{hero} was almost glad. Maybe {he} could keep it after
        all.|«Then it is mine now,» thought {hero}.]",
    );
    s.para(
        "Then {he} [heard somebody crying|saw somebody looking at the ground]. It was {a friend}. «[What is
        wrong|Why are you so sad]?» asked {hero}. «I lost my {gem},» said {friend}. «My {from}, {use}.»
        {hero} looked at the {gem} one last time. Then {he} [held it out|opened {his} {hand}]. «Here it
        is,» {he} said.",
    );
    s.para(
        "{friend} [laughed and cried at the same time|jumped for joy|was so happy]. [«You are honest,» said
        {friend}. «Will you be my friend?»| «Thank you! Come and play with me,» said {friend}.] {hero}
        went home without the {gem}, but with a new friend, and [that was much better|that was worth
        more|{he} was very happy].",
    );
}

/// The hero follows something pretty into the wood, and remembers in time what to do.
pub(super) fn lost_in_the_wood(s: &mut Story) {
    s.row(
        ["lure"],
        &[["a blue butterfly"], ["a red leaf in the wind"], ["a little brown bird"], ["a white butterfly"]],
    );
    s.row(
        ["advice", "deed", "rescue"],
        &[
            [
                "stay by a big tree and sing",
                "sat down under the biggest tree and sang every song {he} knew",
                "heard the singing",
            ],
            [
                "follow the stream, because it runs to our house",
                "listened for the stream and walked along it, step by step",
                "was waiting where the stream left the wood",
            ],
            [
                "stay where you are and call",
                "stood still and called as loud as {he} could",
                "heard {him} call",
            ],
        ],
    );
    s.open(
        "One [summer|spring|warm] [day|morning]",
        "went to the wood with {elder} to look for [berries|mushrooms|nuts]",
    );
    s.say(
        "«If you ever get lost, {advice},» said {elder}. «Yes, yes,» said {hero}, but {he} was looking at
        {lure}.",
    );
    s.para(
        "It went this way and that way, and {hero} ran after it. When it was gone, {he} looked around. [All
        the trees looked the same.|There was no path any more.|It was very quiet.] {elder} was not there.
        «I am lost!» {he} said, and {his} [eyes filled with tears|heart beat fast|knees shook].",
    );
    s.para(
        "[First {he} wanted to run, but then {he} remembered the words of {elder}.|Then {he} remembered
        what {elder} had said.] So {hero} {deed}. [It took a long time.|{he} did not stop, not even when
        {he} was tired.|It began to get dark.]",
    );
    s.say(
        "And {elder} {rescue}! They [ran to each other|held each other for a long time]. «You
        [remembered|did just the right thing],» said {elder}. [{hero} took {elder}'s hand and did not let
        go until they were home.| On the way home, {hero} saw {the lure} again, but this time {he} stayed
        on the path.]",
    );
}

/// A baby animal looks for its mother; its own words are the clue.
pub(super) fn baby_looks_for_its_mother(s: &mut Story) {
    s.row(
        ["baby", "cry", "wrong", "clue", "right", "mother"],
        &[
            ["duckling", "Peep", "the hen house", "My mother can swim", "the pond", "a white duck"],
            ["lamb", "Baa", "the stable", "My mother has a warm coat of wool", "the meadow", "an old sheep"],
            ["chick", "Cheep", "the pond", "My mother does not like water", "the hen house", "a brown hen"],
            ["calf", "Moo", "the hen house", "My mother gives milk", "the barn", "a big cow"],
            ["foal", "Neigh", "the pond", "My mother pulls the cart", "the stable", "a black horse"],
        ],
    );
    s.open("One [spring|sunny|misty] morning", "heard a small voice behind the [hedge|wall|gate]");
    s.say(
        "«{cry}!» said the voice. It was a [little|tiny|lost] {baby}[, all alone|]. «[I cannot find my
        mother|I have lost my mother],» it said. «[Do not cry|Do not worry|Come with me],» said {hero}.
        «[I will help you look|We will find her].»",
    );
    s.para(
        "[First they went to {wrong}.|They tried {wrong}.|{hero} took it to {wrong}.] «My mother is not
        here,» said the {baby}. [{full friend} came along. «What does your mother do?» asked
        {friend}.|{hero} sat down to think. «Tell me about your mother,» {he} said.] «{clue},» said the
        {baby}.",
    );
    s.para(
        "«Then I know where to look!» said {hero}. They went to {right} as fast as the {baby} could walk.
        There stood {mother}, looking [left and right|very worried]. [«{cry}!» cried the {baby} and ran to
        its mother.|The {baby} ran to its mother.] [«I only wanted to see the world,» it said.|«I followed
        a butterfly,» it said.] «[The world is big, and you are small. Next time, take me with you|Stay
        with me from now on. Thank you, {hero}],» said its mother. [{hero} waved to them and went home
        smiling.|After that, {hero} went to see the {baby} every week and watched it grow.]",
    );
}

/// The best hiding place of all, until something gives it away.
pub(super) fn hide_and_seek(s: &mut Story) {
    s.row(
        ["hide", "clue", "sound"],
        &[
            ["in a big basket under the clean shirts", "the basket", "sneezed"],
            ["under the bed behind the boots", "the boots", "sneezed"],
            ["in the hay at the top of the barn", "the hay", "snored"],
            ["inside an old barrel", "the barrel", "snored"],
            ["in the cupboard between the coats", "the coats", "snored"],
        ],
    );
    s.third("seeker");
    s.open("One [rainy|cold|long] [day|afternoon]", "played hide and seek with {friend} and {seeker}");
    s.say(
        "It was {seeker}'s turn to look. «One, two, three,» {seeker} counted. {hero} hid {hide}. It was
        dark and warm there.",
    );
    s.para(
        "{seeker} found {friend} [quickly|at once], because {friend} [could not stop laughing|had left one
        foot outside]. But nobody could find {hero}. {friend} and {seeker} looked [behind the door and under
        the table|in the kitchen and in the garden]. They called, «{hero}, you have won! Come out!» Nobody
        answered. [{seeker} began to worry.|It began to get late.]",
    );
    s.para(
        "Then somebody {sound}. It came from {clue}! {seeker} [looked inside|went to look], and there was
        {hero}, fast asleep. «[Did I win|Is it morning]?» asked {hero}, rubbing {his} eyes. They all laughed.
        «You won,» said {seeker}. «[But your nose gave you away|You hide very well, even from yourself|Next
        time, please stay awake].»",
    );
}

/// Nothing can be found in a mess; tidying finds more than was looked for.
pub(super) fn lost_in_the_mess(s: &mut Story) {
    s.bind("toy", &TOYS);
    s.bind("gem", &TREASURES);
    s.open_about(
        "who never put anything away",
        "One [day|morning|Sunday]",
        "could not find {his} {full toy}",
    );
    s.say(
        "{friend} was coming to play, and {hero} wanted to {toy.play}. {He} looked on the bed, but the bed
        was covered with [shirts|books|paper]. {he} looked at the floor, but nobody could see the floor.",
    );
    s.para(
        "«[Somebody took my {toy}|My {toy} has run away]!» {hero} told {elder}. «[Maybe|I think] the mess
        took it,» said {elder}. «Put away ten things, and then look again.» {hero} [did not want to|made a
        face], but {he} began. The books went on the shelf, the shirts went into the cupboard and the
        shoes went under the bed.",
    );
    s.para(
        "[At the seventh thing|At the ninth thing|Under the very last shirt], {he} found {a gem} that {he}
        had lost [in winter|last year|long ago]. And there, under [a wet towel|a blanket|an old box], was
        the {toy}! When {friend} came, the [room|floor] was so clean that there was space to play. They
        {toy.played} until supper. Then {hero} put the {toy} {toy.kept}. [«Now I know where you live,»
        {he} told it.|{elder} saw it and smiled.]",
    );
}
