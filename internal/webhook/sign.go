// Package webhook tells an app's own server that a verification was decided or
// ended. A message holds ids and no personal data; what was decided is asked of
// the server-to-server interfaces. docs/webhooks.md is for the receiver.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"faceproof"
)

// The headers of a message.
const (
	HeaderID        = "Faceproof-Id"
	HeaderTimestamp = "Faceproof-Timestamp" // unix seconds of this try
	HeaderSignature = "Faceproof-Signature" // "v1=" and hex
)

// Keys makes the secrets; *keys.Ring is one.
type Keys interface {
	Index(purpose string, value []byte) []byte
}

// Secret is what an app's messages are signed with: 256 bits made of the key
// file and the nonce of the setting, so that no database holds it.
func Secret(k Keys, w faceproof.Webhook) faceproof.Token {
	return faceproof.NewToken("whsec_" + base64.RawURLEncoding.EncodeToString(k.Index("webhook.secret", []byte(string(w.AppID)+"\x00"+w.Nonce))))
}

// Sign gives the value of HeaderSignature: HMAC-SHA-256 of "timestamp.id.body"
// under the whole text of the secret.
func Sign(secret faceproof.Token, timestamp int64, id string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret.Reveal()))
	m.Write([]byte(strconv.FormatInt(timestamp, 10) + "." + id + "."))
	m.Write(body)
	return "v1=" + hex.EncodeToString(m.Sum(nil))
}
