//! Findings of a run for the history: those with the highest scores, with what the model saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::delivery::{Delivered, DeliveryError, Sink};
use crate::findings::{Findings, StableId};
use crate::spill::SpillError;
use crate::state::{KeptFinding, MOST_KEPT, RunDelivery};

/// Findings whose outliers are kept.
const WITH_OUTLIERS: usize = 1000;

/// Upper limit on the bytes of an outlier that is kept, as JSON.
const OUTLIER_BYTES: usize = 32 << 10;

/// Findings that are stored at once.
const BLOCK: usize = 256;

/// Outliers of the findings with the highest scores, gathered by an [`ExampleSink`].
#[derive(Debug, Clone, Default)]
pub struct Examples(Arc<Mutex<HashMap<StableId, Example>>>);

/// The strongest outlier of a finding in one document.
#[derive(Debug)]
struct Example {
    surprise: f64,
    json: String,
}

/// Gathers outliers of the findings with the highest scores.
#[derive(Debug)]
pub struct ExampleSink {
    /// Names of the use cases, by number.
    names: Vec<String>,
    /// Findings by the index and id of their strongest documents.
    wanted: HashMap<String, HashMap<String, Vec<StableId>>>,
    examples: Examples,
}

impl ExampleSink {
    /// `names`: those of the use cases, by number.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn new(names: &[String], findings: &Findings, examples: &Examples) -> Result<Self, SpillError> {
        let mut wanted: HashMap<String, HashMap<String, Vec<StableId>>> = HashMap::new();
        let mut read = findings.read()?;
        for _ in 0..WITH_OUTLIERS {
            let Some(finding) = read.next_if(|_| true)? else { break };
            let identity = finding.finding_id;
            wanted.entry(finding.index).or_default().entry(finding.id).or_default().push(identity);
        }
        Ok(ExampleSink { names: names.to_vec(), wanted, examples: examples.clone() })
    }
}

impl Sink for ExampleSink {
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let mut examples = self.examples.0.lock().unwrap_or_else(PoisonError::into_inner);
        for document in documents {
            let wanted = self.wanted.get(&document.id.index).and_then(|ids| ids.get(&document.id.id));
            let Some(findings) = wanted else { continue };
            for outlier in document.outliers().filter(|outlier| outlier.json.len() <= OUTLIER_BYTES) {
                let finding = StableId::of_finding(&self.names[outlier.use_case_idx], &outlier.finding);
                let is_stronger = |known: &Example| outlier.surprise > known.surprise;
                if findings.contains(&finding) && examples.get(&finding).is_none_or(is_stronger) {
                    examples.insert(finding, Example { surprise: outlier.surprise, json: outlier.json.clone() });
                }
            }
        }
        Ok(())
    }
}

/// Stores the findings with the highest scores.
///
/// # Errors
/// A store or temporary files that cannot be used.
pub fn keep_findings(
    findings: &Findings,
    examples: &Examples,
    delivery: &mut RunDelivery,
) -> Result<(), DeliveryError> {
    let mut examples = examples.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut read = findings.read()?;
    let mut block = Vec::new();
    for _ in 0..MOST_KEPT {
        let Some(finding) = read.next_if(|_| true)? else { break };
        let identity = finding.finding_id;
        let example = examples.remove(&identity);
        let outlier = example.map(|example| fields_of(&example.json)).transpose()?;
        block.push(KeptFinding { outlier, ..finding.into() });
        if block.len() == BLOCK {
            delivery.keep(&std::mem::take(&mut block))?;
        }
    }
    Ok(delivery.keep(&block)?)
}

fn fields_of(json: &str) -> serde_json::Result<Map<String, Value>> {
    Ok(serde_json::from_str::<crate::outlier::Outlier>(json)?.fields().clone())
}
