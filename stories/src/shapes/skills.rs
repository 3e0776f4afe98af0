//! Learning, making and winning.

use super::super::story::Story;
use super::super::words::TOYS;

/// Three tries, one piece of advice.
pub(super) fn learning_something_new(s: &mut Story) {
    s.row(
        ["skill", "where", "fail", "advice", "done"],
        &[
            [
                "ride a bicycle",
                "on the lane",
                "fell into the grass",
                "Look ahead and not at your feet",
                "rode all the way to the gate",
            ],
            [
                "skate on the ice",
                "on the frozen pond",
                "sat down hard on the ice",
                "Bend your knees a little",
                "skated in a big circle",
            ],
            [
                "whistle",
                "behind the house",
                "blew only air",
                "Make your mouth as small as a pea",
                "whistled like a bird",
            ],
            [
                "jump rope",
                "in the yard",
                "stood on the rope",
                "Jump when you hear it touch the ground",
                "jumped ten times",
            ],
            [
                "swim",
                "in the warm lake",
                "went under like a stone",
                "Lie on the water as if it were your bed",
                "swam to the big rock",
            ],
            [
                "catch a ball",
                "in the yard",
                "got the ball on the nose",
                "Watch the ball until it is in your hands",
                "caught it five times",
            ],
        ],
    );
    s.open("One [sunny|fine|clear] [day|morning]", "wanted to learn to {skill}");
    s.say(
        "{friend} could do it [already|very well]. It looked easy. {hero} tried it {where}, and {he}
        {fail}. {he} tried once more and {fail} again. «I will never learn it!» {he} [said|cried] and [sat
        down|wanted to go home].",
    );
    s.para(
        "{friend} sat down beside {him}. «[I tried it a hundred times|It took me a whole summer|At first I
        cried, too],» said {friend}. «Then somebody told me this. {advice}.»",
    );
    s.para(
        "[{hero} wiped {his} face.|{hero} stood up.] {He} thought of {friend}'s words and tried a third
        time. [It was better!|It almost worked.] {he} tried again and again, [until the sun went down|all
        week long|until supper]. And then {he} {done}! «[I can do it|Look at me]!» {hero} shouted. [The next
        day, a smaller {hero.kind} asked {him} for help. «{advice},» said {hero}.|«I knew you could,» said
        {friend}.|{friend} clapped and clapped.]",
    );
}

/// The faster runner stops to help.
pub(super) fn race(s: &mut Story) {
    s.row(
        ["trouble", "help"],
        &[
            ["fallen over a root and hurt one knee", "tied a clean cloth around the knee"],
            ["got stuck in the mud", "pulled with both arms"],
            ["lost a shoe in the ditch", "fished the shoe out with a stick"],
            ["run into a thorn bush", "took out the thorns one by one"],
        ],
    );
    s.row(["prize"], &[["a golden cup"], ["a big cake"], ["a blue ribbon"], ["a basket of pears"]]);
    s.third("rival");
    s.open("On the day of the big race", "stood at the start with {rival} and all the others");
    s.say(
        "The way went [through the wood|around the hill|along the river] and back, and the prize was
        {prize}. {hero} had [run every morning|trained] for weeks. «Ready, steady, go!» called {elder}.
        [They all ran off.|Off they went!] Soon {hero} was first, and {rival} was close behind.",
    );
    s.para(
        "Then {hero} heard a cry. {rival} had {trouble}! [The end was so near.|The end was already in
        sight.] {hero} [slowed down|looked back]. «If I stop, I will not win,» {he} thought. But {he}
        stopped, went back and {help}. «[Go on, or you will lose|You must not stop for me]!» said {rival}.
        «[You need me more than I need a prize|We can go together],» said {hero}.",
    );
    s.para(
        "The others ran past them. {hero} and {rival} came in [last|last of all], arm in arm. [Then
        everybody clapped, and louder than before.|It was quiet for a moment. Then everybody cheered.]
        [The winner came and shared {the prize} with them.|«The first one has won the race,» said {elder},
        «but you have won a friend.»] And {rival} [never forgot it.|said, «Next year, I will wait for
        you.»]",
    );
}

/// Noise becomes music by practice in a place where nobody minds.
pub(super) fn practice_makes_music(s: &mut Story) {
    s.row(
        ["music", "noise"],
        &[
            ["drum", "boom, bang, boom"],
            ["flute", "peep, squeak, peep"],
            ["fiddle", "screech, scratch, screech"],
            ["horn", "toot, honk, toot"],
        ],
    );
    s.row(
        ["where", "hearer"],
        &[["barn", "cow"], ["old mill", "owl"], ["shed", "hen"], ["boat house", "duck"]],
    );
    s.row(
        ["feast"],
        &[["summer fair"], ["birthday of {elder}"], ["harvest feast"], ["wedding in the village"]],
    );
    s.open("On {his} birthday", "got [an old|a shiny|a small] {music}");
    s.say(
        "{he} played it all day long, {noise}! [The dog next door hid under the bed.|The birds flew away.]
        {elder} put a pillow over both ears. «Please, {hero},» said {elder}, «[not in the house|somewhere
        else].» {hero} was sad, but {he} did not want to stop.",
    );
    s.para(
        "So {he} took the {music} to the {where}. An old {hearer} lived there, and the {hearer} did not
        mind. {hero} played every day, [slowly at first|the same song each time]. On some days it went
        wrong, and {he} wanted to throw the {music} away. But the {hearer} [always listened|stayed], and
        bit by bit the noise turned into a song. [One day, the {hearer} even moved its feet.|]",
    );
    s.para(
        "Then came the {feast}. The man who was to play was [ill|late], and there was no music. «I can
        play,» said {hero}. Everybody [looked worried|thought of the noise]. But {he} played, and it was
        [beautiful|wonderful]! [They danced until midnight.|Even {elder} danced.] «Where did you learn
        that?» they asked. «In the {where},» said {hero}, «from a very good listener.»",
    );
}

