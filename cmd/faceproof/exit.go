package main

// exitError ends the process with a code of its own. Without an err it prints
// nothing: the command has said all there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// ExitCode is what main asks for.
func (e *exitError) ExitCode() int { return e.code }
