//! Making friends, and keeping them.

use super::super::story::Story;
use super::super::words::{PLACES, TOYS, TREASURES, TREATS};

/// A shared meal comes back on a day when it is needed.
pub(super) fn sharing(s: &mut Story) {
    s.bind("treat", &TREATS);
    s.bind("place", &PLACES);
    s.row(
        ["lost", "later"],
        &[
            ["A goat ate my lunch", "a big dog ran off with {hero}'s lunch"],
            ["I forgot my lunch at home", "{hero} forgot to take any lunch"],
            ["My lunch fell into the mud", "{hero}'s lunch fell into a puddle"],
            ["The birds ate my lunch", "{hero} dropped {his} lunch in the river"],
        ],
    );
    s.open("One [day|fine day|sunny day]", "sat down {place.at} to eat two [big|sweet|fresh] {treat.many}");
    s.say(
        "Next to {him} sat {a friend}, and {friend} had nothing. «{lost},» said {friend} in a
        [small|sad|quiet] voice. {hero} looked at the {treat.many}. {he} was very hungry. [{he} could
        easily eat both.|Two were just right for one.]",
    );
    s.para(
        "[But it is no fun to eat next to somebody who is hungry.|But then {he} heard {friend}'s tummy
        rumble.] «One for you and one for me,» said {hero}. [They ate slowly and talked about
        everything.|The {treat} tasted better than ever.| They ate, and then they {place.did}.]",
    );
    s.para(
        "The next week, {later}. {he} sat {place.at} [with an empty tummy|and did not know what to do].
        Then {friend} came by. [{friend} did not ask anything.|«You look hungry,» said {friend}.] {friend}
        opened a bag and took out two {treat.many}. «One for you and one for me,» said {friend}, and
        {hero} [laughed|smiled].",
    );
}

/// A thing flies over the fence, and a friend is found behind it.
pub(super) fn over_the_fence(s: &mut Story) {
    s.row(
        ["thing", "flew"],
        &[
            ["ball", "{hero} kicked it too hard"],
            ["hat", "the wind took it"],
            ["paper plane", "the wind lifted it up"],
            ["kite", "the string broke"],
        ],
    );
    s.row(["look"], &[["red"], ["blue"], ["green"], ["yellow"]]);
    s.open("One [windy|warm] [day|afternoon]", "played alone in the garden with a {look} {thing}");
    s.say(
        "There was a high fence around the garden. [Nobody knew who lived behind it.|New people had just
        moved in behind it.] Then {flew}, and the {thing} flew over the fence! {hero} [looked up at the
        fence|sighed]. It was too high to climb.",
    );
    s.para(
        "«[Hello|Is anybody there]?» {he} called. Nobody answered. {hero} [turned to go|waited and waited].
        Then the {thing} came flying back, and a [flower|little note|bun in a bag] was tied to it! [{hero}
        was very surprised.|«Oh!» said {hero}.] {hero} tied [a ribbon|a sweet plum|a shiny button] to the
        {thing} and threw it over the fence again. [Somebody laughed.|«Thank you!» said a voice.]",
    );
    s.para(
        "[At the end of the fence, one board was loose.|There was a small hole in the fence.] {hero} looked
        through, and {a friend} looked back. «[I am new here|I have no one to play with],» said {friend}.
        «[I saw you playing, but I was too shy to call.|I am so glad your {thing} came to visit.]» [The
        next day, {elder} made a little gate in the fence.|{elder} made a little door in the fence, just
        high enough for them.] From then on, [{hero} and {friend} played together every day| one garden
        was never enough for {hero} and {friend}, and they always played in both].",
    );
}

/// Two pull at one toy, and it breaks; mending takes two as well.
pub(super) fn quarrel_over_a_toy(s: &mut Story) {
    s.bind("toy", &TOYS);
    s.open("One [rainy|cold|long] [day|afternoon]", "and {his} friend {friend} found an old {toy} in a box");
    s.say(
        "Both of them wanted to {toy.play}. «I saw it first!» said {hero}. «But I [opened the box|had it
        first]!» said {friend}. {hero} pulled, and {friend} pulled harder. [Snap!|Crack!|Oh no!]
        {toy.broke}.",
    );
    s.para(
        "[«That was you!» shouted {hero}. «No, you!» shouted {friend}.|They both stopped and stared at the
        {toy}.] Then it was very quiet. {friend} sat in one corner, and {hero} sat in the other. [Nobody
        had a {toy} now, and nobody had a friend.|It was not nice to sit alone.]",
    );
    s.para(
        "[After a while|At last], {hero} stood up. «I am sorry that I pulled,» {he} said. «I am sorry,
        too,» said {friend}. «[Can we mend it|Shall we try to mend it]?» {friend} held the {toy}, and
        {hero} {toy.mend}. [It took all afternoon.|It was not easy.] Then they took turns. First {friend}
        {toy.played}, and then {hero} did. [It was a better game with two.|The {toy} was not as pretty as
        before, but they loved it more.| And when one had a turn, the other one clapped.]",
    );
}

