package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"faceproof"
)

// parseRetain reads --retain CLASS=DAYS; an empty text names nothing.
func parseRetain(list []string, perApp bool) (faceproof.Retention, error) {
	out := faceproof.Retention{}
	for _, s := range list {
		if s == "" {
			continue
		}
		class, text, _ := strings.Cut(s, "=")
		days, err := strconv.Atoi(text)
		if err != nil || class == "" {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--retain", "must be CLASS=DAYS, such as evidence=7; classes: %s", retainClasses(perApp))
		}
		out[faceproof.RetentionClass(class)] = days
	}
	return out, faceproof.CheckRetention(out, perApp, "--retain")
}

// retainClasses names the classes that may be set, with their bounds.
func retainClasses(perApp bool) string {
	var out []string
	for _, r := range faceproof.RetentionRules() {
		if r.MaxDays > 0 && (r.PerApp || !perApp) {
			out = append(out, fmt.Sprintf("%s %d–%d", r.Class, r.MinDays, r.MaxDays))
		}
	}
	return strings.Join(out, ", ")
}

// describeRetain says how long what hangs on an app is kept, as far as the app
// and its notice say; a server may keep it for less.
func describeRetain(a faceproof.App) string {
	var out []string
	for _, r := range faceproof.RetentionRules() {
		if r.PerApp {
			out = append(out, fmt.Sprintf("%s %d days", r.Class, faceproof.Retention{}.LimitOf(a, r.Class)/(24*time.Hour)))
		}
	}
	return strings.Join(out, ", ")
}
