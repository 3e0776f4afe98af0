//! Baking, eating and what the crumbs say.

use super::super::story::Story;
use super::super::words::TREATS;

/// Something goes wrong in the bowl, and something good comes of it.
pub(super) fn baking_mistake(s: &mut Story) {
    s.row(
        ["wrong", "why", "end"],
        &[
            [
                "put in salt instead of sugar",
                "Both of them were white and stood side by side",
                "the goat ate the whole cake and wanted more",
            ],
            [
                "forgot the eggs",
                "The hens were making such a noise that {he} could not think",
                "they broke it into crumbs and had it with warm milk, and it was lovely",
            ],
            [
                "let it burn",
                "{he} was playing and did not smell the smoke",
                "they cut off the black part, and there was just enough for three",
            ],
            [
                "dropped it on the floor",
                "{he} carried it with only one {hand}",
                "the birds had a feast in the yard",
            ],
        ],
    );
    s.row(["cake"], &[["a plum cake"], ["a lemon cake"], ["a carrot cake"], ["an apple cake"]]);
    s.open("On {friend}'s birthday", "wanted to bake {cake} for {friend}, {his} best friend");
    s.say(
        "«Shall I help you?» asked {elder}. «No, I can do it all alone,» said {hero}. {he} took [flour and
        butter|the big bowl and the wooden spoon], and {he} mixed and sang. But {hero} {wrong}! {why}.",
    );
    s.para(
        "{hero} [looked at the cake|tried a crumb]. «[Yuck|Oh no]! I cannot give that to {friend}!» {he}
        cried. «[And the party is in two hours|I wanted it to be a surprise].» [{he} sat down on the
        floor.|A tear fell into the flour.|] «May I help you now?» asked {elder}. «Yes, please,» said
        {hero}.",
    );
    s.para(
        "So they baked a second cake. {elder} read out each step, and {hero} did it, one after the other.
        [This time {he} looked twice at everything.|It smelled so good!|] And the first cake? In the end,
        {end}. «[This is the best cake I have ever had|It is perfect],» said {friend}. «Did you make it
        all alone?» «No,» said {hero}. «[That is why it is so good|The one I made alone was another
        story].»",
    );
}

/// One thing is missing, and everyone who lends something comes to eat.
pub(super) fn borrowing_chain(s: &mut Story) {
    s.row(
        ["dish", "need", "one", "two"],
        &[
            ["pancakes", "eggs", "milk", "butter"],
            ["a pie", "apples", "flour", "sugar"],
            ["soup", "carrots", "salt", "onions"],
            ["bread", "flour", "salt", "seeds"],
        ],
    );
    s.third("third");
    s.open("One [Sunday|rainy day|evening]", "wanted to make {dish} for supper");
    s.say(
        "But there was no {one}. So {hero} went [next door|across the road] to {full friend}. «Can you lend
        me some {one}?» {he} asked. «[Gladly|Of course],» said {friend}, «but I would like to have some
        {two}. I have none left.»",
    );
    s.para(
        "So {hero} went on to {full third}. «Have you got some {two} for {friend}?» {he} asked. «Yes,» said
        {third}, «but I have no {need}, and I am so hungry.» {hero} [laughed|thought about it]. «I have
        lots of {need}!» {he} said. [{he} had to draw it on the ground to understand it.|] One had {need},
        one had {one}, and one had {two}. «[Alone we have no supper|Nobody can cook alone],» said {hero},
        «but together we can make {dish}!»",
    );
    s.para(
        "They all met in {hero}'s kitchen. {friend} brought the {one}, {third} brought the {two}, and
        {hero} [washed the plates|lit the fire]. [The table was too small, so they ate on the floor.|There
        was only one big spoon, so they took turns.] There was more than they could eat. «[Let us forget
        something every Sunday|It is good that I had no {one}],» said {hero}.",
    );
}

