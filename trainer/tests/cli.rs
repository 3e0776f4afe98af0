//! `pipsqueak` as a person runs it: what works, and what goes wrong in a sentence, with nothing half-written left behind.

mod common;

use std::fs;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use common::{fail, folder, names, pipsqueak, program, succeed};

const TINY: &str = "--width 16 --layers 1 --heads 2 --context 16 --steps 20 --batch 4 --vocab 100";

/// A folder with a text and a model of it.
fn trained(name: &str) -> PathBuf {
    let folder = folder(name);
    succeed(&folder, "corpus --bytes 60K --out stories.txt");
    succeed(&folder, &format!("train --text stories.txt --out m.pip --f32-out f32.pip {TINY}"));
    folder
}

#[test]
fn people_of_stories_are_counted() {
    let folder = trained("stories_check");
    let check = |options: &str| {
        let prompt = ["--prompt", "Dan met Tom, Ben and Max. Dan"];
        let arguments = format!("stories-check --model m.pip --stories 6 {options}");
        let mut command = Command::new(program());
        command.current_dir(&folder).args(arguments.split_whitespace()).args(prompt).output().unwrap()
    };
    let said = String::from_utf8(check("--top-p 0.5").stdout).unwrap();
    let model = said.lines().find(|line| line.starts_with("of the model")).unwrap();
    assert!(model.ends_with(" 6 of 6"), "all name four people: {said}");
    let refusal = String::from_utf8(check("--top-p 0").stderr).unwrap();
    assert!(refusal.contains("above 0 and at most 1"), "{refusal}");
}

