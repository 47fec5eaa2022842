package wechat

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request body, in bytes. The longest honest one, getverifyid
// with a long name, is under 1 KiB.
const maxBody = 64 << 10

// object is a JSON object as it came: members are looked up by their exact
// name, and members that nobody asks for are ignored, because real clients
// send extras.
type object map[string]json.RawMessage

// readObject reads a request's body as one JSON object. Errors name what is
// wrong, never what was sent.
func readObject(w http.ResponseWriter, r *http.Request) (object, *failure) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fail(codeBodyTooLarge, "the body is over %d bytes", maxBody)
	case err != nil:
		return nil, fail(codeData, "the body did not arrive whole")
	}
	return parseObject(data)
}

// parseObject parses one JSON object in UTF-8.
func parseObject(data []byte) (object, *failure) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // a byte-order mark, as some .NET clients send
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fail(codeEmptyBody, "")
	}
	if !utf8.Valid(data) {
		return nil, fail(codeData, "the body must be UTF-8")
	}
	o, twice, err := members(data)
	switch {
	case err != nil:
		return nil, fail(codeData, "the body must be one JSON object")
	case twice:
		return nil, fail(codeData, "the body names a member twice")
	}
	return o, nil
}

var errNoObject = errors.New("no JSON object")

// members reads a JSON object. twice says that a name comes twice, in any case
// of its letters: readers differ in which of the two they take, and a check in
// front of this server might see the other one.
func members(data []byte) (o object, twice bool, err error) {
	if !json.Valid(data) {
		return nil, false, errNoObject
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false, errNoObject
	}
	o = object{}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, false, errNoObject
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, false, errNoObject
		}
		name := key.(string) // in an object a name stands before each value
		folded := strings.ToLower(name)
		twice = twice || seen[folded]
		seen[folded] = true
		o[name] = value
	}
	return o, twice, nil
}

// has says whether the member is there and not null.
func (o object) has(key string) bool {
	v, ok := o[key]
	return ok && string(v) != "null"
}

// text gives a string member; "" when it is absent or null.
func (o object) text(key string) (string, *failure) {
	if !o.has(key) {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(o[key], &s); err != nil {
		return "", fail(codeData, "%s must be a string", key)
	}
	if strings.ContainsRune(s, utf8.RuneError) { // a lone surrogate in an escape
		return "", fail(codeData, "%s must be valid Unicode", key)
	}
	return s, nil
}

// texts gives several string members, in order.
func (o object) texts(keys ...string) ([]string, *failure) {
	out := make([]string, len(keys))
	for i, k := range keys {
		s, f := o.text(k)
		if f != nil {
			return nil, f
		}
		out[i] = s
	}
	return out, nil
}

// flag gives a boolean member; false when it is absent or null.
func (o object) flag(key string) (bool, *failure) {
	if !o.has(key) {
		return false, nil
	}
	var b bool
	if err := json.Unmarshal(o[key], &b); err != nil {
		return false, fail(codeData, "%s must be true or false", key)
	}
	return b, nil
}

// sub gives an object member; an empty object when it is absent or null.
func (o object) sub(key string) (object, *failure) {
	if !o.has(key) {
		return object{}, nil
	}
	s, twice, err := members(o[key])
	switch {
	case err != nil:
		return nil, fail(codeData, "%s must be an object", key)
	case twice:
		return nil, fail(codeData, "%s names a member twice", key)
	}
	return s, nil
}
