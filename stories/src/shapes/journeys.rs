//! Ways out into the world, and home again.

use super::super::story::Story;
use super::super::words::{PLACES, TREASURES, TREATS};

/// An old map has three clues, and the box at the end has a surprise.
pub(super) fn treasure_map(s: &mut Story) {
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.row(
        ["found", "reason"],
        &[
            [
                "a box of old toys",
                "«These were mine when I was small,» said {elder}, who had made the map long ago",
            ],
            [
                "a bag of nuts and a note that said, «Share!»",
                "{elder} had hidden it there to make them happy",
            ],
            [
                "a jar of seeds",
                "«My own grandfather hid them,» said {elder}. «Nobody ever found them until today.»",
            ],
            [
                "a box with a gold medal",
                "«I won it in a race when I was young, and I hid it too well,» said {elder}",
            ],
        ],
    );
    s.row(
        ["one", "two", "three"],
        &[
            ["the broken mill", "twenty", "the flat stone"],
            ["the three tall trees", "thirty", "the old stump"],
            ["the little bridge", "forty", "the round rock"],
        ],
    );
    s.open("One [summer|dull|quiet] [day|afternoon]", "found an old map in [a book|the attic|a drawer]");
    s.say(
        "It showed {one} with a red line and a cross. «Start here, walk {two} steps to the [north|west],
        and dig by {three},» it said. {hero} [ran to show it to|called] {friend}. They took a spade and
        went to {one}.",
    );
    s.para(
        "They walked {two} steps, but there was nothing there but grass! «[The map is wrong|It is only a
        joke],» said {friend}. {hero} looked at the map again. «It was drawn by [a grown-up|somebody with
        long legs],» {he} said. «Our steps are too short!» So they took big steps[, and {friend} nearly
        fell over|]. There, [under the leaves|behind the bushes], was {three}.",
    );
    s.para(
        "They dug [until they were hot|for a long time]. [Clonk! The spade hit something hard.|Then the
        spade hit something.] It was {found}! They [carried it home|ran home with it]. {reason}. [{hero}
        looked at {elder} with big eyes.|They all sat around the table and looked at it.] «[Tomorrow we
        will draw a new map|Now we must hide something for somebody else],» said {hero}. And [that is what
        they did|so they did].",
    );
}

/// A wish on a star is granted in a way nobody expected.
pub(super) fn wish_on_a_star(s: &mut Story) {
    s.row(
        ["wish", "came", "grant"],
        &[
            ["a friend", "{a friend} with a cart full of boxes", "«We are moving into the house next door.»"],
            [
                "somebody to play with",
                "{a friend}, who had lost the way",
                "«I live just over the hill. May I come again?»",
            ],
            [
                "a great adventure",
                "{a friend} with a boat and no crew",
                "«I need somebody who can row. Will you come along?»",
            ],
        ],
    );
    s.row(
        ["good"],
        &[
            ["carried in the wood for {elder}"],
            ["fed the birds"],
            ["swept the steps"],
            ["brought soup to the old man next door"],
        ],
    );
    s.open("One [clear|quiet] night", "saw a star fall from the sky");
    s.say(
        "«You may wish for something,» said {elder}, «but you must not say what it is.» {hero} [closed
        {his} eyes|pressed {his} {hand}s together] and wished for {wish}. Then {he} waited. [Nothing
        happened.|The night was quiet.]",
    );
    s.para(
        "The next day, nothing happened, and the day after, it was the same. «The star did not hear me,»
        said {hero}. «[Stars are far away|Wishes have to walk a long way],» said {elder}. «[Open the door,
        so that they can come in|Do something while you wait].» So {hero} went out and {good}. {he} left
        the gate open. When {he} looked up, there stood {came}.",
    );
    s.para(
        "«[Hello|Good morning]! The gate was open,» said {friend}. {grant} {Hero} laughed so much that {he}
        had to hold on to the gate. «You are late,» {he} said, «but you had a long way to come.» [That
        evening, they both looked at the stars.|And that evening, {hero} waved to the sky.] {friend} made
        a wish, too, but {friend.he} did not say what it was.",
    );
}