/// Who ate it? The crumbs lead to somebody who needed it.
pub(super) fn trail_of_crumbs(s: &mut Story) {
    s.row(
        ["thief", "place", "reason", "now"],
        &[
            [
                "a thin cat",
                "under the stairs",
                "Next to her lay four tiny kittens",
                "put a bowl of milk under the stairs every day",
            ],
            [
                "a mother rat",
                "behind the stove",
                "Behind her were six hungry babies",
                "left a bit of cheese by the stove every night",
            ],
            [
                "an old crow",
                "under the hedge",
                "It had a broken wing and could not look for food",
                "brought it seeds until the wing was well",
            ],
            [
                "a lost puppy",
                "in the wood shed",
                "It was cold, and every bone could be seen",
                "shared every meal with it",
            ],
        ],
    );
    s.row(["food"], &[["cheese pie"], ["bread"], ["meat pie"], ["cheese roll"]]);
    s.open("One [morning|day]", "went into the kitchen and saw that the {food} was gone");
    s.say(
        "«Who ate it?» asked {hero}. «[Not I|It was not me],» said {elder}. «[Not I|I only just came],»
        said {friend}, who had come for breakfast. There was only an empty plate. [It was a riddle.|The
        window was open a little.]",
    );
    s.para(
        "«Let us be detectives,» said {friend}. They looked at the floor [through a glass|on their knees].
        There was a crumb, and there was another! The crumbs went [out of the door|around the corner] and
        along the wall. [{hero} walked on the tips of {his} toes.|«Shh,» said {hero}.] The crumbs ended
        {place}. There sat {thief}!",
    );
    s.para(
        "«[Got you|So it was you]!» {hero} wanted to shout, but then {he} stopped. {reason}. {hero} and
        {friend} [looked at each other|were very quiet]. «That is not a thief,» said {friend}. «That is
        somebody who is hungry.» {hero} told {elder} everything. [«Then we will bake another one,» said
        {elder}.|{elder} was not angry.] And from that day on, {hero} {now}.",
    );
}

/// Trading from a small thing to the thing that is needed.
pub(super) fn trading_up(s: &mut Story) {
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.row(
        ["start", "first", "firstwhy", "second", "secondwhy"],
        &[
            [
                "a ball of string",
                "a pot of glue",
                "a man who could not tie up his bag",
                "a warm blanket",
                "a woman whose chair was broken",
            ],
            [
                "an empty jar",
                "a basket of eggs",
                "a farmer who had jam but no jar",
                "a warm blanket",
                "a weaver who was very hungry",
            ],
            [
                "a long stick",
                "a sack of wool",
                "a shepherd who had lost his staff",
                "a warm blanket",
                "a weaver who had no more wool",
            ],
            [
                "a rusty nail",
                "a new rope",
                "a sailor who had a loose board in his boat",
                "a warm blanket",
                "a woman whose goat had run away",
            ],
        ],
    );
    s.open(
        "One [cold|winter] [day|morning]",
        "wanted to buy a warm blanket for {elder}, but {he} had no money at all",
    );
    s.say(
        "{he} had only {start}. «[That is better than nothing|Maybe somebody needs it],» thought {hero} and
        went to the market with it.",
    );
    s.para(
        "There {he} met {firstwhy}. «You may have this,» said {hero}, and gave away {the start}. «[You have
        saved my day|That is just what I need]!» said the stranger, and gave {hero} {first}. A little
        later, {he} met {secondwhy}. «[Please, take this|This will help you],» said {hero}, and gave away
        {the first}. «How can I thank you?» was the answer. «All I have is {second}. Would you like it?»",
    );
    s.para(
        "{hero} [could hardly speak|jumped for joy]. {he} ran all the way home. «{start} became {first},»
        {he} told {elder}, «and {first} became {second}, and now it is yours.» {elder} [felt the soft
        wool|put it around them both]. «[No,» said {elder}, «it was your kindness that became a
        blanket.»|You helped two people to help me,» said {elder}.]",
    );
}

