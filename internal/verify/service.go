package verify

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/flash"
	"faceproof/internal/keys"
	"faceproof/internal/pace"
)

// How long things live. Sources: security.md section 2.2; the contract's
// section 2.7 for user_id_key and verify_id.
const (
	StartTTL      = 180 * time.Second  // a capture token, to the start of the capture
	VerifyIDTTL   = 3600 * time.Second // a verify_id, to the start of the capture
	UserIDKeyTTL  = 3600 * time.Second
	CredentialTTL = 300 * time.Second // from the decision; a kept portrait too
)

const (
	idBytes         = 16
	credentialBytes = 96 // 128 characters of base64url, as WeChat's verifyResult
	tokenBytes      = 32
	userIDKeyBytes  = 16
	maxPaced        = 10_000           // apps whose pace is remembered at once
	storeTimeout    = 10 * time.Second // for what must be written although the client has gone
)

// Service conducts verifications. It is safe for concurrent use.
type Service struct {
	cfg   Config
	log   *slog.Logger
	gate  gate
	opens *pace.Buckets[faceproof.AppID] // sessions
	runs  *pace.Buckets[faceproof.AppID] // captures
}

// New checks the configuration.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Subjects == nil || c.Apps == nil || c.Audit == nil || c.Registry == nil || c.Analyzer == nil || c.Keys == nil || c.Blob == nil {
		return nil, errors.New("verify: Store, Subjects, Apps, Audit, Registry, Analyzer, Keys and Blob are needed")
	}
	if c.Policy == (faceproof.Policy{}) {
		c.Policy = faceproof.DefaultPolicy()
	}
	if c.Policy.ID == "" || c.Policy.MaxAttempts < 1 || c.Policy.MaxAttempts > 3 {
		return nil, errors.New("verify: a policy needs an ID and 1 to 3 attempts")
	}
	if !faceproof.LevelStandard.AtLeast(c.Policy.MinLevel) {
		return nil, errors.New("verify: a policy's MinLevel must be low or standard")
	}
	c.Digits = c.Digits && c.Policy.CanRead()
	if c.Budget == (Budget{}) {
		c.Budget = DefaultBudget()
	}
	if c.Meter == nil {
		c.Meter = silent{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.NewChallenge == nil {
		random := c.Rand
		c.NewChallenge = func(p faceproof.Plan) (faceproof.FlashChallenge, error) { return flash.New(random, p) }
	}
	if c.NewDigits == nil {
		random := c.Rand
		c.NewDigits = func(atOnce bool) (faceproof.DigitsChallenge, error) {
			return digits.New(random, digits.Options{Paced: !atOnce, Light: !atOnce})
		}
	}
	if c.Opening.PrerollMS == 0 {
		c.Opening = flash.Opening()
	}
	if c.Limits == (capture.Limits{}) {
		c.Limits = capture.DefaultLimits()
	}
	if c.Admission.Running < 0 || c.Admission.Waiting < 0 {
		return nil, errors.New("verify: Admission must not be negative")
	}
	if c.Admission.Within == 0 {
		c.Admission.Within = AdmitWithin
	}
	return &Service{cfg: c, log: c.Log, gate: gate{a: c.Admission},
		opens: pace.New[faceproof.AppID](c.PerApp, maxPaced), runs: pace.New[faceproof.AppID](c.PerApp, maxPaced)}, nil
}

func (s *Service) now() time.Time { return s.cfg.Now() }

func (s *Service) millis() int64 { return s.cfg.Now().UnixMilli() }

// random gives n random bytes, or CodeInternal.
func (s *Service) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.cfg.Rand, b); err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "no randomness", Err: err}
	}
	return b, nil
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func appActor(id faceproof.AppID) string { return "app:" + string(id) }

// detached is a context for what must be written although the client has gone.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// person is a subject as it is sealed.
type person struct {
	Name   string `json:"n"`
	Number string `json:"i"`
}

func (s *Service) sealSubject(sub faceproof.Subject, aad []byte) ([]byte, error) {
	b, err := json.Marshal(person{sub.Name.Reveal(), sub.IDNumber.Reveal()})
	if err != nil {
		return nil, err
	}
	return s.cfg.Keys.Seal(b, aad)
}

func (s *Service) openSubject(sealed, aad []byte) (faceproof.Subject, error) {
	b, err := s.cfg.Keys.Open(sealed, aad)
	if err != nil {
		return faceproof.Subject{}, err
	}
	var p person
	if json.Unmarshal(b, &p) != nil {
		return faceproof.Subject{}, faceproof.Errorf(faceproof.CodeInternal, "", "a sealed subject does not parse")
	}
	var sub faceproof.Subject
	if sub.Name, err = faceproof.ParseName(p.Name, "name"); err == nil {
		sub.IDNumber, err = faceproof.ParseIDNumber(p.Number, "id_card_number", s.now().AddDate(1, 0, 0))
	}
	if err != nil {
		return faceproof.Subject{}, faceproof.Errorf(faceproof.CodeInternal, "", "a sealed subject is not valid")
	}
	return sub, nil
}

func subjectAAD(id string) []byte { return keys.AAD("subject", id) }
