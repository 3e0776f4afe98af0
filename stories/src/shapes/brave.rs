//! Fears, and what becomes of them.

use super::super::story::Story;
use super::super::words::TOYS;

/// A noise in the night has an ordinary cause.
pub(super) fn noise_in_the_night(s: &mut Story) {
    s.row(
        ["noise", "fear", "cause", "fix"],
        &[
            [
                "tap, tap, tap",
                "a ghost with long fingers",
                "a branch that knocked on the window in the wind",
                "tied the branch back with a string",
            ],
            ["hoo, hoo", "a ghost", "an owl on the roof, singing to the moon", "said good night to the owl"],
            ["drip, drop, drip", "somebody with wet feet", "the tap in the kitchen", "closed the tap"],
            [
                "creak, bang, creak",
                "a giant on the stairs",
                "the door of the shed, which was open",
                "closed the door of the shed",
            ],
            [
                "scratch, scratch",
                "a monster with claws",
                "a little mouse with a crust of bread",
                "gave it the rest of the bread outside",
            ],
        ],
    );
    s.open("One [dark|windy] night", "woke up because of a noise");
    s.say(
        "It went {noise}. {hero} [sat up in bed|pulled the blanket over {his} head]. «What is that?» {he}
        whispered. It came again, {noise}. [{he} was sure that it was {fear}.|It could be {fear}!]",
    );
    s.para(
        "{hero} [tiptoed|ran] to {elder}'s bed. «There is {fear}!» {he} said. [{elder} yawned and lit a
        candle.|{elder} sat up and listened.] «[Let us go and say hello to it|We will look together],»
        said {elder}. {hero} did not want to go, but {he} did not want to stay alone either. So {he} took
        {elder}'s hand.",
    );
    s.para(
        "They went [down the dark stairs|step by step], and the noise got louder. {noise}! {hero} held up
        the candle. It was {cause}! [{hero} began to laugh.|«Is that all?» said {hero}.] «[Most monsters
        are like that|Things look smaller in the light],» said {elder}. {hero} {fix}, and then {he} [slept
        until morning|fell asleep at once]. Later, when {friend} stayed the night and was afraid of a
        noise, {hero} said, «Come, [let us go and say hello|we will look together].»",
    );
}

/// Fear of the dark ends outside, where the dark has lights of its own.
pub(super) fn afraid_of_the_dark(s: &mut Story) {
    s.row(
        ["lights", "only"],
        &[
            ["a hundred glow worms in the grass", "glow worms"],
            ["more stars than anybody could count", "stars"],
            ["the lights of the ships far out on the sea", "the lights of ships"],
        ],
    );
    s.row(
        ["errand"],
        &[
            ["The cat had not come home"],
            ["A lamb had not come home"],
            ["{friend} had not come home"],
            ["The washing was still outside, and it was going to rain"],
        ],
    );
    s.open_about(
        "who was afraid of the dark",
        "One [summer|quiet] evening",
        "sat inside by the lamp, as always",
    );
    s.say(
        "[«Somebody could be hiding in the dark,» {he} always said.|{he} always slept with the lamp on.]
        But that evening, {elder} needed help. {errand}. «[I cannot go alone. Will you come with me|Four
        eyes are better than two. Will you come|Will you carry the lamp for me]?» said {elder}.",
    );
    s.para(
        "{hero} [swallowed. Then {he} nodded|looked at the black window. Then {he} put on {his} shoes|did
        not want to, but {he} went along]. Outside, {he} held on to {elder}'s sleeve. [At first {he} could
        see nothing. Then {he} could see the path.|{he} listened to every sound.|Something rustled, but it
        was only leaves.] [The lamp went out in the wind!|Then the lamp fell and went out!] «[Do not be
        afraid|Wait a moment],» said {elder}. «Now [look up|look around].» And {hero} saw {lights}.",
    );
    s.para(
        "«[Oh! Was that there every night|How lovely! Is it always there]?» whispered {hero}. «[Every
        night|Always],» said {elder}. «You can only see {only} in the dark.» [Soon all was well, and they
        walked home without a lamp.|They did what they had come for, and they walked home slowly.] [{hero}
        did not even hold the sleeve.|] That night, {he} [blew out the lamp {himself}|put out the lamp and
        opened the curtain]. «Good night, dark,» {he} said.",
    );
}

