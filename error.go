package faceproof

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the class of an Error, a closed set. Only internal/server and
// internal/wechat translate it to foreign codes.
type Code string

// The classes of failure.
const (
	CodeInvalid         Code = "invalid"         // the caller's input is wrong; Field names it
	CodeNotFound        Code = "not_found"       // no such thing, or not this caller's
	CodeConflict        Code = "conflict"        // the state does not allow it now
	CodeExpired         Code = "expired"         // it was valid once
	CodeUnauthenticated Code = "unauthenticated" // who are you
	CodeForbidden       Code = "forbidden"       // you may not
	CodeRateLimited     Code = "rate_limited"    // later
	CodeUnavailable     Code = "unavailable"     // a dependency is down; try again
	CodeInternal        Code = "internal"        // we are wrong
)

// Error is a failure of an operation. A face that was rejected is a Decision,
// never an Error. Message must not hold names, ID numbers, tokens or keys.
type Error struct {
	Code    Code
	Field   string // the input at fault, in the caller's spelling; empty when none
	Message string // for a developer, in English
	Err     error  // the cause, for logs
}

// Error gives "code: field: message", without the cause: the cause may hold
// what the caller must not see.
func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// ErrorCode gives the Code of the first Error in err's chain, CodeInternal for
// another error, "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// LogText describes err for a log: what the first Error in its chain says and
// the type of its cause, or the type alone of another error. The text of a
// foreign error may quote its input, and the input may be a person's.
func LogText(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return fmt.Sprintf("%T", err)
	case e.Err != nil:
		return fmt.Sprintf("%s (%T)", e.Error(), e.Err)
	}
	return e.Error()
}

// StackText gives the places of a stack (debug.Stack), innermost first, for a
// log: the lines that name files. Those between hold the arguments of
// functions, and a panic's value may quote them: both may be a person's.
func StackText(stack []byte) string {
	var out []string
	for line := range strings.Lines(string(stack)) {
		if strings.HasPrefix(line, "\t") {
			file, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			out = append(out, file)
		}
	}
	return strings.Join(out[:min(len(out), 24)], " < ")
}
