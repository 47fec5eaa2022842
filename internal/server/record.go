package server

import (
	"encoding/base64"
	"net/http"
	"strings"

	"faceproof"
	"faceproof/internal/voicebank"
)

// Limits of the recording page's backend.
const (
	takeBody    = 8 << 20 // bytes, of a string with its pictures in Base64
	takesAtOnce = 4       // strings that are read and checked
)

// voices is the backend of /record/: people read digits aloud, so that the
// recogniser can be trained and measured. It meets no person and no app.
type voices struct {
	bank  *voicebank.Bank
	takes chan struct{}
}

// consent is what is read before anything else.
func (v *voices) consent(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, v.bank.Notice())
}

func (v *voices) begin(w http.ResponseWriter, r *http.Request) error {
	var a voicebank.Application
	if err := readJSON(w, r, 8<<10, &a); err != nil {
		return err
	}
	s, err := v.bank.Begin(r.Context(), a)
	if err == nil {
		writeJSON(w, http.StatusOK, s)
	}
	return err
}

// coded is a request that needs the speaker's code and nothing else.
type coded struct {
	Code string `json:"code"`
}

func (v *voices) state(w http.ResponseWriter, r *http.Request) error {
	var q coded
	if err := readJSON(w, r, 8<<10, &q); err != nil {
		return err
	}
	s, err := v.bank.Resume(r.Context(), q.Code)
	if err == nil {
		writeJSON(w, http.StatusOK, s)
	}
	return err
}

func (v *voices) withdraw(w http.ResponseWriter, r *http.Request) error {
	var q coded
	if err := readJSON(w, r, 8<<10, &q); err != nil {
		return err
	}
	id, err := v.bank.Withdraw(r.Context(), q.Code)
	if err == nil {
		writeJSON(w, http.StatusOK, map[string]string{"speaker": id})
	}
	return err
}

// takeRequest is a string as the page sends it.
type takeRequest struct {
	Code  string    `json:"code"`
	N     int       `json:"n"`
	WAV   string    `json:"wav"` // Base64
	T0    float64   `json:"t0"`
	Shown []float64 `json:"shown"`
	Film  []struct {
		T    float64 `json:"t"`
		JPEG string  `json:"jpeg"` // Base64, with or without "data:image/jpeg;base64,"
	} `json:"film"`
}

func (q takeRequest) take() (voicebank.Take, error) {
	t := voicebank.Take{N: q.N, T0: q.T0, Shown: q.Shown}
	var err error
	if t.WAV, err = base64.StdEncoding.DecodeString(q.WAV); err != nil {
		return t, faceproof.Errorf(faceproof.CodeInvalid, "wav", "must be Base64")
	}
	for i, f := range q.Film {
		data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(f.JPEG, "data:image/jpeg;base64,"))
		if err != nil {
			return t, faceproof.Errorf(faceproof.CodeInvalid, "film", "picture %d must be a JPEG in Base64", i+1)
		}
		t.Film = append(t.Film, voicebank.Frame{T: f.T, JPEG: data})
	}
	return t, nil
}

// take keeps a string, or says what would help.
func (v *voices) take(w http.ResponseWriter, r *http.Request) error {
	select { // before the body is read: it is megabytes
	case v.takes <- struct{}{}:
		defer func() { <-v.takes }()
	case <-r.Context().Done():
		return faceproof.Errorf(faceproof.CodeUnavailable, "", "the caller left")
	}
	var q takeRequest
	if err := readJSON(w, r, takeBody, &q); err != nil {
		return err
	}
	t, err := q.take()
	if err != nil {
		return err
	}
	fault, err := v.bank.Put(r.Context(), q.Code, t)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"kept": fault == faceproof.AudioNone, "fault": fault, "hint": faceproof.AudioHint(fault)})
	return nil
}
