//! Sealed bodies of held mail in a folder, fsynced.