#[test]
fn from_a_text_to_a_text() {
    let folder = trained("whole");
    let generate = "generate --model m.pip --prompt Once --length 40";
    let text = succeed(&folder, generate);
    assert!(text.starts_with("Once"), "{text}");
    assert_eq!(text, succeed(&folder, generate), "the same seed, another text");
    assert_ne!(text, succeed(&folder, &format!("{generate} --seed 7")));

    let shown = succeed(&folder, "inspect --model m.pip");
    let size = fs::metadata(folder.join("m.pip")).unwrap().len();
    assert!(shown.contains(&pipsqueak_trainer::human::bytes(size)), "{shown}");
    for word in ["stories.txt, 20 steps", "bits per byte", "100 tokens, context 16", "Raspberry Pi Pico"] {
        assert!(shown.contains(word), "no «{word}» in {shown}");
    }
    let loss = |model: &str| -> f64 {
        let shown = succeed(&folder, &format!("eval --model {model} --text stories.txt --tokens 3000"));
        let line = shown.lines().find(|line| line.starts_with("loss")).unwrap().to_string();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let (int8, f32) = (loss("m.pip"), loss("f32.pip"));
    assert!((int8 - f32).abs() < 0.02 * f32, "int8 {int8}, f32 {f32}");
    assert!(f32 < 100f64.ln(), "20 steps have taught it nothing: {f32}");
}

#[test]
fn a_run_tells_how_it_goes_and_draws_it() {
    let folder = folder("curve");
    succeed(&folder, "corpus --bytes 60K --out stories.txt");
    let said = succeed(&folder, &format!("train --text stories.txt --out m.pip {TINY}"));
    let steps: Vec<_> = said.lines().filter(|line| line.starts_with("step ")).collect();
    assert_eq!(steps.len(), 10, "{said}");
    assert!(steps.iter().all(|line| line.contains(" tokens/s ") && line.contains(" left")), "{said}");
    assert_eq!(said.lines().filter(|line| line.trim().starts_with('«')).count(), 10, "{said}");
    for part in
        ["\n  f32 ", "\n  int8 ", "written        m.pip", "loss curve     m.svg", "Blue Pill", "\nnext "]
    {
        assert!(said.contains(part), "no «{part}» in {said}");
    }
    let svg = fs::read_to_string(folder.join("m.svg")).unwrap();
    assert!(svg.contains("m.pip: stories.txt") && svg.matches("<circle").count() == 22, "{svg}");
}

/// A text that is too short for the model: the losses fall, and rise again.
#[test]
fn the_best_weights_are_written_and_a_run_that_gets_no_better_stops() {
    let folder = folder("best");
    succeed(&folder, "corpus --bytes 12K --out stories.txt");
    let options =
        "--text stories.txt --width 64 --layers 2 --context 32 --steps 600 --dropout 0 --bpe-dropout 0";
    let said = succeed(&folder, &format!("train --out best.pip {options}"));
    assert!(said.contains("it was long ago that the held-out text was predicted best"), "{said}");
    assert!(said.contains("the weights that are kept are those after "), "{said}");
    let last = succeed(&folder, &format!("train --out last.pip {options} --keep last"));
    assert!(last.contains("in 600 steps") && !last.contains("the weights that are kept"), "{last}");
    let loss = |said: &str| -> f64 {
        let line = said.lines().find(|line| line.starts_with("  int8 ")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert!(loss(&said) < 0.9 * loss(&last), "{said} {last}");
    let least =
        said.lines().filter_map(|line| line.split("validation ").nth(1)?.split(' ').next()?.parse().ok());
    assert!(loss(&said) < 1.005 * least.fold(f64::INFINITY, f64::min), "{said}");
    // A checkpoint holds both.
    for (keep, file) in [("best", "best.pip"), ("last", "stopped.pip")] {
        succeed(
            &folder,
            &format!("export --checkpoint best.checkpoint.safetensors --out {keep}.out --keep {keep}"),
        );
        let measured = succeed(&folder, &format!("eval --model {keep}.out --text stories.txt"));
        if keep == "best" {
            assert_eq!(
                measured.lines().nth(2),
                succeed(&folder, &format!("eval --model {file} --text stories.txt")).lines().nth(2)
            );
        }
    }
    let resumed = succeed(&folder, &format!("train --out best.pip {options} --resume"));
    assert!(resumed.contains("it was long ago"), "{resumed}");
}

#[test]
fn a_run_goes_on_from_another_model() {
    let folder = folder("from");
    succeed(&folder, "corpus --bytes 60K --out stories.txt");
    succeed(&folder, "corpus --bytes 20K --seed 2 --out more.txt");
    let long = "--width 32 --layers 2 --context 32 --vocab 256 --batch 4 --steps 300";
    succeed(&folder, &format!("train --text stories.txt --out m.pip --f32-out f32.pip {long}"));
    let bits = |said: &str| -> f64 {
        let line = said.lines().find(|line| line.starts_with("  int8 ")).unwrap();
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    let few = "--text more.txt --out n.pip --batch 4 --steps 30";
    let anew =
        bits(&succeed(&folder, &format!("train {few} --width 32 --layers 2 --context 32 --vocab 256")));
    for from in ["m.pip", "f32.pip", "m.checkpoint.safetensors"] {
        let said = succeed(&folder, &format!("train {few} --from {from}"));
        assert!(said.contains("2 layers of width 32") && bits(&said) < 0.8 * anew, "{anew} {said}");
    }
    let straight = fs::read(folder.join("n.pip")).unwrap();
    let stopped = format!("train {few} --from m.checkpoint.safetensors --checkpoint-every 5");
    succeed(&folder, &stopped);
    succeed(&folder, &format!("{stopped} --resume"));
    assert!(fs::read(folder.join("n.pip")).unwrap() == straight);
    let message = fail(&folder, &format!("train {few} --from m.pip --resume"));
    assert!(message.contains("it is of another run: there from is"), "{message}");

    fs::write(folder.join("odd.txt"), "\u{201c}Zo\u{eb} ran\u{201d} \u{1f42d} home. ".repeat(60)).unwrap();
    let said = succeed(&folder, "train --text odd.txt --from m.pip --out odd.pip --steps 2");
    for part in [
        "characters that the model has no token for",
        "'\u{eb}' 60 times (read as 'e')",
        "'\u{1f42d}' 60 times (left out)",
    ] {
        assert!(said.contains(part), "no «{part}» in {said}");
    }
    fs::write(folder.join("odd.tsv"), "Zo\u{eb}\tcame\nhome\twent\n").unwrap();
    let said = succeed(&folder, "train --pairs odd.tsv --from m.pip --out odd.pip --steps 2");
    assert!(said.contains("'\u{eb}' (read as 'e')"), "{said}");
    for (option, shown) in [("--width 64", "--width <CHANNELS>"), ("--latent 16", "--latent <RANK>")] {
        let both = pipsqueak(&folder, &format!("train {few} --from m.pip {option}"));
        let message = String::from_utf8_lossy(&both.stderr);
        assert!(message.contains(&format!("'--from <MODEL>' cannot be used with '{shown}'")), "{message}");
    }
    for command in
        ["train --text more.txt --out n.pip", "inspect", "sweep --text more.txt --out n.svg --board pico"]
    {
        let message = fail(&folder, &format!("{command} --position learned --rotary-base 100"));
        assert!(message.contains("--rotary-base is for rotary positions"), "{message}");
    }
    let message = fail(&folder, "train --text more.txt --from m.pip --out m.pip");
    assert!(message.contains("--out would write over m.pip, which --from reads"), "{message}");
    let message = fail(&folder, "train --text more.txt --from stories.txt --out n.pip");
    assert!(message.contains("stories.txt"), "{message}");
}

#[test]
fn names_are_told_apart_where_there_are_any() {
    let folder = folder("names");
    let story = "Then Mia sat. So Mia ran to Tom, and then Tom sat so by Mia.\n<|endoftext|>\n";
    fs::write(folder.join("t.txt"), story.repeat(40)).unwrap();
    let train = "train --text t.txt --vocab 60 --width 16 --layers 1 --context 32 --steps 4";
    succeed(&folder, &format!("{train} --out plain.pip"));
    succeed(&folder, &format!("{train} --out names.pip --name-weight 8"));
    let weights = |file: &str| fs::read(folder.join(file)).unwrap();
    assert!(weights("plain.pip") != weights("names.pip"));
    let message =
        fail(&folder, "train --text t.txt --tokens characters --context 32 --name-weight 8 --out n.pip");
    assert!(
        message.contains("--name-weight 8 needs names that are whole tokens, and there are none"),
        "{message}"
    );
}

#[test]
fn every_precision_of_an_f32_model_is_measured() {
    let folder = trained("precisions");
    let shown = succeed(&folder, "eval --model f32.pip --text stories.txt --tokens 2000 --precision all");
    let loss = |precision: &str| -> f64 {
        let line = shown.lines().find(|line| line.starts_with(precision)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let own = succeed(&folder, "eval --model m.pip --text stories.txt --tokens 2000");
    assert!(own.contains(&format!("loss           {:.4} nats", loss("int8"))), "{own} {shown}");
    assert!((loss("int8") / loss("f32") - 1.0).abs() < 0.02, "{shown}");
    let message = fail(&folder, "eval --model m.pip --text stories.txt --precision all");
    assert!(message.contains("the model is int8") && message.contains("--f32-out"), "{message}");
}

#[test]
fn pairs_teach_it_to_answer() {
    let folder = folder("pairs");
    let (things, colours) =
        (["sky", "grass", "snow", "coal", "sun"], ["blue", "green", "white", "black", "yellow"]);
    let lines = (0..60).map(|i| format!("{}?\tit is {}\n", things[i % 5], colours[i % 5]));
    fs::write(folder.join("p.tsv"), lines.collect::<String>()).unwrap();
    let shape = "--width 32 --layers 1 --heads 2 --context 32 --tokens characters";
    succeed(&folder, &format!("train --pairs p.tsv --out m.pip --steps 150 --warmup 10 {shape}"));
    for (thing, colour) in things.iter().zip(colours) {
        let answer = succeed(&folder, &format!("generate --model m.pip --prompt {thing}? --temperature 0"));
        assert_eq!(answer, format!("{thing}?\nit is {colour}\n"));
    }
    answers_come_from_a_list(&folder);
    fs::write(folder.join("wrong.tsv"), "a\tb\nc\td\te\n").unwrap();
    let message = fail(&folder, "train --pairs wrong.tsv --out n.pip");
    assert!(message.contains("wrong.tsv, line 2: it has 2 tabs"), "{message}");
    let message = fail(
        &folder,
        &format!("train --pairs p.tsv --out n.pip {}", shape.replace("context 32", "context 8")),
    );
    assert!(message.contains("p.tsv: line 1: prompt and answer take"), "{message}");
}

/// With the model of five things and their colours.
fn answers_come_from_a_list(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    // The likeliest text is not in the list: the answer is another.
    write("a.txt", "it is blue\n\nit is white\n");
    let answer = succeed(folder, "generate --model m.pip --prompt sky? --answers a.txt");
    assert_eq!(answer, "sky?\nit is blue\n");
    let answer = succeed(folder, "generate --model m.pip --prompt coal? --answers a.txt");
    assert!(["coal?\nit is blue\n", "coal?\nit is white\n"].contains(&&*answer), "{answer}");

    let said = succeed(folder, "eval --model m.pip --pairs p.tsv");
    for line in [
        "pairs          60",
        "answers        5",
        "right          60, 100.00 %",
        "as a whole     60, 100.00 %",
    ] {
        assert!(said.contains(line), "no «{line}» in {said}");
    }
    assert!(!said.contains("mistaken"), "{said}");
    let kept = succeed(folder, "eval --model m.pip --pairs p.tsv --validation 0.1 --seed 3");
    assert!(kept.contains("pairs          6\n"), "{kept}");
    write("q.tsv", "sky?\tit is white\nsnow?\tit is white\n");
    let said = succeed(folder, "eval --model m.pip --pairs q.tsv --answers a.txt");
    assert!(said.contains("right          1, 50.00 %"), "{said}");
    assert!(said.contains("mistaken           1   «it is white» for «it is blue»"), "{said}");

    for (arguments, reason) in [
        (
            "eval --model m.pip --pairs p.tsv --answers a.txt",
            "p.tsv, line 2: «it is green» is not among the --answers",
        ),
        ("eval --model m.pip --pairs p.tsv --precision all", "the model is int8"),
        ("generate --model m.pip --prompt sky? --answers none.txt", "none.txt"),
    ] {
        let message = fail(folder, arguments);
        assert!(message.contains(reason), "{arguments}: {message}");
    }
    for (arguments, reason) in [
        ("eval --model m.pip", "--text <FILE>"),
        ("eval --model m.pip --text p.tsv --pairs p.tsv", "cannot be used with"),
        ("generate --model m.pip --answers a.txt", "--prompt <TEXT>"),
        ("generate --model m.pip --prompt sky? --answers a.txt --seed 2", "cannot be used with"),
    ] {
        let output = pipsqueak(folder, arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(reason), "{arguments}: {message}");
    }
    for (list, reason) in [
        ("it is blue\nit is blue\n", "b.txt, line 2: «it is blue» comes twice"),
        ("\n", "b.txt has no answers in it"),
        ("it is \u{1f42d}\n", "the answer «it is \u{1f42d}»"),
    ] {
        write("b.txt", list);
        let message = fail(folder, "generate --model m.pip --prompt sky? --answers b.txt");
        assert!(message.contains(reason), "{message}");
    }
    let long = "sky? ".repeat(20);
    write("l.tsv", &format!("{}\tit is blue\n", long.trim()));
    let message = fail(folder, "eval --model m.pip --pairs l.tsv");
    assert!(message.contains("line 1: «sky? sky?") && message.contains("and the context is 32"), "{message}");
}

#[test]
fn every_pair_is_learned_unless_some_are_kept_back_by_name() {
    let folder = folder("kept-pairs");
    let things = ["lamp", "fan", "door", "bell", "pump"];
    let lines = |i: usize| format!("{} on\t{} 1\n{0} off\t{1} 0\n", things[i], things[i].to_uppercase());
    fs::write(folder.join("p.tsv"), (0..5).map(lines).collect::<String>() + "\n\n").unwrap();
    let train = |options: &str| {
        let shape = "--width 32 --layers 1 --heads 2 --context 16 --tokens characters --warmup 20";
        succeed(&folder, &format!("train --pairs p.tsv --out m.pip {shape} {options}"))
    };
    let said = train("--steps 400");
    assert!(said.contains("p.tsv: 10 pairs, all learned; the losses are of the same"), "{said}");
    let quote = if cfg!(windows) { '"' } else { '\'' };
    assert!(said.contains(&format!("--prompt {quote}lamp on{quote}")), "{said}");
    for thing in things {
        for (state, number) in [("on", 1), ("off", 0)] {
            let prompt = [
                "generate",
                "--model",
                "m.pip",
                "--temperature",
                "0",
                "--prompt",
                &format!("{thing} {state}"),
            ];
            let answer = Command::new(program()).current_dir(&folder).args(prompt).output().unwrap();
            let expected = format!("{thing} {state}\n{} {number}\n", thing.to_uppercase());
            assert_eq!(String::from_utf8(answer.stdout).unwrap(), expected);
        }
    }
    assert!(train("--steps 1 --validation 0").contains("10 pairs, all learned"));
    let [first, second] = [1, 2].map(|seed| {
        let said = train(&format!("--steps 1 --validation 0.2 --seed {seed}"));
        let (_, kept) = said
            .split_once("8 pairs to learn from; 2 pairs kept back to validate with and not learned: ")
            .unwrap();
        let (named, advice) = kept.lines().next().unwrap().split_once(" (").unwrap();
        assert_eq!(advice, "--validation 0 learns all)");
        assert_eq!(named.matches("line ").count(), 2, "{named}");
        named.to_string()
    });
    assert_ne!(first, second, "always the same pairs are kept back");
}

#[test]
fn a_file_of_any_system_teaches_the_same() {
    let folder = folder("systems");
    let text = "The cat sat.\n\nThe dog ran to the door.\n".repeat(40);
    let pairs = "light on\tON 1\nlight off\tOFF 1\nfan on\tON 2\nfan off\tOFF 2\n";
    let [mut models, mut obeying] = [vec![], vec![]];
    for (i, end) in ["\n", "\r\n", "\r", "\u{2028}"].into_iter().enumerate() {
        for mark in ["", "\u{feff}"] {
            let inner = folder.join(format!("{i}{}", mark.len()));
            fs::create_dir(&inner).unwrap();
            // As of two files that were joined.
            let write = |name: &str, text: &str| {
                let (a, b) = text.split_at(text[..text.len() / 2].rfind('\n').unwrap() + 1);
                fs::write(inner.join(name), format!("{mark}{a}{mark}{b}").replace('\n', end)).unwrap()
            };
            write("s.txt", &text);
            write("p.tsv", pairs);
            let tiny = TINY.replace("--vocab 100", "");
            succeed(
                &inner,
                &format!("train --text s.txt --out m.pip --documents blank-lines --tokens characters {tiny}"),
            );
            succeed(&inner, &format!("train --pairs p.tsv --out p.pip --tokens characters {tiny}"));
            models.push(fs::read(inner.join("m.pip")).unwrap());
            obeying.push(fs::read(inner.join("p.pip")).unwrap());
        }
    }
    assert!(models.iter().all(|model| *model == models[0]));
    assert!(obeying.iter().all(|model| *model == obeying[0]));
}

#[test]
fn a_text_with_one_marker_at_its_end_is_one_text() {
    let folder = folder("one-document");
    let text = "Jonas found an old map under the stairs. Mira found some bread in the attic.\n".repeat(20);
    fs::write(folder.join("one.txt"), text.clone() + "<|endoftext|>\n").unwrap();
    fs::write(folder.join("none.txt"), &text).unwrap();
    let said = succeed(&folder, &format!("train --text one.txt --out m.pip {TINY}"));
    assert!(said.contains(" to validate with"), "{said}");
    let said = succeed(&folder, &format!("train --text none.txt --out m.pip --validation 0 {TINY}"));
    assert!(said.contains("none kept back: the losses called validation are of the same tokens"), "{said}");
    succeed(&folder, &format!("train --text one.txt --out m.pip --documents marker --validation 0.5 {TINY}"));
    assert!(
        fail(&folder, "train --text one.txt --out m.pip --validation 1")
            .contains("--validation is 1; it must be a number from 0 to 0.9")
    );
}

#[test]
fn wrapped_lines_and_a_library_s_header_are_said_and_can_be_kept() {
    let folder = folder("wrapped");
    let sentence = "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or \
        twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it. ";
    let (mut text, mut column) = (String::from("*** START OF THE PROJECT GUTENBERG EBOOK ALICE ***\n\n"), 0);
    for word in sentence.repeat(20).split_whitespace() {
        let fits = column + word.len() < 65;
        text += if fits { " " } else { "\n" };
        text += word;
        column = if fits { column + 1 + word.len() } else { word.len() };
    }
    fs::write(
        folder.join("alice.txt"),
        text + "\n\n*** END OF THE PROJECT GUTENBERG EBOOK ALICE ***\nlicence\n",
    )
    .unwrap();
    let train =
        |options: &str| succeed(&folder, &format!("train --text alice.txt --out m.pip {TINY} {options}"));
    let said = train("");
    assert!(said.contains("alice.txt: Project Gutenberg's header and footer, 111 bytes, are left out (--keep-header keeps them)"), "{said}");
    assert!(
        said.contains(
            "lines that were wrapped at 65 characters are joined into paragraphs (--keep-lines leaves them)"
        ),
        "{said}"
    );
    let said = train("--keep-lines --keep-header");
    assert!(!said.contains("Gutenberg's header") && !said.contains("wrapped"), "{said}");
    let said = succeed(&folder, "eval --model m.pip --text alice.txt --tokens 100");
    assert!(said.contains("wrapped at 65") && said.contains("left out"), "{said}");
}

/// The memory announced is the memory taken, for texts that are hard on it.
#[cfg(target_os = "linux")]
#[test]
fn a_run_takes_the_memory_that_it_says() {
    let folder = folder("memory");
    let mut random = pipsqueak_trainer::random::SplitMix64::new(1);
    let mut text = |letters: &[char], line: usize, bytes: usize| {
        let mut text = String::new();
        while text.len() < bytes {
            text.extend((0..line).map(|_| letters[random.below(letters.len())]));
            text.push('\n');
        }
        text
    };
    let chinese: Vec<char> = ('\u{4e00}'..).take(3000).collect();
    let digits: Vec<char> = ('0'..='9').collect();
    let base64: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    let latin: Vec<char> = ('\u{1}'..='\u{ff}').collect();
    let texts = [
        ("chinese", text(&chinese, 20, 6 << 20)),
        ("digits", text(&digits, 4 << 20, 4 << 20)),
        ("base64", text(&base64, 76, 4 << 20)),
        ("one line", text(&base64, 16 << 20, 16 << 20)),
        ("one Chinese line", text(&chinese, 2 << 20, 6 << 20)),
        ("random bytes", text(&latin, 4 << 20, 8 << 20)),
    ];
    for (name, text) in texts {
        fs::write(folder.join("t.txt"), text).unwrap();
        let shape = "--width 32 --layers 2 --context 32 --steps 40";
        let mut command = Command::new(program());
        command
            .current_dir(&folder)
            .args(format!("train --text t.txt --out m.pip {shape}").split_whitespace());
        let mut child = command.stdout(fs::File::create(folder.join("said.txt")).unwrap()).spawn().unwrap();
        let mut peak_kib = 0;
        while child.try_wait().unwrap().is_none() {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            peak_kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(peak_kib);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let said = fs::read_to_string(folder.join("said.txt")).unwrap();
        let (_, rest) = said.split_once("training takes about ").unwrap_or_else(|| panic!("{name}: {said}"));
        let said_mib: u64 = rest.split_whitespace().next().unwrap().parse().unwrap();
        let peak_mib: u64 = peak_kib >> 10;
        println!("{name}: {peak_mib} MiB, said {said_mib}");
        assert!(
            peak_mib <= said_mib + said_mib / 20 && said_mib <= 2 * peak_mib,
            "{name} took {peak_mib} MiB, said {said_mib}"
        );
    }
}

#[test]
fn documents_end_where_blank_lines_divide_them() {
    let folder = folder("blank-lines");
    let text: String = (0..200).map(|i| format!("verse {} ends.\n\n", i % 3)).collect();
    fs::write(folder.join("verses.txt"), text).unwrap();
    let shape = "--width 32 --layers 1 --heads 2 --context 32 --tokens characters --steps 100 --warmup 10 --dropout 0";
    succeed(&folder, &format!("train --text verses.txt --documents blank-lines --out m.pip {shape}"));
    let written = succeed(&folder, "generate --model m.pip --prompt verse --temperature 0 --length 100");
    assert!(
        written.starts_with("verse ") && written.ends_with(" ends.\n") && written.len() < 20,
        "{written}"
    );
}

#[test]
fn the_same_seed_trains_the_same_model() {
    let folder = folder("same");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    for (out, seed) in [("a.pip", 1), ("b.pip", 1), ("c.pip", 2)] {
        succeed(&folder, &format!("train --text s.txt --out {out} {TINY} --seed {seed}"));
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(read("a.pip"), read("b.pip"));
    assert_ne!(read("a.pip"), read("c.pip"));
}

#[test]
fn every_kind_of_token_and_choice_trains() {
    let folder = folder("choices");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    for choice in [
        "--tokens bytes --position learned --norm layer --mlp gelu --bias --untied",
        "--tokens characters --position sinusoidal --norm none --mlp relu --kv-heads 1",
        "--position none --no-residual --hidden 20 --precision f32 --optimizer muon --decay cosine",
    ] {
        succeed(&folder, &format!("train --text s.txt --out m.pip {TINY} {choice}"));
        assert!(!succeed(&folder, "generate --model m.pip --length 30").trim().is_empty(), "{choice}");
    }
}

#[test]
fn a_corpus_that_cannot_be_learned_from_is_refused() {
    let folder = folder("corpora");
    fs::write(folder.join("empty.txt"), "").unwrap();
    fs::write(folder.join("latin1.txt"), b"caf\xe9 au lait, caf\xe9 noir").unwrap();
    let train = |text: &str| fail(&folder, &format!("train --text {text} --out m.pip {TINY} --tokens bytes"));
    assert!(train("empty.txt").contains("empty.txt has no text in it"));
    fs::write(folder.join("two.txt"), "ab").unwrap();
    fs::write(folder.join("utf16.txt"), b"\xff\xfea\0b\0").unwrap();
    assert!(train("latin1.txt").contains("latin1.txt is not UTF-8 text: byte 3, in line 1,"));
    assert!(train("utf16.txt").contains("it is UTF-16; convert it to UTF-8"));
    assert!(
        train("two.txt").contains("two.txt is too short to learn from: it has 1 token"),
        "{}",
        train("two.txt")
    );
    fs::write(folder.join("short.txt"), "A mouse lived in a house.").unwrap();
    let train =
        |text: &str| fail(&folder, &format!("train --text {text} --out m.pip --context 64 --tokens bytes"));
    assert!(
        train("short.txt").contains("too few for a context of 64: use a longer text or --context 11"),
        "{}",
        train("short.txt")
    );
    assert!(train("missing.txt").contains("cannot read the text missing.txt"));
}

#[test]
fn a_shape_that_makes_no_sense_is_refused() {
    let folder = folder("shapes");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    let train = |shape: &str| fail(&folder, &format!("train --text s.txt --out m.pip {shape}"));
    assert!(train("--width 50 --heads 4").contains("width is 50; it must be a multiple of heads (4)"));
    assert!(train("--layers 0").contains("--layers is 0; it must be a whole number from 1 to 256"));
    assert!(train("--heads 0").contains("--heads is 0"));
    assert!(
        train("--context 70000").contains("--context is 70000; it must be a whole number from 1 to 65,535")
    );
    assert!(train("--width 9999999999999 --heads 1").contains("width is 9999999999999"));
    assert!(train("--vocab 20").contains("a vocabulary of 20 is too small"));
    assert!(train("--learning-rate NaN").contains("--learning-rate is NaN"));
    assert!(train("--steps 0").contains("--steps is 0"));
}

/// Flash for the firmware and a model of some KiB, as an option takes it.
fn flash_for(model_kib: u64) -> String {
    format!("{}K", pipsqueak_trainer::sizing::boards::FIRMWARE_FLASH_BYTES / 1024 + model_kib)
}

#[test]
fn a_board_decides_the_shape_and_its_model_fits() {
    let folder = folder("boards");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    let train = "train --text s.txt --out m.pip --steps 2 --batch 2";
    let flash = flash_for(55);
    let said = succeed(&folder, &format!("{train} --flash {flash} --ram 20K"));
    assert!(said.contains("for the chip: at most "), "{said}");
    assert!(said.contains(&format!("of its {} KiB of flash", flash.trim_end_matches('K'))), "{said}");
    let size = fs::metadata(folder.join("m.pip")).unwrap().len();
    assert!((40 << 10..58 << 10).contains(&size), "{size} bytes for 55 KiB");
    let said =
        succeed(&folder, &format!("{train} --board rp2040 --width 64 --layers 2 --vocab 300 --context 48"));
    assert!(said.contains("2 layers of width 64") && said.contains("300 tokens, context 48"), "{said}");
    assert!(said.contains("for Raspberry Pi Pico:"), "{said}");
    assert!(
        succeed(&folder, "inspect --board microbit-v1")
            .contains("micro:bit v1                 256       16  fits")
    );
    let refusal = |options: &str| fail(&folder, &format!("train --text s.txt --out n.pip {options}"));
    let message = refusal("--board rp2040 --width 1024 --layers 9");
    assert!(
        message.contains("bytes of flash with the firmware, and Raspberry Pi Pico has 2,097,152"),
        "{message}"
    );
    assert!(refusal("--flash 256K --ram 6K").contains("bytes of RAM with the firmware"));
    assert!(refusal("--board z80").contains("no board is called 'z80'"));
}

#[test]
fn a_board_with_flash_to_spare_gets_tables_unless_told_otherwise() {
    let folder = folder("tables");
    succeed(&folder, "corpus --bytes 2M --out s.txt");
    let flash = flash_for(200);
    let train = format!(
        "train --text s.txt --out m.pip --steps 2 --batch 2 --validation 0.01 --vocab 512 --layers 1 --width 32 \
         --flash {flash} --ram 32K --precision int8"
    );
    let said = succeed(&folder, &train);
    let tables =
        said.lines().find(|line| line.contains("rows for pairs")).unwrap_or_else(|| panic!("{said}"));
    assert!(tables.contains(", embeddings for each layer, "), "{said}");
    let shown = succeed(&folder, "inspect --model m.pip");
    assert!(
        shown.contains("embeddings of its own for each layer")
            && shown.contains("embeddings of pairs of tokens: "),
        "{shown}"
    );
    let (_, most) = said.split_once("for the chip: at most ").unwrap();
    let most: u64 = most.split_whitespace().next().unwrap().parse().unwrap();
    let firmware = pipsqueak_trainer::sizing::boards::FIRMWARE_FLASH_BYTES;
    let takes = fs::metadata(folder.join("m.pip")).unwrap().len() + firmware;
    assert!(takes <= most << 10 && takes + (2 << 10) > most << 10, "{takes} bytes for {most} KiB");
    let said = succeed(&folder, &format!("{train} --no-per-layer-embeddings --bigrams 0"));
    assert!(!said.contains("embeddings for each layer") && !said.contains("rows for pairs"), "{said}");
    let both = pipsqueak(&folder, &format!("{train} --no-per-layer-embeddings --per-layer-embeddings"));
    let message = String::from_utf8_lossy(&both.stderr);
    assert!(both.status.code() == Some(2) && message.contains("cannot be used with"), "{message}");
}

#[test]
fn a_sweep_ends_in_a_table_a_plot_and_a_command_that_trains() {
    let folder = folder("sweep");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    let sweep = format!("sweep --text s.txt --flash {}", flash_for(18));
    let said = succeed(&folder, &format!("{sweep} --ram 16K --vocab 100 --layers 1 --steps 5 --time 60s"));
    let row = said.lines().find(|line| line.contains('▇')).unwrap_or_else(|| panic!("no table in {said}"));
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((cells[0], cells[3], cells[8]), ("1", "100", "5"), "{said}");
    assert_eq!(cells[5..7], ["no", "0"], "{said}");
    assert!(fs::read_to_string(folder.join("sweep.svg")).unwrap().contains("for the chip"));
    let (_, command) = said.split_once("next           pipsqueak ").unwrap();
    assert!(succeed(&folder, command).contains("written        model.pip"));
    let message = fail(&folder, &format!("{sweep} --ram 5K --time 5s"));
    assert!(message.contains("bytes of RAM with the firmware"), "{message}");
    assert!(fail(&folder, "sweep --text s.txt").contains("name the board with --board"));
}

#[test]
fn a_sweep_takes_pairs() {
    let folder = folder("sweep-pairs");
    let lines = (0..40).map(|i| format!("thing {i} on\tTHING {i}\n")).collect::<String>();
    fs::write(folder.join("p.tsv"), lines).unwrap();
    let sweep =
        format!("sweep --pairs p.tsv --flash {} --ram 16K --tokens characters --layers 1", flash_for(18));
    let said = succeed(&folder, &format!("{sweep} --context 32 --steps 5 --time 60s"));
    assert!(said.contains("p.tsv: 40 pairs, all learned") && said.contains('▇'), "{said}");
    let (_, command) = said.split_once("next           pipsqueak ").unwrap();
    assert!(command.contains("--pairs p.tsv") && command.contains("--context 32"), "{command}");
    assert!(succeed(&folder, command).contains("written        model.pip"));
    let message = fail(&folder, &format!("{sweep} --context 8 --time 5s"));
    assert!(message.contains("prompt and answer take") && message.contains("--context"), "{message}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_keeps_what_it_has_found() {
    use std::io::{BufRead, BufReader, Read};
    let folder = folder("interrupted-sweep");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    let flash = flash_for(18);
    let options = format!("sweep --text s.txt --flash {flash} --ram 16K --vocab 100 --time 2h --steps 40");
    let mut command = Command::new(program());
    command.current_dir(&folder).args(options.split_whitespace()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("bits per byte") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the sweep ended before it was interrupted");
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(rest.contains('▇') && rest.contains("next           pipsqueak train"), "{rest}");
    assert!(folder.join("sweep.svg").exists());
}

#[test]
fn a_run_that_diverges_says_so() {
    let folder = folder("diverges");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    let tiny = "--width 16 --layers 8 --context 16 --batch 4 --vocab 100 --steps 400";
    let wild = "--learning-rate 10 --warmup 0 --clip 0 --norm none";
    let message = fail(&folder, &format!("train --text s.txt --out m.pip {tiny} {wild}"));
    assert!(message.contains("lower --learning-rate, which is 10"), "{message}");
}

#[test]
fn characters_that_a_model_never_saw_are_counted_and_placed() {
    let folder = trained("unseen");
    fs::write(
        folder.join("accent.txt"),
        "The kettle was hot.\nThe caf\u{e9} was shut, the caf\u{e9}\u{1f42d} too.\n",
    )
    .unwrap();
    let said = succeed(&folder, "eval --model m.pip --text accent.txt");
    assert!(said.contains("accent.txt has characters that the model never saw: 'é' 2 times, first in line 2 (read as 'e'), '🐭' in line 2 (left out)"), "{said}");
    assert!(said.contains("train with a text that has them") && said.contains("bits per byte"), "{said}");
    let message = fail(&folder, "eval --model m.pip --text accent.txt --strict");
    assert!(message.contains("'é' 2 times, first in line 2"), "{message}");
    fs::write(folder.join("plain.txt"), "The kettle was hot.\nThe cafe was shut, the cafe too.\n").unwrap();
    let losses = ["accent.txt", "plain.txt"].map(|text| {
        let said = succeed(
            &folder,
            &format!("eval --model m.pip --text {text} --strict")
                .replace(if text == "accent.txt" { " --strict" } else { "" }, ""),
        );
        said.lines().find(|line| line.starts_with("loss")).unwrap().to_string()
    });
    assert_eq!(losses[0], losses[1]);
}

#[test]
fn every_number_is_told_its_range() {
    let folder = folder("ranges");
    for (arguments, expected) in [
        ("train --built-in --out m.pip --clip -1", "--clip is -1; it must be a number from 0 to 1000000"),
        ("train --built-in --out m.pip --beta2 1", "--beta2 is 1; it must be a number from 0 to 0.999999"),
        (
            "train --built-in --out m.pip --steps x",
            "--steps is x; it must be a whole number from 1 to 1,000,000,000",
        ),
        (
            "train --built-in --out m.pip --batch 0",
            "--batch is 0; it must be a whole number from 1 to 65,536",
        ),
        (
            "train --built-in --out m.pip --vocab 1",
            "--vocab is 1; it must be a whole number from 2 to 65,535",
        ),
        (
            "train --built-in --out m.pip --quantize-last 2",
            "--quantize-last is 2; it must be a number from 0 to 1",
        ),
        (
            "train --built-in --out m.pip --checkpoint-every 0",
            "--checkpoint-every is 0; it must be a whole number from 1 to",
        ),
        (
            "train --built-in --out m.pip --seed -1",
            "--seed is -1; it must be a whole number from 0 to 18,446,744,073,709,551,615",
        ),
        (
            "train --built-in --out m.pip --corpus-bytes 5",
            "--corpus-bytes is 5; it must be from 1 KiB to 4 GiB; write 5K for KiB",
        ),
        (
            "train --built-in --out m.pip --flash 256 --ram 64K",
            "--flash is 256; it must be from 8 KiB to 1 GiB; write 256K for KiB",
        ),
        (
            "train --built-in --out m.pip --flash 256K --ram 64",
            "--ram is 64; it must be from 1 KiB to 1 GiB; write 64K for KiB",
        ),
        (
            "train --built-in --out m.pip --flash 256X --ram 64K",
            "--flash is 256X; it must be a number of bytes, as 300, 256K, 1.5M or 2G",
        ),
        (
            "train --built-in --out m.pip --flash 32K --ram 20K",
            "the firmware alone takes 34 KiB of flash and 3 KiB of RAM, and the chip has 32 and 20: choose a larger board",
        ),
        ("inspect --flash 32KiB --ram 20kb", "the firmware alone takes 34 KiB"),
        (
            "sweep --built-in --board pico2 --time 10",
            "--time is 10; it must be a time from 1s to 277h, as 90s, 10m or 2h",
        ),
        ("corpus --bytes 0", "--bytes is 0; it must be from 1 byte to 1024 GiB"),
        ("corpus --seed -1", "--seed is -1; it must be a whole number from 0 to 18,446,744,073,709,551,615"),
        ("train --built-in --out m.pip --steps 1,5", "--steps is 1,5; it must be a whole number from 1 to"),
        (
            "generate --model m.pip --length -1",
            "--length is -1; it must be a whole number from 0 to 4,294,967,295",
        ),
        ("generate --model m.pip --penalty 0", "--penalty is 0; it must be a number from 0.1 to 10"),
        (
            "eval --model m.pip --text t.txt --tokens 1",
            "--tokens is 1; it must be a whole number from 2 to 4,294,967,295",
        ),
        (
            "import a --tokenizer b --out c --context 0",
            "--context is 0; it must be a whole number from 1 to 65,535",
        ),
        ("inspect --vocab 1e3", "--vocab is 1e3; it must be a whole number from 2 to 65,535"),
    ] {
        let message = fail(&folder, arguments);
        assert!(message.contains(expected), "{arguments}: {message}");
        assert!(message.len() < 200, "{message}");
    }
    for size in ["1.5M", "1536K", "1536KiB", "1536kb", "1_572_864".replace('_', "").as_str()] {
        let shown = succeed(&folder, &format!("inspect --flash {size} --ram 64k"));
        assert!(shown.contains("parameters"), "{size}: {shown}");
    }
}

/// A command that is printed under «next» is one that a shell runs.
#[cfg(unix)]
#[test]
fn what_comes_next_can_be_copied_into_a_shell() {
    let folder = folder("my notes");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    let program = program();
    let shell = |command: &str| {
        let output = Command::new("sh").current_dir(&folder).args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let said = shell(&format!("exec {program} train --text s.txt --out \"my diary's model.pip\" {TINY}"));
    let (_, next) = said.split_once("next           pipsqueak ").unwrap();
    assert!(shell(&format!("exec {program} {}", next.lines().next().unwrap())).len() > 20);
    assert_eq!(said.matches(r"'my diary'\''s model.pip'").count(), 3, "{said}");
}

#[test]
fn a_model_goes_to_a_hugging_face_folder_and_comes_back() {
    let folder = trained("hugging face");
    succeed(&folder, "export --checkpoint m.checkpoint.safetensors --to safetensors --out there");
    assert_eq!(names(&folder.join("there")), ["config.json", "model.safetensors", "tokenizer.json"]);
    let message = fail(&folder, "export --checkpoint m.pip --to safetensors --out there");
    assert!(message.contains("the folder is not empty; name a new one"), "{message}");
    let message = fail(&folder, "export --checkpoint m.pip --to safetensors --out again --precision int4");
    assert!(
        message.contains("--precision is int4, and a Hugging Face folder is written in f32"),
        "{message}"
    );
    succeed(&folder, "export --checkpoint m.checkpoint.safetensors --out f32.pip --precision f32");
    succeed(&folder, "import there --precision f32 --out back.pip");
    succeed(&folder, "import --checkpoint there --precision f32 --out again.pip");
    assert_eq!(fs::read(folder.join("again.pip")).unwrap(), fs::read(folder.join("back.pip")).unwrap());
    let text = |model: &str| succeed(&folder, &format!("generate --model {model} --length 30 --prompt The"));
    assert_eq!(text("back.pip"), text("f32.pip"));
    let message = fail(&folder, "import there --out there/config.json");
    assert!(message.contains("config.json, which import reads"), "{message}");
    let said =
        succeed(&folder, "import there --precision int4 --finetune stories.txt --steps 5 --out tuned.pip");
    assert!(said.contains("5 steps"), "{said}");
    assert!(succeed(&folder, "inspect --model tuned.pip").contains("int4"));
}

#[test]
fn a_text_calibrates_an_import() {
    let folder = trained("calibrated");
    succeed(&folder, "export --checkpoint m.checkpoint.safetensors --to safetensors --out there");
    let import = "import there --out c.pip --precision";
    let said = succeed(&folder, &format!("{import} ternary --calibrate stories.txt"));
    assert!(said.contains("tokens of stories.txt") && said.contains("its end, held back"), "{said}");
    assert!(succeed(&folder, "inspect --model c.pip").contains("ternary"));
    let calibrated = fs::read(folder.join("c.pip")).unwrap();
    succeed(&folder, &format!("{import} ternary"));
    let is_plain = fs::read(folder.join("c.pip")).unwrap() == calibrated;
    assert_eq!(is_plain, said.contains("calibration does not pay here"), "{said}");
    succeed(&folder, &format!("{import} ternary --calibrate stories.txt"));
    assert_eq!(fs::read(folder.join("c.pip")).unwrap(), calibrated);

    let text = fs::read_to_string(folder.join("stories.txt")).unwrap();
    fs::write(folder.join("short.txt"), &text[..200]).unwrap();
    fs::write(folder.join("empty.txt"), "").unwrap();
    fs::write(folder.join("binary.txt"), [0x50, 0x4b, 3, 4, 0xff, 0xfe]).unwrap();
    fs::write(folder.join("foreign.txt"), format!("дом {text}")).unwrap();
    for (text, expected) in [
        ("short.txt", "tokens for --calibrate; it takes 1,000 or more: name a longer text"),
        ("empty.txt", "empty.txt has no text in it"),
        ("binary.txt", "binary.txt is not UTF-8 text: byte 4, in line 1"),
        ("nothing.txt", "cannot read the text nothing.txt"),
        ("there", "cannot read the text there"),
        ("c.pip", "--out would write over c.pip, which --calibrate reads"),
        ("stories.txt --precision f32", "--calibrate rounds weights, and --precision f32 does not"),
    ] {
        let precision = if text.contains("--precision") { "" } else { "--precision int4" };
        let message = fail(&folder, &format!("import there --out c.pip {precision} --calibrate {text}"));
        assert!(message.contains(expected), "{text}: {message}");
    }
    assert_eq!(fs::read(folder.join("c.pip")).unwrap(), calibrated);
    let said = succeed(&folder, &format!("{import} int8 --calibrate foreign.txt"));
    assert!(said.contains("foreign.txt has characters that the model has no token for"), "{said}");
}

#[test]
fn checkpoints_that_cannot_be_imported_are_named() {
    let folder = folder("versions");
    fs::write(folder.join("tokenizer.bin"), [0; 4]).unwrap();
    let header = [&0x616b_3432u32.to_le_bytes()[..], &7u32.to_le_bytes(), &[0; 248]].concat();
    fs::write(folder.join("v.bin"), header).unwrap();
    fs::write(folder.join("model.pt"), "").unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    for (arguments, expected) in [
        ("v.bin --tokenizer tokenizer.bin", "v.bin is no llama2.c checkpoint: its version is 7, and only 0"),
        ("v.bin", "a checkpoint of llama2.c needs its tokenizer; name it with --tokenizer tokenizer.bin"),
        ("nothing.bin", "cannot read nothing.bin: there is no such file or folder"),
        ("model.pt", "model.pt is a file of PyTorch's, which can run code when it is read"),
        ("empty", "empty has no config.json, so it is no Hugging Face folder"),
        (
            "empty --tokenizer tokenizer.bin",
            "empty is a folder, whose tokenizer is in it; leave out --tokenizer",
        ),
    ] {
        let message = fail(&folder, &format!("import {arguments} --out v.pip"));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let folder = trained("models");
    let model = fs::read(folder.join("m.pip")).unwrap();
    let mut flipped = model.clone();
    flipped[model.len() / 2] ^= 4;
    fs::write(folder.join("flipped.pip"), flipped).unwrap();
    fs::write(folder.join("cut.pip"), &model[..model.len() - 100]).unwrap();
    fs::write(folder.join("empty.pip"), "").unwrap();
    let refusal = |name: &str| fail(&folder, &format!("generate --model {name}"));
    assert!(refusal("flipped.pip").contains("its checksum does not fit"));
    assert!(refusal("cut.pip").contains("it ends early"));
    assert!(refusal("empty.pip").contains("this is not a Pipsqueak model"));
    assert!(refusal("stories.txt").contains("this is not a Pipsqueak model"));
    assert!(refusal("missing.pip").contains("cannot read the model missing.pip"));
    let huge = fs::File::create(folder.join("huge.pip")).unwrap();
    huge.set_len((1 << 30) + 1).unwrap();
    assert!(refusal("huge.pip").contains("larger than 1 GiB"));
    fs::remove_file(folder.join("huge.pip")).unwrap();
}

#[test]
fn settings_and_prompts_out_of_range_are_refused() {
    let folder = trained("settings");
    let refusal = |options: &str| fail(&folder, &format!("generate --model m.pip {options}"));
    assert!(refusal("--temperature -1").contains("--temperature is -1; it must be a number from 0 to 100"));
    assert!(refusal("--top-k 1000").contains("--top-k is 1000; it must be a whole number from 0 to 256"));
    assert!(refusal("--top-p 0").contains("--top-p is 0; it must be a number above 0 and at most 1"));
    assert!(
        refusal("--strict --prompt a\u{e9}")
            .contains("never saw '\u{e9}', which is character 2; without --strict")
    );
}

#[test]
fn a_prompt_is_read_whatever_is_typed() {
    let folder = trained("prompts");
    let generate = |prompt: &str| {
        let arguments = ["generate", "--model", "m.pip", "--length", "20", "--prompt", prompt];
        let output = Command::new(program()).current_dir(&folder).args(arguments).output().unwrap();
        assert!(output.status.success());
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [expected, _] = generate("It's a cafe");
    for (typed, echoed, left_out) in [
        ("It's a cafe ", "It's a cafe", None),
        ("It\u{2019}s\u{a0}a caf\u{e9}", "It\u{2019}s\u{a0}a caf\u{e9}", None),
        ("It's a cafe\u{301}", "It's a cafe\u{301}", None),
        (
            "It's \u{1f42d}a\u{1f42d} cafe \u{42f}",
            "It's \u{1f42d}a\u{1f42d} cafe",
            Some("'\u{1f42d}', '\u{42f}'"),
        ),
    ] {
        let [text, said] = generate(typed);
        assert_eq!(text.strip_prefix(echoed), expected.strip_prefix("It's a cafe"), "{typed}");
        assert_eq!(said.contains("[left out"), left_out.is_some(), "{said}");
        assert!(left_out.is_none_or(|shown| said.contains(&format!("[left out: {shown}, which the model never saw]"))), "{said}");
    }
    assert!(generate("- a hyphen")[0].starts_with("- a hyphen"), "taken for an option");
}

#[test]
fn what_cannot_be_written_is_said_before_training() {
    let folder = folder("unwritable");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    let train = |out: &str| fail(&folder, &format!("train --text s.txt --out {out} {TINY}"));
    assert!(train("no/such/folder/m.pip").contains("cannot write no/such/folder/m.pip"));
    assert!(train(".").contains("it is a folder"));
    assert!(train("new/").contains("cannot write new/: it is a folder"));
    let licence = format!("train --text s.txt --out m.pip --licence {}", "x".repeat(10_000));
    let message = fail(&folder, &licence);
    assert!(message.ends_with("x…; it must be one line of at most 200 bytes\n"), "{message}");
}

#[test]
fn nothing_is_written_over_what_is_read_or_is_something_else() {
    let folder = trained("overwriting");
    fs::copy(folder.join("stories.txt"), folder.join("diary.txt")).unwrap();
    fs::write(folder.join("pairs.tsv"), "a\tb\nc\td\n").unwrap();
    fs::write(folder.join("notes.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>").unwrap();
    fs::hard_link(folder.join("diary.txt"), folder.join("hard.pip")).unwrap();
    let read =
        || names(&folder).into_iter().map(|name| fs::read(folder.join(name)).unwrap()).collect::<Vec<_>>();
    let before = read();
    let text = "train --text diary.txt";
    // Std tells no two links of a file from two files on Windows; there the new file would leave the other link as it is.
    let linked = if cfg!(windows) {
        "the file there is no Pipsqueak model"
    } else {
        "--out would write over diary.txt, which --text reads"
    };
    let checkpoint = "m.checkpoint.safetensors";
    for (arguments, expected) in [
        (
            format!("{text} --out diary.txt"),
            "cannot write diary.txt: --out would write over diary.txt, which --text reads",
        ),
        (format!("{text} --out ./hard.pip"), linked),
        (
            format!("{text} --out n.pip --checkpoint diary.txt"),
            "--checkpoint would write over diary.txt, which --text reads",
        ),
        (
            format!("{text} --out n.pip --f32-out diary.txt"),
            "--f32-out would write over diary.txt, which --text reads",
        ),
        (
            format!("{text} --out n.pip --plot diary.txt"),
            "--plot would write over diary.txt, which --text reads",
        ),
        (format!("{text} --out n.svg"), "--plot would write over n.svg, which --out writes"),
        (
            format!("{text} --out n.pip --f32-out n.pip"),
            "--f32-out would write over n.pip, which --out writes",
        ),
        (
            format!("{text} --out n.pip --checkpoint ./n.pip"),
            "--checkpoint would write over n.pip, which --out writes",
        ),
        (
            format!("{text} --out notes.pip"),
            "notes.svg: the file there is no plot drawn by Pipsqueak, and would be lost; name another file with --plot",
        ),
        (
            format!("{text} --out stories.txt"),
            "stories.txt: the file there is no Pipsqueak model, and would be lost; name another file with --out",
        ),
        (
            format!("{text} --out n.pip --checkpoint m.pip"),
            "m.pip: the file there is no checkpoint of Pipsqueak",
        ),
        (format!("{text} --out {checkpoint}"), "the file there is no Pipsqueak model"),
        (
            "train --pairs pairs.tsv --out pairs.tsv".into(),
            "--out would write over pairs.tsv, which --pairs reads",
        ),
        (
            "sweep --text diary.txt --board pico2 --out diary.txt".into(),
            "--out would write over diary.txt, which --text reads",
        ),
        ("sweep --text diary.txt --board pico2 --out m.pip".into(), "m.pip: the file there is no plot"),
        ("corpus --out diary.txt --seed 5".into(), "no text of the built-in stories with this random seed"),
        ("corpus --out m.pip".into(), "m.pip: the file there is no text of the built-in stories"),
        (
            format!("export --checkpoint {checkpoint} --out {checkpoint}"),
            "--out would write over m.checkpoint.safetensors, which --checkpoint reads",
        ),
        (format!("export --checkpoint {checkpoint} --out diary.txt"), "the file there is no Pipsqueak model"),
        (
            "import diary.txt --tokenizer m.pip --out diary.txt".into(),
            "--out would write over diary.txt, which import reads",
        ),
        (
            "import diary.txt --tokenizer m.pip --out m.pip".into(),
            "--out would write over m.pip, which --tokenizer reads",
        ),
    ] {
        let message = fail(&folder, &arguments);
        assert!(message.contains(expected), "{arguments}: {message}");
        assert!(read() == before, "{arguments} has changed a file");
    }
    succeed(&folder, "corpus --bytes 50K --out stories.txt");
    succeed(&folder, &format!("train --text stories.txt --out m.pip --f32-out f32.pip {TINY}"));
    assert_eq!(
        fs::read(folder.join("diary.txt")).unwrap(),
        before[names(&folder).iter().position(|name| name == "diary.txt").unwrap()]
    );
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_written_through() {
    use std::os::unix::fs::FileTypeExt;
    let folder = folder("devices");
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program).current_dir(&folder).args(arguments).status().unwrap()
    };
    assert!(run("mkfifo", &["pipe"]).success());
    let mut reader =
        Command::new("sh").current_dir(&folder).args(["-c", "cat pipe >read.txt"]).spawn().unwrap();
    succeed(&folder, "corpus --bytes 30K --out pipe");
    let kind = |name: &str| fs::metadata(folder.join(name)).unwrap().file_type();
    assert!(kind("pipe").is_fifo());
    assert!(reader.wait().unwrap().success());
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    assert_eq!(fs::read(folder.join("read.txt")).unwrap(), fs::read(folder.join("s.txt")).unwrap());
    let shell = |line: &str| {
        let line = format!("p={}; {line}", program());
        let output = Command::new("sh").current_dir(&folder).args(["-c", &line]).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Into a file and into a pipe, where the report goes too.
    for sink in [">o.pip", "| cat >o.pip"] {
        let message = shell(&format!("$p train --text s.txt --out /dev/stdout {TINY} {sink}"));
        assert!(
            message.starts_with("error: cannot write /dev/stdout: the report is printed there"),
            "{message}"
        );
        assert_eq!(fs::metadata(folder.join("o.pip")).unwrap().len(), 0);
        assert!(
            shell(&format!("$p corpus --bytes 30K --out /dev/stdout {sink}")).contains("stories written")
        );
        assert_eq!(fs::read(folder.join("o.pip")).unwrap(), fs::read(folder.join("s.txt")).unwrap());
    }
    succeed(&folder, &format!("train --text s.txt --out m.pip {TINY}"));
    let message = shell("cat m.pip | $p train --text s.txt --from /dev/stdin --out n.pip --steps 2");
    assert!(message.contains("cannot go on from /dev/stdin, which is a pipe"), "{message}");
    for name in ["o.pip", "m.pip", "m.checkpoint.safetensors", "m.svg"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    // Only root can make a device; this is another name of the null device.
    if run("mknod", &["null.pip", "c", "1", "3"]).success() {
        succeed(&folder, &format!("train --text s.txt --out null.pip {TINY}"));
        assert!(kind("null.pip").is_char_device());
        assert_eq!(names(&folder), ["null.pip", "pipe", "read.txt", "s.txt"]);
    }
}

/// A disk that is full after 8 KiB: a limit on the size of files fails a write in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let folder = trained("full");
    let old = fs::read(folder.join("m.pip")).unwrap();
    let before = names(&folder);
    for command in
        ["corpus --bytes 60K --out new.txt", "train --text stories.txt --out m.pip --width 32 --steps 2"]
    {
        let shell = format!("trap '' XFSZ; ulimit -f 8; exec {} {command}", program());
        let output = Command::new("sh").current_dir(&folder).args(["-c", &shell]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("error: cannot write"), "{message}");
        assert_eq!(names(&folder), before);
    }
    assert_eq!(fs::read(folder.join("m.pip")).unwrap(), old, "the old model is gone");
}

/// A run long enough to be caught in the middle.
#[cfg(unix)]
const LONGER: &str = "--width 16 --layers 1 --heads 2 --context 16 --steps 600 --batch 4 --vocab 100";

/// Starts a training, ends it with a signal once its checkpoint exists and `milliseconds` more have passed.
#[cfg(unix)]
fn interrupt(folder: &Path, arguments: &str, signal: &str, milliseconds: u64) -> std::process::ExitStatus {
    use std::time::{Duration, Instant};
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments.split_whitespace()).stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let checkpoint = folder.join("m.checkpoint.safetensors");
    let started = Instant::now();
    while !checkpoint.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(milliseconds));
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    child.wait().unwrap()
}

#[cfg(unix)]
#[test]
fn a_killed_run_resumes_as_if_it_had_never_stopped() {
    let folder = folder("killed");
    succeed(&folder, "corpus --bytes 30K --out s.txt");
    for rule in ["adamw", "muon", "normuon"] {
        let options = format!("--text s.txt {LONGER} --optimizer {rule}");
        succeed(&folder, &format!("train --out straight.pip {options}"));
        let train = format!("train --out m.pip {options} --checkpoint-every 7");
        _ = fs::remove_file(folder.join("m.checkpoint.safetensors"));
        for (signal, milliseconds) in [("-KILL", 3), ("-KILL", 41), ("-INT", 20)] {
            let resume = if folder.join("m.checkpoint.safetensors").exists() { "--resume" } else { "" };
            interrupt(&folder, &format!("{train} {resume}"), signal, milliseconds);
        }
        let said = succeed(&folder, &format!("{train} --resume"));
        assert!(said.contains("resumed from m.checkpoint.safetensors at step"), "{said}");
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        assert!(read("m.pip") == read("straight.pip"), "{rule}: another model");
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = trained("others");
    succeed(&folder, "corpus --bytes 60K --seed 2 --out other.txt");
    let resume = |options: &str| fail(&folder, &format!("train --out m.pip --resume {options}"));
    let message = resume(&format!("--text stories.txt {TINY} --seed 7"));
    assert!(
        message.contains("m.checkpoint.safetensors: it is of another run: there seed is 1, here it is 7")
    );
    let message = resume(&format!("--text other.txt {TINY}"));
    assert!(message.contains("it is of another run: there corpus checksum is"), "{message}");
    let message = resume(&format!("--text stories.txt {TINY} --decay cosine"));
    assert!(message.contains("there decay is \"Linear\", here it is \"Cosine\""), "{message}");
    let wider = TINY.replace("--width 16", "--width 32");
    let message = resume(&format!("--text stories.txt {wider}"));
    assert!(message.contains("it is of another run: there hidden is 44, here it is 84"), "{message}");
    let message = resume(&format!("--text stories.txt {TINY} --checkpoint none.safetensors"));
    let cause = if cfg!(windows) { "File not found" } else { "No such file" };
    assert!(message.contains(&format!("cannot resume from none.safetensors: {cause}")), "{message}");
    fs::write(folder.join("m.checkpoint.safetensors"), "not one").unwrap();
    assert!(resume(&format!("--text stories.txt {TINY}")).contains("it is damaged ("));
}

/// As [`a_full_disk_leaves_nothing_behind`], with a model that fits and a checkpoint that does not.
#[cfg(unix)]
#[test]
fn a_full_disk_keeps_the_earlier_checkpoint() {
    let folder = trained("full-checkpoint");
    let old = fs::read(folder.join("m.checkpoint.safetensors")).unwrap();
    let before = names(&folder);
    let program = program();
    let shell = format!(
        "trap '' XFSZ; ulimit -f 16; exec {program} train --text stories.txt --out m.pip {TINY} --seed 3"
    );
    let output = Command::new("sh").current_dir(&folder).args(["-c", &shell]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    assert!(message.contains("warning: cannot write m.checkpoint.safetensors"), "{message}");
    assert_eq!(names(&folder), before);
    assert_eq!(fs::read(folder.join("m.checkpoint.safetensors")).unwrap(), old);
    succeed(&folder, &format!("train --text stories.txt --out m.pip {TINY} --resume"));
}

#[test]
fn an_exported_checkpoint_is_the_model_that_train_wrote() {
    let folder = folder("exported");
    succeed(&folder, "corpus --bytes 60K --out stories.txt");
    for (precision, tokens) in [("int4", "bpe"), ("ternary", "characters"), ("int8", "bytes")] {
        let options = format!("{TINY} --precision {precision} --tokens {tokens} --licence CC0");
        succeed(&folder, &format!("train --text stories.txt --out m.pip --f32-out f32.pip {options}"));
        let export = "export --checkpoint m.checkpoint.safetensors --out";
        succeed(&folder, &format!("{export} e.pip"));
        succeed(&folder, &format!("{export} e32.pip --precision f32"));
        for (exported, own) in [("e.pip", "m.pip"), ("e32.pip", "f32.pip")] {
            let text =
                |model: &str| succeed(&folder, &format!("generate --model {model} --seed 3 --length 60"));
            assert_eq!(text(exported), text(own), "{precision}");
            let shown = |model: &str| {
                let lines = succeed(&folder, &format!("inspect --model {model}"));
                let kept = |line: &&str| !line.starts_with("file ") && !line.starts_with("loss ");
                lines.lines().filter(kept).map(String::from).collect::<Vec<_>>()
            };
            assert_eq!(shown(exported), shown(own));
        }
    }
    let message = fail(&folder, "export --checkpoint m.pip --out n.pip");
    assert!(message.contains("cannot read the model in m.pip: it is damaged ("), "{message}");
    fs::write(folder.join("no.safetensors"), [2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}']).unwrap();
    let message = fail(&folder, "export --checkpoint no.safetensors --out n.pip");
    assert!(message.contains("it is no checkpoint of Pipsqueak's"), "{message}");
}

/// Training rounds weights as the decoder does: int4 and ternary cost nothing more at the export.
#[test]
fn a_model_trained_for_its_precision_keeps_its_loss() {
    let folder = folder("aware");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    let losses = |options: &str| -> [f64; 2] {
        let longer = TINY.replace("--steps 20", "--steps 200");
        let said = succeed(&folder, &format!("train --text s.txt --out m.pip {longer} {options}"));
        ["\n  f32 ", "\n  ternary "].map(|name| {
            let (_, line) = said.split_once(name).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        })
    };
    let [f32, ternary] = losses("--precision ternary");
    assert!((ternary / f32 - 1.0).abs() < 0.01, "{ternary} {f32}");
    let [f32, untrained] = losses("--precision ternary --quantize-last 0");
    assert!(untrained > 1.05 * f32 && untrained > ternary, "{untrained} {f32}");
}