/// A high place is conquered in small steps.
pub(super) fn high_place(s: &mut Story) {
    s.row(
        ["place", "top", "step"],
        &[
            ["the big slide", "at the top of the slide", "one more rung of the ladder"],
            ["the high rock by the lake", "on the edge of the rock", "one rock higher"],
            ["the old watch tower", "at the top of the tower", "one more stair"],
        ],
    );
    s.row(
        ["prize"],
        &[
            ["one could see the sea from there"],
            ["the whole village looked like a toy"],
            ["the wind sang in {his} ears"],
        ],
    );
    s.open("One [summer|fine|warm] day", "stood in front of {place} and did not dare to go up");
    s.say(
        "All the others had done it. {friend} had done it ten times. «[It is not high|It is easy],» they
        called. But {hero} looked up, and {his} tummy felt [cold|funny]. {he} turned around[, and some of
        them laughed|].",
    );
    s.para(
        "{friend} went with {him}. «I was scared, too,» said {friend}. «[Nobody knows that|You are the
        first one I have told]. Do you want to know my trick? Each day, I went up {step}, and no further.»
        The next morning, when nobody was there, {hero} went up a tiny bit and [came down again|counted to
        ten]. The day after, {he} went up {step}. [After a week, {he} was halfway.|Each day, {he} said to
        {himself}, «Only a little.»]",
    );
    s.para(
        "Then, one morning, there was no more up. {hero} was {top}! [{His} heart beat like a drum.|{he}
        held on with all ten fingers.] {he} opened {his} eyes, and {prize}. «[Look|I did it], {friend}!»
        {he} shouted. From then on, when a small one was afraid, {hero} did not laugh. {he} said, «Shall I
        tell you a trick?»",
    );
}

/// The big dog behind the gate wants something simple.
pub(super) fn dog_at_the_gate(s: &mut Story) {
    s.row(
        ["want", "give", "then"],
        &[
            [
                "looking at a ball that lay outside the gate",
                "rolled the ball under the gate",
                "The dog took it and lay down like a lamb",
            ],
            [
                "pulling at a chain that was caught around a post",
                "pulled the chain free with a long stick",
                "The dog licked {his} {hand}s",
            ],
            [
                "licking one foot with a thorn in it",
                "held the foot and pulled the thorn out",
                "The dog put its big head on {his} knee",
            ],
            [
                "pushing at an empty water bowl",
                "filled the bowl at the pump",
                "The dog drank it all and wagged its tail",
            ],
        ],
    );
    s.row(["name"], &[["Thunder"], ["Bear"], ["Wolf"], ["King"]]);
    s.open(
        "Every [day|morning] on the way to school",
        "had to walk past a gate with a huge black dog behind it",
    );
    s.say(
        "«Woof, woof!» went the dog, and {hero} [ran as fast as {he} could|pressed {himself} against the
        other wall]. The name on the gate was {name}. [{hero} even dreamed of {name}.|] «Have you ever
        looked at him?» asked {elder}. «[No. I only run|I look at my feet],» said {hero}.",
    );
    s.para(
        "The next morning, {friend} came with {him}. The dog barked. {hero}'s legs [wanted to run|shook],
        but {friend} held {him} by the sleeve. This time {he} looked. The dog was not looking at {him} at
        all! It was {want}. «[He is not angry|He is asking for help],» said {hero} slowly. [{he} took one
        step, and one more.|Step by step, {he} went closer.]",
    );
    s.para(
        "{hero} {give}. {then}. «So that was it,» said {hero}, and {he} [laughed with relief|let out a long
        breath]. From then on, {he} started for school five minutes early, so that there was time to say
        good morning to {name}. [«He only sounds wild,» {hero} told everybody.|And whenever {name} saw
        {him}, the tail began to wag.]",
    );
}

