//! Judges: facts to findings to verdict, by the rules in `rules/`.
