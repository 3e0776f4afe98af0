//! Lies, promises, secrets and boasts.

use super::super::story::Story;
use super::super::words::{TOYS, TREASURES, TREATS};

/// Something broken, somebody blamed, and the clue that tells.
pub(super) fn lie_found_out(s: &mut Story) {
    s.row(["pet"], &[["cat"], ["dog"], ["goat"]]);
    s.row(
        ["deed", "thing", "clue", "sign"],
        &[
            [
                "broke the blue pot with a ball",
                "the blue pot",
                "Since when does the {pet} play with a ball",
                "The ball was still under the table",
            ],
            [
                "ate the cherry pie",
                "the pie",
                "Since when does the {pet} eat with a fork",
                "There was a fork next to the empty plate",
            ],
            [
                "spilled ink on the white cloth",
                "the cloth",
                "Since when does the {pet} write letters",
                "There was ink on {hero}'s fingers",
            ],
            [
                "walked over the clean floor with wet boots",
                "the floor",
                "Since when does the {pet} wear boots",
                "On the floor were the marks of two wet boots",
            ],
        ],
    );
    s.open("One [day|morning|afternoon]", "{deed}");
    s.say(
        "[It all went very fast.|Nobody had seen it.] But when {elder} asked, {hero} was [scared|afraid].
        «It was the {pet},» {he} said.",
    );
    s.para(
        "The {pet} had to stay outside. It sat in front of the door and looked [very sad|in]. [It rained,
        and the {pet} got wet.|It was cold outside.] {hero} [could not eat|could not play]. The lie felt
        like a stone in {his} tummy. «{clue}?» asked {elder} [slowly|after a while]. {sign}.",
    );
    s.para(
        "{hero} [turned red|looked down]. «It was me,» {he} said. «I am sorry about {thing}, and I am sorry
        about the {pet}.» {elder} [was quiet for a moment|nodded]. «[Things can be mended|{Thing} does not
        matter so much]. But thank you for the truth.» {hero} [ran to let the {pet} in|opened the door]
        and gave it half of {his} bread. [The stone in {his} tummy was gone.|The {pet} licked {his}
        {hand}, as if it had never been angry.] Then {hero} helped {elder} to clean up.",
    );
}

/// A promise stands against a pleasure.
pub(super) fn promise_kept(s: &mut Story) {
    s.row(
        ["owner", "duty", "saved", "thanks"],
        &[
            [
                "the old farmer",
                "feed the hens every evening",
                "A fox was creeping around the hen house! {hero} shouted and chased it away",
                "a basket of eggs",
            ],
            [
                "Aunt Vera",
                "water the beans every evening",
                "The beans hung their heads in the heat. {hero} gave them six cans of water",
                "a big bowl of beans",
            ],
            [
                "the baker",
                "close the shop windows every evening",
                "One window was wide open, and black clouds were coming. {hero} closed it just in time",
                "a warm loaf of bread",
            ],
            [
                "the shepherd",
                "count the sheep every evening",
                "There were only nineteen sheep! {hero} found the last one in a ditch and pulled it out",
                "a soft scarf of wool",
            ],
        ],
    );
    s.row(["fun"], &[["the circus"], ["the fair"], ["the puppet show"], ["the lake with the new boat"]]);
    s.open("One [day|summer day]", "made a promise to {owner}");
    s.say(
        "{owner} had to go away for a week. «I will {duty},» said {hero}. «You can count on me.» [It was
        easy at first.|And so {he} did, for six days.]",
    );
    s.para(
        "On the last evening, {friend} came running. «[Come quickly|Hurry]! We are going to {fun}!» {hero}
        [had never been there|wanted to go more than anything]. «[One evening does not matter|Nobody will
        ever know],» said {friend}. {hero} [stood at the gate for a long time|looked down the road]. «[I
        would know|I gave my word],» {he} said, and went to keep {his} promise.",
    );
    s.para(
        "It was good that {he} came. {saved}. The next day, {owner} came home and heard about it. «Without
        you, [I would have lost a lot|it would have gone badly],» said {owner}, and gave {hero} {thanks}.
        [«And because you missed the fun, I will take you there myself.» {Hero} had never been so
        proud.|{hero} shared it with {friend}, who said, «Next time, I will help you first, and then we
        will both go.»]",
    );
}

