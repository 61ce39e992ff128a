//! Every reply we can send.