/// A basket for a grandparent gets emptier with every kindness.
pub(super) fn basket_on_the_road(s: &mut Story) {
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.bind("treat", &TREATS);
    s.row(
        ["one", "help", "trouble"],
        &[
            ["a tired donkey", "let {him} ride on its back", "the road went up and up, and {his} feet hurt"],
            [
                "a hungry boatman",
                "took {him} across in his boat",
                "the road came to a river, but the bridge was gone",
            ],
            [
                "a cold old shepherd",
                "showed {him} the way through the fog",
                "the fog came down and the path was gone",
            ],
            ["a thin stray dog", "found the path with its nose", "snow began to fall and the path was gone"],
        ],
    );
    s.open(
        "One [day|morning]",
        "set out to bring six {treat.many} to {elder}, who lived on the other side of the hill",
    );
    s.say(
        "{he} carried them in a basket. «[Do not eat them on the way|Come back before dark],» said Papa. By
        the road sat {one}. {hero} gave away two {treat.many}. «[Now there are four|Four are enough],»
        {he} said. [A bit later|Around the corner], a crow with a [hurt|stiff] wing looked at the basket.
        «All right, one for you,» said {hero}.",
    );
    s.para(
        "Then {trouble}. [{hero} sat down on a stone.|{hero} did not know what to do.] «I will never get
        there,» {he} said. But {the one} had come after {him}, and {help}. [After that it was easy.|] High
        above them flew the crow and [showed the way|called, «Caw, caw!»].",
    );
    s.para(
        "{elder} stood at the door. «I am sorry,» said {hero}. «There were six {treat.many}, but now there
        are only three.» [And {he} told the whole story.|And {he} told {elder} where the others were.]
        {elder} [laughed|held {him} tight]. «Three are just right,» said {elder}. «One for you, one for me
        and one for [the way back|whoever you meet on the way home].»",
    );
}

/// A toy boat sails away with a note, and comes back with an answer.
pub(super) fn boat_with_a_note(s: &mut Story) {
    s.row(
        ["boat"],
        &[["a paper boat"], ["a boat of bark"], ["a little wooden boat"], ["a boat with a red sail"]],
    );
    s.row(
        ["question", "answer"],
        &[
            [
                "Where does the river go",
                "It goes past the mill, under a bridge and into the sea, and I live at the bridge",
            ],
            ["Who lives at the end of the river", "I do, with my parents and eleven geese"],
            ["What do you do when it rains", "I sit at the window and wait for boats like yours"],
            ["Do you know a good joke", "Why is the river so rich? It has two banks"],
        ],
    );
    s.open("One [spring|summer] day", "made {boat} and put a note into it");
    s.say(
        "On the note {he} wrote, «{question}?» and {his} name. {he} put the boat on the river, and it
        sailed away, around [a stone|the reeds] and out of sight. [{hero} ran along the bank as far as
        {he} could.|«Good luck, little boat,» said {hero}.]",
    );
    s.para(
        "The boat [spun around and around|got stuck under a root], but a [duck|fish] pushed it on. It went
        past the mill and under a bridge. [At night, the moon shone on it.|] Far down the river, {a
        friend} was [washing socks|catching fish] and saw something float by. {friend} [waded in|used a
        long stick] and got the boat. {friend} read the note [twice|with a smile].",
    );
    s.para(
        "Two weeks later, a letter came for {hero}. «{answer}. Your friend, {friend},» it said. {hero}
        [read it to everyone|could not stop smiling]. [They wrote to each other all year.|Letters went up
        and down the river all year.] And the next summer, {elder} took {hero} down the river in a real
        boat. At the next bridge stood {friend}, and in one {friend.hand} {friend.he} held {the boat}.",
    );
}

