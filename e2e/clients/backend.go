// Package clients holds other people's code against Faceproof: a public SDK of
// WeChat, and a small business backend written against the public
// documentation. It is a module of its own: nothing here is in the product.
package clients

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Backend is a business's server half as the documentation of the two
// generations describes it. It knows nothing of Faceproof: to move it, one
// changes Base.
type Backend struct {
	Base   string // https://api.weixin.qq.com
	AppID  string
	Secret string

	token string
}

// Error is an errcode that is not 0.
type Error struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

func (e *Error) Error() string { return fmt.Sprintf("errcode %d: %s", e.Code, e.Message) }

// Info is the answer of getinfo.
type Info struct {
	IdentifyRet  int    `json:"identify_ret"`
	IdentifyTime uint32 `json:"identify_time"`
	FinishTime   uint32 `json:"finish_time"`
	ValidateData string `json:"validate_data"`
	OpenID       string `json:"openid"`
	UserIDKey    string `json:"user_id_key"`
	NumberMD5    string `json:"id_card_number_md5"`
	NameMD5      string `json:"name_utf8_md5"`
}

// CertInfo is who somebody says to be.
type CertInfo struct {
	Type string `json:"cert_type"`
	Name string `json:"cert_name"`
	No   string `json:"cert_no"`
}

// Hash is cert_hash.
func (c CertInfo) Hash() string {
	b := base64.StdEncoding.EncodeToString
	sum := sha256.Sum256([]byte("cert_type=" + b([]byte(c.Type)) + "&cert_name=" + b([]byte(c.Name)) + "&cert_no=" + b([]byte(c.No))))
	return hex.EncodeToString(sum[:])
}

// UserIDKey asks for a user_id_key (1.0).
func (b *Backend) UserIDKey(name, number string) (string, error) {
	var a struct {
		Key string `json:"user_id_key"`
	}
	err := b.call("/cityservice/face/identify/getuseridkey", map[string]string{"name": name, "id_card_number": number}, &a)
	return a.Key, err
}

// Info redeems a verify_result (1.0).
func (b *Backend) Info(verifyResult string) (Info, error) {
	var a Info
	err := b.call("/cityservice/face/identify/getinfo", map[string]string{"verify_result": verifyResult}, &a)
	return a, err
}

// VerifyID opens a verification (2.0).
func (b *Backend) VerifyID(outSeqNo, openID string, c CertInfo) (id string, seconds int, err error) {
	var a struct {
		ID      string `json:"verify_id"`
		Seconds int    `json:"expires_in"`
	}
	err = b.call("/cityservice/face/identify/getverifyid", map[string]any{"out_seq_no": outSeqNo, "openid": openID, "cert_info": c}, &a)
	return a.ID, a.Seconds, err
}

// VerifyRet asks how a verification ended (2.0).
func (b *Backend) VerifyRet(verifyID, outSeqNo, openID string, c CertInfo) (int, error) {
	var a struct {
		Ret int `json:"verify_ret"`
	}
	err := b.call("/cityservice/face/identify/queryverifyinfo",
		map[string]string{"verify_id": verifyID, "out_seq_no": outSeqNo, "openid": openID, "cert_hash": c.Hash()}, &a)
	return a.Ret, err
}

// call posts with an access token, and once more with a fresh one when the
// documentation says that the token is over.
func (b *Backend) call(path string, body, into any) error {
	for try := 0; ; try++ {
		if b.token == "" || try > 0 {
			if err := b.login(); err != nil {
				return err
			}
		}
		err := post(b.Base+path+"?access_token="+url.QueryEscape(b.token), body, into)
		e, ok := err.(*Error)
		if try > 0 || !ok || e.Code != 40001 && e.Code != 40014 && e.Code != 42001 {
			return err
		}
	}
}

func (b *Backend) login() error {
	var a struct {
		Token string `json:"access_token"`
	}
	q := url.Values{"grant_type": {"client_credential"}, "appid": {b.AppID}, "secret": {b.Secret}}
	resp, err := http.Get(b.Base + "/cgi-bin/token?" + q.Encode())
	if err != nil {
		return err
	}
	if err := read(resp, &a); err != nil {
		return err
	}
	b.token = a.Token
	return nil
}

func post(to string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	resp, err := http.Post(to, "application/json", bytes.NewReader(data))
	if err != nil {
		return err
	}
	return read(resp, into)
}

func read(resp *http.Response, into any) error {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	var e Error
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.Code != 0 {
		return &e
	}
	return json.Unmarshal(data, into)
}
