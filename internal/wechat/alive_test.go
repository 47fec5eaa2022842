package wechat

import (
	"encoding/json"
	"strings"
	"testing"

	"faceproof"
)

// check_alive_reason is there only when type 2 was asked and something was
// measured; check_alive_type is the method that was used.
func TestAliveReason(t *testing.T) {
	for _, c := range []struct {
		asked faceproof.AliveType
		light faceproof.Light
		want  string
	}{
		{faceproof.AliveAuto, faceproof.LightEnough, "light_enough"},
		{faceproof.AliveAuto, faceproof.LightWeak, "light_weak"},
		{faceproof.AliveAuto, faceproof.LightUnknown, "light_unknown"},
		{faceproof.AliveAuto, "", ""},
		{faceproof.AliveFlash, faceproof.LightEnough, ""},
	} {
		f := newFixture(t)
		f.passed("cred")
		for key, info := range f.verify.infos {
			info.Verification.Alive, info.Decision.Light = c.asked, c.light
			f.verify.infos[key] = info
		}
		query := toJSON(map[string]string{"verify_id": "the-verify-id", "out_seq_no": "order-1", "openid": "u", "cert_hash": strings.Repeat("0", 64)})
		for name, body := range map[string]string{"queryverifyinfo": query, "getinfo": `{"verify_result":"cred"}`} {
			var a map[string]any
			if err := json.Unmarshal(f.face(appA, name, body).Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			reason, there := a["check_alive_reason"]
			if there != (c.want != "") || there && reason != c.want {
				t.Errorf("%s, asked for %d, light %q: %v", name, c.asked, c.light, a)
			}
			if name == "getinfo" && a["check_alive_type"] != float64(faceproof.AliveFlash) {
				t.Errorf("asked for %d: %v", c.asked, a)
			}
		}
	}
}
