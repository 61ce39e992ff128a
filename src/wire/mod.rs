//! SMTP octets shared by server and client: framing both ways and every reply we can send.

pub mod data_in;
pub mod data_out;
pub mod reply;
