//! The models of `pretrained/zoo`: each fits the board that its card names, and predicts a text of its kind that was written for
//! this test.

use pipsqueak_trainer::data::batches::Split;
use pipsqueak_trainer::data::text::{Corpus, Documents};
use pipsqueak_trainer::data::vocabulary;
use pipsqueak_trainer::export::decoding::loss_over;
use pipsqueak_trainer::export::model_file::ModelFile;
use pipsqueak_trainer::sizing::boards::{BOARDS, Footprint};
use xtask::paths;

const STORY: &str = "Once upon a time, there was a little bird named Kim. Kim had a red kite. One day, the kite flew up into a big \
    tree. Kim was sad. \"Can you help me?\" she asked the cat. The cat said, \"Yes, I can climb.\" The cat went up and got the kite. \
    Kim was very happy, and they played together all day.";
const PLAY: &str = "KING HENRY:\nWhat news, my lord? Speak, and be not afraid.\n\nGLOUCESTER:\nMy gracious sovereign, all the \
    town is fled,\nAnd he that was thy friend is now thy foe.\n\nKING HENRY:\nThen must we go, and bear it as we may.\n";

struct Card {
    file: &'static str,
    bytes_max: usize,
    board: &'static str,
    text: &'static str,
    bits_max: f64,
}

const CARDS: [Card; 7] = [
    Card {
        file: "tinystories-microbit.pip",
        bytes_max: 192 << 10,
        board: "micro:bit v1",
        text: STORY,
        bits_max: 1.1,
    },
    Card {
        file: "tinystories-64k.pip",
        bytes_max: 64 << 10,
        board: "Nucleo-L476RG",
        text: STORY,
        bits_max: 1.25,
    },
    Card {
        file: "tinystories-512k.pip",
        bytes_max: 512 << 10,
        board: "STM32F405",
        text: STORY,
        bits_max: 0.85,
    },
    Card {
        file: "tinystories-264k.pip",
        bytes_max: 270_808,
        board: "micro:bit v2",
        text: STORY,
        bits_max: 0.9,
    },
    Card {
        file: "tinystories-128k.pip",
        bytes_max: 128 << 10,
        board: "Nucleo-L476RG",
        text: STORY,
        bits_max: 1.0,
    },
    Card {
        file: "shakespeare-128k.pip",
        bytes_max: 128 << 10,
        board: "Nucleo-L476RG",
        text: PLAY,
        bits_max: 1.8,
    },
    Card {
        file: "shakespeare-512k.pip",
        bytes_max: 512 << 10,
        board: "Raspberry Pi Pico",
        text: PLAY,
        bits_max: 1.8,
    },
];

#[test]
fn the_zoo_s_models_fit_their_boards_and_know_their_texts() {
    for Card { file: name, bytes_max, board, text, bits_max } in CARDS {
        let file = ModelFile::read(&paths::root().join("pretrained").join("zoo").join(name)).unwrap();
        let model = file.model().unwrap();
        let bytes = file.bytes().len();
        assert!(bytes <= bytes_max, "{name}: {bytes} bytes");
        let footprint = Footprint::of(model.config(), model.precision(), bytes as u64);
        let board = BOARDS.iter().find(|known| known.name == board).unwrap();
        assert_eq!(footprint.lacks(board), None, "{name} on {}", board.name);

        let corpus = Corpus::from_text(text.into(), "a text", Documents::None).unwrap();
        let tokens = vocabulary::encode(model.tokenizer(), &corpus).unwrap();
        let predicted = tokens.len() - 1;
        let loss = loss_over(&model, &Split::of_text(tokens), |_| ()).unwrap();
        let bits = loss * predicted as f64 / text.len() as f64 / std::f64::consts::LN_2;
        println!("{name}: {bits:.3} bits a byte");
        assert!(bits < bits_max, "{name}: {bits} bits a byte");
    }
}