/// The sea for the first time, and a way to bring it home.
pub(super) fn first_time_at_the_sea(s: &mut Story) {
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.row(
        ["ask", "keep", "did"],
        &[
            [
                "What does it sound like",
                "the sound of the waves in a big shell",
                "held the shell to {friend}'s ear",
            ],
            [
                "What does it taste like",
                "a little salt from a dry rock",
                "put a bit of the salt on {friend}'s tongue",
            ],
            [
                "What does it smell like",
                "a string of green seaweed",
                "held the seaweed under {friend}'s nose",
            ],
            [
                "What does it look like",
                "a piece of blue and green glass, made smooth by the waves",
                "held the glass in front of {friend}'s eyes",
            ],
        ],
    );
    s.open("One [summer|hot] day", "went to the sea with {elder} for the very first time");
    s.say(
        "{friend}, who had a [broken leg|bad cold], could not come along. «Tell me about it,» {friend} had
        said. «{ask}?» From the train, {hero} looked at every [pond|lake]. «Is that the sea?» {he} asked.
        «[No|Not yet],» laughed {elder}. «You will know it when you see it.»",
    );
    s.para(
        "Then the train came around a hill, and {hero} stopped talking. The sea was as big as the sky!
        [{he} ran over the sand with bare feet.|{he} built a castle, and the sea took it away.|A wave came
        and chased {him}, and {he} jumped back.] But [all the time|again and again] {he} thought of
        {friend}. How can one bring home the sea? [A bucket of it was only water.|It would not fit into a
        bag.] At last {he} found {keep}.",
    );
    s.para(
        "It was dark when they came home, but {hero} ran straight to {friend}. {he} {did}. «There,» {he}
        said. «[Can you feel it|Are you there now]?» {friend} [was quiet for a long time|closed both
        eyes]. «[It is big|It is wonderful],» said {friend}. And the next summer, they [went there
        together|both ran into the waves].",
    );
}

/// The moon seems to follow, and each sees it do so.
pub(super) fn moon_that_follows(s: &mut Story) {
    s.row(["fast"], &[["ran"], ["hopped"]]);
    s.row(["gift"], &[["a bun"], ["a song"], ["a wave of {his} {hand}"], ["a kiss"]]);
    s.open("One [clear|cold|warm] evening", "walked home from {friend}'s house with {elder}");
    s.say(
        "The moon was [big and round|full and yellow]. {hero} looked up. «The moon is coming with us!» {he}
        said. {he} stopped, and the moon stopped. {he} {fast}, and the moon did the same. [Behind the
        trees, it played hide and seek.|When they went around the corner, it did, too.|] «[It likes me|It
        wants to see our house],» said {hero}[ and gave it {gift}|].",
    );
    s.para(
        "The next day, {hero} told {friend} all about it. «That cannot be,» said {friend}. «The moon went
        with me!» «[No, it was with me|You dreamed that],» said {hero}. [They argued until lunch.|Neither
        of them would give in.] That night, {hero} walked to the left and {friend} walked to the right,
        and both looked up. «It is with me!» called {hero}. «[With me, too|No, with me]!» called {friend}.",
    );
    s.para(
        "They ran to {elder}. «The moon is [very big and very far away|so far away that it can see us
        both],» said {elder}. «So it goes with everybody, and nobody has to share.» {hero} and {friend}
        [thought about that|looked up again]. «[Then it can take a hello from me to you|So when I look at
        it, you are looking at it, too],» said {hero}. And from then on, when one was far from the other,
        they [both looked at the moon and waved|said good night to the moon at the same time].",
    );
}

/// Help given to a stranger comes back in need.
pub(super) fn helping_a_stranger(s: &mut Story) {
    s.bind("place", &PLACES);
    s.row(
        ["stranger", "load", "back"],
        &[
            [
                "an old woman",
                "a heavy bundle of wood",
                "opened the door of a warm little house and gave {him} hot soup by the fire",
            ],
            ["an old man", "a big sack of flour", "stopped his cart and wrapped {him} in a dry blanket"],
            ["a tired sailor", "a bag full of books", "lit a lamp and walked with {him} all the way home"],
            [
                "a young mother with a baby",
                "a basket of wet washing",
                "called {him} in, dried {his} coat and made tea",
            ],
        ],
    );
    s.row(
        ["storm"],
        &[
            ["It began to snow, and the wind blew hard"],
            ["A storm came up, and the rain was cold"],
            ["The fog came down, and {he} could not see the road"],
        ],
    );
    s.open("One [cool|autumn|windy] [day|afternoon]", "was on the way to {place} to meet {friend}");
    s.say(
        "By the road stood {stranger} with {load}. [Everybody walked past.|] {hero} was late, and {he}
        wanted to play. {he} walked past, too, but then {he} [stopped|turned around]. «May I carry that
        for you?» {he} asked. [It was so heavy that {he} had to rest three times.|It took a long time.]",
    );
    s.para(
        "When {he} came to {place}, {friend} was [cross|waiting]. «You are late!» said {friend}. {hero}
        told {friend.him} why. «[Then I am not cross|Then it was worth it],» said {friend}. They
        {place.did}, and the time flew. It was late when they said goodbye. {storm}. Soon {he} was wet and
        cold, and {he} did not know [which way to go|where {he} was].",
    );
    s.para(
        "Then {he} saw a light. It was {the stranger}, who {back}! [At home, {elder} was waiting at the
        window.|That night, {hero} sat at home by the fire.] «It is strange,» {hero} told {elder}. «I
        carried {the load}, and in the end it was I who got the help.»",
    );
}

