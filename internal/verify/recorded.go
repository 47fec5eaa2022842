package verify

import "context"

type recordedKey struct{}

// WithRecorded gives a context in which this package notes that a refusal has
// its row in the audit log already, and the note, so that a caller who records
// refusals does not write it twice.
func WithRecorded(ctx context.Context) (context.Context, *bool) {
	recorded := new(bool)
	return context.WithValue(ctx, recordedKey{}, recorded), recorded
}

// note says in ctx that the refusal is recorded.
func note(ctx context.Context) {
	if r, ok := ctx.Value(recordedKey{}).(*bool); ok {
		*r = true
	}
}
