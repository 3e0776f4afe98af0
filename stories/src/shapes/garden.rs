//! Things that grow, and those who live among them.

use super::super::story::Story;
use super::super::words::TREASURES;

/// A seed needs time; impatience nearly spoils it.
pub(super) fn planting_a_seed(s: &mut Story) {
    s.row(
        ["plant", "grew", "end"],
        &[
            [
                "sunflower",
                "until it was taller than {elder}",
                "The birds came in autumn to eat its seeds, and {hero} kept one seed for the next spring",
            ],
            [
                "pumpkin",
                "until there was a pumpkin rounder than a ball",
                "In autumn it was soup for the whole street, and {hero} kept one seed for the next spring",
            ],
            [
                "bean",
                "up a pole and over the wall",
                "There were beans for a month, and {hero} kept one bean for the next spring",
            ],
            [
                "melon",
                "until there was a melon as big as a head",
                "It was sweet and red inside, and {hero} kept one seed for the next spring",
            ],
        ],
    );
    s.row(
        ["mistake", "lesson"],
        &[
            ["dug it up again to look at it", "It cannot grow while you look at it"],
            ["gave it ten cans of water", "It wants to drink, not to swim"],
            ["pulled at the little stem to make it taller", "You cannot pull it tall"],
        ],
    );
    s.open("One spring [day|morning]", "got a {plant} seed from {elder}");
    s.say(
        "«[Put it into the earth and wait|It needs earth, water, sun and time],» said {elder}. {hero} put
        it into the ground. In the evening, {he} went to look. Nothing! {he} looked the next morning.
        [Still nothing.|Nothing again!] So {he} {mistake}.",
    );
    s.para(
        "«Oh, {hero},» said {elder}. «{lesson}.» [{hero} was ashamed.|«But waiting is so hard,» said
        {hero}.] {elder} gave {him} [one more seed|the last seed]. This time {he} gave it a little water
        each day and did nothing else. [To pass the time, {he} sang to it.|To pass the time, {he} played
        with {friend} beside it.|{friend} helped {him} to wait.]",
    );
    s.para(
        "On the [tenth|ninth|twelfth] day, there was a green tip! Then there were two leaves, then four. It
        grew and grew, {grew}. «[I did nothing at all|I only waited],» said {hero}. «[That was the hard
        part|Yes, and you did it well],» said {elder}. {end}.",
    );
}

/// Too much of a good thing.
pub(super) fn too_much(s: &mut Story) {
    s.row(
        ["food", "source", "color"],
        &[
            ["cherries", "a tree full of cherries", "red"],
            ["blueberries", "a bush full of blueberries", "blue"],
            ["plums", "a basket of plums", "purple"],
            ["strawberries", "a whole field of strawberries", "red"],
        ],
    );
    s.open("One [summer|warm] [day|morning]", "found {source} behind the [barn|house|hill]");
    s.say(
        "«Take ten home for [a cake|supper],» said {elder}, «and leave some for the others.» {hero} ate
        one. It was [sweet|so good]. {he} ate ten, and then {he} ate twenty. [{friend} came
        along.|{friend} saw {him} there.] «May I have some {food}, too?» asked {friend}. «No, I found
        them!» said {hero} with a full mouth.",
    );
    s.para(
        "{he} ate until there were [no {food} left|only three {food} left]. Then {his} tummy began to hurt.
        {hero} lay down [in the grass|under a tree] and [groaned|held {his} tummy]. {His} mouth and {his}
        {hand}s were {color}. [There was nothing to take home.|«Never again,» {he} said.]",
    );
    s.para(
        "{friend} had not gone far. {friend} brought {elder}, who [made hot tea|carried {hero} home]. «[You
        will be well tomorrow|It will pass],» said {elder}. «But what about the others?» The next day,
        {hero} was well again. {he} [walked a long way|looked all morning] and found another place with
        {food}. {he} picked a bowl full, ate only [two|three] and took the rest to {friend}. «[Ten are
        better than a hundred|They taste better with you],» said {hero}.",
    );
}

