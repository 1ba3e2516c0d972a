//! Vectors of memories: what lies close means the same, whatever its words are.
//!
//! Those of different models have nothing to do with each other, so each carries the model's name, and one of another model, or of
//! another length, is none. A mind holds at most a few thousand memories, so each is compared with the question.

use aether_protocol::MemoryLayer;
use rusqlite::Connection;

use crate::{
    Change, Store, StoreError,
    memories::{Recall, WHICH, weighed},
    minds::now,
    row,
};

/// Cosine below which nothing is near.
const NEAR: f64 = 0.2;
/// Part of the best cosine below which nothing is near: models differ in how far apart strangers lie.
const OF_BEST: f64 = 0.6;

/// A question as a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Who made the vector, `PROVIDER/MODEL`.
    pub model: String,
    /// The vector, of length 1.
    pub vector: Vec<f32>,
}

/// A memory that has no vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bare {
    /// Its number.
    pub id: u64,
    /// What is remembered.
    pub text: String,
    /// Who owns the mind that it is in.
    pub owner: String,
    /// The name of that mind, where it has one.
    pub name: Option<String>,
    /// The agent whose mind it is, where it has none.
    pub agent: Option<String>,
}

impl Change {
    /// Keeps vectors of length 1 for memories, in the place of those before; a memory that is gone gets none.
    #[must_use]
    pub fn keep_vectors(self, model: &str, vectors: Vec<(u64, Vec<f32>)>) -> Self {
        let model = model.to_owned();
        self.with(move |db, _| {
            let mut statement = db.prepare_cached(
                "INSERT OR REPLACE INTO memory_vectors (memory, model, vector) SELECT id, ?2, ?3 FROM memories WHERE id = ?1",
            )?;
            for (id, vector) in &vectors {
                statement.execute((row::int(*id), &model, bytes(vector)))?;
            }
            Ok(())
        })
    }
}

impl Store {
    /// Memories of all minds after this number that have no vector of this model, and what they say; the lowest numbers first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn without_vector(&self, model: String, after: u64, most: usize) -> Result<Vec<Bare>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT m.id, m.content, of.owner, of.name, of.agent_id
                 FROM memories m JOIN minds of ON of.id = m.mind LEFT JOIN memory_vectors v ON v.memory = m.id
                 WHERE m.id > ?1 AND v.model IS NOT ?2 ORDER BY m.id LIMIT ?3",
            )?;
            let rows = statement.query_map((row::int(after), model, most as i64), |r| {
                let (id, text) = (row::uint(r.get(0)?), r.get(1)?);
                Ok(Bare { id, text, owner: r.get(2)?, name: r.get(3)?, agent: r.get(4)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The cosine of two vectors of length 1; `None` where they have nothing to do with each other.
fn cosine(question: &[f32], stored: &[u8]) -> Option<f64> {
    if stored.len() != size_of_val(question) {
        return None;
    }
    let numbers = stored.chunks_exact(size_of::<f32>()).map(|four| four.try_into().map_or(0.0, f32::from_le_bytes));
    Some(question.iter().zip(numbers).map(|(a, b)| f64::from(a * b)).sum())
}

/// Numbers of the memories near a question, the nearest and weightiest first, at most so many.
pub(crate) fn nearest(db: &Connection, mind: i64, what: &Recall, near: &Near, most: usize) -> Result<Vec<i64>, StoreError> {
    let (layer, at, tags) = (what.layer.map(MemoryLayer::name), now(), row::to_json("tags", &what.tags)?);
    let mut statement = db.prepare_cached(&format!(
        "SELECT m.id, m.importance, m.accessed_ms, v.vector FROM memories m JOIN memory_vectors v ON v.memory = m.id
         WHERE {WHICH} AND v.model = ?5"
    ))?;
    let mut rows = statement.query((mind, layer, at, tags, &near.model))?;
    let mut found: Vec<(f64, f64, i64)> = Vec::new();
    while let Some(r) = rows.next()? {
        let stored = r.get_ref(3)?.as_blob().unwrap_or_default();
        if let Some(cosine) = cosine(&near.vector, stored).filter(|cosine| *cosine >= NEAR) {
            found.push((cosine, weighed(cosine, r.get(1)?, r.get(2)?, at), r.get(0)?));
        }
    }
    let best = found.iter().map(|(cosine, _, _)| *cosine).fold(0.0, f64::max);
    found.retain(|(cosine, _, _)| *cosine >= best * OF_BEST);
    found.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
    Ok(found.into_iter().map(|(_, _, id)| id).take(most).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vectors_of_one_length_are_compared() {
        let stored = bytes(&[0.6, 0.8]);
        assert!(cosine(&[0.6, 0.8], &stored).is_some_and(|cosine| (cosine - 1.0).abs() < 1e-6));
        assert!(cosine(&[-0.8, 0.6], &stored).is_some_and(|cosine| cosine.abs() < 1e-6));
        assert_eq!(cosine(&[0.6, 0.8, 0.0], &stored), None);
        assert_eq!(cosine(&[1.0], &stored[..3]), None);
    }
}
