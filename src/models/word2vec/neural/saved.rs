//! Saves models from one run to the next: one file per aggregator, so that each run starts from
//! what the previous one learned.
//!
//! A file holds the parameters, the words they belong to, and the identity of the model. It is
//! private, because its words come from events, and it appears complete or not at all. Unusable
//! files are ignored.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use outlier_kernels::skipgram::Shape;
use rustc_hash::FxHashMap;

use super::super::corpus::Vocabulary;
use super::kernel::{n_parameters, parts, parts_mut};
use super::training::SavedModel;

/// Largest share of word occurrences that may belong to words unknown to the saved model. Beyond
/// it, training starts from scratch.
pub const MAX_NEW_WORDS: f64 = 0.1;

/// Copies what the saved model knows into the untrained `parameters`. Returns false if there is no
/// model, or one that knows too few of the words.
///
/// # Errors
/// If the file cannot be used; the text says why.
pub(super) fn load(
    saved: &SavedModel,
    vocabulary: &Vocabulary<'_>,
    shape: Shape,
    parameters: &mut [f32],
) -> Result<bool, String> {
    let bytes = match std::fs::read(&saved.path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.to_string()),
    };
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| first_line(&error))?;
    if text(&tensors, "identity")? != saved.identity {
        return Err("it is the model of another use case, aggregator or setting".to_owned());
    }
    let words: Vec<String> = serde_json::from_str(&text(&tensors, "words")?).map_err(|error| error.to_string())?;
    let known = Shape { n_words: words.len(), n_dimensions: shape.n_dimensions };
    let numbers = tensors.get("parameters").ok_or("it has no parameters")?;
    let numbers = numbers.to_vec1::<f32>().map_err(|error| first_line(&error))?;
    if words.is_empty() || numbers.len() != n_parameters(known) || !numbers.iter().all(|number| number.is_finite()) {
        return Err("its parameters are damaged".to_owned());
    }
    let place_of: FxHashMap<&str, usize> =
        words[..words.len() - 1].iter().enumerate().map(|(place, word)| (word.as_str(), place)).collect();
    let place = |word: u32| {
        if word == vocabulary.unknown() { Some(words.len() - 1) } else { place_of.get(vocabulary.text(word)).copied() }
    };
    let all = 0..vocabulary.len() as u32;
    let n_new: u64 = all.clone().filter(|&word| place(word).is_none()).map(|word| vocabulary.count(word)).sum();
    let n: u64 = all.clone().map(|word| vocabulary.count(word)).sum();
    if n_new as f64 > MAX_NEW_WORDS * n as f64 {
        return Ok(false);
    }
    let (to, from, d) = (parts_mut(shape, parameters), parts(known, &numbers), shape.n_dimensions);
    for (word, place) in all.filter_map(|word| Some((word as usize, place(word)?))) {
        to.embeddings[word * d..][..d].copy_from_slice(&from.embeddings[place * d..][..d]);
        to.weights[word * d..][..d].copy_from_slice(&from.weights[place * d..][..d]);
        to.biases[word] = from.biases[place];
    }
    Ok(true)
}

/// Saves the model for the next run.
///
/// # Errors
/// If the file cannot be written; the text says why.
pub(super) fn save(saved: &SavedModel, vocabulary: &Vocabulary<'_>, parameters: Vec<f32>) -> Result<(), String> {
    let words: Vec<&str> = (0..vocabulary.len() as u32).map(|word| vocabulary.text(word)).collect();
    let words = serde_json::to_vec(&words).map_err(|error| error.to_string())?;
    write(saved, words, parameters).map_err(|error| first_line(&error))
}

fn write(saved: &SavedModel, words: Vec<u8>, parameters: Vec<f32>) -> candle_core::Result<()> {
    let (n, n_bytes, identity) = (parameters.len(), words.len(), saved.identity.as_bytes());
    let tensors = HashMap::from([
        ("parameters", Tensor::from_vec(parameters, n, &Device::Cpu)?),
        ("words", Tensor::from_vec(words, n_bytes, &Device::Cpu)?),
        ("identity", Tensor::from_slice(identity, identity.len(), &Device::Cpu)?),
    ]);
    let folder = saved.path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::with_prefix_in(".ee-outliers-", folder)?;
    candle_core::safetensors::save(&tensors, file.path())?;
    file.as_file().sync_all()?;
    file.persist(&saved.path).map_err(|error| error.error)?;
    Ok(())
}

