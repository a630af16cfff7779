//! The plots, as SVG.

use crate::figures::Plot;
use crate::samples::Short;
use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (760, 400);
/// Ours first.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x0b, 0x6e, 0x99),
    RGBColor(0xd9, 0x7b, 0x0f),
    RGBColor(0x7a, 0x7a, 0x7a),
    RGBColor(0x4c, 0x9a, 0x2a),
    RGBColor(0x9c, 0x2c, 0x77),
    RGBColor(0xb2, 0x3a, 0x2e),
];
const GOAL: RGBColor = RGBColor(0x30, 0x30, 0x30);
/// What bars leave free between two places.
const GAP: f64 = 0.2;
/// Room above what is highest.
const HEADROOM: f64 = 1.15;

/// Draws bars in groups: a group for each place, a bar for each side.
pub(crate) fn draw(plot: &Plot, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{}.svg", plot.file));
    let problem = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", path.display());
    let highest = plot.sides.iter().flat_map(|(_, values)| values).copied().chain(plot.goal);
    let highest = highest.filter(|value| value.is_finite()).fold(0.0, f64::max).max(f64::MIN_POSITIVE) * HEADROOM;
    let places = plot.places.len();
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|e| problem(&e))?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&plot.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(78)
        .build_cartesian_2d(0.0..places as f64, 0.0..highest)
        .map_err(|e| problem(&e))?;
    // One label in the middle of each group, so labels stand at halves.
    let label = |at: &f64| {
        let at = at.floor();
        if at < 0.0 { String::new() } else { plot.places.get(at as usize).cloned().unwrap_or_default() }
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(2 * places + 1)
        .x_label_formatter(&|at| if (at.fract() - 0.5).abs() < 0.01 { label(at) } else { String::new() })
        .y_label_formatter(&|value| Short(*value).to_string())
        .x_desc(plot.x.as_str())
        .y_desc(plot.y.as_str())
        .light_line_style(WHITE)
        .draw()
        .map_err(|e| problem(&e))?;
    let width = (1.0 - GAP) / plot.sides.len().max(1) as f64;
    for (side, (name, values)) in plot.sides.iter().enumerate() {
        let colour = COLOURS[side % COLOURS.len()];
        let bars = values.iter().enumerate().filter(|(_, value)| value.is_finite()).map(|(place, value)| {
            let left = place as f64 + GAP / 2.0 + side as f64 * width;
            Rectangle::new([(left, 0.0), (left + width * 0.94, *value)], colour.filled())
        });
        chart
            .draw_series(bars)
            .map_err(|e| problem(&e))?
            .label(name.as_str())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
    }
    if let Some(goal) = plot.goal {
        chart
            .draw_series(LineSeries::new([(0.0, goal), (places as f64, goal)], GOAL.stroke_width(1)))
            .map_err(|e| problem(&e))?
            .label("goal")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], GOAL));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(|e| problem(&e))?;
    area.present().map_err(|e| problem(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_and_place_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let plot = Plot {
            file: "p".into(),
            title: "Title".into(),
            x: "clients".into(),
            y: "a second".into(),
            places: vec!["one".into(), "two".into()],
            sides: vec![("Hostler".into(), vec![1.0, 2.0]), ("etcd".into(), vec![3.0, f64::NAN])],
            goal: Some(2.5),
        };
        draw(&plot, folder.path()).unwrap();
        let svg = std::fs::read_to_string(folder.path().join("p.svg")).unwrap();
        for text in ["Title", "clients", "a second", "one", "two", "Hostler", "etcd", "goal"] {
            assert_eq!(svg.lines().filter(|line| line.trim() == text).count(), 1, "{text}: {svg}");
        }
    }
}
