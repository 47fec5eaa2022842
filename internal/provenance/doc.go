// Package provenance asks the frames of one attempt where they came from:
// straight from a camera, or from a file, a video codec or a program. It only
// measures. A web page cannot prove a camera, so every number here is a hint;
// faceproof.CaptureAssurance weighs them, and faceproof.Decide rejects by none
// of them. The one finding, frames whose very bytes were seen before, comes from
// the index of captures.
//
// What is measured, and what a careful forger does about it, is in
// docs/security.md.
package provenance
