package wechat

import (
	"strings"
	"testing"
)

// The forms with video say so to the page, and getvideo gives a file.
func TestVideoForms(t *testing.T) {
	f := newFixture(t)
	f.passed("cred")
	page := f.page(appA, "https://shop.example/a")
	for _, c := range []struct {
		body  string
		video bool
	}{
		{toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber}), false},
		{toJSON(map[string]any{"api": apiStart + withVideo, "name": testName, "id_card_number": testNumber}), true},
		{`{"api":"requestFacialVerify","verify_id":"the-verify-id"}`, false},
		{`{"api":"requestFacialVerifyAndUploadVideo","verify_id":"the-verify-id"}`, true},
	} {
		var a sessionAnswer
		f.decode(f.sdk("sessions", page, c.body), &a)
		if a.SessionID == "" || a.UploadVideo != c.video {
			t.Errorf("%s: %+v", c.body, a)
		}
	}
	for _, api := range []string{"AndUploadVideo", "checkIsSupportFacialRecognitionAndUploadVideo", apiStart + withVideo + withVideo} {
		if w := f.sdk("sessions", page, toJSON(map[string]string{"api": api})); w.Code != 400 {
			t.Errorf("%s: %d", api, w.Code)
		}
	}
	w := f.face(appA, "getvideo", `{"verify_result":"cred"}`)
	if ct, cd := w.Header().Get("Content-Type"), w.Header().Get("Content-Disposition"); ct != "application/zip" || cd != `attachment; filename="capture.zip"` || !strings.HasPrefix(w.Body.String(), "PK") {
		t.Errorf("%s, %s: %s", ct, cd, w.Body)
	}
	image, video := f.face(appB, "getimage", `{"verify_result":"cred"}`), f.face(appB, "getvideo", `{"verify_result":"cred"}`)
	if withoutRID(image.Body.String()) != withoutRID(video.Body.String()) || f.errcode(video) != 84001 {
		t.Errorf("another app's: %s, %s", image.Body, video.Body)
	}
}
