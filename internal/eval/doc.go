// Package eval runs campaigns: it presents genuine people and attacks to the
// product's own pipeline, counts what happens, and holds the counts to the bars
// of a protocol. Presentations come from the test camera (internal/simcam) or
// from recordings that an operator has.
//
// A campaign is a folder. trials.jsonl holds what was measured in every session,
// in the order of the protocol whatever the number of workers, and is all that
// the report is made from: Check makes the report again, byte for byte, without
// a camera, a network or a picture.
//
// In a campaign the face is taken to match the claimed person, so that liveness
// alone decides.
package eval