/// A small bird has fallen from its nest.
pub(super) fn fallen_from_the_nest(s: &mut Story) {
    s.row(
        ["nest", "up", "problem"],
        &[
            ["high in the oak", "climbed on {elder}'s shoulders", "The nest was too high"],
            [
                "under the roof of the barn",
                "climbed the ladder while {elder} held it",
                "The wall was too steep",
            ],
            ["in the thorn hedge", "put on thick gloves and reached in slowly", "The thorns were too sharp"],
        ],
    );
    s.open("After a [windy|stormy] night", "found a tiny bird in the [wet|long] grass");
    s.say(
        "It could not fly yet. It opened its mouth and [peeped|cried]. [A cat sat on the wall and looked at
        it.|It was cold and shaking.] «[Do not be afraid|I will help you],» whispered {hero}. {he} took
        off {his} [hat|scarf] and put the bird in it, very gently.",
    );
    s.para(
        "«We must find the nest,» said {friend}, who had come to see. They [looked up into every
        tree|listened]. Then they heard [more peeping|other small voices]. The nest was {nest}! {problem}.
        [{hero} tried alone and slid down again.|«I cannot do it alone,» said {hero}.] So {he} went to
        fetch {elder}. Then {hero} {up}. At last {he} put the bird back with its brothers and sisters.",
    );
    s.para(
        "They all stood far away and waited. [Would the mother come?|Nobody said a word.] At last the
        mother bird came with a fat worm, and she fed them all. {hero} [let out a long breath|took
        {friend}'s {hand}]. Some weeks later, a young bird sat on {hero}'s window and sang. [«I think it
        knows me,» said {hero}.|{hero} was sure that it was the same one.]",
    );
}

/// The birds eat what was sown, until they get a place of their own.
pub(super) fn birds_and_seeds(s: &mut Story) {
    s.row(
        ["scare", "fail"],
        &[
            ["a man of straw with an old hat", "the birds sat on the hat and sang"],
            ["bells on a string", "the birds liked the music"],
            ["red rags on poles", "the birds took the rags for their nests"],
            ["a big paper owl", "the birds were not afraid of paper"],
        ],
    );
    s.row(["seed", "crop"], &[["pea", "peas"], ["corn", "corn"], ["bean", "beans"], ["carrot", "carrots"]]);
    s.row(["pest"], &[["fat green worms"], ["hungry snails"], ["tiny black beetles"]]);
    s.open("In the spring", "put {seed} seeds into the ground, row by row");
    s.say(
        "As soon as {he} was done, the birds came and ate them. «[Go away|Those are mine]!» shouted {hero},
        and {he} waved {his} arms. So {hero} put up {scare}. It was no use, because {fail}.",
    );
    s.para(
        "{hero} [sat down and sighed|was angry]. «I will [catch|chase] them all,» {he} said. «Maybe they
        are just hungry,» said {friend}. Together they made a corner for the birds, with [old bread and a
        bowl of water|crumbs and a dish of water]. Now the birds went to their own corner, and {hero} put
        new seeds into the ground.",
    );
    s.para(
        "The {crop} grew green and tall. Then, one [morning|day], {pest} came and began to eat the leaves.
        «[Oh no|All that work]!» cried {hero}. But the birds came down from the trees and ate up every one
        of them. {hero} [laughed|clapped]. «[You were hungry, and now you help me|It is good to have you
        here],» {he} told the birds. That year, there were [bowls|baskets] full of {crop} for everybody.",
    );
}

/// A caterpillar in a jar teaches how to let go.
pub(super) fn caterpillar(s: &mut Story) {
    s.row(
        ["color", "wings"],
        &[["green", "yellow"], ["brown", "orange"], ["black", "red"], ["striped", "blue"]],
    );
    s.row(["name"], &[["Button"], ["Noodle"], ["Pickle"], ["Wiggle"]]);
    s.open("One [spring|summer] [day|morning]", "found a {color} caterpillar on a leaf");
    s.say(
        "{he} took it home in a jar with [holes in the lid|a cloth over it] and named it {name}. {he}
        brought fresh leaves, and every day {name} got fatter. [{friend} came to look at it, too.|{hero}
        talked to {name} before bed.]",
    );
    s.para(
        "Then, one morning, {name} was gone. A small [brown|dry] thing hung from a twig. «{name} is dead!»
        cried {hero}. «No,» said {elder}. «[Wait and see|It is only sleeping and changing].» {hero} waited
        [ten days|two weeks]. [{he} did not move the jar at all.|{he} kept the jar in a safe place.] At
        last the thing opened, and out came a creature with {wings} wings!",
    );
    s.para(
        "«[It is a butterfly|You are beautiful]!» whispered {hero}. {he} wanted to keep it. But {name} flew
        against the glass, again and again. «[What are wings for, in a jar|Can it fly in there]?» asked
        {elder} softly.",
    );
    s.say(
        "{hero} [swallowed|thought of the wide sky]. Then {he} opened the lid. {name} sat on {his} {hand}
        for a moment and flew up over the [roof|trees]. [Next spring, there were {wings} butterflies all
        over the garden.|{hero} was sad and glad at the same time.|«Come and visit me,» called {hero}.]",
    );
}