/// A new baby gets all the love, until the hero finds out what only the hero can do.
pub(super) fn new_baby(s: &mut Story) {
    s.elder(&[("Mama", true), ("Papa", false)]);
    s.row(
        ["trick", "did"],
        &[
            ["sang a silly song about a cow in a hat", "sang the silly song"],
            ["put a sock on {his} nose", "put the sock on {his} nose"],
            ["hid behind a towel and said, «Boo!»", "hid behind the towel"],
            ["danced around the room like a duck", "danced like a duck"],
        ],
    );
    s.row(["sibling", "it", "its"], &[["sister", "she", "her"], ["brother", "he", "his"]]);
    s.open("One [spring|winter|summer] day", "got a new baby {sibling}");
    s.say(
        "Everybody came to see the baby. They brought [blankets and flowers|tiny socks and tiny hats], and
        they all said, «How sweet!» Nobody looked at {hero}. «[Not now|Wait a little], {hero},» said
        {elder} [again and again|all day long]. {hero} felt [left out|small and sad].",
    );
    s.para(
        "{hero} [hid under the table|went to sit on the stairs] and thought, «They do not need me any
        more.» Then the baby began to cry. {elder} [carried the baby up and down|tried milk and tried a
        blanket], but the baby cried [louder|on and on]. {hero} [came out|came back] to look. [Then {he}
        had an idea.|Without thinking,] {he} {trick}. The baby stopped crying and looked. Then the baby
        laughed!",
    );
    s.say(
        "«[Nobody else can do that|You did it],» said {elder}. «{It} has been waiting for a big {hero.kind}
        like you.» [{hero} stood very tall.|{hero} grew red with joy.] That evening, {elder} [read {him} a
        long story|sat by {his} bed for a long time]. And whenever the baby cried, {hero} {did}, and all
        was well.",
    );
}

/// A newcomer does not speak; a shared love of something needs no words.
pub(super) fn shy_newcomer(s: &mut Story) {
    s.row(
        ["loves", "sign", "share", "made"],
        &[
            [
                "drawing",
                "a tiny horse drawn in the dust",
                "drew a second horse next to it",
                "a long picture of a hundred horses",
            ],
            [
                "building",
                "a little tower of stones",
                "put one more stone on the top",
                "a castle with four towers",
            ],
            ["music", "a finger tapping on the table", "tapped the same song", "a song for the whole class"],
            [
                "seeds",
                "a row of bean seeds on the window",
                "brought a pot of earth",
                "a garden behind the school",
            ],
        ],
    );
    s.open("One [autumn|spring|rainy] morning", "saw a new face at school");
    s.say(
        "It was {full friend}, who was new. {friend} sat [in the last row|by the window] and did not say a
        word. [The others asked many questions.|«Can you talk at all?» asked the others.] {friend} only
        looked at the floor. «[Maybe {friend.he} does not like us|{Friend.he} is no fun],» they said, and
        they ran off to play.",
    );
    s.para(
        "But {hero} stayed and looked more closely. {he} saw {sign}. «[So that is what {friend.he}
        likes|Aha],» thought {hero}. {he} did not ask anything. {he} sat down and {share}. {friend} looked
        up and [smiled a very small smile|looked surprised]. [The next day, they did it again.|All week
        they sat together like that.]",
    );
    s.para(
        "On [Friday|the last day of the week], {friend} said the first words. «I love {loves},» said
        {friend} softly, «and you [are my friend|saw it].» Together {hero} and {friend} made {made}. Everybody came to
        look. [«How did you make {friend} talk?» they asked. «I listened,» said {hero}.| Soon {friend}
        talked so much that the teacher had to laugh.]",
    );
}