/// A signal used for fun is not believed in earnest.
pub(super) fn false_alarm(s: &mut Story) {
    s.row(
        ["signal", "call", "danger", "end"],
        &[
            [
                "rang the big bell",
                "Fire! Fire!",
                "smoke came out of the old barn",
                "put the fire out with forty buckets of water",
            ],
            [
                "blew the horn",
                "The river is coming!",
                "the river came over its banks",
                "carried all the beds to the top of the hill",
            ],
            [
                "beat on a pan",
                "The sheep are out!",
                "the sheep broke through the fence",
                "brought all the sheep back, one by one",
            ],
        ],
    );
    s.open_about(
        "who loved to play tricks",
        "One [quiet|dull] [day|morning]",
        "{signal} and shouted, «{call}»",
    );
    s.say(
        "Everybody came running, [some without shoes|and some were still in bed clothes|with buckets and
        ropes]. But nothing was wrong. «It was only a joke!» laughed {hero}. They [were not amused|did not
        laugh]. [The next week|Three days later], {he} did it again. [Fewer came this time.|Only half of
        them came, and they were angry.|Again they came, and again it was a joke.]",
    );
    s.para(
        "Then one [windy|dark] [night|evening], {hero} was alone outside, and {danger}! It was no joke now.
        {he} {signal} and shouted, «{call}» [Nobody came.|Nobody opened the door.] «It is only {hero}
        again,» they said. {hero} ran to {friend}'s house. «Please,» {he} [cried|begged], «you must
        believe me!»",
    );
    s.para(
        "{friend} looked at {him}. [There were real tears on {his} face.|{His} {hand}s were shaking.] «I
        believe you,» said {friend}, and together they ran from door to door. Now they all came, and they
        {end}. [{hero} worked harder than anyone.|] «I am sorry,» {hero} said to all of them. «[I will never
        do that again|No more tricks of that kind].» [And {he} kept {his} word.|It took a long time, but
        in the end they trusted {him} again.]",
    );
}

/// Everybody behaves oddly; it is not what the hero fears.
pub(super) fn surprise_party(s: &mut Story) {
    s.third("guest");
    s.row(
        ["odd", "truth"],
        &[
            ["{friend} hid something behind the back", "the thing behind the back was a present"],
            ["{friend} had flour on the nose", "the flour was from a cake"],
            ["{friend} had paint on both ears", "the paint was from a big sign with {hero}'s name"],
            [
                "{friend} whispered with {guest} and stopped when {hero} came",
                "the whisper was about the party",
            ],
        ],
    );
    s.row(["gift"], &[["a kite"], ["a swing"], ["a little boat"], ["a drum"], ["a pair of red boots"]]);
    s.open("On {his} birthday", "woke up early and [ran|hurried] to the kitchen");
    s.say(
        "But there was no cake, and nobody sang. «Good morning, {hero}. [Can you fetch some water|Please
        sweep the yard]?» said {elder}. {hero} went to see {friend}, and {odd}. «I have no time today,»
        said {friend}. [{Guest} had no time either.|{hero} went to see {guest}, but nobody was at home.]",
    );
    s.para(
        "«They have all forgotten my birthday,» thought {hero}. {he} walked [to the river|up the hill] and
        sat there all alone. [{he} sang a birthday song for {himself}, very quietly.|] When the sun went
        down, {he} [went slowly home|went home with {his} head down]. The house was dark. {hero} opened
        the door.",
    );
    s.para(
        "«Surprise!» shouted many voices. Lamps were lit, and there were {elder}, {friend}, {guest} and [a
        cake as big as a wheel|a table full of good things]! Now {hero} understood that {truth}. «[Did you
        think we forgot|Were you sad]?» asked {friend}. «A little,» said {hero}, «[but now I am twice as
        happy|but not any more].» In the middle of the table stood {gift}, and it was for {him}.",
    );
}