/// The fruit hangs too high for one.
pub(super) fn out_of_reach(s: &mut Story) {
    s.row(
        ["fruit", "tree"],
        &[["apple", "apple tree"], ["pear", "pear tree"], ["plum", "plum tree"], ["peach", "peach tree"]],
    );
    s.row(
        ["first", "failed"],
        &[
            ["jumped", "it was much too high"],
            ["threw a stick", "the stick got stuck in the tree"],
            ["shook the tree", "only leaves came down"],
            ["stood on a bucket", "the bucket tipped over"],
        ],
    );
    s.third("third");
    s.row(
        ["who"],
        &[
            ["who was old and could not climb any more"],
            ["who had hurt one foot"],
            ["who was too short as well"],
        ],
    );
    s.open("One autumn [day|morning]", "saw the last {fruit} on the {tree}");
    s.say(
        "It was [big and golden|ripe and round]. {hero} {first}, but {failed}. {full friend} came by. «That
        {fruit} is mine!» said {friend}. «I saw it [yesterday|from the road].» Then came {full third},
        {who}, and looked up, too. «I would like a bite of that,» said {third}.",
    );
    s.para(
        "They all [stood there and argued|wanted it for themselves]. [The {fruit} hung in the sun and did
        not care.|] «[If we go on like this, the birds will get it|None of us can reach it alone],» said
        {hero}. «Listen. I will stand on {friend}'s shoulders, and {third} will hold us.» [They swayed to
        the left, and they swayed to the right.|] {hero} reached out, [higher and higher|as far as {he}
        could], and picked the {fruit}!",
    );
    s.para(
        "Then they [looked at each other|sat down in the grass]. Who should have it? {hero} [took out a
        knife and cut it into three|broke it into three parts]. [The parts were small, but nobody
        minded.|It was the sweetest {fruit} of the year.] They put the seeds into the ground, [one for
        each of them|side by side]. Years later, three trees stood there, and [they were friends
        still|nobody ever had to argue again].",
    );
}

/// A thing of beauty is looked for far away and found at home.
pub(super) fn prettiest_thing(s: &mut Story) {
    s.bind("gem", &TREASURES);
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.row(
        ["want", "answer"],
        &[
            ["a bit of the sea", "the sound of the waves"],
            ["a bit of the sun", "the warm light"],
            ["a bit of summer", "the smell of flowers"],
        ],
    );
    s.open("One [winter|autumn] day", "asked {elder}, who was ill in bed, «What shall I bring you?»");
    s.say(
        "«Bring me {want},» said {elder} with a smile. {hero} went out. «Have you got {want}?» {he} asked
        the woman in the shop. «No,» she said. «But you may take this {gem}.»",
    );
    s.say("Then {he} asked {friend}. «No,» said {friend}, «but I will come with you.»");
    s.para(
        "They looked [up the hill and down by the river|all day long]. The sun went down, and {hero} had
        only the {gem} and cold feet. «I found nothing,» {he} said to {elder}, and {he} [began to cry|sat
        down by the bed]. «I only have this {gem}, and I can tell you what we saw.» {he} told about the
        [red clouds|frozen grass], and about [the fox by the road|the geese in the sky], and about
        {friend}, who [sang the whole way|fell into a ditch].",
    );
    s.para(
        "{elder} listened with closed eyes. «[Go on. And then|What else did you see]?» {elder.he} asked.
        {hero} talked until the moon came up. «You did find it,» said {elder}. «I have {answer} right here
        in my room.» The next morning, {elder} [could sit up|ate a whole bowl of soup], and the {gem} lay
        on the table beside the bed.",
    );
}