/// A tower keeps falling, because of what it stands on.
pub(super) fn tower_that_fell(s: &mut Story) {
    s.row(
        ["house", "stuff", "why", "better"],
        &[
            ["a tower", "stones", "You put the big stones on top", "put the biggest stones at the bottom"],
            ["a castle", "sand", "The sand is too dry", "brought water and made the sand wet"],
            ["a hut", "branches", "It stands on soft ground", "moved to the hard ground under the oak"],
            ["a snow house", "snow", "The walls are too thin", "made the walls twice as thick"],
            ["a bridge over the stream", "boards", "It rests on mud", "laid flat stones under both ends"],
        ],
    );
    s.open("One [day|morning|afternoon]", "began to build {house}");
    s.say(
        "{he} worked fast, and soon it was [high|almost done]. «It is the best in the world!» {he} said.
        [Crash!|Bump!] It fell down. {hero} built it again[, even faster|], and it fell down again.
        «[Stupid|Silly|Bad] {stuff}!» shouted {hero}.",
    );
    s.para(
        "{full friend} had been watching. «[May I say something|Can I help]?» asked {friend}. «No!» said
        {hero} and tried a third time. [Crash!|Bump!] Now {hero} was [too tired to be angry|very quiet].
        «[All right|Please]. What do you see?» {he} asked. «{why},» said {friend}.",
    );
    s.para(
        "So the two of them {better}. [It took longer, but this time nothing fell.|It took until evening,
        but it stood.] [They even jumped up and down beside it.|The wind came, and it stood. The rain
        came, and it stood.] «[It is better than mine|Now it is really the best in the world],» said
        {hero}, «because [it is ours|you looked and I listened].» [They put a flag on it.|In the evening,
        they ate their supper next to it.]",
    );
}

/// A blot on a picture turns out to be the best part.
pub(super) fn blot_on_the_picture(s: &mut Story) {
    s.row(
        ["picture", "blot", "became"],
        &[
            ["the sea", "black", "a big whale that blew water into the air"],
            ["a green field", "brown", "a fat hen with six chicks"],
            ["the night sky", "yellow", "a round moon with a smile"],
            ["a garden", "red", "a huge red flower"],
            ["a snowy hill", "blue", "a funny snowman in a blue coat"],
        ],
    );
    s.row(
        ["cause"],
        &[
            ["A fly sat on {his} nose"],
            ["The cup of paint fell over"],
            ["{friend} bumped into the table"],
            ["{he} sneezed"],
        ],
    );
    s.open("One [rainy|cold] [day|afternoon]", "painted a picture of {picture} for {elder}");
    s.say(
        "It was {elder}'s birthday the next day, so {hero} took great care. The picture was almost done.
        {cause}, and a big {blot} blot landed right in the middle! «It is [ruined|spoiled]!» cried {hero}.
        [{he} wanted to tear it up.|Two tears fell on the table.]",
    );
    s.para(
        "«Wait,» said {friend}, who [was painting, too|had come to play]. «Turn your head a little. What
        does it look like?» {hero} [turned {his} head to the left and to the right|looked with one eye and
        then with the other]. «It looks like a blot,» {he} said. «No, it looks like something else!» {He}
        took the [thin|small] brush and painted [very slowly|with great care]. The blot became {became}!",
    );
    s.para(
        "On the birthday, {elder} looked at the picture for a long time. «The [best|finest] part is in the
        middle,» said {elder}. «How did you think of that?» {hero} and {friend} looked at each other and
        [giggled|laughed]. «It just [dropped in|came to me],» said {hero}. [The picture hung in the
        kitchen for years.|{elder} hung it over the bed.]",
    );
}

/// Reading seems useless until a sign says something that matters.
pub(super) fn learning_to_read(s: &mut Story) {
    s.row(
        ["danger", "sign", "kept"],
        &[
            [
                "an old bridge",
                "Do not cross! Broken!",
                "the bridge cracked, and one board fell into the river",
            ],
            ["a frozen pond", "Thin ice! Keep off!", "the ice cracked all the way across"],
            ["a field with a gate", "Beware of the bull!", "a huge bull came running to the gate"],
            [
                "a hole in the rocks",
                "Stones may fall!",
                "a big stone fell, just where they had wanted to play",
            ],
        ],
    );
    s.bind("toy", &TOYS);
    s.open_about(
        "who did not like to read",
        "One [day|morning]",
        "wanted to play with {his} {toy}, but it was time for school",
    );
    s.say(
        "«[What are letters good for|Why must I know letters]?» {he} asked. «You will see,» said {elder}.
        [Every evening, they read one page together.|So {he} learned one letter each day.] [A was easy and
        B was fat.|The letters looked like little beetles.] It went slowly, but it went.",
    );
    s.para(
        "In the [spring|autumn|winter], {hero} and {friend} went exploring. They came to {danger}. «[Come
        on|Let us go there]!» said {friend}. There was a sign, but {friend} could not read. {hero} looked
        at the letters. [{he} put {his} finger under each of them.|Slowly, {he} put them together.]
        «{sign}» {he} read. «Stop, {friend}!»",
    );
    s.para(
        "{friend} stopped. «[But it looks safe|I see nothing bad],» said {friend}. And just then {kept}.
        [They both went pale.|They held on to each other.] «How did you know?» asked {friend}. «The
        letters told me,» said {hero}. That evening, {hero} [read two pages|read to {elder} until the lamp
        went out]. And the next day, {he} [began to teach {friend}|showed {friend} the letter A].",
    );
}