/// A tool taken without asking goes wrong.
pub(super) fn taken_without_asking(s: &mut Story) {
    s.row(
        ["tool", "use", "wrong", "amends"],
        &[
            [
                "saw",
                "build a house for birds",
                "the saw got stuck in the wood and bent",
                "sweep the floor of the workshop for a week",
            ],
            [
                "boat",
                "row to the island",
                "{he} climbed out to pick flowers, and the boat drifted away",
                "help to paint the boat",
            ],
            [
                "ladder",
                "pick the highest apples",
                "the ladder fell, and {he} sat in the tree and could not get down",
                "carry all the apples to the cellar",
            ],
            [
                "watch",
                "play train station",
                "the watch fell, and it did not tick any more",
                "carry letters until the new glass was paid",
            ],
            ["umbrella", "fly like a leaf", "the wind turned the umbrella inside out", "help to sew it"],
        ],
    );
    s.open("One [day|morning]", "wanted to {use}");
    s.say(
        "For this {he} needed the {tool}, and the {tool} was {elder}'s. «I could ask,» thought {hero}, «but
        [{elder} is asleep|maybe {elder} will say no].» So {he} took it without asking. [It went well at
        first.|For a while it was great fun.] But then {wrong}.",
    );
    s.para(
        "{hero} [wanted to hide|thought about running away]. {He} [called for help|sat there with a red
        face], and {friend} came. «[Oh dear|Oh no],» said {friend}. «You must tell {elder}.» «[I cannot|I
        am too scared],» said {hero}. «I will come with you,» said {friend}.",
    );
    s.para(
        "{elder} listened to the whole story. [It took a long time, because {hero} told every bit of
        it.|{hero}'s voice was very small.] «I am not angry about the {tool},» said {elder}. «But I [was
        worried about you|wish you had asked me].» {hero} promised to {amends}. And when that was done,
        {elder} said, «Now let us {use} together.» [With two, nothing went wrong.|That was much more fun
        than doing it in secret.]",
    );
}

/// A boast must be proved.
pub(super) fn boasting(s: &mut Story) {
    s.row(
        ["boast", "place", "fall", "rescue"],
        &[
            [
                "jump over the stream",
                "the stream",
                "landed in the middle of it with a big splash",
                "held out a long branch",
            ],
            [
                "climb to the top of the old oak",
                "the oak",
                "got stuck halfway and could not go up or down",
                "brought the ladder from the barn",
            ],
            [
                "ride on the big pig",
                "the farm",
                "landed in the mud behind the pig",
                "opened the gate and pulled {him} out",
            ],
            [
                "walk through the wood in the dark",
                "the wood",
                "walked into a bush full of thorns",
                "came with a lamp",
            ],
            [
                "carry ten eggs on one {hand}",
                "the hen house",
                "sat down in ten broken eggs",
                "brought a bucket of water and a towel",
            ],
        ],
    );
    s.open_about("who liked to boast", "One day", "told everybody, «I can {boast}!»");
    s.say(
        "[«Really?» asked {friend}.|{friend} was not so sure.] «Of course,» said {hero}. «[Nothing is too
        hard for me|I do it every day before breakfast].» It was not true at all. «Show us,» said the
        others. {hero} [felt hot and cold|swallowed]. Now {he} had to do it.",
    );
    s.para(
        "They all went to {place}. [{hero} looked at it, and it seemed bigger than yesterday.|{hero}'s
        knees began to shake.] «You do not have to do it,» said {friend} softly. But {hero} did not
        listen. {he} [took a deep breath|closed {his} eyes], tried it and {fall}.",
    );
    s.para(
        "Some of them laughed. {friend} did not laugh. {friend} {rescue}. «Thank you,» said {hero}. {he}
        [looked at {his} feet|was quiet for a while]. «I cannot {boast}. I have never done it.» «[I know|I
        thought so],» said {friend}. «But you can [tell good stories|make us laugh]. That is true, and it
        is enough.» [After that, {hero} told wild stories, and at the end {he} always said, «And none of
        it is true!»| From then on, {hero} only said what {he} could really do.]",
    );
}

