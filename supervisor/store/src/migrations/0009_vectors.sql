-- Texts of memories as vectors of length 1: 32-bit floats, little endian. Another model's are replaced.
CREATE TABLE memory_vectors (
    memory INTEGER PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE,
    model  TEXT NOT NULL,
    vector BLOB NOT NULL
) STRICT;
