// Package verify conducts a verification from its creation to its redemption
// and its deletion. It owns state transitions, time, randomness, idempotency
// and retention; nothing else changes a verification.
//
// Three rules hold whatever fails. A front end is told pass only after the
// decision and its credential were committed. A verification never has two
// credentials. Pictures are held in memory and forgotten with the decision,
// but for one sealed portrait where the app may fetch it.
package verify