fn text(tensors: &HashMap<String, Tensor>, name: &str) -> Result<String, String> {
    let tensor = tensors.get(name).filter(|tensor| tensor.dtype() == DType::U8).ok_or(format!("it has no {name}"))?;
    let bytes = tensor.to_vec1::<u8>().map_err(|error| first_line(&error))?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// First line of a candle error, which may be followed by a backtrace.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::corpus::Corpus;
    use super::super::super::tests::{settings, texts};
    use super::*;

    const D: usize = 3;

    fn corpus<'t>(distinct: &[(&'t str, u64)]) -> Corpus<'t> {
        Corpus::new(&settings(|_| {}), &texts(distinct))
    }

    fn shape(corpus: &Corpus<'_>) -> Shape {
        Shape { n_words: corpus.vocabulary().len(), n_dimensions: D }
    }

    /// Parameters that all differ, so that each shows its word and place.
    fn numbered(corpus: &Corpus<'_>) -> Vec<f32> {
        (0..n_parameters(shape(corpus))).map(|number| number as f32).collect()
    }

    fn place(folder: &Path) -> SavedModel {
        SavedModel::of(folder, "a use case".to_owned())
    }

    #[test]
    fn words_keep_their_parameters_under_new_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let saved = place(&folder.path().join("models"));
        let (before, after) = (corpus(&[("a\\b", 9), ("b", 1)]), corpus(&[("a\\b", 9), ("c", 1)]));
        assert_eq!(load(&saved, after.vocabulary(), shape(&after), &mut []), Ok(false));
        save(&saved, before.vocabulary(), numbered(&before)).unwrap();

        let mut parameters = vec![-1.0; n_parameters(shape(&after))];
        assert_eq!(load(&saved, after.vocabulary(), shape(&after), &mut parameters), Ok(true));
        // before: b, a, unknown; after: a, b, c, unknown
        let embeddings = [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0], [-1.0, -1.0, -1.0], [6.0, 7.0, 8.0]];
        let weights = embeddings.map(|row| row.map(|number| if number < 0.0 { number } else { number + 9.0 }));
        let biases = [19.0, 18.0, -1.0, 20.0];
        assert_eq!(parameters, [embeddings.as_flattened(), weights.as_flattened(), &biases].concat());
        assert_eq!(std::fs::read_dir(folder.path().join("models")).unwrap().count(), 1);
    }

    #[test]
    fn a_model_with_too_many_new_words_is_not_reused() {
        let folder = tempfile::tempdir().unwrap();
        let saved = place(folder.path());
        let before = corpus(&[("a\\b", 9)]);
        save(&saved, before.vocabulary(), numbered(&before)).unwrap();
        for (n_new, is_reused) in [(2, true), (3, false)] {
            let after = corpus(&[("a\\b", 9), ("new", n_new)]);
            let mut parameters = vec![-1.0; n_parameters(shape(&after))];
            assert_eq!(load(&saved, after.vocabulary(), shape(&after), &mut parameters), Ok(is_reused), "{n_new} new");
            assert_eq!(parameters.iter().all(|&number| number == -1.0), !is_reused);
        }
    }

    #[test]
    fn rejects_unusable_files() {
        let folder = tempfile::tempdir().unwrap();
        let saved = place(folder.path());
        let corpus = corpus(&[("a\\b", 9)]);
        let refused = |what: &str| {
            let mut parameters = vec![-1.0; n_parameters(shape(&corpus))];
            let reason = load(&saved, corpus.vocabulary(), shape(&corpus), &mut parameters).unwrap_err();
            assert!(reason.contains(what), "{what}: {reason}");
            assert!(parameters.iter().all(|&number| number == -1.0), "{what}");
        };
        save(&saved, corpus.vocabulary(), numbered(&corpus)).unwrap();
        let whole = std::fs::read(&saved.path).unwrap();
        for n in [0, 5, 9, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&saved.path, &whole[..n]).unwrap();
            refused("");
        }
        std::fs::write(&saved.path, "no model at all, but long enough to look at").unwrap();
        refused("");
        save(&SavedModel { identity: "another".to_owned(), ..saved.clone() }, corpus.vocabulary(), numbered(&corpus))
            .unwrap();
        refused("another use case");
        save(&saved, corpus.vocabulary(), numbered(&corpus)[1..].to_vec()).unwrap();
        refused("damaged");
        let mut broken = numbered(&corpus);
        broken[0] = f32::NAN;
        save(&saved, corpus.vocabulary(), broken).unwrap();
        refused("damaged");
        let words = Tensor::new(1.0_f32, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&HashMap::from([("words", words)]), &saved.path).unwrap();
        refused("no identity");
    }

    #[test]
    fn an_unwritable_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let corpus = corpus(&[("a\\b", 9)]);
        assert!(save(&place(&folder.path().join("file")), corpus.vocabulary(), numbered(&corpus)).is_err());
    }

    #[test]
    fn identities_have_different_files() {
        let names: std::collections::BTreeSet<_> =
            (0..1000).map(|i| SavedModel::of(Path::new("x"), format!("use case {i}")).path).collect();
        assert_eq!(names.len(), 1000);
    }
}
