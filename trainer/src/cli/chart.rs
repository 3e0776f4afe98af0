//! A run's losses as a picture: an SVG beside the model, and characters on a terminal.

use std::fmt::Display;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use textplots::{Chart, Plot, Shape};

use crate::files;
use crate::training::curve::{Curve, Point};

const SIZE: (u32, u32) = (800, 480);
const TRAINING: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const VALIDATION: RGBColor = RGBColor(0xd6, 0x27, 0x28);

/// The smallest and the largest loss of a curve, with a margin; `None` without losses.
fn range(curve: &Curve) -> Option<(f64, f64)> {
    let losses = || curve.training.iter().chain(&curve.validation).map(|&(_, loss)| loss);
    let (least, largest) = (losses().reduce(f64::min)?, losses().reduce(f64::max)?);
    let room = (0.05 * (largest - least)).max(0.01);
    Some((least - room, largest + room))
}

fn last_step(curve: &Curve) -> u64 {
    let steps = curve.training.iter().chain(&curve.validation).map(|&(step, _)| step);
    steps.max().unwrap_or(0).max(1)
}

/// An SVG of the training and the validation loss over the steps, with a ring at the step whose weights are `written`; empty
/// without losses.
///
/// # Errors
/// If drawing fails.
pub fn svg(curve: &Curve, title: &str, written: u64) -> Result<String> {
    let mut svg = String::new();
    if let Some((least, largest)) = range(curve) {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, curve, (title, written), least..largest)?;
        area.present().map_err(failed)?;
    }
    Ok(files::marked_plot(&svg))
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    curve: &Curve,
    (title, written): (&str, u64),
    losses: std::ops::Range<f64>,
) -> Result<()> {
    area.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(0..last_step(curve), losses)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("step").y_desc("loss, nats a token").label_style(("sans-serif", 14));
    mesh.y_label_formatter(&|loss| format!("{loss:.2}")).light_line_style(TRANSPARENT);
    mesh.draw().map_err(failed)?;
    for (name, points, color) in
        [("training", &curve.training, TRAINING), ("validation", &curve.validation, VALIDATION)]
    {
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2));
        let key = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2));
        chart.draw_series(line).map_err(failed)?.label(name).legend(key);
    }
    let dots = curve.validation.iter().map(|&point| Circle::new(point, 3, VALIDATION.filled()));
    chart.draw_series(dots).map_err(failed)?;
    let best = curve.validation.iter().filter(|&&(step, _)| step == written);
    chart
        .draw_series(best.map(|&point| Circle::new(point, 6, BLACK.stroke_width(2))))
        .map_err(failed)?
        .label("weights written")
        .legend(move |(x, y)| Circle::new((x + 9, y), 5, BLACK.stroke_width(2)));
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::UpperRight).background_style(WHITE).border_style(BLACK.mix(0.2));
    legend.label_font(("sans-serif", 14)).margin(8);
    legend.draw().map_err(failed)
}

fn failed(error: impl Display) -> anyhow::Error {
    anyhow!("cannot draw the loss curve: {error}")
}

/// The plot in braille dots, for a terminal of this many `columns`.
pub fn terminal(curve: &Curve, columns: u16) -> String {
    let Some((least, largest)) = range(curve) else { return String::new() };
    let points = |points: &[Point]| points.iter().map(|&(x, y)| (x as f32, y as f32)).collect::<Vec<_>>();
    let (training, validation) = (points(&curve.training), points(&curve.validation));
    let width = 2 * u32::from(columns.clamp(40, 100) - 12);
    let (training, validation) = (Shape::Lines(&training), Shape::Points(&validation));
    let end = last_step(curve) as f32;
    let mut chart = Chart::new_with_y_range(width, 48, 0.0, end, least as f32, largest as f32);
    let chart = chart.lineplot(&training).lineplot(&validation);
    chart.axis();
    chart.figures();
    chart.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        let mut curve = Curve::default();
        for step in 1..=300 {
            curve.note(step, 300, 1.0 + 4.0 * (-(step as f64) / 80.0).exp());
        }
        curve.validation = vec![(100, 2.2), (200, 1.5), (300, 1.2)];
        curve
    }

    #[test]
    fn both_losses_are_drawn_and_named() {
        let svg = svg(&curve(), "a < b & c", 200).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for part in [
            "training",
            "validation",
            "weights written",
            "a &lt; b &amp; c",
            "#1F77B4",
            "#D62728",
            "nats a token",
        ] {
            assert!(svg.contains(part), "no «{part}»");
        }
        assert_eq!(svg.matches("<circle").count(), 3 + 1 + 1);
    }

    #[test]
    fn a_terminal_shows_dots_within_its_width() {
        let text = terminal(&curve(), 60);
        assert!(text.contains('⠉') || text.contains('⡇'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(svg(&Curve::default(), "", 0).unwrap(), "");
        assert_eq!(terminal(&Curve::default(), 80), "");
    }
}
