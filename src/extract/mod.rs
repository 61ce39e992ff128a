//! Message to [`crate::model::PaymentClaims`].
