package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Check is the receiver's half, the sample of docs/webhooks.md: it gives the
// body of a message that this server sent within the last five minutes and that
// first, a function of the receiver's own, has not seen. first must remember an
// id for good or for 30 days, in the transaction of what the message leads to.
func Check(r *http.Request, secret string, now time.Time, first func(id string) bool) ([]byte, error) {
	id, stamp := r.Header.Get("Faceproof-Id"), r.Header.Get("Faceproof-Timestamp")
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + id + "."))
	mac.Write(body)
	given, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get("Faceproof-Signature"), "v1="))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return nil, errors.New("the signature is wrong") // answer 401
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return nil, errors.New("too old, or the clocks differ") // answer 401
	}
	if !first(id) {
		return nil, errors.New("seen before") // answer 200 and do nothing
	}
	return body, nil
}