/// Saved coins are spent on somebody else.
pub(super) fn saved_coins(s: &mut Story) {
    s.row(["wish", "look"], &[["drum", "red"], ["boat", "white"], ["kite", "yellow"], ["lamp", "blue"]]);
    s.row(["work"], &[["swept the yard"], ["carried wood"], ["washed pots"], ["picked beans"]]);
    s.row(
        ["sad", "lost", "need"],
        &[
            ["a boy who sold apples", "His apples had fallen into the river", "bread for his mother"],
            ["an old man with a broken cart", "A wheel had come off on the bad road", "a new wheel"],
            ["a girl who was crying", "She had lost her purse", "the medicine for her brother"],
            ["a woman with a thin goat", "Her hay had burned", "hay for the winter"],
        ],
    );
    s.open("All [summer|winter]", "{work} for {elder} and put every coin into a jar");
    s.say(
        "{he} was saving for a {look} {wish} in the window of the shop. [Every week {he} went there to look
        at it.|At night {he} dreamed of it.] At last the jar was full. {hero} [ran|hopped] all the way to
        the market with the jar under one arm.",
    );
    s.para(
        "On the way, {he} met {sad}. «[What is the matter|Can I help you]?» asked {hero}. {lost}, and now
        there was no money for {need}. {hero} [held the jar tight|looked at the jar, and {he} looked at
        the shop]. The {wish} was so near! «[A {wish} can wait|I can save again, but this cannot wait],»
        {he} thought. {he} counted out the coins until the jar was empty.",
    );
    s.para(
        "{hero} walked past the shop without looking. The next morning, there was a [parcel|box] in front
        of the door. In it lay the {look} {wish}! The [man in the shop|woman in the shop] had seen it all
        through the window. «For one who gives,» said a note. [{hero} read it three times.|] «[I think I
        will fill the jar again|Now I can save for the next one who needs it],» {hero} said to {elder}.",
    );
}

/// A pot of soup that everybody knows better.
pub(super) fn too_many_cooks(s: &mut Story) {
    s.third("third");
    s.row(
        ["spice", "cure"],
        &[["salt", "potatoes"], ["pepper", "milk"], ["lemon", "honey"], ["garlic", "rice"]],
    );
    s.row(["guest"], &[["Aunt Vera"], ["Uncle Bill"], ["the teacher"], ["the captain"]]);
    s.open("One [evening|Sunday]", "was cooking a pot of soup because {guest} was coming to supper");
    s.say(
        "{hero} tried the soup. «It needs {spice},» {he} said, and put in a spoonful. Then {he} went to
        [lay the table|fetch some wood]. {full friend} came in and tried the soup. «It needs {spice},»
        said {friend}, and put in a spoonful. Then {full third} came in. «[Hm|Mm],» said {third}. «It
        needs {spice}.»",
    );
    s.para(
        "When {guest} came, everybody sat down. {hero} took the first spoonful. {His} eyes went
        [round|wide], and {he} drank three cups of water. «[What happened|Who did that]?» {he} cried. «I
        put in some {spice},» said {friend}. «[So did I|I did, too],» said {third}. «Oh,» said {hero}.
        «Me, too.» Then {guest} began to laugh.",
    );
    s.para(
        "«[In my kitchen|At home], we have a rule,» said {guest}. «One cook and many helpers.» They put
        {cure} into the pot, and more water, and {cure} again. [{friend} cut, {third} stirred and {hero}
        tried it.|Now {hero} was the cook, and {he} told each of them what to do.] It was late when the
        soup was ready, but it was good. [They ate soup for a week.|The whole street had some.|] And the
        next time, [they asked before they helped|{hero} put a note on the pot that said, «Done!»].",
    );
}

/// The last piece: each leaves it to the other.
pub(super) fn last_piece(s: &mut Story) {
    s.bind("treat", &TREATS);
    s.row(
        ["who", "how"],
        &[
            ["a little ant", "carried away a crumb of it"],
            ["a hungry sparrow", "took a big bite"],
            ["a big dog", "ate it in one bite"],
            ["a cheeky goat", "ate it, and a corner of the cloth, too"],
        ],
    );
    s.open(
        "One [warm|fine] [day|afternoon]",
        "and {his} friend {friend} had a plate of {treat.many} in the garden",
    );
    s.say(
        "They ate and talked until only one {treat} was left. [It was the best one.|It was the biggest of
        all.] «You take it,» said {hero}. «No, you take it,» said {friend}. «You are my guest,» said
        {hero}. «[But they are yours|But you are hungrier],» said {friend}. [They pushed the plate to and
        fro.|They both looked at the {treat} and did not touch it.]",
    );
    s.para(
        "«I will close my eyes, and you eat it,» said {hero} and closed both eyes. But {friend} closed both
        eyes, too! It was very quiet. Then they heard a sound. When they looked up, {who} was at the plate
        and {how}.",
    );
    s.para(
        "{hero} and {friend} [stared|sat there with open mouths]. Then they laughed until [they fell off
        the bench|their cheeks were wet]. «[At least somebody liked it|Well, now we know who takes it],»
        said {friend}. [{hero} went inside and came back with a knife. «Next time, we cut it in two,» {he}
        said. And so they did.|After that, they always cut the last one in two, even when it was very
        small.]",
    );
}
