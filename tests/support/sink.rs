//! A next hop that does what the test asks.