/// A gift is secretly given by somebody who has little.
pub(super) fn secret_giver(s: &mut Story) {
    s.bind("treat", &TREATS);
    s.row(
        ["helped"],
        &[
            ["swept the snow from the steps"],
            ["mended the gate"],
            ["brought wood for the fire"],
            ["cooked a big pot of soup"],
        ],
    );
    s.elder(&[("Grandma", true), ("Grandpa", false)]);
    s.open("One [cold|winter|dark] morning", "found a {treat} on the step in front of the door");
    s.say(
        "Nobody was there. The next morning there was another {treat}. [«Who brings them?» asked {hero}.
        «It is a riddle,» said {elder}, who lived with {him}.|{elder}, who lived with {him}, did not know
        who had brought them.] So on the third morning {hero} got up [very early|before the sun] and [hid
        behind the curtain|looked through the keyhole].",
    );
    s.para(
        "{he} heard soft steps. It was {full friend}, who [had a coat with many holes|never had much to
        eat]! {friend} put down a {treat} and ran away. {hero} was [puzzled|surprised]. {he} followed
        {friend} home. «Why do you bring us {treat.many}?» {he} asked. {friend} jumped. «Last winter, when
        [I was ill|my mother was ill], somebody {helped} for us,» said {friend}. «I found out that it was
        {elder}. I wanted to say thank you in secret, too.»",
    );
    s.para(
        "{hero} told {elder} all about it. {elder} [laughed until the glasses slipped|had to sit down]. «[I
        thought nobody knew|And I was so quiet about it]!» The next morning, when {friend} came with a
        {treat}, [the door was open, and the table was set for three|there was a new warm coat on the
        step, and it was just {friend}'s size]. [Kind deeds like to go around.|That is how the secret came
        to an end, and a friendship began.]",
    );
}

/// Two toys or treasures are swapped, and one of the two has a fault that was not told.
pub(super) fn unfair_swap(s: &mut Story) {
    s.bind("toy", &TOYS);
    s.bind("gem", &TREASURES);
    s.open("One [day|morning|afternoon]", "wanted to have {friend}'s {full gem}");
    s.say(
        "«I will give you my {toy} for your {gem},» said {hero}. But {he} did not say that the {toy} was
        broken. Last week {toy.broke}, and {hero} had only [hidden the broken part|put it together with
        paper]. {friend} was so happy and ran home with the {toy}.",
    );
    s.para(
        "{hero} looked at the {gem}. It [was lovely|shone in the sun], but somehow {he} did not like to
        look at it. That night {he} [could not sleep|dreamed of the {toy}]. «By now {friend} knows that
        the {toy} is broken,» {he} thought. «{Friend.he} will [be so sad|never trust me again].»",
    );
    s.para(
        "In the morning, {hero} took the {gem} and went to {friend}. {friend} sat [on the steps|in the
        yard] with the broken {toy}. «It was me,» said {hero}. «It was broken before, and I did not tell
        you. Here is your {gem}.» «I thought that I had broken it,» said {friend} at last. «[I cried about
        it.|I was so worried.]» Then {hero} {toy.mend}, and {he} gave it to {friend} [as a present|for
        nothing]. [Only then could {he} laugh again.|This time it was a fair deal.]",
    );
}