/// The first day at school, with something of home in the pocket.
pub(super) fn first_day_at_school(s: &mut Story) {
    s.elder(&[("Mama", true), ("Papa", false)]);
    s.row(
        ["token", "where"],
        &[
            ["a little heart of cloth", "pocket"],
            ["a button from {elder}'s coat", "pocket"],
            ["a red thread", "sleeve"],
            ["a tiny drawing of home", "shoe"],
        ],
    );
    s.row(
        ["name", "thing"],
        &[
            ["bag", "the same blue bag"],
            ["lunch", "the same lunch"],
            ["shoes", "the same yellow shoes"],
            ["cap", "the same green cap"],
        ],
    );
    s.open("On the first day of school", "did not want to get up");
    s.say(
        "«[I have a tummy ache|My feet do not want to go],» {he} said. «[I know|I felt the same once],»
        said {elder}, and {elder.he} gave {hero} {token}. «Put it in your {where}. When you miss me,
        [touch it|think of it], and I will be thinking of you.» So {hero} went, [slowly|very slowly].",
    );
    s.para(
        "The school was big and loud. {hero} stood at the door and [touched the {where}|thought of the
        {where}]. Then {he} saw {a friend}, who stood all alone [in the corner|by the wall] and was
        crying. {friend} had {thing} as {he} had! «Look,» said {hero}. «[We match|We are the same].»",
    );
    s.para(
        "«I want to go home,» said {friend}. {hero} took out {the token}. «It is from {elder},» {he} said.
        «We can share it. [You have it before lunch, and I have it after|You hold it now, and I will hold
        it later].» [They sat next to each other all day.|They learned the letter A and a song.] When
        {elder} came to fetch {him}, {hero} did not want to go home. «[Is it school again tomorrow|Can we
        come back tomorrow]?» {he} asked.",
    );
}

/// Somebody is stuck, and it takes a clever plan rather than strength.
pub(super) fn rescue_from_the_hole(s: &mut Story) {
    s.row(
        ["trap", "fail", "plan"],
        &[
            [
                "an old dry well",
                "The rope was too short",
                "tied their scarves and belts to the rope, and then it was long enough",
            ],
            [
                "a deep pit in the wood",
                "The walls were too steep",
                "pushed a fallen tree over the edge, and it made a ladder",
            ],
            [
                "a deep ditch",
                "The sides were too wet to climb",
                "threw down branches, and they made steps of them",
            ],
            [
                "the cellar of a ruined house",
                "The stairs had fallen in",
                "filled the hole with barrels, one on top of the other",
            ],
        ],
    );
    s.third("third");
    s.open("One [day|autumn day]", "was looking for [mushrooms|nuts] with {friend} and {third}");
    s.say(
        "{third} ran ahead. Then there was a cry. {third} had fallen into {trap}! «[Are you hurt|Can you
        hear us]?» called {hero}. «[Only a little|I am fine],» called {third}, «but I cannot get out!»",
    );
    s.para(
        "{friend} [began to cry|ran around in circles]. {hero} lay down at the edge and [looked|thought].
        {fail}. «[We are not strong enough|It is no use],» said {friend}. «[Then we must be clever|Then we
        must think],» said {hero}. «What have we got?» [They looked around.|] Then {hero} had a plan. They
        {plan}.",
    );
    s.para(
        "{third} climbed [slowly|higher and higher]. [First a {third.hand} came up, then a dirty face.|]
        Then {third} lay in the grass beside them. All three of them [held each other|laughed and cried].
        «I will not run ahead again,» said {third}. [They put a fence of branches around the place, so
        that nobody else could fall in.|On the way home, they walked side by side.] «You are a good team,»
        said {elder}, when {hero} told about it at supper.",
    );
}

/// A monster under the bed turns out to be as lonely as a sock.
pub(super) fn under_the_bed(s: &mut Story) {
    s.bind("toy", &TOYS);
    s.row(
        ["eyes", "really"],
        &[
            ["two shining eyes", "two glass buttons on an old coat"],
            ["a long arm", "the sleeve of an old coat"],
            ["a hairy back", "a winter hat full of dust"],
            ["a fat green foot", "an old green boot"],
        ],
    );
    s.open("One [evening|night]", "lay in bed and wanted {his} {toy}");
    s.say(
        "It had fallen down and rolled under the bed. {hero} looked over the edge, and there {he} saw
        {eyes}! {he} [pulled back|jumped up] at once. «There is a monster under my bed,» {he} said, «and
        it has got my {toy}!»",
    );
    s.para(
        "{friend}, who slept in the other bed that night, sat up. «[What does it want|Is it hungry]?»
        whispered {friend}. «I do not know,» said {hero}. «Ask it.» «Monster, [what do you want|are you
        hungry]?» said {friend}. The monster did not say a word. «[It is shy|Maybe it is more scared than
        we are],» said {hero}. [Now {he} was almost sorry for it.|]",
    );
    s.para(
        "So they took a [lamp|candle] and a long spoon. They counted to three and looked under the bed.
        {hero} poked the thing with the spoon. It was only {really}! [The two friends rolled on the floor
        and laughed.|They laughed so loudly that {elder} came in.] {hero} took {his} {toy}, which lay
        right next to it. «[Good night, monster|Sleep well, monster],» {he} said, and [{he} hung it on a
        hook, where it could see everything|they left it there, because every bed needs a good monster].",
    );
}
