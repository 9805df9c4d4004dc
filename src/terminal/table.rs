//! Tables that fit a width, with words whole.
//!
//! Columns that fit are beside each other. If they do not, the first one gets lines of its own
//! above the others; if these do not fit either, each row is a paragraph.

use std::fmt;

use super::words::{flowed, padded, width, wrapped};

/// Space between two columns.
const GAP: &str = "  ";

/// Columns in front of what stands below the first cell of a row.
const INDENT: usize = 2;

/// Least width of a column of texts that are longer: narrower ones are hard to read.
const LEAST_TEXT: usize = 12;

/// A table of words and numbers.
#[derive(Debug, Clone)]
pub struct WordTable {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Places of the columns of numbers, which end together.
    numbers: Vec<usize>,
    /// Columns of the terminal.
    width: usize,
}

impl WordTable {
    /// Returns a table without rows that is at most `width` columns wide.
    pub fn new(width: usize, heads: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let heads = heads.into_iter().map(Into::into).collect();
        WordTable { heads, rows: Vec::new(), numbers: Vec::new(), width }
    }

    /// Lets the numbers in these columns end together.
    pub fn with_numbers(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.numbers.extend(columns);
        self
    }

    /// Adds a row with a cell per column.
    pub fn add_row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.heads.len(), "a cell per column");
        self.rows.push(row);
    }

    /// Widths of the columns from `first` on within `room`; `None` if words would be broken.
    fn widths(&self, first: usize, room: usize) -> Option<Vec<usize>> {
        let columns = first..self.heads.len();
        let widest = |column: usize, measure: fn(&str) -> usize| {
            let cells = self.rows.iter().map(|row| &row[column]).chain([&self.heads[column]]);
            cells.map(|cell| measure(cell)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = columns.clone().map(|column| widest(column, width)).collect();
        let least: Vec<usize> = columns
            .zip(&widths)
            .map(|(column, &whole)| {
                let of_kind = if self.numbers.contains(&column) { 0 } else { LEAST_TEXT };
                widest(column, longest_word).max(of_kind).min(whole)
            })
            .collect();
        let room = room.checked_sub(GAP.len() * widths.len().saturating_sub(1))?;
        if least.iter().sum::<usize>() > room {
            return None;
        }
        while widths.iter().sum::<usize>() > room {
            // the heads of numbers give way first, which takes one more line; then the widest texts
            let can_shrink = widths.iter().zip(&least).enumerate().filter(|(_, (width, least))| width > least);
            let (idx, _) =
                can_shrink.max_by_key(|(idx, (width, _))| (self.numbers.contains(&(first + idx)), **width))?;
            widths[idx] -= 1;
        }
        Some(widths)
    }

    /// Lines of the cells from `first` on.
    fn write_beside(&self, f: &mut fmt::Formatter<'_>, row: &[String], first: usize, widths: &[usize]) -> fmt::Result {
        let cells: Vec<Vec<String>> =
            row[first..].iter().zip(widths).map(|(cell, &width)| wrapped(cell, width, usize::MAX)).collect();
        for idx in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = " ".repeat(INDENT * first);
            for (column, (cell, &columns)) in (first..).zip(cells.iter().zip(widths)) {
                let part = cell.get(idx).map_or("", String::as_str);
                let blank = " ".repeat(columns.saturating_sub(width(part)));
                line.push_str(&if self.numbers.contains(&column) {
                    format!("{blank}{part}")
                } else {
                    padded(part, columns)
                });
                line.push_str(GAP);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// The cells of a row, each behind its head. A name needs none.
    fn write_paragraph(&self, f: &mut fmt::Formatter<'_>, row: &[String]) -> fmt::Result {
        let named = |(head, cell): (&String, &String)| format!("{head} {cell}").trim_start().to_owned();
        let mut cells = self.heads.iter().zip(row);
        let first = cells.next().map(|cell| if self.numbers.contains(&0) { named(cell) } else { cell.1.clone() });
        write_flowed(f, &first.unwrap_or_default(), self.width, 0)?;
        let rest: Vec<String> = cells.filter(|(_, cell)| !cell.is_empty()).map(named).collect();
        write_flowed(f, &rest.join(" · "), self.width, INDENT)
    }
}

impl fmt::Display for WordTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || [&self.heads].into_iter().chain(&self.rows);
        if let Some(widths) = self.widths(0, self.width) {
            return lines().try_for_each(|row| self.write_beside(f, row, 0, &widths));
        }
        if let Some(widths) = self.widths(1, self.width.saturating_sub(INDENT)) {
            return lines().try_for_each(|row| {
                write_flowed(f, &row[0], self.width, 0)?;
                self.write_beside(f, row, 1, &widths)
            });
        }
        self.rows.iter().try_for_each(|row| self.write_paragraph(f, row))
    }
}

fn write_flowed(f: &mut fmt::Formatter<'_>, text: &str, room: usize, indent: usize) -> fmt::Result {
    let lines = flowed(text, room.saturating_sub(indent));
    lines.iter().filter(|line| !line.is_empty()).try_for_each(|line| writeln!(f, "{}{line}", " ".repeat(indent)))
}

fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(width).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(width: usize, expected: &str) {
        let mut table = WordTable::new(width, ["name", "n", "kind of it"]).with_numbers([1]);
        table.add_row(["terms_rare_program".to_owned(), "1,234".to_owned(), "a text of several words".to_owned()]);
        table.add_row(["beacon".to_owned(), "7".to_owned(), String::new()]);
        assert_eq!(table.to_string(), expected, "{width}");
    }

    #[test]
    fn columns_are_beside_each_other_if_they_fit() {
        check(
            80,
            "name                    n  kind of it\n\
             terms_rare_program  1,234  a text of several words\n\
             beacon                  7\n",
        );
        check(
            42,
            "name                    n  kind of it\n\
             terms_rare_program  1,234  a text of\n                           several words\n\
             beacon                  7\n",
        );
    }

    #[test]
    fn names_are_above_the_rest_if_that_fits() {
        check(
            24,
            "name\n      n  kind of it\n\
             terms_rare_program\n  1,234  a text of\n         several words\n\
             beacon\n      7\n",
        );
    }

    #[test]
    fn rows_are_paragraphs_elsewhere() {
        check(
            18,
            "terms_rare_program\n  n 1,234 · kind\n  of it a text of\n  several words\n\
             beacon\n  n 7\n",
        );
    }

    #[test]
    fn heads_of_numbers_give_way_before_texts() {
        let mut table = WordTable::new(30, ["name of it", "exit code"]).with_numbers([1]);
        table.add_row(["terms_rare (unusable)".to_owned(), "0".to_owned()]);
        let [head, more, row] =
            ["name of it                exit", "                          code", "terms_rare (unusable)        0"];
        assert_eq!(table.to_string(), format!("{head}\n{more}\n{row}\n"));
    }

    #[test]
    fn a_number_is_named_where_nothing_is_above_it() {
        let mut table = WordTable::new(10, ["run", "outcome"]).with_numbers([0]);
        table.add_row(["1".to_owned(), "interrupted".to_owned()]);
        assert_eq!(table.to_string(), "run 1\n  outcome\n  interrupted\n");
    }

    proptest! {
        #[test]
        fn words_are_whole_and_lines_no_wider_than_they_must_be(
            rows in prop::collection::vec(prop::collection::vec("[a-z日 ]{0,30}", 4), 0..4),
            most in 1..60_usize,
        ) {
            let mut table = WordTable::new(most, ["one", "two", "three four", "five"]).with_numbers([2]);
            rows.iter().for_each(|row| table.add_row(row.clone()));
            let shown = table.to_string();
            for line in shown.lines() {
                prop_assert!(width(line) <= most || line.split_whitespace().count() == 1, "{most}: {shown}");
            }
            let found: Vec<&str> = shown.split_whitespace().collect();
            let words = rows.iter().flatten().flat_map(|cell| cell.split_whitespace());
            for word in words {
                prop_assert!(found.contains(&word), "{word} at {most}: {shown}");
            }
        }
    }
}