/// The smallest is told to stay away, and then only the smallest can help.
pub(super) fn smallest_helps(s: &mut Story) {
    s.row(
        ["lost", "hole", "way"],
        &[
            ["the key to the shed", "a narrow gap under the floor", "crawled in"],
            ["their only ball", "a hollow log", "crawled in from the end"],
            ["the bell of the school", "a hole under the wall", "slid in head first"],
            ["the teacher's whistle", "a gap between two rocks", "slid in sideways"],
        ],
    );
    s.third("big");
    s.open_about("who was the smallest of all", "One day", "wanted to play with {friend} and {big}");
    s.say(
        "«You are too small,» said {big}. «[You cannot run fast|You cannot throw far].» [{friend} said
        nothing.|«Come back when you are bigger,» said {friend}.] So {hero} sat on a stone and watched.
        [It made {him} sad.|{he} made {himself} even smaller.]",
    );
    s.para(
        "Then something bad happened. {friend} dropped {lost}, and it rolled into {hole}. {big} tried to
        get it, but {big.he} was too big. {friend} tried with a stick, but the stick was too short. «[Now
        what|What shall we do]?» they cried. «[We need it|The teacher will be angry]!»",
    );
    s.para(
        "«Let me try,» said {hero}. {he} [took a deep breath|lay down on the ground] and {way}. It was
        [dark and dusty|dark and cold] there, but {he} went on. When {he} came back, {he} was [covered
        with dust|black from head to foot], and in {his} {hand} was {lost}! «[Hurrah|Hurrah for {hero}]!»
        they shouted. «I am sorry,» said {big}. «[Small is not too small.|It is good to be small.|I was
        wrong about you.]» After that, they [never played without {hero}|always asked {hero} to play].",
    );
}

/// A friend has moved away; a letter finds the way, though not by the straight road.
pub(super) fn letter_to_a_friend(s: &mut Story) {
    s.bind("gem", &TREASURES);
    s.row(
        ["delay", "found"],
        &[
            ["the wind blew it out of the postman's bag", "a farmer found it in his field and sent it on"],
            ["it fell behind a box at the station", "a woman who cleaned the station found it"],
            ["it dropped from the cart into the snow", "a boy found it when the snow melted"],
            ["a bird took it for its nest", "a girl saw it in the tree and climbed up"],
        ],
    );
    s.open(
        "In the [summer|autumn|winter]",
        "had to say goodbye to {his} best friend {friend}, who was moving far away",
    );
    s.say(
        "At first, {hero} was [sad every day|very lonely]. «Write a letter,» said {elder}. So {hero} wrote,
        «I miss you. Do you miss me?» Then {he} [drew a picture|put {a gem} into it|drew a big heart] and
        [gave the letter to the postman|took the letter to the post].",
    );
    s.para(
        "{hero} waited one week, and two weeks, and three. No letter came. «{friend} has forgotten me,»
        {he} said. But {friend} had never seen the letter! On the way, {delay}. It [lay there for a long
        time|got wet and dirty]. At last {found}.",
    );
    s.para(
        "Then, one [morning|sunny day], there was a knock. The postman had [a thick letter|a parcel] for
        {hero}! «I thought that you had forgotten me,» wrote {friend}, «and then your letter came. [It was
        dirty, but it was the best letter of my life.|I miss you, too.|I read it every night.|Come and
        visit me in spring!]» [{hero} read it five times.|{hero} danced around the kitchen.] {he} took a
        pen and began to write the next one.",
    );
}

/// A sick friend is cheered through the window, and repays it.
pub(super) fn sick_friend(s: &mut Story) {
    s.row(
        ["show", "did", "again"],
        &[
            ["a puppet show", "made two socks talk to each other", "two socks in the window"],
            ["a dance", "danced like a bear and fell over on purpose", "somebody dancing like a bear"],
            ["a picture", "drew a huge sun on the wet glass", "a huge sun on the glass"],
            ["a song", "sang the song about the fat cat", "somebody singing about a fat cat"],
        ],
    );
    s.row(["food"], &[["soup"], ["honey"], ["warm milk"], ["apple pie"]]);
    s.open(
        "One [cold|wet|winter] [day|morning]",
        "waited for {his} friend {friend}, but {friend} did not come",
    );
    s.say(
        "{friend} was [ill|sick] and had to stay in bed. «You cannot go in, or you will get sick, too,»
        said {elder}. [{hero} thought for a while.|{hero} did not like that at all.] «But nobody said that
        I cannot stand at the window,» {he} said.",
    );
    s.para(
        "So {hero} took a pot of {food} and put it at {friend}'s door. Then {he} went to the window and
        knocked. {friend} looked out with a [red nose|pale face]. {hero} {did}. {friend} laughed so much
        that the bed shook. [Every day {hero} came back with {show}.|The next day {hero} came again.]
        After [five days|a week], {friend} was well.",
    );
    s.para(
        "But then {hero} began to [cough|sneeze]! Now {he} had to lie in bed, and the day was [long|very
        long]. Then there was a knock at the window. {hero} looked up and saw {again}. [There was
        {friend}!|It was {friend}, of course!] And at the door stood a pot of {food}. «[It is almost nice
        to be sick|I feel better already],» said {hero}, and [{he} laughed until {he} had to cough| {he}
        was well again very soon].",
    );
}
