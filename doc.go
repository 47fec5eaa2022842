// Package faceproof is the vocabulary of the product: what a subject, a
// verification, a challenge, evidence, a decision and a credential are, and the
// two pure functions on them, Decide and State.Can. It does no I/O and imports
// only the standard library, so that the rules can be read and tested without a
// server, a camera or a model.
//
// Terms follow ISO/IEC 2382-37 (biometric vocabulary), ISO/IEC 30107-3
// (presentation attack detection) and ISO/IEC 19795-1 (error rates); the names
// of WeChat's interfaces appear only at its boundary, in internal/wechat.
package faceproof