/// A beloved thing has become too small, and somebody smaller needs it.
pub(super) fn outgrown(s: &mut Story) {
    s.row(
        ["thing", "wear"],
        &[["coat", "over the shoulders"], ["sweater", "at the arms"], ["jacket", "at the front"]],
    );
    s.row(["look"], &[["red"], ["blue"], ["green"], ["yellow"]]);
    s.bind("gem", &TREASURES);
    s.row(
        ["memory"],
        &[
            ["climbed the big tree in it"],
            ["learned to skate in it"],
            ["won a race in it"],
            ["slept in a tent in it"],
        ],
    );
    s.open("One [cold|autumn|windy] morning", "wanted to put on {his} {look} {thing}");
    s.say(
        "But it was too tight {wear}. {he} pulled and pulled. Rip! «You have grown,» said {elder}. «We will
        find you a new one.» «I do not want a new one,» said {hero}. {he} had {memory}, and it was {his}
        best friend among all {his} clothes. [{he} hung it on {his} chair and looked at it every day.|]",
    );
    s.para(
        "Then a new family came to live [in the street|near the mill]. The smallest of them was {a friend}.
        It was cold, and {friend} had no {thing} at all. [{friend.he} shook like a leaf.|{friend.his} lips
        were blue.] {hero} [thought for a long time|went home slowly]. {he} took the {look} {thing} and
        asked {elder} for a needle. They mended the tear, and into the pocket {hero} put {a gem}.",
    );
    s.para(
        "«This is for you,» {he} said. «It is a very good {thing}. I {memory}.» {friend} put it on. It was
        just right! {friend} found the {gem} in the pocket and [laughed|smiled from ear to ear]. [The next
        day, the {look} {thing} climbed the highest tree, and {hero} was happy to see it.|«Now it can have
        new adventures,» said {hero}.]",
    );
}

/// A sleepless night, and a round of good nights.
pub(super) fn cannot_sleep(s: &mut Story) {
    s.bind("gem", &TREASURES);
    s.row(
        ["worry", "solved"],
        &[
            ["{he} had not said sorry to {friend}", "«I am sorry that I was mean to you,» {he} said through {friend}'s window. «I was awake, too,» said {friend}. «I am sorry as well.»"],
            ["{friend}'s {gem} was still in {his} pocket", "{he} put the {gem} on {friend}'s window, where {friend} would see it first thing in the morning."],
            ["the hens had no water", "{he} filled the bowl for the hens, and they drank as if they had waited all day."],
        ],
    );
    s.open("One [quiet|long|warm] night", "lay in bed and could not sleep");
    s.say(
        "{he} [turned to the left and turned to the right|counted sheep, but the sheep would not jump].
        {elder} [brought warm milk|brought another pillow|sang a song|told a long story], but it did not
        help. «Is there something on your mind?» asked {elder}. «[No|I do not know],» said {hero}.",
    );
    s.para(
        "[The clock struck ten.|The house was very quiet.|The wind sang in the trees.] {hero} thought about
        the day, bit by bit. {he} thought about [breakfast|the morning] and about [school|lunch|the
        games]. And then {he} knew. It was because {worry}! {hero} [sat up. «Now I know why I cannot
        sleep!» {he} said.|jumped out of bed and told {elder}.]",
    );
    s.para(
        "{he} put on {his} slippers, and {elder} came along with a lamp. {solved} Then they went back under
        the [stars|moon]. {hero} lay down, and the bed was [soft again|as soft as a cloud|much softer than
        before]. «[Shall I sing once more|Do you want more milk]?» asked {elder}. But there was no answer,
        because {hero} was [already asleep|fast asleep and smiling].",
    );
}
