//! Tables for a person: the findings and assets of a run, the most interesting first.
//!
//! Nothing is wider than the terminal, and no word is broken: narrow ones show a finding as a few
//! lines (`lines`), wide ones as a row (`rows`).

mod assets;
mod groups;
mod lines;
mod rows;
mod told;

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use comfy_table::Table;

use crate::cli::TableArgs;
use crate::delivery::{DeliveryError, SinkError};
use crate::findings::{Findings, FirstFindings};
use crate::terminal::{Palette, WordTable, counted, flowed};

/// Assets shown below findings.
const SHOWN_ASSETS: usize = 10;

/// Width of a table if its stream is not a terminal and the variable COLUMNS says nothing.
const PLAIN_WIDTH: usize = 160;

/// Columns by which the lines of a message after the first one are indented.
const CONTINUED: usize = 4;

/// Least width for which text is laid out.
const LEAST_WIDTH: usize = 20;

/// Least width at which a finding is a row.
const LEAST_ROW: usize = 120;

/// Returns a table without rows, as wide as the terminal `stream`.
pub fn table_for(stream: &impl IsTerminal, heads: impl IntoIterator<Item = impl Into<String>>) -> WordTable {
    WordTable::new(columns_of(stream).unwrap_or(PLAIN_WIDTH), heads)
}

/// Lines of a message as wide as the terminal `stream`, broken between words. What follows a break
/// is indented. Where nobody says how wide the stream is, lines stay as they are.
pub fn message_for(stream: &impl IsTerminal, text: &str) -> String {
    let Some(columns) = columns_of(stream) else { return text.to_owned() };
    let mut message = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        for (idx, part) in flowed(line, columns.saturating_sub(indent + CONTINUED)).into_iter().enumerate() {
            let indent = if idx == 0 { indent } else { indent + CONTINUED };
            message.push_str(&format!("{:indent$}{part}\n", ""));
        }
    }
    message
}

/// Columns of a stream: those of the terminal, else those that the variable COLUMNS says.
fn columns_of(stream: &impl IsTerminal) -> Option<usize> {
    if stream.is_terminal() {
        let mut terminal = Table::new();
        if !io::stdout().is_terminal() {
            terminal.use_stderr();
        }
        return terminal.width().map(usize::from);
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.filter(|&columns| columns > 0)
}

/// Prints a value on standard output.
pub fn print_json(value: &serde_json::Value) -> io::Result<()> {
    print_text(&format!("{value:#}\n"))
}

/// Writes text for people to standard output; a closed pipe is not an error.
pub fn print_text(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Look of the table of findings.
#[derive(Debug, Clone, Copy)]
pub struct TableLook {
    /// Choice of what is shown, in which order.
    pub args: TableArgs,
    /// True or false if colours are wanted or not.
    pub colours: Option<bool>,
}

/// Prints the findings and assets with the highest scores, if there are any. `source`: options that
/// name the events and the use cases, for the next command.
///
/// # Errors
/// Findings that cannot be read back, and a standard output that cannot be written.
pub fn print_findings(findings: &Findings, look: TableLook, source: &str) -> Result<(), DeliveryError> {
    if findings.n_findings == 0 {
        return Ok(());
    }
    let page = TextPage { wide: look.args.wide, ..TextPage::on_standard_output(look.colours) };
    let text = page.of(findings, look.args, source)?;
    Ok(print_text(&text).map_err(SinkError::new(Path::new("standard output")))?)
}

/// Place for which text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct TextPage {
    palette: Palette,
    /// Columns.
    width: usize,
    /// True if each finding is one line, of any width.
    wide: bool,
}

impl TextPage {
    /// As wide as standard output, with colours if they are `wanted`.
    pub fn on_standard_output(wanted: Option<bool>) -> Self {
        let width = columns_of(&io::stdout()).unwrap_or(PLAIN_WIDTH).max(LEAST_WIDTH);
        TextPage { palette: Palette::new(wanted, &io::stdout()), width, wide: false }
    }

    /// Columns that a line may have.
    pub fn columns(self) -> usize {
        self.width
    }

    fn of(self, findings: &Findings, args: TableArgs, source: &str) -> Result<String, DeliveryError> {
        let most = usize::from(args.limit);
        let mut text = String::new();
        let best = match args.group_by {
            Some(by) => {
                let (shown, n_groups) = findings.grouped(by, most)?;
                text.push_str(&self.groups(&shown));
                text.push_str(&self.more(n_groups, shown.len(), ["group", "groups"], "--limit shows more of them"));
                shown.into_iter().next().and_then(|group| group.first.into_iter().next())
            }
            None => {
                let FirstFindings { findings: shown, n_folded } = findings.first(most, args.sort)?;
                text.push_str(&match () {
                    () if self.wide => self.unbounded(&shown),
                    () if self.width >= LEAST_ROW => self.rows(&shown),
                    () => self.lines(&shown),
                });
                if n_folded > 0 {
                    let folded =
                        counted(n_folded, "finding about the same events is", "findings about the same events are");
                    text.push_str(&self.paragraph(&format!("({folded} not repeated: see `also`)"), 1));
                }
                let cure = "--limit shows more, --findings FILE writes all";
                let n_others = findings.n_findings.saturating_sub(n_folded);
                text.push_str(&self.more(n_others, shown.len(), ["finding", "findings"], cure));
                let assets = &findings.assets[..SHOWN_ASSETS.min(findings.assets.len())];
                if !assets.is_empty() {
                    text.push_str(&format!("\n{}", self.assets(assets)));
                    let cure = "--group-by asset shows more, with their findings";
                    text.push_str(&self.more(findings.n_assets, assets.len(), ["asset", "assets"], cure));
                }
                shown.into_iter().next()
            }
        };
        if let Some(best) = best {
            text.push_str(&format!("\n{}\n", self.next(&best, source)));
        }
        Ok(text)
    }

    /// Line about what is not shown; empty if everything is.
    fn more(self, n: u64, n_shown: usize, [one, many]: [&str; 2], cure: &str) -> String {
        let n_more = n.saturating_sub(n_shown as u64);
        if n_more == 0 {
            return String::new();
        }
        let text = format!("... and {}: {cure}", counted(n_more, &format!("more {one}"), &format!("more {many}")));
        self.paragraph(&text, 1)
    }
}
